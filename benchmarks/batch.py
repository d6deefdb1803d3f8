"""Speed, sharing and memory of ``repair clean`` over large files and many small ones.

    python benchmarks/batch.py news.txt.xz                       # 10 and 100 MB, 2,000 small files
    python benchmarks/batch.py news.txt.xz --sizes 10 100 1000 --files 10000

The corpus is text, a paragraph a line. For each size a plain text file and a JSONL file with the same paragraphs are
repaired by one process and by two; of the processor seconds those of all processes count, of memory the highest sum
over all processes, with what they share counted once (PSS).
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Run(NamedTuple):
    seconds: float
    processor: float
    memory: float  # MB


def paragraphs(corpus: Path) -> Iterator[str]:
    """The corpus, over and over."""
    while True:
        with lzma.open(corpus) if corpus.suffix == ".xz" else open(corpus, "rb") as data:
            file = io.TextIOWrapper(data, "utf-8")  # type: ignore[arg-type]
            yield from (line for line in file if line.strip())


def made(folder: Path, corpus: Path, kind: str, size: int) -> tuple[Path, int]:
    """A file of `size` MB and its characters."""
    path = folder / f"{size}.{kind}"
    done = characters = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        for number, text in enumerate(paragraphs(corpus)):
            row = (
                text
                if kind == "txt"
                else json.dumps({"id": number, "text": text.rstrip("\n")}, ensure_ascii=False) + "\n"
            )
            file.write(row)
            done += len(row.encode())
            characters += len(text)
            if done >= size * 1_000_000:
                return path, characters
    raise AssertionError


def small_files(folder: Path, corpus: Path, count: int) -> tuple[Path, int]:
    where = folder / "small"
    characters = 0
    for number, text in zip(range(count), paragraphs(corpus), strict=False):
        path = where / f"{number % 100:02}" / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        characters += len(text)
    return where, characters


def family(pid: int) -> list[int]:
    out = [pid]
    for one in out:
        try:
            out += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
    return out


def memory(pid: int) -> float:
    total = 0
    for one in family(pid):
        try:
            rows = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
    return total / 1000


def run(source: Path, out: Path, workers: int) -> Run:
    shutil.rmtree(out, ignore_errors=True)
    began, before = time.monotonic(), os.times()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "repair", "clean", str(source), "-o", f"{out}/", "-q", "--log", f"{out}.log"]
    # Not from here: Python would take the program from the current folder first.
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], env=environment, cwd=source.parent, stderr=subprocess.DEVNULL
    )
    most = 0.0
    while process.poll() is None:
        most = max(most, memory(process.pid))
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"{source}: status {process.returncode}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(time.monotonic() - began, used, most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100], metavar="MB")
    parser.add_argument("--kinds", nargs="*", default=["txt", "jsonl"])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    args = parser.parse_args()
    print("| input | characters | processes | seconds | processor seconds | characters/s and core | memory, MB |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = [(f"{size} MB .{kind}", kind, size) for size in args.sizes for kind in args.kinds]
        if args.files:
            inputs.append((f"{args.files:,} files", "", 0))
        for label, kind, size in inputs:
            source, characters = (
                made(folder, args.corpus, kind, size) if kind else small_files(folder, args.corpus, args.files)
            )
            for workers in args.workers:
                r = run(source, folder / "out", workers)
                speed = characters / r.processor
                print(
                    f"| {label} | {characters:,} | {workers} | {r.seconds:.1f} | {r.processor:.1f} "
                    f"| {speed:,.0f} | {r.memory:,.0f} |",
                    flush=True,
                )
            if kind:
                source.unlink()


if __name__ == "__main__":
    main()
