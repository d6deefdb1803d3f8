"""What the words of a neural model weigh, fitted on pages with their truth: the calibration in the model's folder.

Whatever the decoder or the model finds on a page is right where it takes the page nearer to its truth; a logistic
regression for each kind of finding (`repair.filters.second`) learns from that. Pages that it was fitted on are no
measure of what it is worth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from .document import Document
from .evaluate import MAX_ERROR_RATE, solid
from .filters import second
from .filters.decoded import findings
from .formats.files import write_atomic
from .language.logistic import fit_logistic
from .language.neural import CALIBRATION_FILE, Encoder, MaskedModel, load
from .language.resources import Resources

RIDGE = 2.0
FEWEST = 40
"""Findings of a kind below which it is left as it is."""


def examples(
    judge: Encoder | MaskedModel, read: str, printed: str, resources: Resources
) -> Iterator[tuple[second.Row, bool]]:
    """Everything found on a page that the model has a word on, and whether it is right. `resources`: without a
    model."""
    truth = solid(printed).text
    distance = Levenshtein.distance(solid(read).text, truth)
    if not truth or distance > MAX_ERROR_RATE * len(truth):
        return
    document = Document(read, None, resources)
    found = findings(document)
    if not second.damaged(document, found):
        return
    for row in second.rows(document, judge, found):
        f = row.finding
        after = solid(read[: f.start] + f.after + read[f.end :]).text
        yield row, distance - Levenshtein.distance(after, truth) >= len(f.edits)


def calibrate(
    model: Path, pages: Iterable[tuple[str, str]], say: Callable[[str], None] = print
) -> dict[str, dict[str, float]]:
    """Fit the calibration of the model at `model` on pages, each as read and as printed, and write it there.

    Raises `NeuralError` for a model that cannot be used, `ValueError` where the pages have too little to learn from.
    """
    judge, resources = load(model), Resources(neural=False)
    rows: dict[str, list[tuple[second.Row, bool]]] = {}
    count = 0
    for read, printed in pages:
        count += 1
        for row, right in examples(judge, read, printed, resources):
            rows.setdefault(row.name, []).append((row, right))
    weights = {}
    for name, some in sorted(rows.items()):
        y = np.array([right for _, right in some], np.float64)
        if len(y) < FEWEST or not 0 < y.sum() < len(y):
            say(f"{name}: {len(y)} findings, too few")
            continue
        x = np.stack([row.values for row, _ in some])
        w = fit_logistic(x, y, RIDGE, offset=np.array([row.offset for row, _ in some]))
        weights[name] = {feature: round(float(v), 5) for feature, v in zip(some[0][0].features, w, strict=True)}
        say(f"{name}: {len(y)} findings, {int(y.sum())} right")
    if not weights:
        raise ValueError(f"{count} pages have too little to learn from")
    text = json.dumps({"version": 1, "pages": count, "weights": weights}, ensure_ascii=False, indent=1)
    folder = model if model.is_dir() else model.parent
    write_atomic(folder / CALIBRATION_FILE, [text.encode("utf-8") + b"\n"])
    return weights
