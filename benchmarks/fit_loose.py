"""Fits the evidence weights for notes on loose characters and measures them on pages of other units.

    python benchmarks/fit_loose.py PAGES TEXT... [--clean CLEAN] [--dictionaries DIR]

The arguments are those of fit_decoded.py.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from data import fit_arguments, fit_logistic, read_and_truth, reliability, store_weights
from fit_decoded import sample
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters import get
from repair.filters.loose import FEATURES, PLAIN_STYLE, loose_pairs
from repair.language.resources import Resources, default_resources
from repair.pipeline import Pipeline


def page_examples(folder: str, wanted: str, resources: Resources) -> tuple[np.ndarray, np.ndarray]:
    """Evidence and labels (1: one of the two characters is not what the truth has)."""
    before = Pipeline([get("broken_join")], resources=resources)
    xs, ys = [], []
    # On a badly garbled page nearly every pair is damaged, which teaches nothing about the others.
    for text, (solid, place), truth in read_and_truth(folder, wanted, lambda raw: before(raw).text, 0.2):
        right = set()
        for op in Levenshtein.opcodes(solid, truth):
            if op.tag == "equal":
                right.update(place[op.src_start : op.src_end])
        document = Document(text, None, resources)
        if document.style < PLAIN_STYLE:
            continue
        for pair in loose_pairs(document):
            xs.append(pair.evidence)
            ys.append(float(not (pair.start in right and pair.end - 1 in right)))
    return np.array(xs), np.array(ys)


def clean_examples(texts: list[str], resources: Resources) -> np.ndarray:
    documents = (Document(text, None, resources) for text in texts)
    rows = [pair.evidence for document in documents if document.style >= PLAIN_STYLE for pair in loose_pairs(document)]
    return np.array(rows).reshape(-1, len(FEATURES))


def main() -> None:
    parser = fit_arguments(__doc__, 300)
    parser.add_argument("--dictionaries")
    a = parser.parse_args()
    resources = Resources(a.dictionaries) if a.dictionaries else default_resources()
    rng = random.Random(4)
    x, y = page_examples(a.pages, "fit", resources)
    print(f"fit: {len(y)} loose pairs, {int(y.sum())} damaged")
    clean = [clean_examples(sample(t, rng, a.documents), resources) for t in a.text]
    all_x = np.concatenate([x, *clean])
    all_y = np.concatenate([y, np.zeros(sum(map(len, clean)))])
    w = fit_logistic(all_x, all_y)
    for name, value in zip(FEATURES, w, strict=True):
        print(f"{name:18s} {value:8.3f}")
    store_weights(a.weights, "loose", FEATURES, w, "benchmarks/fit_loose.py")
    mx, my = page_examples(a.pages, "measure", resources)
    for name, some_x, some_y in (("fitted on", all_x, all_y), ("measured: pages of other units", mx, my)):
        p = 1 / (1 + np.exp(-(some_x @ w)))
        print(f"\n{name}: {len(some_y)} pairs, {int(some_y.sum())} damaged")
        print(reliability(p, some_y))
    if a.clean:
        lines = Path(a.clean).read_text(encoding="utf-8").split("\n")
        rows = clean_examples(["\n".join(lines[k : k + 20]) for k in range(0, len(lines), 20)], resources)
        p = 1 / (1 + np.exp(-(rows @ w)))
        print(
            "\nmeasured: clean text, notes: "
            + ", ".join(f">= {t}: {(p >= t).sum()}" for t in (0.5, 0.6, 0.65, 0.7, 0.8, 0.9))
        )


if __name__ == "__main__":
    main()
