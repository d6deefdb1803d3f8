"""Fits the evidence weights of the broken-join rule and measures them on what was not fitted on.

    python benchmarks/fit_join.py PAGES TEXT... [--clean CLEAN] [--docs CHAPTERS]

PAGES: folder of OCR pages with raw.txt, truth.txt and meta.json; TEXT: files of clean text, a paragraph
a line, in document order, from which broken documents are made: paragraphs cut in two, text wrapped at a
column edge, headings left as they are. CLEAN: text of the same kind that is only measured on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import fit_arguments, fit_logistic, operating_points, pages, part, reliability, store_weights
from fit_page_edge import boxes
from measure_reflow import Text, aligned, squeeze, texts
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.filters import columns
from repair.filters.broken_join import NAMES, features, gaps
from repair.layout import Layout

REAL = 3
"""How often each gap of a page that was really read counts, against one of a made page."""


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


class Examples(NamedTuple):
    """The gaps between the lines of the columns of one text, their evidence, and labels (nan: cannot be told)."""

    gaps: list[columns.Gap]
    x: np.ndarray
    y: np.ndarray


def column_examples(text: Text, layout: Layout | None = None) -> Examples | None:
    """What the rule sees of a page or chapter; 1 where the truth runs on. Furniture is neither text nor break."""
    document = Document(text.raw, layout=layout)
    of = columns.setting(document)
    found = columns.gaps(document, of) if of else []
    if of is None or not found:
        return None
    (read, place, _), (truth, _, starts) = squeeze(text.raw), squeeze(text.truth)
    back = {h: r for r, h in aligned(read, truth).items()}
    paragraphs = np.flatnonzero(starts)
    furniture = [span for spans in text.furniture for span in spans]
    y = np.full(len(found), np.nan)
    for number, gap in enumerate(found):
        if any(lo < gap.start <= hi or lo <= gap.end < hi for lo, hi in furniture):
            continue
        right = int(np.searchsorted(place, gap.start))
        before = next((back[k] for k in range(right - 1, max(-1, right - 13), -1) if k in back), None)
        after = next((back[k] for k in range(right, min(len(place), right + 12)) if k in back), None)
        if before is not None and after is not None and 0 < after - before <= 10:
            y[number] = not ((paragraphs > before) & (paragraphs <= after)).any()
    return Examples(found, columns.features(document, of, found), y)


def made_column(paragraphs: list[str], rng: random.Random) -> Text:
    """Clean paragraphs as they come from a page: wrapped, their indents written down or not, some with headings."""
    width = rng.randint(11, 40)
    indent = rng.choice([0, 2, 2, 2])
    written = rng.choice(["", "", "\u3000", "  "]) if indent else ""
    between = rng.choice(["\n", "\n", "\n", "\n\n"]) if indent else rng.choice(["\n", "\n\n", "\n\n"])
    pieces, truth = [], []
    for paragraph in paragraphs:
        if rng.random() < 0.08 and len(paragraph) > 20:
            truth.append(re.split("[，。；：]", paragraph)[0][: width - 2])
            pieces.append(truth[-1])
        truth.append(paragraph)
        lines = list(wrapped(paragraph, width, indent))
        pieces.append(written * (indent if written == "\u3000" else 1) + "\n".join(lines))
    return Text("made", "made", between.join(pieces) + "\n", "\n".join(truth) + "\n", [])


def wrapped(paragraph: str, width: int, indent: int) -> Iterator[str]:
    """The lines of a paragraph: ASCII counts half, and no line starts with a mark that cannot start one."""
    start, used = 0, float(indent)
    for i, ch in enumerate(paragraph):
        used += 0.5 if ch < "\x80" else 1.0
        inside = i and ch < "\x80" and paragraph[i - 1] < "\x80" and ch.isalnum() and paragraph[i - 1].isalnum()
        if used > width and ch not in "，。、；：！？”》）" and not (inside and i - start < 40):
            yield paragraph[start:i]
            start, used = i, 0.5 if ch < "\x80" else 1.0
    yield paragraph[start:]


def made_columns(path: str, rng: random.Random, documents: int) -> list[Examples]:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").split("\n")]
    out = []
    for _ in range(documents):
        at = rng.randrange(max(1, len(lines) - 12))
        chosen = [line for line in lines[at : at + rng.randint(3, 12)] if line]
        if chosen and (found := column_examples(made_column(chosen, rng))):
            out.append(found)
    return out


def labelled(found: list[Examples], x: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    known = [~np.isnan(one.y) for one in found]
    return (
        np.concatenate([rows[k] for rows, k in zip(x, known, strict=True)]),
        np.concatenate([one.y[k] for one, k in zip(found, known, strict=True)]),
    )


BOXED = ("channel,fit", "measure")


def with_boxes(folder: str, text: Text) -> Examples | None:
    """The same of a page with the boxes of its lines, where there are any."""
    layout = boxes(folder, text.name.split(" ")[1], text.raw)
    return column_examples(text, layout) if layout else None


def fit_columns(
    pages_folder: str, docs: str | None, made: list[str], rng: random.Random, documents: int, weights: Path
) -> None:
    """Fits the two looks at lines set in columns, and reports both."""
    real = [e for t in texts(pages_folder, docs, "channel,fit") if (e := column_examples(t))]
    boxed = [[e for t in texts(pages_folder, None, part) if (e := with_boxes(pages_folder, t))] for part in BOXED]
    invented = [e for path in made for e in made_columns(path, rng, documents)]
    measured = [e for t in texts(pages_folder, docs, "measure") if (e := column_examples(t))]
    fitted = real * REAL + boxed[0] + invented
    first = fit_logistic(*labelled(fitted, [e.x for e in fitted]))
    store_weights(weights, columns.FIRST_LOOK, columns.NAMES, first, "benchmarks/fit_join.py")

    def second_look(found: list[Examples]) -> tuple[np.ndarray, np.ndarray]:
        return labelled(found, [columns.in_context(e.gaps, e.x, e.x @ first) for e in found])

    second = fit_logistic(*second_look(fitted))
    store_weights(weights, columns.SECOND_LOOK, columns.CONTEXT, second, "benchmarks/fit_join.py")
    for name, found in (
        ("fitted on", real),
        ("made", invented),
        ("measured: other units", measured),
        ("measured, with boxes", boxed[1]),
    ):
        report(f"{name}: lines in columns", *second_look(found), second)


def report(name: str, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
    p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
    print(f"\n{name}: {len(y)} breaks, {y.mean():.3f} to be joined")
    print(reliability(p, y))
    print(operating_points(p, y, (0.5, 0.7, 0.75, 0.8, 0.9, 0.97, 0.99), float(y.sum())))


def main() -> None:
    parser = fit_arguments(__doc__, 1500)
    parser.add_argument("--docs")
    parser.add_argument("--columns-only", action="store_true")
    a = parser.parse_args()
    fit_columns(a.pages, a.docs, a.text, random.Random(7), a.documents // 5, a.weights)
    if a.columns_only:
        return
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
