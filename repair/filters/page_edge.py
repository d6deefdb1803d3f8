"""Running heads and page numbers that OCR read into the text of a scanned page.

``新闻作品选`` above the first line, ``·309·`` or ``30  新闻作品选`` below the last: a book or journal prints them at
the edges of its pages, an engine writes them down as lines like any other (and misreads them: ``_时代的肝步``,
``590一``), and the sentence that runs over the page is cut in two. The line is taken out with its line break.

Only the first and the last line of a page are looked at, and only where the page is plainly a hard-wrapped scan:
lines of about one length that end where the column ends and not where a sentence ends, so that the next line goes
on with it. A form feed ends a page; the pages of one text vouch for each other, since heads return and numbers
count on, also where some are misread. Where the boxes of the lines are known they show what is set off. The
evidence (a number here or at the other edge, length, marks, whether the text runs on past the line, ...) is
weighed by a fitted model. Where only its looks speak against a line, and on bad scans, taking it out is proposed
and never done unasked.

Left alone: everything in text that is not hard-wrapped, pages with Markdown headings, headlines and chapter titles,
section headings at the foot, signatures and dates, the short ends of paragraphs, verse, lists and tables.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from ..document import TERMINAL, Document
from ..language.logistic import logistic
from ..language.ngram import BOS, EOS
from ..layout import Box
from ..text import Proposal
from .base import Filter, Rule
from .columns import column, margin

SAFE, SAFE_ALONE = 0.9, 0.97
"""Probability from which an edge is removed unasked: where other pages have something there too, and elsewhere."""
HEAD, NUMBER = "running-head", "page-number"
FAMILY = "page_edge"

FEWEST, MOST = 7, 150
"""Lines of a page: with fewer nothing shows that it is hard-wrapped, and no printed page has more."""
NARROWEST, WIDEST = 12.0, 60.0
"""Widths of the column of a page, in Chinese characters."""
NEAR = 6
"""Pages before and after that are asked whether they have the same head."""
HEADS = 64
"""Heads that were taken out and are remembered as such."""
SPAN = 4
"""Symbols on each side of a line break that the language model looks at."""

_FULL, _OPEN, _MARKED, _SHOWN = 0.33, 0.5, 0.25, 4
"""What a scan has at least: share of full lines; of those, how many end without a final mark and how many have a mark
inside; and the number of full lines without a final mark."""
_TIED = 0.4
"""Share of full lines without a final mark that the line below must go on with."""
_TIED_BAD, _FULL_BAD, _MARKED_BAD = 0.05, 0.6, 0.5
"""The same for bad scans, of which engines misread the ends of lines: other things must then be the plainer."""
_WORTH, _SCRAP, _LOOKS, _DOUBTFUL = 0.5, 0.6, 0.8, 0.95
"""Probability from which removing a line is proposed: with a page number or sisters on other pages, with a scrap at the
other edge that may have been a number, with nothing but the looks of the line; and the highest without a number or
sisters, and on bad scans."""

_TORN, _TORN_SURE = 0.65, 0.97
"""Probability from which a line in scraps with wide gaps between them, which is no text, is as sure as the other."""

_COUNTED_ON = 0.98
"""Least probability of a line that is nothing but the number that the page has by those of other pages."""
_SISTERLY = 0.45
"""What other pages must say at least to count: likeness, or share of them that has a number or a head there."""

_NO_SCAN = frozenset(("heading", "code", "table", "meta"))
_STOP = re.compile("[\u4e00-\u9fff][。！？；]")
_ENDED = re.compile("[\u4e00-\u9fff]{2}[。！？；!?;]")
_INNER = re.compile("[，。、；：！？,;:!?](?=.)")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_SPECK = r"[\s\-—–―_·・•.．,，。:：;；'\"“”‘’`*~^°?？!！|/\\=+<>()（）\[\]【】〔〕「」《》〈〉]"
_ALONE = re.compile(
    rf"(?:{_SPECK}|[一二]){{0,8}}(?P<n>[1-9１-９](?: ?\d){{0,3}})(?:{_SPECK}|[一二]){{0,8}}"
    rf"|{_SPECK}{{0,4}}第 ?(?P<page>\d{{1,4}}) ?[页頁](?: ?[,，/]? ?共 ?\d{{1,4}} ?[页頁])?{_SPECK}{{0,4}}"
    r"|(?P<of>\d{1,4}) ?/ ?\d{1,4}"
)
_WIDE = re.compile(r"[ \t\u3000]{3,}")
_CLEAN = re.compile(r"(?P<l>[—–\-·・.•~〜]{0,2}) ?[1-9１-９]\d{0,3} ?(?P=l)")
_BESIDE = re.compile(
    rf"{_SPECK}{{0,4}}(?P<left>[1-9１-９]\d{{0,3}}){_SPECK}{{0,3}} {_SPECK}{{0,4}}[^\s\d].*"
    rf"|.*[^\s\d]{_SPECK}{{0,4}} {_SPECK}{{0,3}}(?P<right>[1-9１-９]\d{{0,3}}){_SPECK}{{0,4}}"
)
# What a number may count at the start of a headline: 23 款开源工具.
_COUNTED = frozenset(
    "个家款种人年月日时点省市县名位项条万亿千百多余岁元天次大周届所类期件本部城国地小分秒米公吨倍级层套台座只起场段页支张辆"
)
_CHAPTER = re.compile(
    r"\W{0,3}第.{1,4}[章节编卷部篇讲课回]|\W{0,2}[一二三四五六七八九十]{1,3}[、\s]|\W?[（(][一二三四五六七八九十]{1,3}[）)]"
)
_DATE = re.compile(
    r"[\d〇○零一二三四五六七八九]{2,4}\s?年|[\d一二三四五六七八九十]\s?月\s?[\d一二三四五六七八九十]{1,3}\s?日"
)


class Row(NamedTuple):
    """A line that is not blank: ``text[start:end]`` without the blanks at its ends; `solid` has no blanks at all."""

    line: int
    start: int
    end: int
    solid: str
    width: float


class Sheet(NamedTuple):
    """A page that looks like a scan: `number` of the page in the text, usual `width` of its lines, share of `full`
    lines, and the width of a line that reaches the `margin`."""

    number: int
    rows: list[Row]
    width: float
    full: float
    margin: float


class Limits(NamedTuple):
    """Probabilities: removing an edge may be proposed from `least` on, never with more than `ceiling` or less than
    `floor`, and is done unasked from `safe` on; where nothing but scraps is left of the line (`torn`), from `_TORN`."""

    least: float
    ceiling: float
    safe: float
    floor: float = 0.0
    torn: bool = False


class Edge(NamedTuple):
    """The first or last line of a page, and its page number (`value`, 0 for none).

    `alone`: it holds nothing else; `beside`: how likely the number beside a title is one; `name`: the title.
    """

    sheet: int
    foot: bool
    row: Row
    alone: float
    beside: float
    value: int
    name: str


# ---------------------------------------------------------------- pages


def sheets(document: Document) -> list[Sheet]:
    """The pages of `document` that have the shape of hard-wrapped scans; none for other text, at next to no cost."""
    if len(document.text) < FEWEST * NARROWEST:
        return []
    pages = list(_pages(document))
    out = [sheet for number, rows in enumerate(pages) if (sheet := _sheet(number, rows))]
    if not out or len(pages) == 1:
        return out
    # Where other pages are scans, a page with few lines, as at the end of a chapter, may be one too.
    width = float(np.median([sheet.width for sheet in out]))
    for number, rows in enumerate(pages):
        if 4 <= len(rows) < FEWEST:
            full = sum(_is_full(row, width) for row in rows)
            if full >= 2 and 2 * full >= len(rows) - 2 and max(row.width for row in rows) <= 1.2 * width:
                out.append(Sheet(number, rows, width, full / len(rows), margin([row.width for row in rows], width)))
    return sorted(out)


def _ranges(document: Document) -> Iterator[tuple[int, int]]:
    """The lines of each page: numbers of the first, and of the one after the last."""
    text, lines = document.text, document.lines
    start = 0
    if "\f" in text:
        for index, line in enumerate(lines):
            if text[line.stop - 1] == "\f":
                yield start, index + 1
                start = index + 1
    if start < len(lines):
        yield start, len(lines)


def _pages(document: Document) -> Iterator[list[Row]]:
    """The rows of each page; none for one that cannot be a scan."""
    text, lines = document.text, document.lines
    for lo, hi in _ranges(document):
        rows: list[Row] = []
        for index in range(lo, hi):
            start, end, _, kind = lines[index]
            if kind == "blank":
                continue
            if kind in _NO_SCAN or end - start > 8 * WIDEST or len(rows) > MOST:
                rows = []
                break
            raw = text[start:end]
            solid = "".join(raw.split())
            start += len(raw) - len(raw.lstrip())
            width = len(solid) - len(solid.encode("ascii", "ignore")) / 2
            rows.append(Row(index, start, start + len(raw.strip()), solid, width))
        yield rows


def _sheet(number: int, rows: list[Row]) -> Sheet | None:
    if len(rows) < FEWEST:
        return None
    width, full = column([row.width for row in rows[1:-1]])
    if not NARROWEST <= width <= WIDEST or full < _FULL:
        return None
    inside = [row for row in rows[:-1] if row.width >= 0.88 * width]
    unfinished = sum(row.solid[-1] not in TERMINAL for row in inside)
    marked = sum(bool(_INNER.search(row.solid)) for row in inside)
    if unfinished < max(_SHOWN, _OPEN * len(inside)) or marked < _MARKED * len(inside):
        return None
    return Sheet(number, rows, width, full, margin([row.width for row in rows], width))


def _is_full(row: Row, width: float) -> bool:
    return 0.88 * width <= row.width <= 1.12 * width


def _short_of(sheet: Sheet, row: Row) -> float:
    """By what part of an indent of two characters, which engines do not write down, a line is too short."""
    return (sheet.margin - row.width) / 2


def _indents(sheet: Sheet) -> float:
    """How certain it is that paragraphs are indented on a page, 0 to 1: by the lines after the ends of paragraphs."""
    short = flush = 0
    for above, below in pairwise(sheet.rows[1:-1]):
        if above.width < 0.8 * sheet.width and above.solid[-1] in TERMINAL and below.width >= 0.8 * sheet.width:
            by = _short_of(sheet, below)
            short += 0.6 < by <= 1.6
            flush += abs(by) <= 0.3
    return float((short + 1) / (short + flush + 1.25)) ** 2


# ---------------------------------------------------------------- edges


def edges(document: Document, found: Sequence[Sheet]) -> list[Edge]:
    """First and last lines of the pages `found`, with the numbers in them: two for each page, top and foot."""
    out = []
    for k, sheet in enumerate(found):
        for foot in (False, True):
            row = sheet.rows[-foot]
            out.append(_edge(document.text[row.start : row.end], k, foot, row))
    return _counted_on(out, found) if len(found) > 2 else out


def _counted_on(of: list[Edge], found: Sequence[Sheet]) -> list[Edge]:
    """`of`, with the page numbers that can only be told by those of other pages: 天273 三 between 272 and 274.

    Two other pages have to agree on what the number is; one digit of three may be misread.
    """
    votes: Counter[int] = Counter()
    for k, sheet in enumerate(found):
        # A page votes once for each number that its edges may have.
        values = {int(run) for edge in of[2 * k : 2 * k + 2] for run in _bare_numbers(edge)}
        votes.update(value - sheet.number for value in values)
    agreed = [first for first, count in votes.most_common(2) if count > 1]
    out = []
    for edge in of:
        runs = [] if edge.alone or edge.beside == 1 else _bare_numbers(edge)
        for first in agreed if runs else ():
            value = first + found[edge.sheet].number
            own = any(int(run) == value for run in runs)
            if votes[first] - own > 1 and any(_nearly(run, value) for run in runs):
                edge = edge._replace(alone=1.0, value=value, name="")
                break
        out.append(edge)
    return out


def _bare_numbers(edge: Edge) -> list[str]:
    """The numbers in a line that has next to nothing else: what may be left of a page number."""
    solid = edge.row.solid
    if len(solid) > 12 or solid[-1] in "。！？" or len(re.sub(rf"\d|{_SPECK}", "", solid)) > 3:
        return []
    return re.findall(r"(?<!\d)[1-9]\d{0,3}(?!\d)", solid)


def _nearly(run: str, value: int) -> bool:
    expected = str(value)
    if run == expected:
        return True
    return len(run) == len(expected) > 2 and sum(a != b for a, b in zip(run, expected, strict=True)) == 1


def _parts(read: str) -> list[str]:
    """The parts of a line that stand apart from each other."""
    return [" ".join(part.split()) for part in _WIDE.split(read.strip())]


def _apart(parts: list[str]) -> str:
    """The one part that is a page number where the others are specks of the margin; else nothing."""
    numbers = [part for part in parts if len(part) > 1 and _ALONE.fullmatch(part) and re.search(r"\d\d", part)]
    return numbers[0] if len(numbers) == 1 and all(len(part) <= 2 for part in parts if part != numbers[0]) else ""


def _edge(line: str, sheet: int, foot: bool, row: Row) -> Edge:
    alone = beside = 0.0
    value = 0
    parts = _parts(line)
    read = (_apart(parts) if 1 < len(parts) <= 4 else "") or " ".join(parts)
    name = "".join(_HAN.findall(row.solid))
    if len(row.solid) <= 12 and (m := _ALONE.fullmatch(read)):
        alone, name = 1.0, ""
        value = int("".join((m["n"] or m["page"] or m["of"]).split()))
    elif len(name) >= 2 and (m := _BESIDE.fullmatch(read)):
        value, beside = int(m["left"] or m["right"]), 1.0
        counted = bool(m["left"]) and read[m.end("left") :].lstrip()[:1] in _COUNTED
        # One digit is as likely a speck, 1978 is a year, and 12 may be followed by what there are twelve of.
        if value < 10 or 1900 <= value < 2100 or counted:
            beside = 0.3
    return Edge(sheet, foot, row, alone, beside, value, name)


class _Sisters(NamedTuple):
    """What the same edge of near pages says: how alike the two most similar lines there are (where the text beside
    them is not alike as well), whether a page number there and the one here count on, and on what share of the pages
    that edge has a number or a line that returns."""

    again: float
    again_twice: float
    series: float
    place: float


def _sisters(found: Sequence[Sheet], of: Sequence[Edge], removed: Iterable[str] = ()) -> list[_Sisters]:
    """`removed`: heads of the same text that were taken out already; a page may have a number above its own."""
    heads = tuple(removed)
    near = [range(max(0, edge.sheet - NEAR), min(len(found), edge.sheet + NEAR + 1)) for edge in of]
    seen = []
    for edge, sheets_ in zip(of, near, strict=True):
        alike = [0.0, 0.0]
        if len(found) > 1 and len(edge.name) >= 2:
            alike += [fuzz.ratio(edge.name, head) / 100 for head in heads]
        series = 0.0
        for j in sheets_:
            other = of[2 * j + edge.foot]
            if other is edge:
                continue
            if len(edge.name) >= 2 and len(other.name) >= 2:
                ratio = fuzz.ratio(edge.name, other.name) / 100
                alike.append(ratio if ratio >= 0.45 and not _same_text(found, edge, other) else 0.0)
            if edge.value and other.value and edge.alone == other.alone:
                step = found[j].number - found[edge.sheet].number
                series = max(series, float(other.value - edge.value == step))
        alike.sort()
        seen.append((alike[-1] if alike[-1] >= 0.45 else 0.0, alike[-2] if alike[-2] >= 0.45 else 0.0, series))
    sure = [edge.alone == 1 or edge.beside == 1 or again[0] >= 0.6 for edge, again in zip(of, seen, strict=True)]
    out = []
    for edge, again, sheets_ in zip(of, seen, near, strict=True):
        others = [sure[2 * j + edge.foot] for j in sheets_ if j != edge.sheet]
        out.append(_Sisters(*again, sum(others) / len(others) if others else 0.0))
    return out


def _same_text(found: Sequence[Sheet], edge: Edge, other: Edge) -> bool:
    """Whether the lines beside two edges are alike: the same page twice, or the same form."""
    one, two = (found[e.sheet].rows[-2 if e.foot else 1].solid for e in (edge, other))
    return fuzz.ratio(one, two) >= 60


def _odd(document: Document, of: Sequence[Edge]) -> list[float]:
    """For each edge how little its characters look like language: mean surprise, 0 (fluent) to 1."""
    model = document.resources.model
    ids: list[int] = []
    ends = []
    for edge in of:
        symbols, _ = model.encode(edge.row.solid)
        ids += [BOS, *symbols.tolist(), EOS]
        ends.append(len(ids))
    logp = model.score(np.array(ids, dtype=np.int64))
    starts = [0, *ends]
    return [
        float(np.clip(-logp[start + 1 : end].mean() - 1, 0, 4)) / 4 for start, end in zip(starts, ends, strict=False)
    ]


class _Breaks(NamedTuple):
    """For each line break of a page, in log10, what the language model thinks of the text running on over it.

    `tie`: likelihood ratio of the line below having something to do with the one above; `middle`: of its starting in
    the middle of a sentence, whatever stands above (`first`: the same of the first line of the page); `unended`: how
    unlikely the line above ends a paragraph.
    """

    tie: NDArray[np.float64]
    middle: NDArray[np.float64]
    unended: NDArray[np.float64]
    first: float


def _breaks(document: Document, rows: Sequence[Row]) -> _Breaks:
    model = document.resources.model
    n = len(rows) - 1
    left = np.full((n, SPAN), model.pad, dtype=np.int64)
    heads = np.full((n + 1, SPAN), model.pad, dtype=np.int64)
    for k, row in enumerate(rows):
        ids, _ = model.encode(row.solid)
        heads[k, : len(ids[:SPAN])] = ids[:SPAN]
        if k < n:
            left[k, SPAN - len(ids[-SPAN:]) :] = ids[-SPAN:]
    joined = model.score_windows(np.concatenate([left, heads[1:]], axis=1), SPAN).sum(axis=1)
    fresh, loose = (
        model.score_windows(np.concatenate([np.full((n + 1, 1), before), heads], axis=1), 1).sum(axis=1)
        for before in (BOS, model.pad)
    )
    stop = model.score_windows(np.concatenate([left, np.full((n, 1), EOS)], axis=1), SPAN)[:, 0]
    middle = (loose - fresh).astype(np.float64)
    return _Breaks((joined - loose[1:]).astype(np.float64), middle[1:], -stop.astype(np.float64), float(middle[0]))


# ---------------------------------------------------------------- evidence

_BOTH = (
    "bias",
    "alone",
    "clean",
    "beside",
    "other_number",
    "other_beside",
    "other_odd",
    "width",
    "tiny",
    "final",
    "comma",
    "stop",
    "tied_less",
    "tied",
    "runs_past",
    "plain",
    "worn",
    "gap",
    "blank",
    "odd",
    "odd_plain",
    "date",
    "ragged",
    "full",
    "narrow",
    "lonely",
    "again",
    "again_twice",
    "series",
    "place",
    "set_off",
    "close",
)
_TOP = (*_BOTH, "begun", "tail", "flush", "starts", "indent")
_FOOT = (*_BOTH, "marks", "chapter")
NAMES = tuple([f"top_{name}" for name in _TOP] + [f"foot_{name}" for name in _FOOT])


def features(
    document: Document, found: Sequence[Sheet], of: Sequence[Edge], heads: Iterable[str] = ()
) -> tuple[NDArray[np.float64], list[Limits]]:
    """Evidence for each edge, (n, len(NAMES)), and the limits of its probability. `heads`: of the same text, that were
    taken out already.

    The ceiling is 0 where the page does not run on from line to line, and for a line as wide as the column that has
    not both a number and sisters; there the evidence is not looked for.
    """
    out = np.zeros((len(of), len(NAMES)))
    limits = [Limits(1.0, 0.0, 1.0)] * len(of)
    sisters = _sisters(found, of, heads)
    counted = _counted(found, of)
    for k, sheet in enumerate(found):
        pair = of[2 * k : 2 * k + 2]
        apart = [
            document.lines[edge.row.line].kind in ("text", "list")
            and (edge.row.width <= 0.8 * sheet.width or (edge.beside == 1 and sisters[2 * k + edge.foot].again >= 0.6))
            for edge in pair
        ]
        if not any(apart):
            continue
        breaks = _breaks(document, sheet.rows)
        highest = _scan(sheet, breaks)
        vouched = [_vouched(edge, sisters[2 * k + edge.foot], counted[2 * k + edge.foot]) for edge in pair]
        if not highest and not any(vouched):
            continue
        odd = _odd(document, pair)
        boxes = _boxes(document, sheet)
        spaces = _spaces(boxes)
        for at in (0, 1):
            edge, other, number = pair[at], pair[1 - at], 2 * k + at
            near = sisters[number]
            plain = max(edge.alone, edge.beside, other.alone, other.beside, near.again, near.place) < 0.5
            evidence = _evidence(document, sheet, breaks, edge, other, plain, odd[at], odd[1 - at]) | near._asdict()
            evidence["set_off"] = spaces is not None and 1.15 < spaces[at] < 1.8
            evidence["close"] = spaces is not None and 0.8 < spaces[at] < 1.12
            evidence["worn"] = _worn(document, sheet) if plain and apart[at] else 0.0
            evidence["lonely"] = len(found) > 1 and max(near.again, near.series) < 0.45 and not edge.alone
            names, column = (_FOOT, len(_TOP)) if edge.foot else (_TOP, 0)
            out[number, column : column + len(names)] = [float(evidence[name]) for name in names]
            if apart[at]:
                # A long line that the text goes on with, or comes from, may be what is left of one of its own.
                own = evidence["tied"] > 0 and evidence["width"] > 0.5
                doubtful = plain or (own and max(edge.alone, edge.beside, near.again) < 0.6)
                parts = _parts(document.text[edge.row.start : edge.row.end])
                if len(parts) > 1 and evidence["width"] <= 0.6 and not evidence["date"]:
                    doubtful = doubtful and bool(_ENDED.search(edge.row.solid))
                torn = len(parts) > 1 and max(map(len, parts)) <= 5 and edge.row.width <= 6
                ceiling = 1.0 if vouched[at] else min(highest, _DOUBTFUL) if doubtful else highest
                alone = max(near.again, near.series, near.place) < _SISTERLY
                set_off = evidence["set_off"] and (edge.foot or not _paragraph(sheet, boxes))
                safe = SAFE_ALONE if alone and not set_off else SAFE
                floor = _COUNTED_ON if counted[number] and edge.alone == 1 else 0.0
                least = _least(evidence, plain)
                if plain and (len(parts) > 1 or edge.beside or evidence["set_off"]):
                    least = min(least, _SCRAP)
                limits[number] = Limits(least, ceiling, safe, floor, torn)
    return out, limits


def _boxes(document: Document, sheet: Sheet) -> list[Box] | None:
    """Where the lines of a page stood; None where no boxes tell."""
    layout = document.layout
    lines = [line for line in layout.lines if line.box and line.end > line.start] if layout else []
    if not lines:
        return None
    starts = [line.start for line in lines]
    out = []
    for row in sheet.rows:
        line = lines[max(0, bisect_right(starts, row.start) - 1)]
        if not line.box or not line.start <= row.start < line.end:
            return None
        out.append(line.box)
    return out


def _spaces(boxes: list[Box] | None) -> tuple[float, float] | None:
    """How far the first line of a page is from the next one, and the last from the one before, beside the distance that
    its lines usually have."""
    if boxes is None:
        return None
    steps = np.diff([box.bottom for box in boxes])
    usual = float(np.median(steps))
    return (float(steps[0]) / usual, float(steps[-1]) / usual) if usual > 0 else None


def _paragraph(sheet: Sheet, boxes: list[Box] | None) -> bool:
    """Whether the first line of a page begins where a paragraph would, two characters in: then it may be a title."""
    if boxes is None:
        return False
    full = [(box, row) for box, row in zip(boxes, sheet.rows, strict=True) if _is_full(row, sheet.width)]
    if len(full) < 2:
        return False
    margin_left = float(np.median([box.left for box, _ in full]))
    size = float(np.median([(box.right - box.left) / row.width for box, row in full]))
    return size > 0 and 1.3 <= (boxes[0].left - margin_left) / size <= 2.7


def _vouched(edge: Edge, near: _Sisters, counted: bool) -> bool:
    """Whether other pages leave no doubt about an edge, however badly its own page was read."""
    return near.again >= 0.7 or counted


def _counted(found: Sequence[Sheet], of: Sequence[Edge]) -> list[bool]:
    """For each edge whether it has a page number that those of other pages, at whichever edge, lead to or on from."""
    firsts: dict[int, set[int]] = {}
    for edge in of:
        if edge.value >= 10 and (edge.alone == 1 or edge.beside == 1):
            firsts.setdefault(edge.value - found[edge.sheet].number, set()).add(edge.sheet)
    return [
        (edge.alone == 1 or edge.beside == 1)
        and len(firsts.get(edge.value - found[edge.sheet].number, set()) - {edge.sheet}) > 0
        for edge in of
    ]


def _least(evidence: Mapping[str, float], plain: bool) -> float:
    """Probability from which removing the line may be proposed."""
    if not plain:
        return _WORTH
    if evidence["other_odd"]:
        return _SCRAP
    # A title above the first line of a paragraph, no number anywhere: nothing shows that it is not the text's own.
    return 1.0 if evidence.get("starts") or evidence.get("indent") else _LOOKS


def _worn(document: Document, sheet: Sheet) -> float:
    """How badly misread a page is, 0 to 1: by the share of symbols that surprise the language model, those at the
    starts of lines left out. On a page that is not worn the page number would have been read."""
    model = document.resources.model
    ids = [model.encode(row.solid)[0] for row in sheet.rows[1:-1]]
    logp = model.score(np.concatenate(ids))
    inside = np.concatenate([np.arange(len(line)) >= 3 for line in ids])
    return float(min(1.0, 10 * (logp[inside] < -4).mean())) if inside.any() else 0.0


def _scan(sheet: Sheet, breaks: _Breaks) -> float:
    """1 for a page whose lines go on with each other, less for one where that is not quite plain, 0 for others."""
    inside = [
        i
        for i, row in enumerate(sheet.rows[1:-2], 1)
        if row.width >= 0.88 * sheet.width and row.solid[-1] not in TERMINAL
    ]
    if len(inside) < (_SHOWN if len(sheet.rows) >= FEWEST else 1):
        return 0.0
    tied = float((breaks.tie[inside] > 0.5).mean())
    marked = sum(bool(_INNER.search(sheet.rows[i].solid)) for i in inside) / len(inside)
    if tied >= _TIED:
        return 1.0
    return _DOUBTFUL if tied >= _TIED_BAD and sheet.full >= _FULL_BAD and marked >= _MARKED_BAD else 0.0


def _evidence(
    document: Document,
    sheet: Sheet,
    breaks: _Breaks,
    edge: Edge,
    other: Edge,
    plain: bool,
    odd: float,
    other_odd: float,
) -> dict[str, float]:
    """What the page says about one of its edges; `plain`: there is no page number and the line does not return."""
    text = document.text
    row, solid, foot = edge.row, edge.row.solid, edge.foot
    near = sheet.rows[-2] if foot else sheet.rows[1]
    at = -1 if foot else 0
    between = text[near.end : row.start] if foot else text[row.end : near.start]
    read = text[document.lines[row.line].start : row.end]
    text_here = 1.0 - edge.alone
    # A scrap at the other edge that does not go on with the text may be what is left of a page number.
    scrap = other.row.width < 0.35 * sheet.width and not other.alone and breaks.tie[-1 - at] < 1
    evidence = {
        "bias": 1.0,
        "alone": edge.alone,
        "clean": edge.alone and bool(_CLEAN.fullmatch(" ".join(read.split()))),
        "beside": edge.beside,
        "other_number": other.alone,
        "other_beside": other.beside,
        "other_odd": other_odd if scrap and not _STOP.search(other.row.solid) else 0.0,
        "width": min(1.2, row.width / sheet.width),
        "tiny": row.width <= 3,
        "final": solid[-1] in "。！？!?；;" or solid[-2:] in ("。”", "。》", "！”", "？”", '。"'),
        "comma": solid[-1] in "，、：,:",
        "stop": text_here * bool(_STOP.search(solid)),
        "tied_less": float(np.clip(breaks.tie[at], -4, 1)) / 4,
        "tied": float(np.clip(breaks.tie[at] - 1, 0, 4)) / 4,
        "plain": plain,
        "gap": not plain and ("   " in read.strip() or read.startswith("    ")),
        "blank": between.count("\n") > 1,
        "odd": 0.0 if plain else odd * text_here,
        "odd_plain": max(0.0, 2 * odd - 1) if plain else 0.0,
        "date": bool(_DATE.search(solid)),
        "ragged": near.width < 0.8 * sheet.width and near.solid[-1] not in TERMINAL,
        "full": sheet.full,
        "narrow": float(np.clip((22 - sheet.width) / 8, 0, 1)),
    }
    if foot:
        # The text above ends in the middle of a sentence: a full line without a final mark.
        past = near.width >= 0.8 * sheet.width and near.solid[-1] not in TERMINAL
        return evidence | {
            "runs_past": min(4.0, float(breaks.unended[at])) / 4 if past else -1.0,
            "marks": min(2.0, len(_INNER.findall(solid))) * text_here,
            "chapter": bool(_CHAPTER.match(solid)),
        }
    # A line below that reaches the margin goes on with a paragraph, where paragraphs are indented.
    short = _short_of(sheet, near)
    return evidence | {
        "runs_past": float(np.clip(breaks.middle[at], -3, 3)) / 3,
        "begun": float(np.clip(breaks.first, -3, 3)) / 3 if plain and text_here else 0.0,
        "tail": near.width < 0.8 * sheet.width and near.solid[-1] in "。！？!?”",
        "flush": _indents(sheet) if abs(short) <= 0.3 else 0.0,
        "starts": 0.6 < short <= 1.6,
        "indent": text[document.lines[near.line].start] == "\u3000",
    }


# ---------------------------------------------------------------- proposals


class _Weighed(NamedTuple):
    """An edge that was looked at, the line `near` it, and how probable it is that it should go: 0 where too little for
    a proposal."""

    edge: Edge
    near: int
    solid: str
    rule: str
    probability: float


def _weighed(document: Document, heads: tuple[str, ...]) -> list[_Weighed]:
    """The edges of the pages of `document` that are looked at; found once for a document."""
    name = "\n".join([FAMILY, *heads])
    if name not in document.memo:
        document.memo[name] = list(_weigh(document, heads))
    out: list[_Weighed] = document.memo[name]
    return out


def _weigh(document: Document, heads: tuple[str, ...]) -> Iterator[_Weighed]:
    found = sheets(document)
    if not found:
        return
    weights = document.resources.weights(FAMILY, NAMES)
    of = edges(document, found)
    for edge, row, limits in zip(of, *features(document, found, of, heads), strict=True):
        if not limits.ceiling:
            continue
        near = found[edge.sheet].rows[-2 if edge.foot else 1]
        probability = min(limits.ceiling, max(limits.floor, logistic(float(row @ weights))))
        if probability < limits.least:
            probability = 0.0
        elif limits.torn and probability >= _TORN:
            probability = max(probability, _TORN_SURE)
        elif probability < limits.safe:
            probability = min(probability, SAFE - 0.001)
        yield _Weighed(edge, near.line, near.solid, _rule(edge), probability)


def standing(document: Document) -> frozenset[int]:
    """Numbers of the lines that are proposed to be taken out, by the text as it stands and nothing that was known of
    it before: what is joined with one of them can no longer be told from the text."""
    lines = {w.edge.row.line for w in _weighed(document, ()) if w.probability >= _WORTH}
    for line, _, _ in _outer_lines(document):
        start, end, _, kind = document.lines[line]
        if kind in ("text", "list") and end - start <= WIDEST:
            row = Row(line, start, end, "".join(document.text[start:end].split()), 0.0)
            edge = _edge(document.text[start:end], 0, False, row)
            if edge.beside == 1 and not _INNER.search(row.solid) and row.solid[-1] not in TERMINAL:
                lines.add(line)
    return frozenset(lines)


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    # What was thought of the page as it was read: once its lines are joined nothing shows that it was a scan.
    judged: dict[tuple[bool, str, str], tuple[str, float]] = document.shared.setdefault(FAMILY, {})
    looked_at: set[int] = set()
    heads = document.shared.setdefault(FAMILY + " heads", {})
    for weighed in _weighed(document, tuple(heads)):
        edge, rule = weighed.edge, weighed.rule
        looked_at.add(edge.row.line)
        key = _key(edge.foot, edge.row.solid, weighed.solid)
        probability = weighed.probability
        if key in judged:
            probability = max(probability, judged[key][1])
        if probability >= _WORTH:
            judged[key] = rule, probability
            if rule == HEAD and probability >= SAFE and len(heads) < HEADS:
                heads[edge.name] = None
            yield _proposal(document, edge.row.line, weighed.near, edge.foot, rule, probability)
    if judged:
        text, lines = document.text, document.lines
        for line, near_line, foot in _outer_lines(document):
            solid, beside = ("".join(text[lines[i].start : lines[i].end].split()) for i in (line, near_line))
            key = _key(foot, solid, beside)
            if line not in looked_at and key in judged:
                yield _proposal(document, line, near_line, foot, *judged[key])


def _key(foot: bool, solid: str, near: str) -> tuple[bool, str, str]:
    """What an edge is known by in later states of the text: the line and the text it touches."""
    return foot, solid, near[-SPAN:] if foot else near[:SPAN]


def _rule(edge: Edge) -> str:
    return NUMBER if edge.alone or len(edge.name) < 2 or (edge.foot and edge.row.width <= 4) else HEAD


def _outer_lines(document: Document) -> Iterator[tuple[int, int, bool]]:
    """First and last line of each page that are not blank, with the line next to them."""
    lines = document.lines
    for lo, hi in _ranges(document):
        shown = [i for i in range(lo, hi) if lines[i].kind != "blank"]
        if len(shown) > 1:
            yield shown[0], shown[1], False
            yield shown[-1], shown[-2], True


def _proposal(document: Document, line: int, near: int, foot: bool, rule: str, probability: float) -> Proposal:
    """`line` goes with its line break and the blank lines between it and the line `near` it."""
    lines = document.lines
    start, end = (lines[near].end, lines[line].end) if foot else (lines[line].start, lines[near].start)
    what = "a page number" if rule == NUMBER else "a running head"
    return Proposal(
        start,
        end,
        "",
        rule,
        probability,
        f"{what} at the {'foot' if foot else 'top'} of a scanned page",
        (("", probability), (document.text[start:end], 1 - probability)),
    )


FILTER = Filter(
    FAMILY,
    (
        Rule(
            HEAD,
            "a running head at the edge of a scanned page",
            safe_at=SAFE,
            examples=(("354   时代的脚步⏎的原则办事，⏎……（一页扫描文字）", "的原则办事，⏎……（一页扫描文字）"),),
        ),
        Rule(
            NUMBER,
            "a page number at the edge of a scanned page",
            safe_at=SAFE,
            examples=(("（一页扫描文字）……必须认真贯彻⏎⏎— 23 —", "（一页扫描文字）……必须认真贯彻"),),
        ),
    ),
    propose,
    whole_lines=True,
)
