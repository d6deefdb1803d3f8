"""Measures how lines become paragraphs, and furniture goes, on pages and chapters with their truth.

    python benchmarks/measure_reflow.py PAGES [--docs DOCS] [--level safe] [--part measure] [--only FILTER,FILTER]

A break is a newline between two characters of the truth that were both read (as `repair eval` counts them). "lost" are
characters of the truth that were read right in the input and are gone or wrong in the output. "pages with furniture"
are those whose first or last lines, as read, are a running head or page number by the truth; "clean" those of them
of which none is left; "heads": those whose heads or numbers can still be recognised in what was read, the other ones
are scraps of the margin; "cut" are characters of the body taken out as heads or numbers. With --show every error is
printed, by kind; --boxes gives the pages the boxes of their lines (boxes.json).
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from data import pages, part
from fit_page_edge import boxes, label
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

import repair
from repair.filters import get
from repair.text import Correction

WORST = 0.4


class Text(NamedTuple):
    """What is measured: a page or a chapter; `furniture`: for each page the spans of its running heads and numbers."""

    name: str
    group: str
    raw: str
    truth: str
    furniture: list[list[tuple[int, int]]]
    heads: frozenset[str] = frozenset()
    """What is printed at the edges of the pages, as far as known."""


class Counts(Counter[str]):
    """Sums over texts."""

    def rates(self) -> dict[str, float]:
        tp, fp, fn = self["tp"], self["fp"], self["fn"]
        p, r = tp / max(1, tp + fp), tp / max(1, tp + fn)
        return {"precision": p, "recall": r, "f1": 2 * p * r / max(1e-9, p + r)}


def squeeze(text: str) -> tuple[str, list[int], list[bool]]:
    """The characters without white space, where they stood, and for each whether a line starts with it."""
    out, place, starts = [], [], []
    fresh = True
    for i, ch in enumerate(text):
        if ch in "\n\f\r":
            fresh = True
        elif not ch.isspace():
            out.append(ch)
            place.append(i)
            starts.append(fresh)
            fresh = False
    return "".join(out), place, starts


def aligned(read: str, truth: str) -> dict[int, int]:
    """Truth index -> index in what was read, of the characters that a minimal alignment matches."""
    pairs = {}
    for op in Levenshtein.opcodes(read, truth):
        if op.tag == "equal":
            pairs.update(zip(range(op.dest_start, op.dest_end), range(op.src_start, op.src_end), strict=True))
    return pairs


class Break(NamedTuple):
    """A place in the truth: whether a break was `wanted`, whether there `has` one."""

    at: int
    wanted: bool
    has: bool


def breaks(text: str, truth: str) -> tuple[list[Break], dict[int, int]]:
    (h, _, hb), (r, _, rb) = squeeze(text), squeeze(truth)
    m = aligned(h, r)
    found = [Break(i, rb[i], any(hb[m[i - 1] + 1 : m[i] + 1])) for i in range(1, len(r)) if i in m and i - 1 in m]
    return found, m


def edge_furniture(page: str, truth: str, headers: set[str]) -> list[tuple[int, int]]:
    """Spans of the outer lines of a page that are furniture by the truth."""
    rows = [m.span() for m in re.finditer(r"[^\n]*\S[^\n]*", page)]
    solid = "".join(truth.split())
    out = []
    for foot in (False, True):
        while len(rows) > 2:
            whole = Levenshtein.distance("".join(page[rows[0][0] : rows[-1][1]].split()), solid)
            rest = rows[:-1] if foot else rows[1:]
            read = page[slice(*rows[-foot])]
            short = "".join(page[rest[0][0] : rest[-1][1]].split())
            if label(read, foot, short, whole, solid, headers) != 1.0:
                break
            out.append(rows[-foot])
            rows = rest
    return out


def texts(folder: str, docs: str | None, wanted: str) -> Iterator[Text]:
    known: dict[str, tuple[str, str, set[str]]] = {}
    for page in pages(folder):
        headers = {line.strip() for line in page.meta.get("header_lines", ())}
        known[page.name] = page.raw, page.truth, headers
        (h, *_), (r, *_) = squeeze(page.raw), squeeze(page.truth)
        if part(page.unit) not in wanted.split(",") or Levenshtein.distance(h, r) > WORST * len(r):
            continue
        engine, level, _ = page.name.split("/")
        book = page.meta["kind"] == "book"
        spans = [edge_furniture(page.raw, page.truth, headers)] if book else []
        yield Text(f"page {page.name}", f"page {engine} {level}", page.raw, page.truth, spans, frozenset(headers))
    for path in sorted(Path(docs).rglob("raw.txt")) if docs else ():
        engine, level, unit = path.parent.relative_to(docs or "").parts
        if part(int(unit)) not in wanted.split(","):
            continue
        raw, truth = path.read_text(), (path.parent / "truth.txt").read_text()
        (h, *_), (r, *_) = squeeze(raw), squeeze(truth)
        if Levenshtein.distance(h, r) > WORST * len(r):
            continue
        spans, start = [], 0
        heads: set[str] = set()
        for page_text in raw.split("\f"):
            for name, (read, page_truth, headers) in known.items():
                if name.startswith(f"{engine}/{level}/{unit}_") and "".join(read.split()) == "".join(page_text.split()):
                    edge = edge_furniture(page_text, page_truth, headers)
                    heads |= headers
                    spans.append([(start + a, start + b) for a, b in edge])
                    break
            start += len(page_text) + 1
        yield Text(f"chapter {engine}/{level}/{unit}", f"chapter {engine} {level}", raw, truth, spans, frozenset(heads))


def printed(read: str, heads: frozenset[str]) -> bool:
    """Whether a line is what is left of a printed head or number, and not a scrap of the margin."""
    solid = "".join(read.split())
    parts = {part for head in heads for part in (*head.split(), re.sub(r"\D", "", head)) if part}
    return any(fuzz.partial_ratio(part, solid) >= 60 and len(solid) >= len(part) / 2 for part in parts)


def body_cut(raw: str, before: dict[int, int], corrections: list[Correction]) -> int:
    """How many characters that the truth has too were taken out with running heads and page numbers."""
    place = squeeze(raw)[1]
    read = {place[h] for h in before.values()}
    cut = 0
    for c in corrections:
        if c.rule in ("running-head", "page-number") and not c.after.strip():
            solid = [i for i in range(c.start, c.end) if not raw[i].isspace()]
            hit = sum(i in read for i in solid)
            cut += hit if 2 * hit >= len(solid) else 0
    return cut


def gone(raw: str, span: tuple[int, int], corrections: list[Correction]) -> bool:
    """Whether nothing of the line ``raw[start:end]`` is left."""
    left = {i for i in range(*span) if not raw[i].isspace()}
    solid = {raw[i] for i in left}
    for c in corrections:
        # What came in place of the line and more may be what was read beside it, or a mark put in.
        beside = sum(not raw[i].isspace() and i not in left for i in range(c.start, c.end))
        after = "".join(c.after.split())
        if len(after) <= beside or (len(after) <= 1 and after not in solid):
            left -= set(range(c.start, c.end))
    return not left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages")
    parser.add_argument("--docs")
    parser.add_argument("--level", default="safe")
    parser.add_argument("--part", default="measure")
    parser.add_argument("--only")
    parser.add_argument("--boxes", action="store_true")
    parser.add_argument("--match")
    parser.add_argument("--show", action="store_true")
    a = parser.parse_args()
    filters = [get(name) for name in a.only.split(",")] if a.only else []
    pipeline = repair.Pipeline(filters) if filters else repair.Pipeline.from_profile("default")
    total: defaultdict[str, Counts] = defaultdict(Counts)
    kinds: Counter[str] = Counter()
    for text in texts(a.pages, a.docs, a.part):
        if a.match and not re.search(a.match, text.name):
            continue
        layout = boxes(a.pages, text.name.split(" ")[1], text.raw) if a.boxes else None
        began = time.perf_counter()
        result = pipeline(text.raw, level=a.level, layout=layout)
        seconds = time.perf_counter() - began
        found, after = breaks(result.text, text.truth)
        was, before = breaks(text.raw, text.truth)
        c = Counts()
        c["texts"] += 1
        c["ms"] += round(1000 * seconds)
        c["chars"] += len(text.raw)
        c["lost"] += len(before.keys() - after.keys())
        c["cut"] += body_cut(text.raw, before, list(result.corrections))
        had = {b.at: b.has for b in was}
        for b in found:
            c["tp"] += b.wanted and b.has
            c["fp"] += b.has and not b.wanted
            c["fn"] += b.wanted and not b.has
            c["fn_unread"] += b.wanted and not b.has and not had.get(b.at, True)
        for spans in text.furniture:
            left = [span for span in spans if not gone(text.raw, span, list(result.corrections))]
            c["furnished"] += bool(spans)
            c["clean"] += bool(spans) and not left
            heads = [span for span in spans if printed(text.raw[slice(*span)], text.heads)]
            c["headed"] += bool(heads)
            c["unheaded"] += bool(heads) and not set(heads) & set(left)
            if a.show:
                for span in left:
                    print(f"FURNITURE {text.name} {text.raw[slice(*span)]!r}")
        if a.show:
            show(text, result.text, found, kinds)
        for group in ("all", text.group, text.group.split()[0], " ".join(text.group.split()[:2])):
            total[group] += c
            total[group].update(dict.fromkeys(c, 0))
    for group, c in sorted(total.items()):
        report(group, c)
    for kind, count in kinds.most_common():
        print(f"{count:5d} {kind}")


def report(group: str, c: Counts) -> None:
    r: dict[str, Any] = c.rates()
    print(
        f"{group:26s} n {c['texts']:4d}  breaks P {r['precision']:.3f} R {r['recall']:.3f} F1 {r['f1']:.3f}"
        f"  (tp {c['tp']} fp {c['fp']} fn {c['fn']}, {c['fn_unread']} not in the input)  lost {c['lost']}"
        f" (cut {c['cut']})  heads {c['unheaded']}/{c['headed']} with scraps {c['clean']}/{c['furnished']}"
        f"  {c['ms']} ms, {c['chars']} chars"
    )


def show(text: Text, after: str, found: list[Break], kinds: Counter[str]) -> None:
    solid, place, _ = squeeze(after)
    truth = squeeze(text.truth)[0]
    m = aligned(solid, truth)
    for b in found:
        if b.wanted != b.has:
            lo, hi = place[m[b.at - 1]], place[m[b.at]]
            mid = after[lo + 1 : hi]
            what = "WRONG JOIN" if b.wanted else "LEFT"
            if mid.strip():
                what += " STUFF"
            elif not b.wanted:
                final, comma = after[lo] in "。！？!?…；;：:”’.)）》", after[lo] in ",，、"
                what += " FINAL" if final else " COMMA" if comma else " INSIDE"
            kinds[what] += 1
            print(f"{what} {text.name} {after[max(0, lo - 14) : lo + 1]!r} | {mid!r} | {after[hi : hi + 14]!r}")


if __name__ == "__main__":
    main()
