"""Fits the evidence weights of the mark-width rule on OCR pages and measures them on pages of other units.

    python benchmarks/fit_mark_width.py PAGES TEXT... [--more PAGES]...

What is a matter of style and not of damage is shown by clean texts (TEXT, a paragraph a line) whose marks were
made half-width on purpose, all of them or brackets and colons only.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
from data import Page, fit_arguments, fit_logistic, operating_points, pages, reliability, solid, store_weights
from fit_decoded import WORST, of_part, sample, without_heads
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters.mark_width import FEATURES, WIDE, places
from repair.language.resources import Resources, default_resources


def page_examples(chosen: Iterable[Page], resources: Resources) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = [], []
    for page in chosen:
        text, truth = without_heads(page), solid(page.truth).text
        read, where = solid(text)
        operations = Levenshtein.opcodes(read, truth)
        if not truth or Levenshtein.distance(read, truth) > WORST * len(truth):
            continue
        printed = {}
        for tag, lo, hi, low, high in operations.as_list():
            if tag in ("equal", "replace"):
                printed.update((where[lo + k], truth[low + k]) for k in range(min(hi - lo, high - low)))
        for place in places(Document(text, None, resources)):
            xs.append(place.evidence)
            ys.append(float(printed.get(place.at) == WIDE[text[place.at]]))
    return np.array(xs).reshape(-1, len(FEATURES)), np.array(ys)


def styled(text: str, rng: random.Random) -> str:
    """The text as an author may write it who prefers half-width marks."""
    marks = rng.choice([tuple(WIDE), ("(", ")", ":"), ("(", ")"), (",",), ("!", "?"), ("(", ")", ":", ";")])
    for mark in marks:
        text = text.replace(WIDE[mark], mark + rng.choice(["", " "]) * (mark not in "()"))
    return text


def main() -> None:
    parser = fit_arguments(__doc__, 40)
    parser.add_argument("--more", action="append", default=[])
    a = parser.parse_args()
    resources, rng = default_resources(), random.Random(4)
    parts = [page_examples(of_part(a.pages, "fit"), resources)]
    parts += [page_examples(pages(folder), resources) for folder in a.more]
    for _, y in parts:
        print(f"pages: {len(y)} marks, {int(y.sum())} printed full-width", flush=True)
    clean = []
    for t in a.text:
        for text in sample(t, rng, a.documents):
            clean += [p.evidence for p in places(Document(styled(text, rng), None, resources))]
    some = np.array(clean)
    print(f"clean text in other styles: {len(some)} marks")
    own, held = some[: len(some) * 2 // 3], some[len(some) * 2 // 3 :]
    x = np.concatenate([*(p[0] for p in parts), own])
    y = np.concatenate([*(p[1] for p in parts), np.zeros(len(own))])
    w = fit_logistic(x, y)
    for name, value, spread in zip(FEATURES, w, x.std(axis=0), strict=True):
        print(f"{name:16s} {value:8.3f}  (x spread {value * spread:6.2f})")
    store_weights(a.weights, "mark_width", FEATURES, w, "benchmarks/fit_mark_width.py")
    mx, my = page_examples(of_part(a.pages, "measure"), resources)
    for name, some_x, some_y in (("fitted on", x, y), ("measured: pages of other units", mx, my)):
        p = 1 / (1 + np.exp(-(some_x @ w)))
        print(f"\n{name}: {len(some_y)} marks, {int(some_y.sum())} printed full-width")
        print(reliability(p, some_y))
        print(operating_points(p, some_y, (0.5, 0.7, 0.88, 0.95, 0.97, 0.99), float(some_y.sum())))
    p = 1 / (1 + np.exp(-(held @ w)))
    print(
        "\nclean text in other styles, changed: "
        + ", ".join(f">= {t}: {(p >= t).sum()} of {len(p)}" for t in (0.5, 0.9, 0.97))
    )


if __name__ == "__main__":
    main()
