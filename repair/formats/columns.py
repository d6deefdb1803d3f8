"""Reading order of boxes that have none: columns, lines, blocks.

Engines without layout analysis give the boxes of a page from top to bottom, straight across its columns. Here a
region is cut where a gutter runs through it from top to bottom (a few boxes may lie across: headlines, and lines of
two columns that the engine took for one), each column by itself again, and else into lines by height.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
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
CANDIDATES = 16
"""Gutters that are looked at closely."""
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
    headings = _headlines(across, rest, height)
    own = {i.number for i in headings}
    left = [i for i in rest if i.right <= gutter] + [i for i in across if i.number not in own]
    right = [i for i in rest if i.left >= gutter]
    edges = [i.middle for i in headings]
    bands: list[list[Item]] = [[] for _ in range(3 * len(headings) + 2)]
    for side, items in enumerate((left, right)):
        for item in items:
            bands[3 * bisect_right(edges, item.middle) + side].append(item)
    for k, heading in enumerate(headings):
        bands[3 * k + 2].append(heading)
    return [band for band in bands if band]


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
    found: list[tuple[int, float, float]] = []
    covering = 0
    for (x, step), (following, _) in pairwise(events):
        covering += step
        if covering <= allowed and following - x >= GUTTER * height:
            found.append((covering, x - following, (x + following) / 2))
    found.sort()
    return next((middle for _, _, middle in found[:CANDIDATES] if _divides(region, middle)), None)


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


def _headlines(across: list[Item], others: list[Item], height: float) -> list[Item]:
    """Those boxes across a gutter that are headlines: higher than the text, or with free space above or below them."""
    ordered = sorted(others, key=lambda o: o.middle)
    middles = [o.middle for o in ordered]
    lowest = list(accumulate((o.bottom for o in ordered), max, initial=-math.inf))
    highest = list(accumulate((o.top for o in reversed(ordered)), min, initial=math.inf))
    tops, bottoms = sorted(o.top for o in others), sorted(o.bottom for o in others)
    out = []
    for item in across:
        above = lowest[bisect_left(middles, item.top)]
        below = highest[len(middles) - bisect_right(middles, item.bottom)]
        beside = bisect_left(tops, item.middle) > bisect_right(bottoms, item.middle)
        alone = not beside and (item.top - above > height or below - item.bottom > height)
        if alone or item.bottom - item.top > 1.35 * height:
            out.append(item)
    return out


class _Row:
    """A line of a column in the making; its boxes stand side by side."""

    def __init__(self, item: Item) -> None:
        self.top, self.bottom, self.items = item.top, item.bottom, [item]

    def takes(self, item: Item) -> bool:
        """Add `item` if it is about as high on the page and beside the others."""
        shared = min(self.bottom, item.bottom) - max(self.top, item.top)
        if shared <= 0.5 * min(self.bottom - self.top, item.bottom - item.top):
            return False
        at = bisect_right(self.items, item)
        if at and self.items[at - 1].right - _reach(self.items[at - 1]) > item.left:
            return False
        if at < len(self.items) and item.right - _reach(item) > self.items[at].left:
            return False
        self.items.insert(at, item)
        self.top, self.bottom = min(self.top, item.top), max(self.bottom, item.bottom)
        return True


def _rows(region: list[Item]) -> list[list[Item]]:
    """The lines of a column, from top to bottom, each from left to right."""
    rows: list[_Row] = []
    for item in sorted(region, key=lambda i: (i.middle, i.left)):
        if not any(row.takes(item) for row in rows[-2:][::-1]):
            rows.append(_Row(item))
    return [row.items for row in rows]


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
