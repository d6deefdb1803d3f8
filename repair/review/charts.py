"""Plots as SVG: pure functions from numbers to strings, escaped and free of styles and scripts.

Colours are attributes, so that a plot stands alone; where a page has CSS for its classes that wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import NamedTuple

from .plots import Point, wilson
from .shown import plain

COLOURS = {
    "accepted": "#2f7d5b",
    "edited": "#3b6fb0",
    "rejected": "#b3503f",
    "conflict": "#8a4fa3",
    "open": "#c9a24a",
    "applied": "#9aa3ad",
}
_INK, _FAINT, _GRID = "#333", "#777", "#ddd"
_ROW, _LEFT, _RIGHT = 26, 190, 56


class Bar(NamedTuple):
    """A bar in pieces: `counts` belong to the series of the plot, in order."""

    name: str
    counts: tuple[int, ...]


def stacked(rows: Sequence[Bar], series: Sequence[tuple[str, str]], title: str, width: int = 640) -> str:
    """Horizontal bars in pieces. `series`: key (of `COLOURS`, and the class) and name of each piece."""
    most = max((sum(row.counts) for row in rows), default=0) or 1
    height = _ROW * len(rows) + 8
    inner = width - _LEFT - _RIGHT
    out = [_opening(width, height, title)]
    for k, row in enumerate(rows):
        y = 4 + _ROW * k
        name = escape(plain(row.name, 24))
        out.append(
            f'<text class="ink" x="{_LEFT - 10}" y="{y + 16}" text-anchor="end" font-size="13" '
            f'fill="{_INK}">{name}</text>'
        )
        x = float(_LEFT)
        for (key, called), n in zip(series, row.counts, strict=True):
            if not n:
                continue
            w = inner * n / most
            tip = escape(f"{plain(row.name, 40)} · {called}: {n}")
            out.append(
                f'<rect class="bar {escape(key)}" x="{x:.1f}" y="{y + 3}" width="{max(w - 1, 0.8):.1f}" height="18" '
                f'fill="{COLOURS.get(key, _FAINT)}"><title>{tip}</title></rect>'
            )
            if w > 9 * len(str(n)) + 6:
                out.append(
                    f'<text class="on" x="{x + w / 2:.1f}" y="{y + 16.5}" text-anchor="middle" font-size="11" '
                    f'fill="#fff">{n}</text>'
                )
            x += w
        out.append(
            f'<text class="faint" x="{x + 6:.1f}" y="{y + 16.5}" font-size="12" '
            f'fill="{_FAINT}">{sum(row.counts)}</text>'
        )
    return "".join(out) + "</svg>"


def calibration(found: Sequence[Point], title: str, stated: str, observed: str, size: int = 380) -> str:
    """Share of right ones over stated confidence, with Wilson's intervals; the dashed line is where both agree."""
    left, bottom, top, right = 52, 44, 14, 26
    side = size - left - right

    def x(value: float) -> float:
        return left + side * value

    def y(value: float) -> float:
        return size - bottom - (size - bottom - top) * value

    out = [_opening(size, size, title)]
    for k in range(0, 11, 2):
        v = k / 10
        out.append(
            f'<line class="rule" x1="{x(0):.1f}" y1="{y(v):.1f}" x2="{x(1):.1f}" y2="{y(v):.1f}" stroke="{_GRID}"/>'
            f'<text class="faint" x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end" font-size="11" '
            f'fill="{_FAINT}">{k * 10}%</text>'
            f'<text class="faint" x="{x(v):.1f}" y="{size - bottom + 16}" text-anchor="middle" font-size="11" '
            f'fill="{_FAINT}">{k * 10}%</text>'
        )
    out.append(
        f'<line class="ideal" x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(1):.1f}" y2="{y(1):.1f}" stroke="{_FAINT}" '
        'stroke-dasharray="5 4"/>'
    )
    points = []
    for b in found:
        low, high = wilson(b.right, b.of)
        share = b.right / b.of
        points.append(f"{x(b.stated):.1f},{y(share):.1f}")
        tip = escape(f"{stated} {b.stated:.0%} · {observed} {b.right}/{b.of} = {share:.0%} [{low:.0%}, {high:.0%}]")
        radius = 3 + min(5.0, sqrt(b.of) / 4)
        out.append(
            f'<g class="point"><title>{tip}</title>'
            f'<path class="interval" d="M{x(b.stated):.1f} {y(low):.1f}V{y(high):.1f}'
            f"M{x(b.stated) - 4:.1f} {y(low):.1f}h8"
            f'M{x(b.stated) - 4:.1f} {y(high):.1f}h8" stroke="{COLOURS["edited"]}" fill="none"/>'
            f'<circle class="mean" cx="{x(b.stated):.1f}" cy="{y(share):.1f}" r="{radius:.1f}" '
            f'fill="{COLOURS["edited"]}"/></g>'
        )
    if len(points) > 1:
        out.append(
            f'<polyline class="line" points="{" ".join(points)}" fill="none" stroke="{COLOURS["edited"]}" '
            'stroke-opacity="0.5"/>'
        )
    out.append(
        f'<text class="ink" x="{x(0.5):.1f}" y="{size - 8}" text-anchor="middle" font-size="12" fill="{_INK}">'
        f"{escape(stated)}</text>"
        f'<text class="ink" x="14" y="{y(0.5):.1f}" text-anchor="middle" font-size="12" fill="{_INK}" '
        f'transform="rotate(-90 14 {y(0.5):.1f})">{escape(observed)}</text>'
    )
    return "".join(out) + "</svg>"


def _opening(width: int, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="sans-serif"><title>{escape(plain(title))}</title>'
    )
