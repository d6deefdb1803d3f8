"""Speed, memory and linearity.

    python benchmarks/speed.py CLEAN.txt PAGES [--long LONG.txt] [--plot docs/linear.svg] [--quick]

CLEAN.txt: clean text; PAGES: folder of OCR pages with raw.txt. Ratios matter, seconds depend on the machine: every
speed is given beside jieba's own cutting of the same text in the same process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from svg import curves

import repair


def seconds(run: object, *args: object) -> float:
    """Processor seconds of one call: the least disturbed figure on a shared machine."""
    start = time.process_time()
    run(*args)  # type: ignore[operator]
    return time.process_time() - start


def jieba_speed(text: str) -> float:
    import jieba

    jieba.setLogLevel(60)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    list(tokenizer.cut(text[:2000]))
    return len(text) / min(seconds(lambda: list(tokenizer.cut(text))) for _ in range(3))


def compare(name: str, texts: list[str]) -> None:
    size = sum(map(len, texts))
    for text in texts[:3]:
        repair.clean(text)
    ours = size / min(seconds(lambda: [repair.clean(text) for text in texts]) for _ in range(2))
    theirs = jieba_speed("\n".join(texts))
    print(f"{name}: {size} characters; repair {ours:,.0f}/s, jieba's cut {theirs:,.0f}/s, ratio {ours / theirs:.3f}")


def cold(page: str) -> None:
    """Wall time and peak memory of the command in a fresh process, best of five."""
    command = [sys.executable, "-m", "repair", "clean", page, "-q"]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - start
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import repair"], check=True)
    imported = time.perf_counter() - start
    print(f"cold: repair clean of a page {min(times):.2f} s (median {sorted(times)[2]:.2f}), peak memory {peak:.0f} MB")
    print(f"cold: import repair {imported - bare:.3f} s on top of Python's {bare:.3f} s")


def linear(text: str, sizes: list[int]) -> list[tuple[int, float]]:
    """Processor seconds for single lines of growing length (UTF-8 bytes)."""
    line = "".join(text.split())
    rows = []
    for size in sizes:
        count = size // 3
        part = (line * (count // len(line) + 1))[:count]
        rows.append((len(part.encode()), seconds(repair.clean, part)))
        print(
            f"one line of {rows[-1][0] / 1e6:.2f} MB: {rows[-1][1]:.2f} s, {count / rows[-1][1]:,.0f} characters/s",
            flush=True,
        )
    return rows


def plot(rows: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """A plain SVG of seconds by megabytes."""
    megabytes = {name: [(x / 1e6, y) for x, y in points] for name, points in rows.items()}
    most_x = max(x for points in megabytes.values() for x, _ in points)
    most_y = max(y for points in megabytes.values() for _, y in points)
    ticks = [[most * k / 5 for k in range(6)] for most in (most_x, most_y)]
    curves(path, megabytes, "length of the line, MB", "processor seconds", *ticks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", type=Path)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--long", type=Path, help="more clean text, 10 MB at least, for the long lines")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--quick", action="store_true")
    a = parser.parse_args()
    cold(str(Path(__file__).resolve().parent.parent / "fixtures/page/page.md"))
    text = a.clean.read_text(encoding="utf-8")
    compare("clean news, one document", [text])
    compare("clean news, a paragraph a document", text.split("\n"))
    pages = [p.read_text(encoding="utf-8") for p in sorted(a.pages.rglob("raw.txt"))[::20]]
    compare("OCR pages", pages)
    sizes = [1 << k for k in range(18, 21 if a.quick else 24)] + ([] if a.quick else [10_000_000])
    long = a.long.read_text(encoding="utf-8")[:4_000_000] if a.long else text
    rows = {"clean news": linear(long, sorted(set(sizes)))}
    damaged = "\n".join(p.read_text(encoding="utf-8") for p in sorted(a.pages.rglob("raw.txt")))
    rows["OCR pages"] = linear(damaged, [size for size in sorted(set(sizes)) if size <= 2_100_000])
    if a.plot:
        plot(rows, a.plot)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
