"""What the engine's own doubt about a place means for a finding there; not a filter of its own.

Engines write down how sure they were of a word, a line or a character (`repair.layout.Layout.confidence`). A small
regression for each kind of finding shifts the log-odds found from the text alone (``benchmarks/fit_doubt.py``).
Engines mean different things by their numbers, so what counts beside the number is its rank on the page. Without
confidences nothing is revised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.logistic import log_odds, logistic

FEATURES = ("bias", "sure", "rank")
SURE = (-2.0, 5.0)
"""Log-odds between which a confidence is taken as it is."""


def evidence(document: Document, start: int, end: int) -> NDArray[np.float64] | None:
    """A value for each of `FEATURES`; None where the engine said nothing about ``text[start:end]``.

    What is missing from the text has the confidence of the characters around the gap.
    """
    layout = document.layout
    if layout is None:
        return None
    lo, hi = (start, end) if start < end else (max(0, start - 1), start + 1)
    some = layout.confidence[lo:hi]
    some = some[~np.isnan(some)]
    if not len(some):
        return None
    confidence = float(some.min())
    ranked = _ranked(document)
    below, upto = int(ranked.searchsorted(confidence)), int(ranked.searchsorted(confidence, "right"))
    rank = (below + upto) / (2 * len(ranked)) - 0.5
    return np.array([1.0, max(SURE[0], min(SURE[1], log_odds(confidence))), rank])


def _ranked(document: Document) -> NDArray[np.float32]:
    """All confidences of the document in ascending order."""
    if "doubt" not in document.memo:
        assert document.layout is not None
        known = document.layout.confidence[~np.isnan(document.layout.confidence)]
        document.memo["doubt"] = np.sort(known)
    ranked: NDArray[np.float32] = document.memo["doubt"]
    return ranked


def revised(document: Document, kind: str, start: int, end: int, stated: float) -> float:
    """The probability of a finding of the decoder, in the light of how sure the engine was there."""
    row = evidence(document, start, end)
    if row is None:
        return stated
    return logistic(log_odds(stated) + float(row @ document.resources.weights(f"doubt_{kind}", FEATURES)))
