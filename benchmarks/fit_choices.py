"""Fits what an engine's own alternatives mean, and measures what they add to a page's text and confidences.

    python benchmarks/fit_choices.py CHOICES [--measure]

CHOICES: pages made by ``make_choices.py``. The odds of single readings are fitted first, then the shift of what the
decoder finds with them. With --measure nothing is fitted; printed are the error rates on pages for measuring of the
text alone, with the engine's confidences, and with its alternatives too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from data import Page, fit_logistic, pages, part, reliability, solid, store_weights
from rapidfuzz.distance import Levenshtein

import repair
from repair.document import Document
from repair.evaluate import Comparison, PageFigures
from repair.filters import choices, doubt
from repair.filters.decoded import FEATURES, weighed
from repair.formats.ocr import OcrFile, read_ocr
from repair.language.logistic import log_odds, logistic
from repair.layout import Layout

WORST = 0.4


def read_pages(folder: str, wanted: str) -> Iterator[tuple[Page, OcrFile]]:
    """Pages of one part; for fitting those of all units that are not for measuring."""
    for page in pages(folder):
        if (part(page.unit) == "measure") != (wanted == "measure"):
            continue
        file = read_ocr((Path(folder) / page.name / "hocr_page.html").read_bytes(), name=page.name)
        truth = solid(page.truth).text
        if Levenshtein.distance(solid(file.text).text, truth) <= WORST * len(truth):
            yield page, file


def printed(file: OcrFile, truth: str) -> dict[int, str]:
    """What stood in the place of each character of the text, by a minimal alignment."""
    read = solid(file.text)
    out = {}
    for op in Levenshtein.opcodes(read.text, truth):
        for k in range(min(op.src_end - op.src_start, op.dest_end - op.dest_start)):
            out[read.place[op.src_start + k]] = truth[op.dest_start + k]
    return out


def fit_odds(folder: str, weights: Path) -> None:
    x, y = [], []
    for page, file in read_pages(folder, "fit"):
        document = Document(file.text, layout=file.layout)
        true = printed(file, solid(page.truth).text)
        pairs = [
            (at, rank, ch, weight)
            for at in file.layout.alternatives
            for rank, (ch, weight) in enumerate(choices.others(document, at))
            if choices.is_hanzi(ch) and choices.is_hanzi(file.text[at])
        ]
        if pairs:
            x.append(choices.evidence(document, pairs))
            y += [float(true.get(at) == ch) for at, _, ch, _ in pairs]
    rows, wanted = np.concatenate(x), np.array(y)
    w = fit_logistic(rows, wanted)
    store_weights(weights, "choices", choices.FEATURES, w, "benchmarks/fit_choices.py")
    print(f"odds: {len(wanted)} readings, {wanted.sum():.0f} printed")
    print({name: round(float(v), 2) for name, v in zip(choices.FEATURES, w, strict=True)})
    p = 1 / (1 + np.exp(-rows @ w))
    print(reliability(p, wanted, (0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.01)))


def fit_shift(folder: str, weights: Path) -> None:
    rows: list[tuple[np.ndarray, float, float]] = []
    for page, file in read_pages(folder, "fit"):
        document = Document(file.text, layout=file.layout)
        truth = solid(page.truth).text
        distance = Levenshtein.distance(solid(file.text).text, truth)
        for f in weighed(document):
            row = choices.shift_evidence(document, f.start, f.end, f.after)
            if row is None or f.kind != "hanzi":
                continue
            alone = logistic(float(f.evidence @ document.resources.weights("decoded_hanzi", FEATURES)))
            stated = doubt.revised(document, f.kind, f.start, f.end, alone)
            after = solid(file.text[: f.start] + f.after + file.text[f.end :]).text
            right = distance - Levenshtein.distance(after, truth) >= len(f.edits)
            rows.append((row, log_odds(stated), float(right)))
    x, stated_odds, y = (np.array(column) for column in zip(*rows, strict=True))
    w = fit_logistic(x, y, offset=stated_odds)
    store_weights(weights, "choices_hanzi", choices.SHIFT, w, "benchmarks/fit_choices.py")
    print(f"shift: {len(y)} findings {dict(zip(choices.SHIFT, np.round(w, 2).tolist(), strict=True))}")
    print(reliability(1 / (1 + np.exp(-(x @ w + stated_odds))), y))


def measure(folder: str) -> None:
    pipeline = repair.Pipeline.from_profile("default")
    total: defaultdict[tuple[str, str], PageFigures] = defaultdict(PageFigures)
    for page, file in read_pages(folder, "measure"):
        full = file.layout
        confident = Layout(full.lines, full.pages, full.confidence, full.word, full.boxes)
        boxed = replace(confident, confidence=np.full(len(file.text), np.nan, np.float32))
        given = {"text": None, "+ boxes": boxed, "+ confidences": confident, "+ alternatives": full}
        for name, layout in given.items():
            for level in ("safe", "review"):
                result = pipeline(file.text, level=level, layout=layout)  # type: ignore[arg-type]
                total[name, level] += Comparison(result, page.truth).page()
    for (name, level), figures in total.items():
        f = figures.figures()
        print(
            f"{name:16s} {level:6s} pages {f['pages']}  CER {100 * f['cer_before']:.2f} -> {100 * f['cer_after']:.2f} %"
            f"  fixed {f['fixed']} harmed {f['harmed']} precision {f['fix_precision']:.3f}"
            f"  extra {f['extra_before']} -> {f['extra_after']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choices")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--weights", type=Path, default=Path("dictionaries/weights.json"))
    a = parser.parse_args()
    if a.measure:
        measure(a.choices)
    else:
        fit_odds(a.choices, a.weights)
        fit_shift(a.choices, a.weights)


if __name__ == "__main__":
    main()
