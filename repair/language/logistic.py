"""The logistic function that turns weighed evidence into a probability."""

from __future__ import annotations

import math

LIMIT = 30.0
"""Log-odds beyond which a probability is 0 or 1 for every purpose, and `math.exp` could overflow."""


def logistic(log_odds: float) -> float:
    """Probability for natural log-odds.

    >>> logistic(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-max(-LIMIT, min(LIMIT, log_odds))))
