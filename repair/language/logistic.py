"""The logistic function that turns weighed evidence into a probability, and the way back."""

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


def log_odds(p: float, least: float = 1e-9) -> float:
    """Natural log-odds of a probability, taken to be at least `least` away from 0 and 1.

    >>> log_odds(0.5)
    0.0
    """
    p = min(max(p, least), 1 - least)
    return math.log(p / (1 - p))
