"""Where the characters of a text stood on their pages, and what the engine thought of them. Pure, no IO.

A `Layout` belongs to one text. The readers of OCR formats make it, the pipeline carries it along when the
text changes, and filters may look at it through `Document.layout`; text without one has None there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .text import Alternatives


class Box(NamedTuple):
    """A rectangle on a page in pixels (or the unit of the file), the origin at the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class PageLine(NamedTuple):
    """``text[start:end]`` stood on one line of a page, without its line end.

    `page` and `block` (the engine's paragraph or region, -1 if it names none) count from 0 through the document.
    """

    start: int
    end: int
    page: int
    block: int = -1
    box: Box | None = None


class Page(NamedTuple):
    """Size in the unit of the boxes, 0 where the file does not say; `image`: the name the file gives its scan."""

    width: float = 0.0
    height: float = 0.0
    image: str = ""


@dataclass(frozen=True, eq=False)
class Layout:
    """What the engine knew about a text of n code points beside its characters.

    `lines`: ordered, free of overlaps; `confidence`: float32 (n,), the engine's own between 0 and 1, nan where it
    gave none; `word`: int32 (n,), index of the character's word in `boxes`, -1 for none; `boxes`: float32
    (words, 4), left, top, right, bottom; `alternatives`: for a position, the engine's readings of that one
    character with their weights, best first, the reading itself included.
    """

    lines: tuple[PageLine, ...]
    pages: tuple[Page, ...]
    confidence: NDArray[np.float32]
    word: NDArray[np.int32]
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 4), np.float32))
    alternatives: Mapping[int, Alternatives] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.confidence.shape != self.word.shape or self.confidence.ndim != 1:
            raise ValueError("confidence and word need one value for each character")

    def carried(self, origin: NDArray[np.int64], same: NDArray[np.bool_]) -> Layout:
        """The layout of a text made from this one.

        `origin` (m,) says in place of which character of this text each of its characters stands, -1 for one put in,
        which belongs to the line and the word of the character before it; `same` (m,) whether it is that character:
        of another one the engine has said nothing.
        """
        filled = np.maximum.accumulate(np.concatenate([[-1], origin]))[1:]
        at = np.flatnonzero(filled >= 0)
        word = np.full(len(origin), -1, np.int32)
        word[at] = self.word[filled[at]]
        kept = np.flatnonzero(same & (origin >= 0))
        confidence = np.full(len(origin), np.nan, np.float32)
        confidence[kept] = self.confidence[origin[kept]]
        edges = np.array([(line.start, line.end) for line in self.lines], np.int64).reshape(-1, 2)
        starts, ends = np.searchsorted(filled, edges).T.tolist()
        lines = tuple(
            line._replace(start=start, end=end) for line, start, end in zip(self.lines, starts, ends, strict=True)
        )
        alternatives: dict[int, Alternatives] = {}
        if self.alternatives:
            where = dict(zip(origin[kept].tolist(), kept.tolist(), strict=True))
            alternatives = {where[p]: choice for p, choice in self.alternatives.items() if p in where}
        return Layout(lines, self.pages, confidence, word, self.boxes, alternatives)
