"""Plots as SVG: pure functions from figures to strings.

Nothing in them needs a script or a style attribute. Shapes have classes for a style sheet to colour and presentation
attributes that do without one; series differ in fill and outline too, and every figure is written out. Labels may
come from anybody: they are made visible and escaped.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from repair.diff import visible

WIDTH = 540
_LABEL, _VALUE = 160, 60
_ROW, _TOP, _BOTTOM = 20, 26, 44
_WIDE, _NARROW = 12.0, 6.6
"""Pixels of a Chinese character and of a Latin one, as far as layout has to know."""

# Full, framed, framed with dashes: told apart without colour.
_FILLS = (
    'class="s0" fill="currentColor"',
    'class="s1" fill="currentColor" fill-opacity="0.25" stroke="currentColor"',
    'class="s2" fill="none" stroke="currentColor" stroke-dasharray="3 2"',
)


class Bar(NamedTuple):
    """A row of `bars`: its values, one for each series, stacked; `note` stands behind it."""

    label: str
    values: tuple[float, ...]
    note: str = ""


class Point(NamedTuple):
    """Corrections of about one confidence: the mean stated, how many of how many were right."""

    stated: float
    right: int
    of: int


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a share, at 95 % unless `z` says otherwise."""
    if of <= 0:
        return 0.0, 1.0
    share, extra = right / of, z * z / of
    middle = (share + extra / 2) / (1 + extra)
    reach = z / (1 + extra) * math.sqrt(share * (1 - share) / of + extra / (4 * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def points(outcomes: Iterable[tuple[float, bool]], bins: int = 10) -> list[Point]:
    """Stated confidences and whether each was right, in bins of equal width; empty ones are left out."""
    sums, right, of = [0.0] * bins, [0] * bins, [0] * bins
    for stated, good in outcomes:
        k = _bin(stated, bins)
        sums[k] += stated
        right[k] += good
        of[k] += 1
    return [Point(sums[k] / of[k], right[k], of[k]) for k in range(bins) if of[k]]


def binned(values: Iterable[tuple[float, int]], series: int, bins: int = 20) -> list[tuple[int, ...]]:
    """How many of each series lie in each of `bins` equal parts of 0 to 1, from pairs of value and series."""
    counts = [[0] * series for _ in range(bins)]
    for value, k in values:
        counts[_bin(value, bins)][k] += 1
    return [tuple(row) for row in counts]


def _bin(value: float, bins: int) -> int:
    # Confidences have four digits; 0.15 * 20 must not fall short of 3.
    return min(bins - 1, max(0, int(value * bins + 1e-9)))


def bars(rows: Sequence[Bar], legend: Sequence[str], *, title: str) -> str:
    """Horizontal bars, one below the other, the series of each stacked."""
    top = _TOP if len(legend) > 1 else 4
    height = top + _ROW * len(rows) + 6
    most = max((sum(row.values) for row in rows), default=0) or 1
    room = WIDTH - _LABEL - _VALUE
    out = list(_legend(legend)) if len(legend) > 1 else []
    for number, row in enumerate(rows):
        y = top + _ROW * number
        out.append(_text(_LABEL - 8, y + 14, _clipped(row.label, _LABEL - 12), "end", row.label))
        x = float(_LABEL)
        for k, value in enumerate(row.values):
            if value > 0:
                width = max(1.0, value / most * room)
                out.append(f'<rect {_FILLS[k % 3]} x="{_n(x)}" y="{y + 4}" width="{_n(width)}" height="{_ROW - 7}"/>')
                x += width
        out.append(_text(min(x, WIDTH - _VALUE) + 6, y + 14, row.note, "start"))
    return _svg(out, height, title)


def histogram(counts: Sequence[tuple[int, ...]], legend: Sequence[str], *, title: str, x: str) -> str:
    """Upright bars over 0 to 1, the series of each stacked, with their sums on top."""
    height, left, right = 230, 16, WIDTH - 16
    floor = height - _BOTTOM
    most = max((sum(row) for row in counts), default=0) or 1
    step = (right - left) / max(1, len(counts))
    out = [*_legend(legend), _line(left, floor, right, floor)]
    for number, row in enumerate(counts):
        y = float(floor)
        for k, value in enumerate(row):
            if value > 0:
                tall = max(1.0, value / most * (floor - _TOP - 18))
                y -= tall
                place = f'x="{_n(left + number * step + 2)}" y="{_n(y)}" width="{_n(step - 4)}" height="{_n(tall)}"'
                out.append(f"<rect {_FILLS[k % 3]} {place}/>")
        if sum(row):
            out.append(_text(left + (number + 0.5) * step, y - 4, str(sum(row)), "middle", size=10))
    for tick in range(6):
        at = left + (right - left) * tick / 5
        out += [_line(at, floor, at, floor + 4), _text(at, floor + 18, f"{tick / 5:.1f}", "middle")]
    out.append(_text((left + right) / 2, height - 6, x, "middle"))
    return _svg(out, height, title)


def reliability(given: Sequence[Point], *, title: str, x: str, y: str) -> str:
    """Share that was right against confidence stated, with Wilson's intervals; on the diagonal both agree."""
    size, left, top = 240, 44, 24
    floor = top + size
    height = floor + _BOTTOM

    def across(value: float) -> float:
        return left + size * value

    def up(value: float) -> float:
        return floor - size * value

    out = [f'<rect class="frame" x="{left}" y="{top}" width="{size}" height="{size}" fill="none" stroke="#888"/>']
    out.append(_line(left, floor, left + size, top, "even", ' stroke-dasharray="5 4"'))
    for tick in range(6):
        share = tick / 5
        out += [
            _text(across(share), floor + 18, f"{share:.1f}", "middle"),
            _text(left - 8, up(share) + 4, f"{share:.0%}", "end"),
        ]
    for point in given:
        lo, hi = wilson(point.right, point.of)
        at, share = across(point.stated), point.right / point.of
        out += [
            _line(at, up(lo), at, up(hi), "range", ' stroke-width="2"'),
            f'<circle class="s0" cx="{_n(at)}" cy="{_n(up(share))}" r="4" fill="currentColor"/>',
        ]
    out.append(_text(left + size / 2, height - 6, x, "middle"))
    out.append(_text(4, top - 10, y, "start"))
    # The same in figures, where there is room beside the square.
    column = left + size + 24
    for number, point in enumerate(given):
        lo, hi = wilson(point.right, point.of)
        line = f"{point.stated:.2f} → {point.right / point.of:.0%}  ({point.right}/{point.of}; {lo:.0%}–{hi:.0%})"
        out.append(_text(column, top + 18 + 20 * number, line, "start"))
    return _svg(out, height, title)


def _legend(legend: Sequence[str]) -> Iterator[str]:
    x = float(_LABEL)
    for k, label in enumerate(legend):
        yield f'<rect {_FILLS[k % 3]} x="{_n(x)}" y="5" width="12" height="11"/>'
        yield _text(x + 18, 15, label, "start")
        x += 18 + _width(label) + 22


def _svg(parts: Iterable[str], height: float, title: str) -> str:
    name = escape(visible(title))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_n(height)}" width="{WIDTH}" '
        f'height="{_n(height)}" role="img" aria-label="{name}" font-size="12">\n<title>{name}</title>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, full: str = "", size: int = 0) -> str:
    tip = f"<title>{escape(visible(full))}</title>" if full and full != text else ""
    place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"' + (f' font-size="{size}"' if size else "")
    return f'<text {place} fill="currentColor">{escape(visible(text))}{tip}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str = "frame", extra: str = "") -> str:
    ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    return f'<line class="{kind}" {ends} stroke="#888"{extra}/>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _width(text: str) -> float:
    return sum(_WIDE if unicodedata.east_asian_width(ch) in "WFA" else _NARROW for ch in text)


def _clipped(text: str, room: float) -> str:
    """`text` on one line, its middle left out where it is too long: names differ at their ends."""
    text = visible(text[:1000])
    if _width(text) <= room:
        return text
    head = tail = 0
    room -= _WIDE
    while head + tail < len(text):
        ch = text[head] if head <= tail else text[len(text) - 1 - tail]
        room -= _width(ch)
        if room < 0:
            break
        head, tail = (head + 1, tail) if head <= tail else (head, tail + 1)
    return f"{text[:head]}…{text[len(text) - tail :]}"
