"""Finds places the language model doubts and weighs what may have been printed there.

A cheap vectorised pass over all log-probabilities picks the suspicious places. Each is tried with the
characters most easily misread as what stands there, all places in one batch; where the text is very
odd, with every character that the neighbours ask for as well. All scores are base-10 logarithms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .channel import Channel
from .near import Near
from .ngram import BOS, EOS, NgramModel

REACH = 4
"""Symbols before and after a place that a model of order 5 sees."""
ASKED = 80
"""Candidates tried in very odd places: those that fit best between the two neighbours."""
CHANNEL_WEIGHT = 0.6
"""Weight of the channel's log-probability beside the language model's in ranking candidates."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Reading(NamedTuple):
    """One place with its candidates, best first.

    `place`: index of the symbol; `ids` (k,): candidate symbols; `gain` (k,): how much likelier the
    language model finds the place and the four symbols after it with each candidate than as read;
    `channel` (k,): log P(read | candidate); `natural`: mean log-probability of those five symbols
    with the best candidate; `gain_here`: the part of the best candidate's gain at the place itself.
    """

    place: int
    ids: Ints
    gain: Floats
    channel: Floats
    natural: float
    gain_here: float

    @property
    def score(self) -> Floats:
        """What the candidates are ranked by."""
        return (self.gain + np.float32(CHANNEL_WEIGHT) * self.channel).astype(np.float32)


def window_sums(logp: Floats) -> Floats:
    """For each symbol the summed log-probability of itself and the two after it, (n,)."""
    padded = np.concatenate([logp, np.zeros(2, dtype=logp.dtype)])
    return padded[:-2] + padded[1:-1] + padded[2:]


def suspicious(logp: Floats, single: float, window: float) -> NDArray[np.bool_]:
    """Which symbols surprise: unlikely where they stand, and making what follows unlikely, (n,).

    A misread symbol that is common in itself is caught by the symbol after it.
    """
    low = logp < single
    following = np.concatenate([low[1:], [False]]) & (logp < single / 2)
    return (low | following) & (window_sums(logp) < window)


@lru_cache(maxsize=2)
def hanzi_symbols(model: NgramModel, at_least: float = -6.0) -> Ints:
    """Symbols of Hanzi whose unigram log-probability is at least `at_least`."""
    points = np.array([ord(ch) if len(ch) == 1 else 0 for ch in model.vocabulary])
    return np.flatnonzero((points >= 0x4E00) & (points <= 0x9FFF) & (model.unigram >= at_least)).astype(np.int64)


def near_symbols(model: NgramModel, near: Near, read: list[str]) -> Ints:
    """For each character the Hanzi symbols most likely to be misread as it, (n, NEAR), padded with `EOS`."""
    codes = near.candidates(np.array([ord(ch) for ch in read], dtype=np.int64))
    flat = "".join(map(chr, codes.ravel().tolist()))
    ids = model.char_ids(flat).astype(np.int64).reshape(codes.shape)
    ids[(codes == 0) | (ids <= EOS)] = EOS
    return ids


@lru_cache(maxsize=1024)
def after_symbol(model: NgramModel, symbol: int) -> NDArray[np.float16]:
    """Log-probability of each of `hanzi_symbols` after `symbol`."""
    symbols = hanzi_symbols(model)
    return model.score_windows(np.stack([np.full(len(symbols), symbol), symbols], axis=1), 1)[:, 0].astype(np.float16)


@lru_cache(maxsize=1024)
def before_symbol(model: NgramModel, symbol: int) -> NDArray[np.float16]:
    """Log-probability of `symbol` after each of `hanzi_symbols`."""
    symbols = hanzi_symbols(model)
    return model.score_windows(np.stack([symbols, np.full(len(symbols), symbol)], axis=1), 1)[:, 0].astype(np.float16)


def asked_symbols(model: NgramModel, windows: Ints) -> Ints:
    """For each window the `ASKED` Hanzi symbols that fit best in its middle, by the neighbours on both sides."""
    symbols = hanzi_symbols(model)
    out = np.empty((len(windows), ASKED), dtype=np.int64)
    for k, (before, after) in enumerate(windows[:, (REACH - 1, REACH + 1)].tolist()):
        fit = after_symbol(model, before).astype(np.float32) + before_symbol(model, after)
        out[k] = symbols[np.argpartition(fit, len(symbols) - ASKED)[-ASKED:]]
    return out


