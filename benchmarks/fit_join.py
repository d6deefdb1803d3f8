"""Fits the evidence weights of the broken-join rule and measures them on what was not fitted on.

    python benchmarks/fit_join.py PAGES TEXT... [--clean CLEAN]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json; TEXT: files of clean text, a paragraph
a line, in document order, from which broken documents are made: paragraphs cut in two, text wrapped at a
column edge, headings left as they are. CLEAN: text of the same kind that is only measured on.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
from data import fit_arguments, fit_logistic, operating_points, pages, part, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters.broken_join import NAMES, features, gaps


def page_examples(folder: str, wanted: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels (1: the truth runs on) of the breaks on the pages of one half."""
    xs, ys = [], []
    for page in pages(folder):
        if part(page.unit) not in wanted:
            continue
        solid = "".join(ch for ch in page.raw if not ch.isspace())
        place = np.cumsum([not ch.isspace() for ch in page.raw])
        truth, ends = "", set()
        for paragraph in page.truth.split("\n"):
            truth += "".join(paragraph.split())
            ends.add(len(truth))
        to_truth = np.full(len(solid), -1)
        for op in Levenshtein.opcodes(solid, truth):
            if op.tag == "equal":
                to_truth[op.src_start : op.src_end] = np.arange(op.dest_start, op.dest_end)
        document = Document(page.raw)
        found = gaps(document)
        x = features(document, found)
        for gap, row in zip(found, x, strict=True):
            left, right = place[gap.start - 1] - 1, place[gap.end] - 1
            # Both sides must be text of the truth, near each other in it: else furniture or another column.
            a = [t for t in to_truth[max(0, left - 3) : left + 1] if t >= 0]
            b = [t for t in to_truth[right : right + 4] if t >= 0]
            if a and b and 0 < b[0] - a[-1] <= 6:
                xs.append(row)
                ys.append(float(not any(a[-1] < e <= b[0] for e in ends)))
    return np.array(xs), np.array(ys)


def made_examples(path: str, rng: random.Random, documents: int) -> tuple[np.ndarray, np.ndarray]:
    """The same from documents made by breaking clean text."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
    xs, ys = [], []
    for _ in range(documents):
        at = rng.randrange(max(1, len(lines) - 12))
        paragraphs = [line for line in lines[at : at + rng.randint(3, 12)] if line]
        between = rng.choice(["\n", "\n\n", "\n\n", "\f", "\n\f"])
        width = rng.choice([0, 0, 0, 0, rng.randint(8, 16), rng.randint(16, 40)])
        indent = rng.choice(["", "", "\u3000\u3000"]) if width else ""
        text, joins = "", set()
        for paragraph in paragraphs:
            text += between if text else ""
            text += indent
            if width:
                step = width - len(indent)
                pieces = [paragraph[:step], *(paragraph[i : i + width] for i in range(step, len(paragraph), width))]
                cut = "\n"
            else:
                pieces, cut = [paragraph], rng.choice(["\n\n", "\n\n", "\n", "\f", "\n\f"])
                if len(paragraph) > 30 and rng.random() < 0.3:
                    k = rng.randint(8, len(paragraph) - 4)
                    pieces = [paragraph[:k], paragraph[k:]]
            for number, piece in enumerate(pieces):
                if number:
                    joins.add(len(text))
                    text += cut
                text += piece
        document = Document(text)
        found = gaps(document)
        x = features(document, found)
        for gap, row in zip(found, x, strict=True):
            xs.append(row)
            ys.append(float(any(j in joins for j in range(gap.start, gap.end))))
    return np.array(xs).reshape(-1, len(NAMES)), np.array(ys)


def short_line_examples(path: str, rng: random.Random, documents: int) -> tuple[np.ndarray, np.ndarray]:
    """Breaks that must stay: verse, lists and forms made of the clauses and enumerations of clean text."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
    xs, ys = [], []
    made = 0
    while made < documents:
        line = rng.choice(lines)
        clauses = [c for c in re.split("[，。；！？：]", line) if 2 <= len(c) <= 20 and "、" not in c]
        items = [c for c in re.split("[，。；！？：]", line) if c.count("、") >= 2]
        kind = rng.random()
        if kind < 0.5 and len(clauses) >= 3:
            at = rng.randrange(len(clauses) - 2)
            text = "\n".join(clauses[at : at + rng.randint(3, 8)])
        elif kind < 0.75 and items:
            text = rng.choice(["\n", "\n", "\n\n"]).join(rng.choice(items).split("、"))
        elif kind >= 0.75 and len(clauses) >= 2:
            fields = [rng.choice(lines)[: rng.randint(2, 4)] + "：" + c for c in clauses[: rng.randint(2, 5)]]
            text = "\n".join(fields)
        else:
            continue
        made += 1
        document = Document(text)
        found = gaps(document)
        xs += list(features(document, found))
        ys += [0.0] * len(found)
    return np.array(xs).reshape(-1, len(NAMES)), np.array(ys)


def report(name: str, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
    p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
    print(f"\n{name}: {len(y)} breaks, {y.mean():.3f} to be joined")
    print(reliability(p, y))
    print(operating_points(p, y, (0.5, 0.9, 0.97, 0.99), float(y.sum())))


def main() -> None:
    parser = fit_arguments(__doc__, 1500)
    a = parser.parse_args()
    rng = random.Random(5)
    fit = [page_examples(a.pages, ("channel", "fit")), *(made_examples(t, rng, a.documents) for t in a.text)]
    fit += [short_line_examples(t, rng, a.documents // 2) for t in a.text]
    x, y = (np.concatenate(rows) for rows in zip(*fit, strict=True))
    w = fit_logistic(x, y)
    for name, value in zip(NAMES, w, strict=True):
        print(f"{name:14s} {value:8.3f}")
    store_weights(a.weights, "broken_join", NAMES, w, "benchmarks/fit_join.py")
    report("fitted on: pages", *fit[0], w)
    for text, rows in zip([*a.text, *a.text], fit[1:], strict=True):
        report(f"fitted on: {Path(text).stem}", *rows, w)
    report("measured: pages of other units", *page_examples(a.pages, ("measure",)), w)
    if a.clean:
        report("measured: short lines of clean text", *short_line_examples(a.clean, rng, a.documents // 2), w)
        report("measured: made from clean text", *made_examples(a.clean, rng, a.documents), w)


if __name__ == "__main__":
    main()
