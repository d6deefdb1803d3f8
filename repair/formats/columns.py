"""Reading order of boxes that have none: columns, lines, blocks.

Engines without layout analysis give the boxes of a page from top to bottom, straight across its columns. Here a
region is cut where a gutter runs through it from top to bottom (a few boxes may lie across: headlines, and lines of
two columns that the engine took for one), each column by itself again, and else into lines by height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

GUTTER = 0.45
"""Least width of a gutter in heights of a line."""
ACROSS = 0.12
"""Share of the boxes of a region that may lie across a gutter."""
FEWEST = 3
"""Boxes on each side of a gutter."""
TOGETHER = 0.5
"""Share of the shorter side's height that both sides of a gutter run beside each other."""
BREAK = 1.1
"""Gap between two lines, in heights of a line beyond the usual gap, from which a new block starts."""
DEEPEST = 30
"""Cuts within each other."""


class Item(NamedTuple):
    """A box, upright, and the number it goes by."""

    left: float
    top: float
    right: float
    bottom: float
    number: int

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def reading_order(polygons: Sequence[Sequence[tuple[float, float]]]) -> list[list[list[int]]]:
    """Blocks of lines of indices into `polygons`, each four corners from the upper left one clockwise."""
    items = _upright(polygons)
    if not items:
        return []
    height = _median([item.bottom - item.top for item in items]) or 1.0
    out: list[list[list[int]]] = []
    stack: list[tuple[list[Item], int]] = [(items, 0)]
    while stack:
        region, depth = stack.pop()
        parts = _cut(region, height) if depth < DEEPEST else [region]
        if len(parts) > 1:
            stack += [(part, depth + 1) for part in reversed(parts)]
        else:
            out += _blocks(_rows(region), height)
    return out


def _upright(polygons: Sequence[Sequence[tuple[float, float]]]) -> list[Item]:
    """The boxes with the slant of the page taken out."""
    slants = [
        (p[1][1] - p[0][1]) / (p[1][0] - p[0][0])
        for p in polygons
        if len(p) == 4 and p[1][0] - p[0][0] > 4 * abs(p[3][1] - p[0][1]) > 0
    ]
    slant = _median(slants) if len(slants) >= FEWEST else 0.0
    slant = slant if abs(slant) < 0.1 else 0.0
    out = []
    for number, points in enumerate(polygons):
        xs = [x + slant * y for x, y in points]
        ys = [y - slant * x for x, y in points]
        if len(points) == 4:  # the mean of an edge's corners: the box of the slanted one would be too high
            xs, ys = [*_means(xs, (0, 3), (1, 2))], [*_means(ys, (0, 1), (2, 3))]
        out.append(Item(min(xs), min(ys), max(xs), max(ys), number))
    return out


def _means(values: list[float], *pairs: tuple[int, int]) -> list[float]:
    return [(values[a] + values[b]) / 2 for a, b in pairs]


def _cut(region: list[Item], height: float) -> list[list[Item]]:
    """The parts of a region in their order; one part where nothing divides it."""
    if len(region) < 2 * FEWEST:
        return [region]
    gutter = _gutter(region, height)
    if gutter is None:
        return [region]
    for foot in (False, True):
        edge, rest = _edge(region, height, foot)
        if edge:
            return [rest, edge] if foot else [edge, rest]
    across = sorted((i for i in region if i.left < gutter < i.right), key=lambda i: i.middle)
    rest = [i for i in region if not i.left < gutter < i.right]
    headings = [i for i in across if _stands_alone(i, rest, height)]
    left = [i for i in rest if i.right <= gutter] + [i for i in across if i not in headings]
    right = [i for i in rest if i.left >= gutter]
    bands: list[list[Item]] = []
    edges = [*(i.middle for i in headings), math.inf]
    above = -math.inf
    for k, below in enumerate(edges):
        for side in (left, right):
            band = [i for i in side if above <= i.middle < below]
            if band:
                bands.append(band)
        if k < len(headings):
            bands.append([headings[k]])
        above = below
    return bands


