"""What the encoder knows beside the n-gram model: nats a hidden character, by itself and together.

    python benchmarks/neural_nats.py PAGES MODEL [--curve CURVE.csv] [--drawing FILE.svg]

PAGES: OCR pages with truth.txt and meta.json, of which the printed text of those that are measured on (unit % 4 == 3)
is taken, each once: neither model has seen it. Single characters are hidden. The n-gram model then has four characters
on each side, the encoder 128. Together: their log-probabilities in a weighted sum, the weights fitted on every other
place and measured on the rest. --curve: of the training, drawn into --drawing.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import pages, part
from numpy.typing import NDArray
from svg import curves

from repair.language.neural import FIRST_CHARACTER, HIDDEN, LINE_END, Encoder
from repair.language.ngram import EOS, NgramModel
from repair.language.resources import default_resources

PLACES, CANDIDATES, HALF = 4000, 8000, 128
Floats = NDArray[np.float64]


def hidden_places(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.random.default_rng(0).choice(np.arange(8, len(ids) - 8), PLACES, replace=False)
    chosen: NDArray[np.int64] = at[ids[at] > EOS]
    return chosen


def by_ngram(model: NgramModel, ids: NDArray[np.int64], at: int, candidates: NDArray[np.int64]) -> Floats:
    rows = np.repeat(ids[None, at - 4 : at + 5], len(candidates), 0)
    rows[:, 4] = candidates
    scores: Floats = model.score_windows(rows, 4).sum(1).astype(np.float64) * np.log(10)
    return scores


def by_encoder(judge: Encoder, symbols: NDArray[np.int64], places: NDArray[np.int64]) -> Floats:
    found = []
    for some in np.array_split(places, max(1, len(places) // 16)):
        starts = np.clip(some - HALF, 0, len(symbols) - 2 * HALF)
        windows = symbols[starts[:, None] + np.arange(2 * HALF)]
        windows[np.arange(len(some)), some - starts] = HIDDEN
        picked = np.arange(len(some)) * 2 * HALF + some - starts
        found.append(judge._session.run(["printed"], {"ids": windows, "picked": picked})[0])
    return np.concatenate(found).astype(np.float64)


def nats(scores: Floats, right: NDArray[np.int64]) -> float:
    top = scores - scores.max(1, keepdims=True)
    return float(-np.mean(top[np.arange(len(right)), right] - np.log(np.exp(top).sum(1))))


def best_weights(loss: Callable[[float, float], float]) -> tuple[float, float]:
    """Weights of the two models, by a search over a grid that gets finer."""
    best, step = (0.8, 0.3), 0.2
    while step > 0.01:
        around = [(best[0] + i * step, best[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        nearer = min(around, key=lambda w: loss(*w))
        if nearer == best:
            step /= 2
        best = nearer
    return best


def draw(curve: Path, drawing: Path) -> None:
    """The nats of hidden characters, over the millions of characters seen, means of forty rows."""
    rows = list(csv.DictReader(curve.read_text(encoding="utf-8").splitlines()))
    points = [
        (np.mean([int(r["characters"]) for r in some]) / 1e6, np.mean([float(r["hidden"]) for r in some]))
        for some in (rows[k : k + 40] for k in range(0, len(rows), 40))
    ]
    last = round(points[-1][0], -1)
    curves(drawing, {"hidden": points}, "million characters seen", "nats", [0, 20, 40, last], [0, 2, 4, 6, 8])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("model", type=Path)
    parser.add_argument("--curve", type=Path)
    parser.add_argument("--drawing", type=Path)
    a = parser.parse_args()
    if a.curve and a.drawing:
        draw(a.curve, a.drawing)
    model, judge = default_resources().model, Encoder(a.model)
    texts = sorted({page.truth for page in pages(a.pages) if part(page.unit) == "measure"})
    ids = np.asarray(model.encode("\n".join(texts))[0]).astype(np.int64)
    table = np.array([judge._table[ord(ch)] if len(ch) == 1 and ord(ch) < 0x10000 else 0 for ch in model.vocabulary])
    table[: EOS + 1] = LINE_END
    likely = np.argsort(-model.unigram)[:CANDIDATES]
    likely = likely[(likely > EOS) & (table[likely] >= FIRST_CHARACTER)]
    at = np.array([k for k in hidden_places(ids) if ids[k] in likely])
    right = np.array([int(np.flatnonzero(likely == ids[k])[0]) for k in at])
    ngram = np.stack([by_ngram(model, ids, k, likely) for k in at.tolist()])
    encoder = by_encoder(judge, table[ids], at)[:, table[likely]]
    mark = np.array([not model.vocabulary[i].isalnum() for i in ids[at]])
    print("| hidden | places | n-gram | encoder | together | weights |\n|---|--:|--:|--:|--:|--:|")
    for name, kind in (("all", np.ones(len(at), np.bool_)), ("marks", mark), ("others", ~mark)):
        some = np.flatnonzero(kind)
        fit, rest = some[::2], some[1::2]

        def loss(v: float, w: float, rows: NDArray[np.int64] = fit) -> float:
            return nats(v * ngram[rows] + w * encoder[rows], right[rows])

        v, w = best_weights(loss)
        print(
            f"| {name} | {len(rest)} | {loss(1, 0, rest):.3f} | {loss(0, 1, rest):.3f} | {loss(v, w, rest):.3f}"
            f" | {v:.2f}, {w:.2f} |"
        )


if __name__ == "__main__":
    main()
