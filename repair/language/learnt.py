"""The confusion channel of one project: the measured one, and what decisions showed to be misread there.

A confusion seen n times updates P(read | printed) as a Dirichlet prior is updated: the measured probability counts as
`STRENGTH` occurrences of the printed character. How often that character was printed in what people went through is
not kept; it is estimated from its frequency and from the number of all confusions seen. Probabilities are only ever
raised: what is sure enough to be repaired without a decision is not among those seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .channel import codes_of
from .lexicon import Lexicon
from .ngram import EOS
from .resources import Resources

STRENGTH = 100.0
"""Occurrences of a printed character that the measured probabilities count as."""
SHARE = 0.003
"""Characters that people set right in a character gone through (1.6 a development page of 550)."""

Floats = NDArray[np.float32]


class Candidates(Protocol):
    """As `repair.language.near.Near`."""

    def candidates(self, read: NDArray[np.int64], /) -> tuple[NDArray[np.uint16], Floats]: ...


class Probabilities(Protocol):
    """As `repair.language.channel.Channel`."""

    def log_prob(self, read: ArrayLike, true: ArrayLike, /) -> Floats: ...


class Learnt:
    """`Candidates` and `Probabilities` of a project."""

    def __init__(self, resources: Resources, confusions: frozenset[tuple[tuple[str, str], int]]) -> None:
        self._near, self._channel = resources.near, resources.channel
        model = resources.model
        letter, digit = model.char_id("a"), model.char_id("0")
        seen = sum(count for _, count in confusions) / SHARE
        self._logs: dict[tuple[int, int], float] = {}
        self._more: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        for (read, printed), count in sorted(confusions):
            symbol = model.char_id(printed)
            # Only what the table of candidates may hold too: letters are one symbol, as are the forms of a character.
            if symbol <= EOS or symbol in (letter, model.char_id(read)) or max(read, printed) > "\uffff":
                continue
            if symbol != digit and model.vocabulary[symbol] != printed:
                continue
            measured = float(self._channel.log_prob(read, printed)[0])
            printings = max(float(count), seen * 10 ** float(model.unigram[symbol]))
            log = math.log10((STRENGTH * 10**measured + count) / (STRENGTH + printings))
            if log > measured:
                self._logs[ord(read), ord(printed)] = log
                self._more[ord(read)].append((ord(printed), log))

    def log_prob(self, read: ArrayLike, true: ArrayLike, /) -> Floats:
        """log10 P(read | true), (n,) of two equally long rows."""
        logs = self._channel.log_prob(read, true)
        for k, pair in enumerate(zip(codes_of(read).tolist(), codes_of(true).tolist(), strict=True)):
            if pair in self._logs:
                logs[k] = self._logs[pair]
        return logs

    def candidates(self, read: NDArray[np.int64], /) -> tuple[NDArray[np.uint16], Floats]:
        """As `Near.candidates`, with a column more for each confusion of one character that is not in the table."""
        codes, logs = self._near.candidates(read)
        known = [(k, self._more[code]) for k, code in enumerate(read.tolist()) if code in self._more]
        if not known:
            return codes, logs
        width = max(len(more) for _, more in known)
        codes = np.concatenate([codes, np.zeros((len(codes), width), codes.dtype)], axis=1)
        logs = np.concatenate([logs, np.zeros((len(logs), width), logs.dtype)], axis=1)
        for k, more in known:
            for j, (code, log) in enumerate(more):
                there = np.flatnonzero(codes[k] == code)
                column = int(there[0]) if len(there) else j - width
                codes[k, column], logs[k, column] = code, log
        return codes, logs


@lru_cache(maxsize=4)
def _learnt(resources: Resources, confusions: frozenset[tuple[tuple[str, str], int]]) -> Learnt:
    return Learnt(resources, confusions)


def channel_of(resources: Resources, lexicon: Lexicon) -> tuple[Probabilities, Candidates]:
    """The channel and the table of candidates for texts of the project that has `lexicon`."""
    if not lexicon.confusions:
        return resources.channel, resources.near
    learnt = _learnt(resources, lexicon.confusion_items)
    return learnt, learnt
