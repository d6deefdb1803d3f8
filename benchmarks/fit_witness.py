"""Fits the evidence weights of the witness rules on pages read by two engines, and measures them on pages of other
units.

    python benchmarks/fit_witness.py PAGES [--save FILE.npz]

PAGES: folder of OCR pages, ENGINE/SEVERITY/PAGE with raw.txt, truth.txt and meta.json. Every page is read with the same
page by each other engine as its witness. Fitted on the pages whose unit does not leave 3 divided by 4, measured on the
others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import Page, fit_logistic, pages, reliability, store_weights
from rapidfuzz.distance import Levenshtein

from repair.document import Document
from repair.evaluate import solid
from repair.filters import agreement, get
from repair.filters.decoded import KINDS as DECODED
from repair.filters.decoded import findings
from repair.filters.readings import (
    EDGE_FEATURES,
    FEATURES,
    KINDS,
    VOTE_FEATURES,
    edges,
    judged,
    votes,
    weighed,
)
from repair.language.resources import Resources, default_resources
from repair.pipeline import Pipeline

WORST = 0.4


RULES_BEFORE = ("encoding", "page_edge", "witness", "space", "repetition", "furniture", "stray_word", "mark_width")
"""What runs before the rules of the decoder."""


class Examples(NamedTuple):
    """Evidence (n, features), labels (n,), kinds (n,) as indices of `KINDS`, edit operations won (n,), whether the best
    path takes the witness (n,), and what is shown of each."""

    x: np.ndarray
    y: np.ndarray
    kind: np.ndarray
    won: np.ndarray
    path: np.ndarray
    shown: list[str]


def pairs(folder: Path) -> Iterator[tuple[Page, list[Page]]]:
    """Each page with the same page by the other engines."""
    by_name: dict[str, list[Page]] = {}
    for page in pages(folder):
        by_name.setdefault(page.name.split("/", 1)[1], []).append(page)
    for same in by_name.values():
        for page in same:
            others = [p for p in same if p is not page]
            if others:
                yield page, others


BEFORE = Pipeline([get("encoding"), get("page_edge")])
"""What the text has gone through before it is compared."""
PREPARED = Pipeline([get("encoding")])
"""What a witness has gone through."""


def examples(folder: Path, measure: bool, resources: Resources) -> tuple[Examples, int]:
    xs, ys, kinds, won, path, shown, errors = [], [], [], [], [], [], 0
    for page, others in pairs(folder):
        if (page.unit % 4 == 3) != measure:
            continue
        text, truth = BEFORE(page.raw).text, solid(page.truth).text
        distance = Levenshtein.distance(solid(text).text, truth)
        if not truth or distance > WORST * len(truth):
            continue
        errors += distance
        for d in weighed(Document(text, None, resources, witnesses=tuple(PREPARED(o.raw).text for o in others))):
            after = solid(text[: d.start] + d.after + text[d.end :]).text
            better = distance - Levenshtein.distance(after, truth)
            size = max(len(solid(d.after).text), d.end - d.start)
            xs.append(d.evidence)
            ys.append(float(better > 0 and better >= 0.7 * size))
            kinds.append(KINDS.index(d.kind))
            won.append(better)
            path.append(d.path)
            near = text[max(0, d.start - 8) : d.start], text[d.start : d.end], d.after, text[d.end : d.end + 8]
            shown.append(f"{page.name}\t" + "{}[{}|{}]{}".format(*near).replace("\n", "⏎"))
    return Examples(np.array(xs), np.array(ys), np.array(kinds), np.array(won), np.array(path), shown), errors


def triples(folder: Path) -> Iterator[tuple[Page, Page, Page]]:
    """Pages with the same page by another engine, and a third reading of the same print: the page in another
    severity."""
    found = list(pages(folder))
    for page in found:
        same = [p for p in found if p.truth == page.truth and p is not page]
        engines, level = page.name.split("/")[0], page.name.split("/")[1]
        second = next((p for p in same if p.name.split("/")[1] == level), None)
        for third in same if second else ():
            if third is not second and third.name.split("/")[0] != engines:
                yield page, second, third


def fit_votes(folder: Path, weights: Path) -> None:
    """Fits what a second witness adds where it agrees with the first, or with the text."""
    resources = Resources(weights.parent)
    rows, right, measured = [], [], []
    for page, *others in triples(folder):
        text, truth = BEFORE(page.raw).text, solid(page.truth).text
        distance = Levenshtein.distance(solid(text).text, truth)
        if distance > WORST * len(truth):
            continue
        document = Document(text, None, resources, witnesses=tuple(PREPARED(o.raw).text for o in others))
        found = judged(document)
        for d, row in zip(found, votes(document, found), strict=True):
            better = distance - Levenshtein.distance(solid(text[: d.start] + d.after + text[d.end :]).text, truth)
            rows.append(row)
            right.append(float(better > 0 and better >= 0.7 * max(len(solid(d.after).text), d.end - d.start)))
            measured.append(page.unit % 4 == 3)
    x, y, some = np.array(rows), np.array(right), np.array(measured)
    w = fit_logistic(x[~some], y[~some], 1.0)
    store_weights(weights, "witness_votes", VOTE_FEATURES, w, "benchmarks/fit_witness.py")
    print("\nvotes: " + ", ".join(f"{name} {value:.2f}" for name, value in zip(VOTE_FEATURES, w, strict=True)))
    for name, p in (("one witness", x[some, 1]), ("votes", x[some] @ w)):
        print(name)
        print(reliability(1 / (1 + np.exp(-p)), y[some]))


def fit_edges(folder: Path, weights: Path) -> None:
    """Fits what it says of a running head that the witness has one too, on heads that the text alone leaves
    doubtful."""
    store_weights(weights, "witness_edge", EDGE_FEATURES, np.zeros(len(EDGE_FEATURES)), "nothing known")
    resources = Resources(weights.parent)
    rows, won, measured = [], [], []
    for page, others in pairs(folder):
        text, truth = BEFORE(page.raw).text, solid(page.truth).text
        distance = Levenshtein.distance(solid(text).text, truth)
        if distance > WORST * len(truth):
            continue
        for edge in edges(Document(text, None, resources, witnesses=tuple(PREPARED(o.raw).text for o in others))):
            rows.append(edge.evidence)
            won.append(distance - Levenshtein.distance(solid(text[: edge.start] + text[edge.end :]).text, truth))
            measured.append(page.unit % 4 == 3)
    x, y, some = np.array(rows), (np.array(won) > 0).astype(float), np.array(measured)
    # Few are wrong or none: one more that is keeps the probability from 1.
    w = fit_logistic(np.vstack([x[~some], x[~some].mean(axis=0)]), np.append(y[~some], 0.0), 1.0)
    store_weights(weights, "witness_edge", EDGE_FEATURES, w, "benchmarks/fit_witness.py")
    p = 1 / (1 + np.exp(-(x @ w)))
    print(f"\nedges: {int((~some).sum())} fitted on, {int(y[~some].sum())} right; measured, {int(some.sum())}:")
    print(reliability(p[some], y[some]))


def fit_agreement(folder: Path, weights: Path) -> None:
    """Fits how agreement of the readings revises what the decoder finds; prints it for the measured pages.

    The rules that run before it use the weights in the file `weights`; what they ask the decoder is not revised.
    """
    for kind in DECODED:
        as_stated = np.array([float(name == "stated") for name in agreement.FEATURES])
        store_weights(weights, f"agreement_{kind}", agreement.FEATURES, as_stated, "as stated")
    resources = Resources(weights.parent)
    pipeline = Pipeline([get(name) for name in RULES_BEFORE], resources=resources)
    rows: list[tuple[bool, str, int, float, float]] = []
    for page, others in pairs(folder):
        truth, witnesses = solid(page.truth).text, tuple(o.raw for o in others)
        if Levenshtein.distance(solid(page.raw).text, truth) > WORST * len(truth):
            continue
        text = pipeline(page.raw, witnesses=witnesses).text
        prepared = tuple(PREPARED(w).text for w in witnesses)
        known = agreement.agreement(Document(text, None, resources, witnesses=prepared))
        distance = Levenshtein.distance(solid(text).text, truth)
        for f in findings(Document(text, None, resources)) if known else ():
            better = distance - Levenshtein.distance(solid(text[: f.start] + f.after + text[f.end :]).text, truth)
            right = float(better >= len(f.edits))
            rows.append((page.unit % 4 == 3, f.kind, known.of(f.start, f.end), f.probability, right))
    for kind in DECODED:
        some = [row for row in rows if row[1] == kind]
        x = np.array([agreement.evidence(row[3], row[2]) for row in some])
        y = np.array([row[4] for row in some])
        measured = np.array([row[0] for row in some])
        w = fit_logistic(x[~measured], y[~measured], 2.0)
        store_weights(weights, f"agreement_{kind}", agreement.FEATURES, w, "benchmarks/fit_witness.py")
        p = 1 / (1 + np.exp(-(x @ w)))
        print(f"\nagreement, {kind}: " + ", ".join(f"{n} {v:.2f}" for n, v in zip(agreement.FEATURES, w, strict=True)))
        print(reliability(p[measured], y[measured]))


def safe_from(p: np.ndarray, won: np.ndarray, wanted: float) -> float:
    """The least probability from which on `wanted` of the characters touched became right and not wrong."""
    order = np.argsort(-p)
    better, worse = np.cumsum(np.maximum(0, won[order])), np.cumsum(np.maximum(0, -won[order]))
    good = np.flatnonzero(better >= wanted * (better + worse))
    return float(p[order][good[-1]]) if len(good) else 1.0


def report(title: str, e: Examples, weights: dict[str, np.ndarray], errors: int) -> None:
    print(f"\n{title}: {len(e.y)} differences, {int(e.y.sum())} for the witness, {errors} edit operations to be made")
    for number, kind in enumerate(KINDS):
        some = e.kind == number
        if not some.any():
            continue
        p = 1 / (1 + np.exp(-(e.x[some] @ weights[kind])))
        y, won = e.y[some], e.won[some]
        best = np.maximum(0, won).sum()
        print(
            f"- {kind}: {int(some.sum())}, {int(y.sum())} for the witness; operations to be won {best}; the best path"
            f" wins {won[e.path[some]].sum()}"
        )
        print(reliability(p, y))
        for t in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            hit = p >= t
            print(
                f"at {t}: {hit.sum()}, won {won[hit].sum()}, nearer {(won[hit] > 0).sum()},"
                f" farther {(won[hit] < 0).sum()}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("dictionaries/weights.json"))
    parser.add_argument("--ridge", type=float, default=3.0)
    parser.add_argument("--save", type=Path)
    a = parser.parse_args()
    resources = default_resources()
    fit, errors = examples(a.pages, False, resources)
    weights = {}
    for number, kind in enumerate(KINDS):
        some = fit.kind == number
        weights[kind] = fit_logistic(fit.x[some], fit.y[some], a.ridge)
        store_weights(a.weights, f"witness_{kind}", FEATURES, weights[kind], "benchmarks/fit_witness.py")
        spread = fit.x[some].std(axis=0)
        print(
            f"\n{kind}: "
            + ", ".join(
                f"{name} {value:.2f} ({value * s:.2f})"
                for name, value, s in zip(FEATURES, weights[kind], spread, strict=True)
                if s > 0 or name == "bias"
            )
        )
        p = 1 / (1 + np.exp(-(fit.x[some] @ weights[kind])))
        found = {wanted: round(safe_from(p, fit.won[some], wanted), 3) for wanted in (0.99, 0.98, 0.97, 0.95, 0.9)}
        print(f"{kind}: of the characters touched the share that became right is reached from {found} on")
    measured, measured_errors = examples(a.pages, True, resources)
    fit_edges(a.pages, a.weights)
    fit_votes(a.pages, a.weights)
    fit_agreement(a.pages, a.weights)
    if a.save:
        np.savez(
            a.save,
            **{f"fit_{k}": v for k, v in fit._asdict().items()},
            **{f"measure_{k}": v for k, v in measured._asdict().items()},
            errors=[errors, measured_errors],
        )
    report("fitted on", fit, weights, errors)
    report("measured: pages of other units", measured, weights, measured_errors)


if __name__ == "__main__":
    main()
