"""Draws the texts of the development pages anew and has Tesseract read them with its own alternatives.

    python benchmarks/make_choices.py PAGES OUT [--times 2]

The development pages have no alternatives, so their truth is set as book pages (`make_pages.py`), worn down and read
with ``lstm_choice_mode=2``. A page keeps the unit of its text, so that the pages for measuring show texts that nothing
was fitted on. OUT/<level>/<unit>_<time>_p<k>/{hocr_page.html,raw.txt,truth.txt,meta.json}; running heads are part of
what was read and not of the truth, as on the development pages.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import make_pages
from data import pages
from PIL import Image

from repair.formats.ocr import read_ocr


class Given(make_pages.Text):
    """Paragraphs to be set from the first on, in place of a large file."""

    def __init__(self, paragraphs: list[str]) -> None:
        self.paragraphs = paragraphs

    def lines(self, rng: random.Random) -> Iterator[str]:
        return iter(self.paragraphs)


def texts(folder: str) -> dict[int, list[str]]:
    """The paragraphs of each unit, each page of it once."""
    seen: dict[int, dict[str, str]] = {}
    for page in pages(folder):
        seen.setdefault(page.unit, {})[page.name.rsplit("/", 1)[-1]] = page.truth
    return {unit: "\n".join(parts[name] for name in sorted(parts)).split("\n") for unit, parts in sorted(seen.items())}


def hocr(scan: Image.Image) -> bytes:
    packed = io.BytesIO()
    scan.save(packed, "PNG", compress_level=1)
    command = ["tesseract", "stdin", "stdout", "-l", "chi_sim", "--psm", "6", "-c", "lstm_choice_mode=2"]
    command += ["-c", "hocr_char_boxes=1", "hocr"]
    return subprocess.run(command, input=packed.getvalue(), capture_output=True, check=True, timeout=180).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=int, default=2, help="how often each text is drawn")
    a = parser.parse_args()
    make_pages.FACES = tuple(face for face in make_pages.FACES if Path(make_pages.FONTS, face[1]).exists())
    levels = list(make_pages.LEVELS)
    for time in range(a.times):
        for unit, paragraphs in texts(a.pages).items():
            rng = random.Random(f"choices:{unit}:{time}")
            level = levels[(unit // 4 + time) % 3]
            drawn = make_pages.book_pages(rng, Given(paragraphs))
            for index, page in enumerate(drawn):
                folder = a.out / level / f"{unit}_{time}_p{index + 1}"
                if folder.exists():
                    continue
                scan, facts, _ = make_pages.wear(rng, page, drawn[index - 1].image, level, False)
                read = hocr(scan)
                text = read_ocr(read, name="hocr_page.html").text
                meta = {"unit": unit, "kind": "book", "engine": "tesseract", "level": level, "degradation": facts}
                partial = folder.with_name(f".{folder.name}")
                partial.mkdir(parents=True, exist_ok=True)
                (partial / "hocr_page.html").write_bytes(read)
                (partial / "raw.txt").write_text(text, encoding="utf-8")
                (partial / "truth.txt").write_text("\n".join(page.truth) + "\n", encoding="utf-8")
                (partial / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")
                partial.rename(folder)
                print(folder, flush=True)


if __name__ == "__main__":
    main()
