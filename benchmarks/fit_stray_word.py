"""How true are the probabilities of the stray-word rule? Chinese function words in clean text are
replaced by the English word that a model would write, and the rule has to find back what stood there.

    python benchmarks/fit_stray_word.py CLEAN.txt...

CLEAN.txt: clean text, a paragraph a line, that the language model was not trained on. Prints for a range
of exponents (SHARPNESS) the log-loss, and for the best one a reliability table and precision by threshold.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter

import numpy as np
from data import operating_points

from repair.filters.stray_word import CONTEXT, Place, rank
from repair.language.resources import default_resources


def main(paths: list[str]) -> None:
    resources = default_resources()
    table = resources.stray_words
    english: dict[str, list[tuple[str, float]]] = {}
    for word, candidates in table.items():
        if " " not in word and word not in ("a", "an", "the"):
            for text, weight in candidates.items():
                english.setdefault(text, []).append((word, weight))
    rng = random.Random(1)
    trials = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.strip()
                for start, end in resources.words.spans(line):
                    for word, weight in english.get(line[start:end], ()):
                        left, right = line[max(0, start - CONTEXT) : start], line[end : end + CONTEXT]
                        if left and right and rng.random() < weight * (0.3 if word == "and" else 0.1):
                            trials.append((word, left, line[start:end], right))
    found = [Place(0, 0, word, left, right, table[word]) for word, left, _, right in trials]
    rows = []
    for (word, _, printed, _), ranked in zip(trials, rank(resources.model, found), strict=True):
        rows.append((word, [text for text, _ in ranked].index(printed), np.array([p for _, p in ranked])))
    print(len(rows), "trials", Counter(word for word, _, _ in rows).most_common(12))
    for sharp in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0):
        loss = 0.0
        for _, at, p in rows:
            q = np.maximum(p, 1e-12) ** sharp
            loss -= math.log(q[at] / q.sum())
        print(f"exponent {sharp}: log-loss {loss / len(rows):.4f}")
    confidence = np.array([p[0] for _, _, p in rows])
    right_first = np.array([at == 0 for _, at, _ in rows])
    y = right_first.astype(float)
    print(operating_points(confidence, y, (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.97, 0.99), float(len(rows))))
    for word in ("and", "of", "in", "to", "is", "or", "by", "from", "as", "but", "with"):
        sel = np.array([w == word for w, _, _ in rows])
        print(word, operating_points(confidence[sel], y[sel], (0.75,), float(sel.sum())))


if __name__ == "__main__":
    main(sys.argv[1:])
