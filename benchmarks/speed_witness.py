"""Speed of laying a witness beside a text: alignment by itself, and the whole repair with and without one.

    python benchmarks/speed_witness.py TEXT [--pages PAGES] [--errors 0.05] [--repair]

TEXT: clean text of at least a million characters (shorter text is repeated in part), from which two readings are made
with errors of their own: other characters, specks, characters dropped, a line missed here and there. PAGES: folder of
OCR pages, ENGINE/SEVERITY/PAGE with raw.txt.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from pathlib import Path

import numpy as np
from data import pages

import repair
from repair.align import align, solid


def reading(text: str, errors: float, rng: random.Random) -> str:
    """`text` as an engine may read it, with that share of errors and one line in two hundred missed."""
    out = []
    for start in range(0, len(text), 40):
        if rng.random() < 0.005:
            continue
        for ch in text[start : start + 40]:
            chance = rng.random()
            if chance < 0.6 * errors:
                out.append(rng.choice(text))
            elif chance < 0.8 * errors:
                out.append(ch + rng.choice("，。一二-"))
            elif chance > errors:
                out.append(ch)
        out.append("\n")
    return "".join(out)


def alignment(text: str, errors: float) -> None:
    rng = random.Random(1)
    for size in (50_000, 100_000, 200_000, 400_000, 800_000):
        part = (text * (size // len(text) + 1))[:size]
        one, other = (solid(reading(part, errors, rng)).codes for _ in range(2))
        start = time.process_time()
        partner = align(one, other)
        used = time.process_time() - start
        paired = np.flatnonzero(partner >= 0)
        equal = float((one[paired] == other[partner[paired]]).mean())
        print(
            f"align {size} characters: {used:.2f} s, {size / used:,.0f}/s; {len(paired) / len(one):.4f} paired, of them"
            f" {equal:.4f} alike; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB",
            flush=True,
        )


def repairs(text: str, errors: float) -> None:
    rng = random.Random(2)
    for size in (25_000, 50_000, 100_000):
        part = (text * (size // len(text) + 1))[:size]
        one, other = reading(part, errors, rng), reading(part, errors, rng)
        times = []
        for witnesses in ([], [other]):
            start = time.process_time()
            repair.clean(one, witnesses=witnesses)
            times.append(time.process_time() - start)
        print(f"repair {size} characters: {times[0]:.1f} s alone, {times[1]:.1f} s with a witness", flush=True)


def page_speed(folder: Path) -> None:
    by_name: dict[str, list[str]] = {}
    for page in pages(folder):
        by_name.setdefault(page.name.split("/", 1)[1], []).append(page.raw)
    pairs = [same[:2] for same in by_name.values() if len(same) > 1]
    size = sum(len(one) for one, _ in pairs)
    for one, other in pairs[:3]:
        repair.clean(one, witnesses=[other])
    for name, with_witness in (("alone", False), ("with a witness", True)):
        start = time.process_time()
        for one, other in pairs:
            repair.clean(one, witnesses=[other] if with_witness else [])
        print(f"{len(pairs)} pages {name}: {size / (time.process_time() - start):,.0f} characters/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--errors", type=float, default=0.05)
    parser.add_argument("--repair", action="store_true", help="repair long texts as well")
    a = parser.parse_args()
    text = "".join(a.text.read_text(encoding="utf-8").split())
    alignment(text, a.errors)
    if a.pages:
        page_speed(a.pages)
    if a.repair:
        repairs(text, a.errors)


if __name__ == "__main__":
    main()
