"""Writes texts without the paragraphs that stand on OCR pages, so that a language model does not know those pages.

    python benchmarks/hold_out.py TEXT... --pages PAGES -o DIR

TEXT: files with a paragraph a line; PAGES: a folder of pages made from them (make_pages.py). A paragraph is left
out if any `WINDOW` characters in a row of it stand on a page.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

WINDOW = 20
STEP = 7
_FOLD = {
    **{c: chr(c - 0xFEE0) for c in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]},
    0xFF05: "%",
}
_BLANK = re.compile(r"\s+")


def plain(text: str) -> str:
    return _BLANK.sub("", text.translate(_FOLD))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="+", type=Path)
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    a = parser.parse_args()
    known: set[str] = set()
    for path in a.pages.rglob("truth.txt"):
        for line in path.read_text(encoding="utf-8").split("\n"):
            text = plain(line)
            known.update(text[i : i + WINDOW] for i in range(0, max(1, len(text) - WINDOW + 1), STEP))
    known = {window for window in known if len(window) == WINDOW}
    a.output.mkdir(parents=True, exist_ok=True)
    for path in a.text:
        kept = left_out = 0
        with path.open(encoding="utf-8") as source, (a.output / path.name).open("w", encoding="utf-8") as target:
            for line in source:
                text = plain(line)
                if any(text[i : i + WINDOW] in known for i in range(len(text) - WINDOW + 1)):
                    left_out += 1
                else:
                    kept += 1
                    target.write(line)
        print(f"{path.name}: {kept} paragraphs kept, {left_out} left out", flush=True)


if __name__ == "__main__":
    main()
