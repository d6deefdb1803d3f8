"""What an engine's own other readings of a character mean; not a filter of its own.

Some engines write down what else a character may have been (`repair.layout.Layout.alternatives`). Such a reading
becomes a candidate of the decoder, at the log odds that it was printed and not the character as read, by its place
in the list, its weight and how easily the one is taken for the other; and whether a finding is among them shifts its
log-odds (``benchmarks/fit_choices.py``). Engines mean little by their weights:
Tesseract's are those of parts of characters. Without alternatives nothing is changed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.decoder import Choices, Source, flagged
from ..language.logistic import log_odds, logistic
from ..language.ngram import EOS
from . import doubt

MOST = 4
"""Readings of a character that are looked at."""
ODDS = (-6.0, 0.0)
"""log10 odds between which a reading is taken as it is."""
LIKENESS = (-8.0, 0.0)
"""The same for log10 P(read | printed)."""
FEATURES = ("bias", "first", "weight", "first_weight", "alike", "alike_weight", "sure", "sure_weight")
SHIFT = ("listed", "listed_odds", "listed_first")


def is_hanzi(ch: str) -> bool:
    return "\u3400" <= ch <= "\u9fff"


def known(document: Document) -> bool:
    """Whether an engine has said what else its characters may have been."""
    return document.layout is not None and bool(document.layout.alternatives)


def others(document: Document, at: int) -> list[tuple[str, float]]:
    """The engine's other readings of the character at `at`, best first."""
    assert document.layout is not None
    read = document.text[at]
    listed = document.layout.alternatives.get(at, ())
    return [(ch, w) for ch, w in listed if ch != read and len(ch) == 1 and not ch.isspace()][:MOST]


def evidence(document: Document, pairs: list[tuple[int, int, str, float]]) -> NDArray[np.float64]:
    """A value for each of `FEATURES` (n, features), for ``(position, rank, character, weight)``."""
    assert document.layout is not None
    codes = document.codes
    at = np.array([p[0] for p in pairs], np.int64)
    read, true = codes[at].astype(np.int64), np.array([ord(p[2]) for p in pairs], np.int64)
    alike = np.clip(document.resources.channel.log_prob(read, true).astype(np.float64), *LIKENESS)
    first = np.array([p[1] == 0 for p in pairs], np.float64)
    weight = np.array([p[3] for p in pairs])
    confidence = document.layout.confidence[at]
    sure = np.array([0.0 if math.isnan(c) else max(doubt.SURE[0], min(doubt.SURE[1], log_odds(c))) for c in confidence])
    return np.stack(
        [np.ones(len(pairs)), first, weight, first * weight, alike, alike * weight, sure, sure * weight], axis=1
    )


def odds(document: Document, pairs: list[tuple[int, int, str, float]]) -> NDArray[np.float64]:
    """log10 of how many times likelier it is that each reading was printed than the character as read, (n,)."""
    weights = document.resources.weights("choices", FEATURES)
    out: NDArray[np.float64] = np.clip(evidence(document, pairs) @ weights / math.log(10), *ODDS)
    return out


def with_choices(document: Document, source: Source) -> Source:
    """`source` with the engine's readings of the symbols that are looked into."""
    if not known(document):
        return source
    model, positions = document.resources.model, document.view.positions
    pairs: list[tuple[int, int, str, float]] = []
    places: list[int] = []
    for place in np.flatnonzero(flagged(source)).tolist():
        at = int(positions[place])
        if not is_hanzi(document.text[at]):
            continue
        for rank, (ch, weight) in enumerate(others(document, at)):
            if is_hanzi(ch):
                pairs.append((at, rank, ch, weight))
                places.append(place)
    if not pairs:
        return source
    codes = np.array([ord(p[2]) for p in pairs], np.int64)
    symbols = model.code_ids(codes).astype(np.int64)
    where = np.array(places, np.int64)
    fit = (symbols > EOS) & (symbols != source.ids[where])
    cost = odds(document, pairs).astype(np.float32)
    return source._replace(choices=Choices(where[fit], symbols[fit], codes[fit], cost[fit]))


def shift_evidence(document: Document, start: int, end: int, after: str) -> NDArray[np.float64] | None:
    """A value for each of `SHIFT`; None where none of the new characters is among the engine's readings."""
    if not start < end == start + len(after):
        return None
    held = [
        (at, rank, ch, weight)
        for at, new in zip(range(start, end), after, strict=True)
        for rank, (ch, weight) in enumerate(others(document, at))
        if ch == new
    ]
    if not held:
        return None
    share = len(held) / len(after)
    first = sum(item[1] == 0 for item in held) / len(after)
    return np.array([share, share * float(odds(document, held).mean()), first])


def revised(document: Document, kind: str, start: int, end: int, after: str, stated: float) -> float:
    """The probability of a finding of the decoder, which has been revised by the engine's doubt, in the light of what
    else the engine thought of."""
    row = shift_evidence(document, start, end, after) if kind == "hanzi" else None
    if row is None:
        return stated
    return logistic(log_odds(stated) + float(row @ document.resources.weights("choices_hanzi", SHIFT)))