def read_places(
    model: NgramModel,
    channel: Channel,
    near: Near,
    ids: Ints,
    places: Ints,
    read: list[str],
    odd: NDArray[np.bool_],
    *,
    keep: int = 8,
    least_gain: float = 1.0,
) -> list[Reading]:
    """Candidates for each of `places` in the symbol sequence `ids`.

    `read` are the characters as they stand; `odd` (len(places),) says where the neighbours' wishes are
    tried too. Places where nothing gains `least_gain` are left out.
    """
    if not len(places):
        return []
    padded = np.concatenate([np.full(REACH, model.pad, dtype=np.int64), ids, np.full(REACH, EOS, dtype=np.int64)])
    windows = padded[places[:, None] + np.arange(2 * REACH + 1)]
    _close_paragraph(windows, model.pad)
    tried = near_symbols(model, near, read)
    out = []
    step = 256
    for start in range(0, len(places), step):
        block = slice(start, start + step)
        out += _read_block(
            model, channel, windows[block], places[block], read[block], tried[block], odd[block], keep, least_gain
        )
    return out


def _read_block(
    model: NgramModel,
    channel: Channel,
    windows: Ints,
    places: Ints,
    read: list[str],
    near: Ints,
    odd: NDArray[np.bool_],
    keep: int,
    least_gain: float,
) -> list[Reading]:
    tried = np.concatenate([windows[:, REACH : REACH + 1], near], axis=1)
    scores = _scores(model, windows, tried)
    at_odd = np.cumsum(odd) - 1
    if odd.any():
        asked = asked_symbols(model, windows[odd])
        # A candidate found both ways counts once.
        twice = (asked[:, :, None] == tried[odd][:, None, :]).any(axis=2)
        asked[twice] = EOS
        asked_scores = _scores(model, windows[odd], asked)
    out = []
    for k in range(len(places)):
        ids, part = tried[k], scores[k]
        if odd[k]:
            ids = np.concatenate([ids, asked[at_odd[k]]])
            part = np.concatenate([part, asked_scores[at_odd[k]]])
        total = part.sum(axis=1)
        gain = total[1:] - total[0]
        good = np.flatnonzero((gain >= least_gain) & (ids[1:] != EOS) & (ids[1:] != ids[0]))
        if not len(good):
            continue
        codes = np.array([ord(model.vocabulary[i]) for i in ids[1:][good].tolist()], dtype=np.int64)
        noise = channel.log_prob(np.full(len(codes), ord(read[k]), dtype=np.int64), codes)
        order = np.argsort(-(gain[good] + CHANNEL_WEIGHT * noise), kind="stable")[:keep]
        best = good[order]
        natural = float(part[1:][best[0]].mean())
        here = float(part[1 + best[0], 0] - part[0, 0])
        out.append(Reading(int(places[k]), ids[1:][best], gain[best], noise[order], natural, here))
    return out


def _scores(model: NgramModel, windows: Ints, tried: Ints) -> Floats:
    """Log-probabilities of the five symbols from each place on, with each candidate: (places, candidates, 5)."""
    count, width = tried.shape
    block = np.repeat(windows, width, axis=0)
    block[:, REACH] = tried.ravel()
    return model.score_windows(block, REACH).reshape(count, width, REACH + 1)


def _close_paragraph(windows: Ints, pad: int) -> None:
    """Make the context end at the paragraph: what stands before its start or after its end must not count."""
    left = np.cumsum((windows[:, :REACH] == BOS)[:, ::-1], axis=1)[:, ::-1]
    after_start = np.concatenate([left[:, 1:], np.zeros((len(windows), 1), dtype=left.dtype)], axis=1)
    windows[:, :REACH][after_start > 0] = pad
    ended = np.cumsum(windows[:, REACH + 1 :] == EOS, axis=1)
    before_end = np.concatenate([np.zeros((len(windows), 1), dtype=ended.dtype), ended[:, :-1]], axis=1)
    windows[:, REACH + 1 :][before_end > 0] = pad
