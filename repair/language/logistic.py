"""The logistic function that turns weighed evidence into a probability, the way back, and regression by it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

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


def fit_logistic(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    ridge: float = 1.0,
    steps: int = 60,
    offset: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Weights (features,) of a ridge-penalised logistic regression of y (n,) in {0, 1} on x (n, features).

    `offset` (n,): log odds already known, to which the weights are added.
    """
    w = np.zeros(x.shape[1])
    scale = np.maximum(x.std(axis=0), 1e-6)
    penalty = ridge * scale**2
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ w + offset, -30, 30)))
        gradient = x.T @ (p - y) + penalty * w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        w -= step * min(1.0, 5.0 / (np.abs(step * scale).max() + 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return w
