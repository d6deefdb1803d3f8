"""What it means for a finding of one rule that other readings agree with the text there, or do not; not a filter of its
own.

Where all readings agree the text is rarely misread, however odd it looks, and where they differ it often is. A small
regression for each kind of finding revises the probability that the rule has found from the text alone
(``benchmarks/fit_witness.py``). Without witnesses nothing is revised.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.logistic import log_odds, logistic
from .readings import aligned

UNKNOWN, DIFFERENT, EQUAL = 0, 1, 2
"""What the witnesses have in the place of a character: nothing or no witness, another character, the same."""
FEATURES = ("bias", "stated", "equal", "equal_stated", "different", "different_stated")


class Agreement(NamedTuple):
    """For each character of a text what the witnesses have in its place, int8 (n,), and for each gap between
    characters, before the first and after the last, whether they have nothing there either, bool (n + 1,)."""

    characters: NDArray[np.int8]
    gaps: NDArray[np.bool_]

    def of(self, start: int, end: int) -> int:
        """`UNKNOWN`, `DIFFERENT` or `EQUAL` for ``text[start:end]``, which may be empty."""
        if start == end:
            return EQUAL if self.gaps[start] else UNKNOWN
        return int(self.characters[start:end].min())


def agreement(document: Document) -> Agreement | None:
    """What the document's witnesses have in the place of its characters; None without any. Found once for a
    document."""
    if "agreement" not in document.memo:
        document.memo["agreement"] = _agreement(document)
    out: Agreement | None = document.memo["agreement"]
    return out


def _agreement(document: Document) -> Agreement | None:
    pairs = aligned(document)
    if not pairs:
        return None
    size = len(document.text)
    different, equal = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    gaps = np.ones(size + 1, np.bool_)
    for pair in pairs:
        place, partner = pair.own.solid.place, pair.partner
        paired = partner >= 0
        same = np.zeros(len(place), np.bool_)
        same[paired] = pair.own.solid.codes[paired] == pair.other.solid.codes[partner[paired]]
        equal[place[same]] = True
        different[place[paired & ~same]] = True
        joined = np.concatenate([[False], paired[1:] & (np.diff(partner) == 1), [False]])
        # White space lies in the gap between the characters around it.
        gaps &= joined[np.searchsorted(place, np.arange(size + 1))]
    return Agreement(np.where(different, DIFFERENT, np.where(equal, EQUAL, UNKNOWN)).astype(np.int8), gaps)


def covered(document: Document, start: int, end: int) -> bool:
    """Whether a witness tells what stands in the place of ``text[start:end]``: it has the characters on both sides, as
    far as there are any, and most of those between."""
    for pair in aligned(document):
        partner = pair.partner
        first, last = pair.own.range(start, end)
        beside = (partner[max(0, first - 1) : first] >= 0).all() and (partner[last : last + 1] >= 0).all()
        if beside and 2 * int((partner[first:last] >= 0).sum()) >= last - first:
            return True
    return False


def evidence(stated: float, state: int) -> NDArray[np.float64]:
    """A value for each of `FEATURES`."""
    odds = log_odds(stated)
    equal, different = float(state == EQUAL), float(state == DIFFERENT)
    return np.array([1.0, odds, equal, equal * odds, different, different * odds])


def revised(document: Document, kind: str, start: int, end: int, stated: float) -> float:
    """The probability of a finding of the decoder, in the light of what the witnesses have there."""
    known = agreement(document)
    if known is None:
        return stated
    weights = document.resources.weights(f"agreement_{kind}", FEATURES)
    return logistic(float(evidence(stated, known.of(start, end)) @ weights))