def _edge(region: list[Item], height: float, foot: bool) -> tuple[list[Item], list[Item]]:
    """The uppermost (or lowest) row of a region with columns, if it is none of theirs, and the rest.

    A headline stands above all of them, even one that lies across a single gutter; so does a running head, and a
    page number below.
    """
    outer = max(region, key=lambda i: i.bottom) if foot else min(region, key=lambda i: i.top)
    row = [i for i in region if i.bottom > outer.top and i.top < outer.bottom]
    rest = [i for i in region if not (i.bottom > outer.top and i.top < outer.bottom)]
    if not rest or len(row) > 2:
        return [], region
    (top, bottom), (upper, lower) = _range(row), _range(rest)
    gap = top - lower if foot else upper - bottom
    wide = outer.right - outer.left > 1.3 * _median([i.right - i.left for i in rest])
    tall = outer.bottom - outer.top > 1.35 * height
    if gap > height or (gap >= 0 and len(row) == 1 and (wide or tall)):
        return row, rest
    return [], region


def _gutter(region: list[Item], height: float) -> float | None:
    """Where a gutter runs through the region: the one that the fewest boxes lie across, then the widest."""
    events = sorted([(i.left, 1) for i in region] + [(i.right, -1) for i in region])
    allowed = int(ACROSS * len(region))
    best: tuple[int, float, float] | None = None
    covering = 0
    run: tuple[float, int] | None = None  # since where few boxes cover, and how many at most
    for k, (x, step) in enumerate(events):
        covering += step
        following = events[k + 1][0] if k + 1 < len(events) else x
        if following <= x:
            continue
        if covering > allowed:
            run = None
            continue
        # From the widest stretch on each count of boxes across.
        start = run[0] if run and run[1] >= covering and run[1] - covering == 0 else x
        run = (start, covering)
        width = following - start
        if width >= GUTTER * height:
            middle = (start + following) / 2
            key = (covering, -width, middle)
            if (best is None or key < best) and _divides(region, middle):
                best = key
    return best[2] if best else None


def _divides(region: list[Item], x: float) -> bool:
    """Whether columns stand on both sides of `x`: enough boxes, beside each other for most of their height."""
    left = [i for i in region if i.right <= x]
    right = [i for i in region if i.left >= x]
    if min(len(left), len(right)) < FEWEST:
        return False
    (a, b), (c, d) = _range(left), _range(right)
    if min(b, d) - max(a, c) < TOGETHER * min(b - a, d - c):
        return False
    # Two columns of text are about as wide; labels, numbers and what is set in the margin are not.
    return min(_median([i.right - i.left for i in side]) for side in (left, right)) > 3 * _median(
        [i.bottom - i.top for i in region]
    )


def _range(items: list[Item]) -> tuple[float, float]:
    return min(i.top for i in items), max(i.bottom for i in items)


def _stands_alone(item: Item, others: list[Item], height: float) -> bool:
    """Whether a box across a gutter is a headline: higher than the text, or with free space above or below it."""
    if item.bottom - item.top > 1.35 * height:
        return True
    above = max((o.bottom for o in others if o.middle < item.top), default=-math.inf)
    below = min((o.top for o in others if o.middle > item.bottom), default=math.inf)
    beside = any(o.top < item.middle < o.bottom for o in others)
    return not beside and (item.top - above > height or below - item.bottom > height)


def _rows(region: list[Item]) -> list[list[Item]]:
    """The lines of a column, from top to bottom, each from left to right."""
    rows: list[list[Item]] = []
    for item in sorted(region, key=lambda i: (i.middle, i.left)):
        for row in rows[-2:][::-1]:
            top, bottom = _range(row)
            shared = min(bottom, item.bottom) - max(top, item.top)
            free = all(item.left >= o.right - _reach(o) or item.right <= o.left + _reach(o) for o in row)
            if free and shared > 0.5 * min(bottom - top, item.bottom - item.top):
                row.append(item)
                break
        else:
            rows.append([item])
    for row in rows:
        row.sort(key=lambda i: (i.left, i.number))
    return rows


def _reach(item: Item) -> float:
    """How far boxes side by side may overlap."""
    return 0.5 * (item.bottom - item.top)


def _blocks(rows: list[list[Item]], height: float) -> list[list[list[int]]]:
    ranges = [_range(row) for row in rows]
    gaps = [below[0] - above[1] for above, below in pairwise(ranges)]
    usual = _median(gaps) if gaps else 0.0
    out: list[list[list[int]]] = []
    for k, row in enumerate(rows):
        if k == 0 or gaps[k - 1] > max(usual, 0.0) + BREAK * height:
            out.append([])
        out[-1].append([item.number for item in row])
    return out


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    n = len(ordered)
    return (ordered[n // 2] + ordered[(n - 1) // 2]) / 2 if n else 0.0
