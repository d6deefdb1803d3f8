"""Time and memory of books of 125, 250 and 500 pages, with and without a second reading; draws docs/book.svg.

    python benchmarks/book.py DOCS [--svg docs/book.svg]

DOCS: folder of chapters, <engine>/<level>/<unit>/raw.txt; a book is chapters of RapidOCR one after the other, again
from the first when they are used up, the witness the same by Tesseract. Each book is repaired in a new process;
memory is the peak of its resident set, with the language model that it maps.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

SIZES = (125, 250, 500)


def book(docs: Path, pages: int) -> tuple[str, str]:
    """A book of so many pages, and the other engine's reading of it."""
    both = []
    for path in sorted(docs.glob("rapidocr/*/*/raw.txt")):
        other = docs / "tesseract" / path.relative_to(docs / "rapidocr")
        if other.exists():
            mine, theirs = (p.read_text(encoding="utf-8").rstrip("\f").split("\f") for p in (path, other))
            if len(mine) == len(theirs):
                both += zip(mine, theirs, strict=True)
    chosen = [both[k % len(both)] for k in range(pages)]
    return "\f".join(mine for mine, _ in chosen), "\f".join(theirs for _, theirs in chosen)


def run(docs: Path, pages: int, witness: bool) -> None:
    """Repairs one book and prints characters, seconds and megabytes."""
    import repair

    text, other = book(docs, pages)
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
    parser.add_argument("docs", type=Path)
    parser.add_argument("--svg", type=Path, default=Path("docs/book.svg"))
    parser.add_argument("--run", type=int, help="repair one book of so many pages, in this process")
    parser.add_argument("--witness", action="store_true")
    a = parser.parse_args()
    if a.run:
        run(a.docs, a.run, a.witness)
        return
    rows: dict[bool, list[tuple[int, float, float]]] = {False: [], True: []}
    for witness in rows:
        for pages in SIZES:
            command = [sys.executable, __file__, str(a.docs), "--run", str(pages), *(["--witness"] if witness else [])]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            characters, seconds, memory = (float(part) for part in done.stdout.split())
            rows[witness].append((pages, seconds, memory))
            what = "with a second reading" if witness else "one reading"
            print(f"{pages} pages, {what}: {characters:.0f} characters, {seconds:.1f} s, {memory:.0f} MB", flush=True)
    a.svg.write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
