"""What the words of a neural model weigh, fitted on pages with their truth: the calibration in the model's folder.

A page is a folder with ``raw.txt``, as it came out of an engine, and ``truth.txt``, as printed. Whatever the decoder or
the model finds on it is right where it takes the page nearer to its truth; a logistic regression for each kind of
finding (`repair.filters.second`) learns from that. Pages that it was fitted on are no measure of what it is worth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from .document import Document
from .evaluate import solid
from .filters import second
from .filters.decoded import findings
from .formats.files import write_atomic
from .language.logistic import fit_logistic
from .language.neural import CALIBRATION_FILE, Encoder, MaskedModel, load
from .language.resources import Resources

WORST = 0.4
"""Error rate from which on a page teaches nothing."""
RIDGE = 2.0
FEWEST = 40
"""Findings of a kind below which it is left as it is."""


def pages(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """What was read and what was printed, of every page under `folders` in order; pages left out whose ``meta.json``
    says that their columns were mixed up (``order_ok``)."""
    for folder in folders:
        for path in sorted(folder.rglob("truth.txt")):
            meta = path.with_name("meta.json")
            if meta.is_file() and not json.loads(meta.read_text(encoding="utf-8")).get("order_ok", True):
                continue
            raw = path.with_name("raw.txt")
            if raw.is_file():
                yield raw.read_text(encoding="utf-8"), path.read_text(encoding="utf-8")


def examples(
    judge: Encoder | MaskedModel, read: str, printed: str, resources: Resources
) -> Iterator[tuple[second.Row, bool]]:
    """Everything found on a page that the model has a word on, and whether it is right. `resources`: without a
    model."""
    truth = solid(printed).text
    distance = Levenshtein.distance(solid(read).text, truth)
    if not truth or distance > WORST * len(truth):
        return
    document = Document(read, None, resources)
    found = findings(document)
    if not second.damaged(document, found):
        return
    for row in second.rows(document, judge, found):
        f = row.finding
        after = solid(read[: f.start] + f.after + read[f.end :]).text
        yield row, distance - Levenshtein.distance(after, truth) >= len(f.edits)


def calibrate(model: Path, folders: Sequence[Path], say: Callable[[str], None] = print) -> dict[str, dict[str, float]]:
    """Fit the calibration of the model in the folder `model` on the pages under `folders`, and write it there.

    Raises `NeuralError` for a model that cannot be used, `ValueError` where the pages have too little to learn from.
    """
    judge, resources = load(model), Resources(neural=False)
    rows: dict[str, list[tuple[second.Row, bool]]] = {}
    count = 0
    for read, printed in pages(folders):
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
