"""Counts what engines drop, read without cause and read as two on OCR pages, for ``dictionaries/slips.tsv``.

    python benchmarks/build_slips.py PAGES... [-o dictionaries/slips.tsv]

PAGES: folders of pages with raw.txt, truth.txt and meta.json; of the development pages only even units are used.
Running heads and page numbers (``header_lines`` of the meta data) are left out. Rates are smoothed towards those
of all signs or all Hanzi in the same place of a line.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from pathlib import Path

from data import pages, part
from rapidfuzz.distance import Levenshtein

from repair.filters.decoded import is_hanzi
from repair.language.slips import FIRST, INSIDE, LAST, PLACES

WORST = 0.4
SYNTHETIC = 100_000
"""Units from here on are made for the purpose: all are used."""
MARKS = "，。、：；？！“”‘’《》（）—…·"
LEAST_SPLIT = 3


def read_lines(raw: str, heads: list[str]) -> tuple[str, list[int]]:
    """The characters of a page without white space and where in its line each stands; `heads` are left out."""
    text, places = [], []
    heads = list(heads)
    for line in raw.split("\n"):
        if line in heads:
            heads.remove(line)
            continue
        solid = [ch for ch in line if not ch.isspace()]
        for i, ch in enumerate(solid):
            text.append(ch)
            places.append(LAST if i == len(solid) - 1 and i else FIRST if i == 0 else INSIDE)
    return "".join(text), places


class Tally:
    """Counts over all pages."""

    def __init__(self) -> None:
        self.read: Counter[tuple[str, int]] = Counter()
        self.spurious: Counter[tuple[str, int]] = Counter()
        self.printed: Counter[tuple[str, bool]] = Counter()
        self.dropped: Counter[tuple[str, bool]] = Counter()
        self.split: Counter[tuple[str, str]] = Counter()

    def add(self, raw: str, places: list[int], truth: str) -> None:
        operations = Levenshtein.editops(raw, truth)
        if len(operations) > WORST * len(truth):
            return
        self.read.update(zip(raw, places, strict=True))
        blocks: list[list[int]] = []
        for tag, at, to in operations.as_list():
            if blocks and at <= blocks[-1][1] and to <= blocks[-1][3]:
                block = blocks[-1]
            else:
                block = [at, at, to, to]
                blocks.append(block)
            block[1] = max(block[1], at + (tag != "insert"))
            block[3] = max(block[3], to + (tag != "delete"))
        for lo, hi, low, high in blocks:
            if hi - lo == 2 and high - low == 1:
                self.split[raw[lo:hi], truth[low:high]] += 1
        last = [False] * len(truth)
        for tag, lo, hi, low, high in Levenshtein.opcodes(raw, truth).as_list():
            if tag == "delete":
                self.spurious.update((raw[k], places[k]) for k in range(lo, hi))
            elif tag == "insert":
                # A whole line that was not read says nothing about its characters.
                at_end = lo > 0 and places[lo - 1] == LAST
                if high - low <= 3:
                    self.dropped.update((ch, at_end) for ch in truth[low:high])
                last[high - 1] = at_end
            else:
                for k in range(min(hi - lo, high - low)):
                    last[low + k] = places[lo + k] == LAST
        self.printed.update(zip(truth, last, strict=True))

    def rows(self) -> list[list[str]]:
        out = []
        for place, name in enumerate(PLACES):
            for kind, wanted in (("sign", False), ("Hanzi", True)):
                read = {ch: n for (ch, p), n in self.read.items() if p == place and is_hanzi(ch) == wanted}
                gone = {ch: self.spurious[ch, place] for ch in read}
                rate = (sum(gone.values()) + 0.5) / (sum(read.values()) + 1)
                out.append(["spurious", kind, name, f"{math.log10(rate):.3f}"])
                strength = 50 if wanted else 4
                for ch in sorted(read):
                    if read[ch] >= (30 if wanted else 3):
                        log = math.log10((gone[ch] + strength * rate) / (read[ch] + strength))
                        out.append(["spurious", ch, name, f"{log:.3f}"])
        for ch in MARKS:
            for at_end, name in ((False, "inside"), (True, "last")):
                share = (self.dropped[ch, at_end] + 0.5) / (self.printed[ch, at_end] + 25)
                out.append(["dropped", ch, name, f"{math.log10(share):.3f}"])
        whole = Counter[str]()
        for (ch, _), n in self.printed.items():
            whole[ch] += n
        for (read_as, ch), n in sorted(self.split.items()):
            if n >= LEAST_SPLIT:
                out.append(["split", read_as, ch, f"{math.log10(n / whole[ch]):.3f}"])
        return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("-o", "--output", type=Path, default=Path("dictionaries/slips.tsv"))
    a = parser.parse_args()
    tally = Tally()
    used = 0
    for folder in a.pages:
        for page in pages(folder):
            if page.unit >= SYNTHETIC or part(page.unit) == "channel":
                raw, places = read_lines(page.raw, page.meta.get("header_lines", []))
                tally.add(raw, places, "".join(page.truth.split()))
                used += 1
    lines = [
        f"# What engines drop, read without cause and read as two: kind, character, place, log10; {used} pages",
        "# Made by benchmarks/build_slips.py; see README.md.",
        *("\t".join(row) for row in tally.rows()),
    ]
    a.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{used} pages, {len(lines) - 2} rows")


if __name__ == "__main__":
    main()
