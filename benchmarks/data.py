"""Development pages with their truth: shared by the fit scripts.

The pages are split by the unit (article) they show, never by page: texts repeat across severities
and engines. Even units taught the confusion channel and must not fit or measure what uses it; of the odd
ones, those with remainder 1 modulo 4 are for fitting and those with remainder 3 are for measuring.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from repair.language.logistic import fit_logistic as fit_logistic


class Page(NamedTuple):
    name: str
    unit: int
    meta: dict[str, Any]
    raw: str
    truth: str


def pages(folder: str | Path) -> Iterator[Page]:
    """Pages under `folder` in order, those left out whose columns the engine mixed up."""
    for meta_path in sorted(Path(folder).rglob("meta.json")):
        meta = json.loads(meta_path.read_text(encoding="utf-8"))
        if not meta.get("order_ok", True):
            continue
        here = meta_path.parent
        raw, truth = ((here / f"{name}.txt").read_text(encoding="utf-8") for name in ("raw", "truth"))
        yield Page(str(here.relative_to(folder)), int(meta["unit"]), meta, raw, truth)


def part(unit: int) -> str:
    """``channel``, ``fit`` or ``measure``: what the pages of a unit are for."""
    return "channel" if unit % 2 == 0 else "fit" if unit % 4 == 1 else "measure"


def fit_arguments(description: str | None, documents: int) -> argparse.ArgumentParser:
    """The arguments that the fit scripts share; `documents`: how many are sampled from each text by default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("text", nargs="+")
    parser.add_argument("--clean")
    parser.add_argument("--documents", type=int, default=documents)
    parser.add_argument("--weights", type=Path, default=Path("dictionaries/weights.json"))
    return parser


class Solid(NamedTuple):
    """A text without its white space: `text`, and where each of its characters stood."""

    text: str
    place: list[int]


def solid(text: str) -> Solid:
    place = [i for i, ch in enumerate(text) if not ch.isspace()]
    return Solid("".join(text[i] for i in place), place)


def read_and_truth(
    folder: str | Path, wanted: str, before: Callable[[str], str], worst: float
) -> Iterator[tuple[str, Solid, str]]:
    """For the pages of one part whose error rate is at most `worst`: the text after `before`, the same without
    white space, and the truth without white space."""
    for page in pages(folder):
        if part(page.unit) == wanted:
            text = before(page.raw)
            read, truth = solid(text), solid(page.truth).text
            if Levenshtein.distance(read.text, truth) <= worst * len(truth):
                yield text, read, truth


def reliability(
    p: NDArray[np.float64],
    y: NDArray[np.float64],
    edges: tuple[float, ...] = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.01),
) -> str:
    """Table of stated against observed frequency, one line a bin."""
    lines = []
    for lo, hi in itertools.pairwise(edges):
        sel = (p >= lo) & (p < hi)
        if sel.any():
            lines.append(
                f"{lo:.2f}-{min(hi, 1):.2f}: {sel.sum():7d}  stated {p[sel].mean():.3f}  observed {y[sel].mean():.3f}"
            )
    return "\n".join(lines)


def operating_points(
    p: NDArray[np.float64], y: NDArray[np.float64], thresholds: tuple[float, ...], total: float
) -> str:
    """What proposing from each threshold on does: number, precision, share found of `total`; one line each."""
    lines = []
    for t in thresholds:
        hit = p >= t
        precision = y[hit].mean() if hit.any() else float("nan")
        found = y[hit].sum() / max(1.0, total)
        wrong = int((1 - y[hit]).sum())
        lines.append(f"at {t}: {hit.sum()} proposed, precision {precision:.4f}, found {found:.4f}, wrong {wrong}")
    return "\n".join(lines)


def store_weights(path: Path, name: str, features: tuple[str, ...], w: NDArray[np.float64], note: str) -> None:
    """Put the model `name` into the weights file, the other models kept."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content[name] = {"note": note, "weights": {f: round(float(v), 5) for f, v in zip(features, w, strict=True)}}
    text = json.dumps(dict(sorted(content.items())), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
