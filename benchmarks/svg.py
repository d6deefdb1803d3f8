"""Curves as a plain SVG, for the benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 560, 320, 60, 90, 40
COLOURS = ("#0969da", "#1a7f37", "#cf222e", "#8250df")


def curves(
    path: Path,
    rows: Mapping[str, Sequence[tuple[float, float]]],
    x_label: str,
    y_label: str,
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
) -> None:
    """Write the curves of `rows`, by name, with axes from 0 to the largest value or tick."""
    most_x = max([*x_ticks, *(x for points in rows.values() for x, _ in points)])
    most_y = 1.05 * max([*y_ticks, *(y for points in rows.values() for _, y in points)])

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + x / most_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - 20)

    middle = HEIGHT / 2 + 50
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        "<style>text{font:12px sans-serif;fill:#59636e}path,circle{stroke-width:1.5;fill:none}</style>",
        f'<path stroke="#59636e" d="M{LEFT} 10V{HEIGHT - BOTTOM}H{WIDTH - 10}"/>',
        f'<text x="{WIDTH / 2 - 60}" y="{HEIGHT - 6}">{x_label}</text>',
        f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})">{y_label}</text>',
    ]
    out += [f'<text x="{at(x, 0)[0] - 8:.0f}" y="{HEIGHT - BOTTOM + 16}">{x:.0f}</text>' for x in x_ticks]
    out += [f'<text x="{LEFT - 34}" y="{at(0, y)[1] + 4:.0f}">{y:.0f}</text>' for y in y_ticks]
    for (name, points), colour in zip(rows.items(), COLOURS, strict=False):
        places = [at(x, y) for x, y in points]
        out.append(f'<path stroke="{colour}" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) + '"/>')
        out += [f'<circle stroke="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
        x, y = places[-1]
        out.append(f'<text x="{x + 8:.0f}" y="{y + 4:.0f}" style="fill:{colour}">{name}</text>')
    path.write_text("\n".join([*out, "</svg>"]) + "\n", encoding="utf-8")
