"""Fits what the engine's own confidence means for what the decoder finds, and measures it on pages of other units.

    python benchmarks/fit_doubt.py PAGES

PAGES: folder of OCR pages with raw.txt, truth.txt, meta.json and, of those that are used, the engine's own output
(hocr_page.html or boxes.json). Prints the log loss with and without the engine's doubt.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from data import Page, fit_logistic, pages, part, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.evaluate import solid
from repair.filters.decoded import KINDS, findings
from repair.filters.doubt import FEATURES, evidence
from repair.formats.ocr import OcrFile, read_ocr
from repair.language.logistic import log_odds

WORST = 0.4
OUTPUTS = ("hocr_page.html", "boxes.json")


def output_of(folder: Path) -> OcrFile | None:
    """The page as its engine wrote it, None where that was not kept."""
    for name in OUTPUTS:
        if (folder / name).exists():
            return read_ocr((folder / name).read_bytes(), name=name)
    return None


def examples(page: Page, file: OcrFile) -> Iterator[tuple[str, np.ndarray, float, float, int]]:
    """For each finding on a page: its kind, evidence, the probability without, whether it is right, operations won."""
    truth = solid(page.truth).text
    distance = Levenshtein.distance(solid(file.text).text, truth)
    if not truth or distance > WORST * len(truth):
        return
    plain, doubting = Document(file.text), Document(file.text, layout=file.layout)
    for f in findings(plain):
        row = evidence(doubting, f.start, f.end)
        if row is None:
            continue
        after = solid(file.text[: f.start] + f.after + file.text[f.end :]).text
        won = distance - Levenshtein.distance(after, truth)
        yield f.kind, row, f.probability, float(won >= len(f.edits)), won


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("--weights", type=Path, default=Path("dictionaries/weights.json"))
    a = parser.parse_args()
    rows: dict[tuple[str, str], list[tuple[np.ndarray, float, float, int]]] = {}
    for page in pages(a.pages):
        # The text alone was weighed with weights fitted on the pages for fitting: those for the channel are new to it.
        wanted = "measure" if part(page.unit) == "measure" else "fit"
        file = output_of(Path(a.pages) / page.name)
        if file is not None:
            for kind, *example in examples(page, file):
                rows.setdefault((kind, wanted), []).append((example[0], example[1], example[2], example[3]))
    for kind in KINDS:
        x, p, y, _ = (np.array(column) for column in zip(*rows[kind, "fit"], strict=True))
        w = fit_logistic(x, y, offset=np.array([log_odds(v) for v in p]))
        store_weights(a.weights, f"doubt_{kind}", FEATURES, w, "benchmarks/fit_doubt.py")
        print(f"{kind}: {dict(zip(FEATURES, np.round(w, 2).tolist(), strict=True))}")
        for wanted in ("fit", "measure"):
            x, p, y, won = (np.array(column) for column in zip(*rows[kind, wanted], strict=True))
            revised = 1 / (1 + np.exp(-(x @ w + np.array([log_odds(v) for v in p]))))
            for name, q in (("text alone", p), ("with doubt", revised)):
                q = np.clip(q, 1e-6, 1 - 1e-6)
                loss = -np.mean(y * np.log(q) + (1 - y) * np.log(1 - q))
                print(f"  {wanted}, {name}: {len(y)} findings, log loss {loss:.4f}", end="")
                for t in (0.35, 0.5, 0.8):
                    print(f"; at {t}: {won[q >= t].sum()} won, {(won[q >= t] < 0).sum()} farther", end="")
                print()


if __name__ == "__main__":
    main()
