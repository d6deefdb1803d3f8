"""What the language model says about single places of a text and their neighbours. Scores are base-10 logarithms."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ngram import NgramModel

REACH = 4
"""Symbols before and after a place that a model of order 5 sees."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def hanzi(codes: NDArray[Any]) -> NDArray[np.bool_]:
    """Which code points are Hanzi of the basic planes, (n,)."""
    found: NDArray[np.bool_] = (codes >= 0x3400) & (codes <= 0x9FFF)
    return found


def window_sums(logp: Floats) -> Floats:
    """For each symbol the summed log-probability of itself and the two after it, (n,)."""
    padded = np.concatenate([logp, np.zeros(2, dtype=logp.dtype)])
    total: Floats = padded[:-2] + padded[1:-1] + padded[2:]
    return total


def suspicious(logp: Floats, single: float, window: float) -> NDArray[np.bool_]:
    """Which symbols surprise: unlikely where they stand, and making what follows unlikely, (n,).

    A misread symbol that is common in itself is caught by the symbol after it.
    """
    low = logp < single
    following = np.concatenate([low[1:], [False]]) & (logp < single / 2)
    return (low | following) & (window_sums(logp) < window)


def ties(model: NgramModel, first: Ints, second: Ints) -> Floats:
    """How strongly symbols belong together: log10 pointwise mutual information of `second` after `first`, (n,)."""
    tie: Floats = model.score_windows(np.stack([first, second], axis=1), 1)[:, 0] - model.unigram[second]
    return tie


def mean_around(cumulative: NDArray[np.float64], place: int, size: int, empty: float) -> float:
    """Mean of a quantity over the surroundings of the `size` symbols at `place`: fourteen symbols on each side, without
    the place itself, the symbol before it and the three after its first, which it influences.

    `cumulative` (n + 1,) are the running sums of the quantity; `empty` is returned where there are no surroundings.
    """
    n = len(cumulative) - 1
    lo, hi = max(0, place - 14), min(n, place + 14 + size)
    inner_lo, inner_hi = max(0, place - 1), min(n, place + 4)
    count = (hi - lo) - (inner_hi - inner_lo)
    if not count:
        return empty
    return float((cumulative[hi] - cumulative[lo] - cumulative[inner_hi] + cumulative[inner_lo]) / count)


@lru_cache(maxsize=2)
def hanzi_symbols(model: NgramModel, at_least: float = -6.0) -> Ints:
    """Symbols of Hanzi whose unigram log-probability is at least `at_least`."""
    points = np.array([ord(ch) if len(ch) == 1 else 0 for ch in model.vocabulary])
    return np.flatnonzero((points >= 0x4E00) & (points <= 0x9FFF) & (model.unigram >= at_least)).astype(np.int64)


@lru_cache(maxsize=1024)
def after_symbol(model: NgramModel, symbol: int) -> Floats:
    """Log-probability of each of `hanzi_symbols` after `symbol`."""
    symbols = hanzi_symbols(model)
    return model.score_windows(np.stack([np.full(len(symbols), symbol), symbols], axis=1), 1)[:, 0].copy()


@lru_cache(maxsize=1024)
def before_symbol(model: NgramModel, symbol: int) -> Floats:
    """Log-probability of `symbol` after each of `hanzi_symbols`."""
    symbols = hanzi_symbols(model)
    return model.score_windows(np.stack([symbols, np.full(len(symbols), symbol)], axis=1), 1)[:, 0].copy()


def asked_symbols(model: NgramModel, before: Ints, after: Ints, count: int) -> Ints:
    """For each pair of neighbours (n,) the `count` Hanzi symbols that fit best between them, (n, count)."""
    symbols = hanzi_symbols(model)
    out = np.empty((len(before), count), dtype=np.int64)
    for k, (left, right) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        ahead, behind = after_symbol(model, left), before_symbol(model, right)
        if model.kernels:
            model.kernels.largest(ahead, behind, out[k])
        else:
            fit = ahead + behind
            least = np.partition(fit, len(fit) - count)[-count]
            above = np.flatnonzero(fit > least)
            # Values are coarse: of those that fit equally well the first are taken.
            out[k] = [*above, *np.flatnonzero(fit == least)[: count - len(above)]]
    out.sort(axis=1)
    return symbols[out]
