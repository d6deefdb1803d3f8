"""Time and memory of books of 125, 250 and 500 pages, with and without a second reading; draws docs/book.svg.

    python benchmarks/book.py TEXT [--svg docs/book.svg]

TEXT: clean text, a paragraph a line. It is set in lines and pages with a running head and a page number, one character
in fifty is taken for a similar one, in the second reading others. No page is like another, so that nothing found on one
saves work on the next. Each book is repaired in a new process;
memory is the peak of its resident set, with the language model that it maps.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from repair.language.resources import default_resources

SIZES = (125, 250, 500)


def book(text: Path, pages: int) -> tuple[str, str]:
    """A book of so many pages, and another reading of it."""
    near = default_resources().near
    rng = random.Random(pages)
    readings: list[list[str]] = [[], []]
    with text.open(encoding="utf-8") as file:
        lines = (line[k : k + 26] for line in file if len(line) > 60 for k in range(0, len(line.strip()), 26))
        for number in range(pages):
            rows = [row.strip() for row in itertools.islice(lines, 22)]
            for reading in readings:
                worn = []
                for row in rows:
                    codes, _ = near.candidates(np.array([ord(ch) for ch in row], np.int64))
                    kinds = [int(few[rng.randrange(6)]) if rng.random() < 0.02 else 0 for few in codes]
                    worn.append("".join(chr(code) if code else ch for ch, code in zip(row, kinds, strict=True)))
                reading.append("\n".join(["新编地方史料", *worn, f"— {number + 10} —"]) + "\n")
    return "\f".join(readings[0]), "\f".join(readings[1])


def run(source: Path, pages: int, witness: bool) -> None:
    """Repairs one book and prints characters, seconds and megabytes."""
    import repair

    text, other = book(source, pages)
    began = time.process_time()
    repair.clean(text, witnesses=(other,) if witness else ())
    seconds = time.process_time() - began
    print(len(text), f"{seconds:.2f}", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def picture(rows: dict[bool, list[tuple[int, float, float]]]) -> str:
    """Seconds and memory by pages as two small charts."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 260" font-family="sans-serif" font-size="12">',
        "<title>Time and memory of books of 125, 250 and 500 pages</title>",
        '<rect width="640" height="260" fill="#fff"/>',
    ]
    for chart, (name, column) in enumerate((("processor seconds", 1), ("peak memory, MB", 2))):
        left, top, wide, high = 50 + 320 * chart, 40, 230, 170
        most = max(row[column] for some in rows.values() for row in some) * 1.1
        parts.append(f'<text x="{left}" y="22" font-weight="bold">{name}</text>')
        parts.append(f'<path d="M{left} {top}V{top + high}H{left + wide}" fill="none" stroke="#888"/>')
        for size in SIZES:
            x = left + wide * size / SIZES[-1]
            parts.append(f'<text x="{x:.0f}" y="{top + high + 16}" text-anchor="middle">{size}</text>')
        parts.append(f'<text x="{left + wide / 2:.0f}" y="{top + high + 34}" text-anchor="middle">pages</text>')
        for witness, some in rows.items():
            colour = "#b3261e" if witness else "#1f5fa8"
            points = [
                (left + wide * p / SIZES[-1], top + high * (1 - row / most))
                for p, row in ((r[0], r[column]) for r in some)
            ]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            for (x, y), row in zip(points, some, strict=True):
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
                shown = f"{row[column]:.0f}"
                parts.append(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="end" fill="{colour}">{shown}</text>')
    parts.append('<text x="360" y="250" fill="#1f5fa8">one reading</text>')
    parts.append('<text x="460" y="250" fill="#b3261e">with a second reading</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--svg", type=Path, default=Path("docs/book.svg"))
    parser.add_argument("--run", type=int, help="repair one book of so many pages, in this process")
    parser.add_argument("--witness", action="store_true")
    a = parser.parse_args()
    if a.run:
        run(a.text, a.run, a.witness)
        return
    rows: dict[bool, list[tuple[int, float, float]]] = {False: [], True: []}
    for witness in rows:
        for pages in SIZES:
            command = [sys.executable, __file__, str(a.text), "--run", str(pages), *(["--witness"] if witness else [])]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            characters, seconds, memory = (float(part) for part in done.stdout.split())
            rows[witness].append((pages, seconds, memory))
            what = "with a second reading" if witness else "one reading"
            print(f"{pages} pages, {what}: {characters:.0f} characters, {seconds:.1f} s, {memory:.0f} MB", flush=True)
    a.svg.write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
