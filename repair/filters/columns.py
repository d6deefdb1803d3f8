"""Lines that were set in a column: how wide it is, and what the end of each of its lines says about the paragraph.

Hard-wrapped text shows by its lines: they are of about one length, end where the column ends and not where a
sentence ends, and the next line goes on with them. There a line that stops early ends a paragraph, one that starts two
characters late begins one, and a full stop at the end of a full line says little. Text with a paragraph a line, verse,
lists, chats and subtitles are not set in a column: nothing here looks at them.

Lengths are in Chinese characters; an ASCII character counts half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..document import TERMINAL, Document
from ..language.ngram import BOS, EOS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_LOOK, SECOND_LOOK = "column_join", "column_join_in_context"
"""Names of the fitted models."""

SPAN = 4
"""Symbols on each side of a line break that the language model looks at."""
FEWEST, MOST = 5, 80
"""Lines that are judged together: fewer do not show a column, of more than a page some may be set differently."""
NARROWEST, WIDEST = 8.5, 60.0
"""Widths of a column, in Chinese characters."""
NEAR = 7
"""Lines above and below that show where the edges of the column are on the page."""
LONG = 1.3
"""A line longer than this many times the column is not one of its lines: already a whole paragraph."""

_FULL, _OPEN, _MARKED, _LONG_SHARE, _TIED, _SPLIT = 0.33, 0.45, 0.2, 0.25, 0.4, 0.1
"""What a column has: share of full lines at least; of those how many end without a final mark, have a mark inside, go
on on the next line, and split a word; share of long lines at most."""
_TIED_BAD, _SPLIT_BAD, _FULL_BAD, _MARKED_BAD = 0.05, 0.04, 0.55, 0.4
"""The same for bad scans, where engines misread the ends of lines: other things must be the plainer."""

_INNER = frozenset("，。、；：！？,;:!?")
_FINAL = frozenset("。！？!?…")
_HALF_FINAL = frozenset("；;：:")
_CLOSING = frozenset('”’」』）)】》〉]〕"')
_OPENING = frozenset("“‘《「『（(【〔[")
# Specks of the margin that engines read as marks: no line starts with them, few end so.
_LEAD = re.compile(r"(?:\S{1,2}[ ]{2,60})?[\s\-_:;,.'|~*\\/，。、：；”’…=<>^·•]{1,10}")
_SPECK = r"[-_|~*\\/<>^'“‘=:;.…，。、’”,]"
_TRAIL = re.compile(
    r"(?: {3,}\S{1,3}(?: {1,12}\S{1,3}){0,3}"
    rf"|(?:\s{{0,9}}[-_|~*\\/<>^'“‘=]|\s{{1,9}}[:;.…，。、’”,])(?:\s{{0,3}}{_SPECK}){{0,4}})\Z"
)
_UNIT = re.compile(r"[0-9A-Za-z.,%/:+-]{2,24}")
_ITEM = re.compile(
    r"(?:[0-9]{1,2}[.．、)）]|[（(][0-9一二三四五六七八九十]{1,3}[)）]|[一二三四五六七八九十]{1,3}[、是]|[①-⑳]|第[一二三四五六七八九十百零0-9]{1,4}[条章节款])"
)
_DATELINE = re.compile(r"[（(]?(?:本报|新华社|据新华|记者|中新社|[^，。]{2,8}讯)")
_SPEAKER = re.compile(r"[^，。：:\s]{1,8}[：:]")


class Row(NamedTuple):
    """A line that is not blank, number `item` of all; ``text[start:end]`` leaves out blanks and specks at its ends."""

    item: int
    start: int
    end: int


class Column(NamedTuple):
    """Rows `lo` to `hi` (half-open) that are set in a column `width` wide, the share `full` of them over all of it.

    `margin`: width of a line that reaches the right margin; `indents`: how certain it is that paragraphs are indented,
    0 to 1.
    """

    lo: int
    hi: int
    width: float
    full: float
    margin: float
    indents: float


class Setting(NamedTuple):
    """The rows of a text, their widths, and which of the columns each belongs to (-1: none)."""

    rows: list[Row]
    widths: NDArray[np.float64]
    columns: list[Column]
    owner: NDArray[np.int64]
    tie: NDArray[np.float64]
    """For each row, log10 likelihood ratio of its start having to do with the row above it."""
    fresh: NDArray[np.float64]
    """For each row, log10 likelihood ratio of its starting a paragraph, whatever stands above."""
    ended: NDArray[np.float64]
    """For each row, log10 probability that a paragraph ends with it."""
    indent: NDArray[np.float64]
    """For each row, by how many characters it starts right of its neighbours on the page; nan where no box tells."""
    missing: NDArray[np.float64]
    """For each row, by how many characters it ends left of its neighbours on the page; nan where no box tells."""


def read_rows(document: Document) -> list[Row]:
    """The lines that are not blank, specks at their ends left out where anything else is left."""
    text = document.text
    out = []
    for item, (start, end, _, kind) in enumerate(document.lines):
        if kind == "blank":
            continue
        if m := _LEAD.match(text, start, end):
            start = m.end()
        cut = max(start, end - 24)
        if m := _TRAIL.search(text[cut:end].rstrip()):
            end = cut + m.start()
        tail = text[max(start, end - 400) : end]
        end -= len(tail) - len(tail.rstrip())
        if end <= start:
            line = document.lines[item]
            raw = text[line.start : min(line.end, line.start + 400)]
            start = line.start + len(raw) - len(raw.lstrip())
            end = start + max(1, len(raw.strip()))
        out.append(Row(item, start, end))
    return out


def column(widths: Sequence[float]) -> tuple[float, float]:
    """The width that most lines have, and the share of lines that have about that width."""
    order = sorted(widths)
    best, lo, at = 0, 0, 0
    for hi, width in enumerate(order):
        while order[lo] < 0.8 * width:
            lo += 1
        if hi - lo + 1 >= best:
            best, at = hi - lo + 1, (hi + lo) // 2
    return (order[at], best / len(order)) if order else (0.0, 0.0)


def _chunks(document: Document, rows: Sequence[Row]) -> list[tuple[int, int]]:
    """The rows of each page, of long pages in parts."""
    text, lines = document.text, document.lines
    bounds = [0]
    for k, (above, below) in enumerate(pairwise(rows), 1):
        if text.find("\f", lines[above.item].end, lines[below.item].start) >= 0:
            bounds.append(k)
    bounds.append(len(rows))
    out = []
    for lo, hi in pairwise(bounds):
        parts = max(1, round((hi - lo) / MOST))
        cuts = [lo + (hi - lo) * k // parts for k in range(parts + 1)]
        out += list(pairwise(cuts))
    return out


def setting(document: Document) -> Setting | None:
    """How the text is set; None where no part of it is set in a column, at next to no cost."""
    text = document.text
    lines = document.lines
    if len(lines) < FEWEST or len(text) > 2 * WIDEST * LONG * len(lines):
        return None
    rows = read_rows(document)
    if len(rows) < FEWEST:
        return None
    codes = document.codes
    share = np.where(codes < 0x80, 0.5, 1.0)
    share[(codes <= 0x20) | (codes == 0xA0) | (codes == 0x3000)] = 0.0
    total = np.concatenate([[0.0], np.cumsum(share)])
    bounds = np.array([(row.start, row.end) for row in rows], np.int64)
    widths = total[bounds[:, 1]] - total[bounds[:, 0]]
    shaped = []
    chunks = _chunks(document, rows)
    for lo, hi in chunks:
        found = _shape(text, rows, widths, lo, hi)
        if found:
            shaped.append(found)
    if not shaped:
        return None
    tie, fresh, ended = _running(document, bounds)
    columns = [found for found in shaped if _runs_on(document, rows, widths, tie, found)]
    if not columns:
        return None
    columns = _with_short_pages(chunks, columns, widths)
    owner = np.full(len(rows), -1, np.int64)
    for number, found in enumerate(columns):
        owner[found.lo : found.hi] = number
    indent, missing = _on_page(document, rows, widths)
    return Setting(rows, widths, columns, owner, tie, fresh, ended, indent, missing)


def _shape(text: str, rows: Sequence[Row], widths: NDArray[np.float64], lo: int, hi: int) -> Column | None:
    """The column that rows `lo` to `hi` have the shape of."""
    if hi - lo < FEWEST:
        return None
    here = widths[lo:hi]
    width, full = column(here.tolist())
    if not NARROWEST <= width <= WIDEST or full < _FULL or (here > LONG * width).mean() > _LONG_SHARE:
        return None
    inside = [k for k in range(lo, hi - 1) if widths[k] >= 0.85 * width]
    unfinished = sum(text[rows[k].end - 1] not in TERMINAL for k in inside)
    if unfinished < max(3, _OPEN * len(inside)) or _marked(text, rows, inside) < _MARKED:
        return None
    return Column(lo, hi, width, full, margin(here, width), _indents(text, rows, widths, lo, hi, width))


def _marked(text: str, rows: Sequence[Row], of: Sequence[int]) -> float:
    inner = (_INNER.isdisjoint(text[rows[k].start : rows[k].end - 1]) for k in of)
    return 1 - sum(inner) / max(1, len(of))


def margin(widths: Sequence[float] | NDArray[np.float64], width: float) -> float:
    """Width of a line that reaches the right margin, not of the first lines of paragraphs."""
    full = sorted(float(w) for w in widths if 0.88 * width <= w <= 1.12 * width)
    return full[2 * len(full) // 3] if full else width


def _indents(text: str, rows: Sequence[Row], widths: NDArray[np.float64], lo: int, hi: int, width: float) -> float:
    """How certain it is that paragraphs are indented: by full lines below the plain ends of paragraphs."""
    right = margin(widths[lo:hi], width)
    late = flush = 0
    for k in range(lo, hi - 1):
        if widths[k] < 0.75 * width and text[rows[k].end - 1] in _FINAL and widths[k + 1] >= 0.75 * width:
            by = right - widths[k + 1]
            late += 1.0 <= by <= 3.2
            flush += abs(by) <= 0.6
    return float((late + 1) / (late + flush + 1.25))


def _runs_on(
    document: Document, rows: Sequence[Row], widths: NDArray[np.float64], tie: NDArray[np.float64], found: Column
) -> bool:
    """Whether the lines of a column go on with each other and split words; those of verse, lists and tables do not."""
    text = document.text
    inside = [
        k
        for k in range(found.lo, found.hi - 1)
        if widths[k] >= 0.85 * found.width and text[rows[k].end - 1] not in TERMINAL
    ]
    if not inside:
        return False
    tied = float((tie[np.array(inside) + 1] > 0.5).mean())
    worn = found.full >= _FULL_BAD and _marked(text, rows, inside) >= _MARKED_BAD
    if tied < (_TIED_BAD if worn else _TIED):
        return False
    split = sum(_word_over(document, rows[k], rows[k + 1]) > 0 for k in inside)
    return split >= (_SPLIT_BAD if worn else _SPLIT) * len(inside)


def _on_page(
    document: Document, rows: Sequence[Row], widths: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`Setting.indent` and `Setting.missing` by the boxes of the lines, beside those near them in the same column."""
    n = len(rows)
    indent, missing = np.full(n, np.nan), np.full(n, np.nan)
    layout = document.layout
    lines = [line for line in layout.lines if line.box] if layout else []
    if not lines:
        return indent, missing
    at = np.searchsorted([line.start for line in lines], [row.start for row in rows], side="right") - 1
    known = [k for k, row in enumerate(rows) if at[k] >= 0 and row.start < lines[at[k]].end]
    boxes = np.full((n, 3), np.nan)  # left, right, page
    for k in known:
        line = lines[at[k]]
        assert line.box
        boxes[k] = line.box.left, line.box.right, line.page
    left, right, page = boxes.T
    size = float(np.nanmedian((right - left) / np.maximum(widths, 1.0))) if known else 0.0
    if not size > 0:
        return indent, missing
    for k in known:
        near = slice(max(0, k - NEAR), k + NEAR + 1)
        beside = (page[near] == page[k]) & (np.abs(left[near] - left[k]) <= 4 * size)
        if beside.sum() >= FEWEST:
            indent[k] = (left[k] - np.percentile(left[near][beside], 30)) / size
            missing[k] = (np.percentile(right[near][beside], 75) - right[k]) / size
    return indent, missing


def _with_short_pages(
    chunks: Sequence[tuple[int, int]], columns: Sequence[Column], widths: NDArray[np.float64]
) -> list[Column]:
    """The columns, with pages of few lines among them that are as wide as those beside them."""
    known = {found.lo: found for found in columns}
    out = []
    last: Column | None = None
    for number, (lo, hi) in enumerate(chunks):
        found = known.get(lo)
        if found is None and hi - lo <= 12:
            after = known.get(chunks[number + 1][0]) if number + 1 < len(chunks) else None
            model = last or after
            here = widths[lo:hi]
            fits = model and here.max() <= 1.15 * model.width
            if model and fits and (hi - lo < 3 or (here >= 0.85 * model.width).mean() >= 0.3):
                found = model._replace(lo=lo, hi=hi)
        if found:
            out.append(found)
        last = found
    return out


def _running(
    document: Document, bounds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """`Setting.tie`, `fresh` and `ended` of all rows, in one go."""
    model = document.resources.model
    ids, positions = model.encode(document.text)
    symbols = np.append(ids.astype(np.int64), model.pad)
    first, last = np.searchsorted(positions, bounds[:, 0]), np.searchsorted(positions, bounds[:, 1])
    ahead = first[:, None] + np.arange(SPAN)
    heads = symbols[np.where(ahead < last[:, None], ahead, len(ids))]
    behind = last[:, None] - SPAN + np.arange(SPAN)
    tails = symbols[np.where(behind >= first[:, None], behind, len(ids))]
    above = np.vstack([np.full((1, SPAN), model.pad), tails[:-1]])
    n = len(bounds)
    joined = model.score_windows(np.hstack([above, heads]), SPAN).sum(axis=1)
    loose = model.score_windows(np.hstack([np.full((n, 1), model.pad), heads]), 1).sum(axis=1)
    start = model.score_windows(np.hstack([np.full((n, 1), BOS), heads]), 1).sum(axis=1)
    stop = model.score_windows(np.hstack([tails, np.full((n, 1), EOS)]), SPAN)[:, 0]
    tie = (joined - loose).astype(np.float64)
    tie[0] = 0.0
    return tie, (start - loose).astype(np.float64), stop.astype(np.float64)


# ---------------------------------------------------------------- evidence

NAMES = (
    "bias",
    "short",
    "shorter",
    "over",
    "room",
    "late",
    "late_certain",
    "late_near",
    "late_near_certain",
    "flush_near",
    "flush_near_certain",
    "flush",
    "flush_certain",
    "below_short",
    "blanks_before",
    "final",
    "final_short",
    "final_full",
    "final_ascii",
    "half_final",
    "comma",
    "closing",
    "open_short",
    "tie",
    "tie_low",
    "fresh",
    "fresh_final",
    "ended",
    "ended_open",
    "word",
    "opening",
    "item",
    "dateline",
    "speaker",
    "after_colon",
    "digits",
    "unmarked_above",
    "unmarked_below",
    "tiny_above",
    "tiny_below",
    "blank",
    "blank_trusted",
    "no_blank",
    "blank_open",
    "page",
    "page_final",
    "boxed_late",
    "boxed_flush",
    "boxed_short",
    "narrow",
    "full_share",
    "above_late",
    "below_open_short",
)


class Gap(NamedTuple):
    """The break between row `above` and the next one: ``text[start:end]``."""

    start: int
    end: int
    above: int


_KINDS = frozenset(("text", "list", "rule"))


def gaps(document: Document, of: Setting) -> list[Gap]:
    """Breaks between lines of one column, or of the columns of adjoining pages."""
    text, lines = document.text, document.lines
    out = []
    for k in range(len(of.rows) - 1):
        a, b = of.owner[k], of.owner[k + 1]
        if a < 0 or b < 0:
            continue
        if not 0.85 <= of.columns[a].width / of.columns[b].width <= 1.18:
            continue
        if of.widths[k] > LONG * of.columns[a].width or of.widths[k + 1] > LONG * of.columns[b].width:
            continue
        above, below = lines[of.rows[k].item], lines[of.rows[k + 1].item]
        if above.kind not in _KINDS or below.kind not in _KINDS:
            continue
        start, end = above.end, below.start
        while text[start - 1].isspace():
            start -= 1
        while text[end].isspace():
            end += 1
        out.append(Gap(start, end, k))
    return out


def features(document: Document, of: Setting, found: Sequence[Gap]) -> NDArray[np.float64]:
    """Evidence for each gap, (n, len(NAMES)): that the text runs on over it."""
    trust = [_blanks(document, of, one) for one in of.columns]
    rows = [_evidence(document, of, gap, trust) for gap in found]
    return np.array([[float(row.get(name, 0.0)) for name in NAMES] for row in rows]).reshape(-1, len(NAMES))


def _blanks(document: Document, of: Setting, one: Column) -> tuple[float, float]:
    """Of the breaks of a column with blank lines the share after a plain end of a paragraph, and of the plain ends of
    paragraphs the share with blank lines."""
    text = document.text
    blank = plain = both = 0.0
    for k in range(one.lo, one.hi - 1):
        spaced = of.rows[k + 1].item - of.rows[k].item > 1
        ends = of.widths[k] < 0.8 * one.width and text[of.rows[k].end - 1] in TERMINAL
        blank += spaced
        plain += ends
        both += spaced and ends
    return (both + 0.5) / (blank + 1), (both + 0.5) / (plain + 1)


def _short_by(of: Setting, k: int) -> float:
    """How many characters of row `k` are missing to a full line, by its length."""
    return float(of.columns[of.owner[k]].margin - of.widths[k])


def _placed(of: Setting, gap: Gap) -> tuple[float, float, float]:
    """By how many characters the line above the gap is short and the one below late, and how certain it is that the
    first lines of paragraphs are: by boxes where there are any, else by the lengths of the lines."""
    k = gap.above
    short, late, indents = _short_by(of, k), _short_by(of, k + 1), of.columns[of.owner[k + 1]].indents
    certain = indents * (2 * (indents > 0.85) + (indents > 0.7)) / 3
    if not np.isnan(of.missing[k]):
        short = float(of.missing[k])
    if not np.isnan(of.indent[k + 1]):
        late = float(of.indent[k + 1])
        one = of.columns[of.owner[k + 1]]
        seen = of.indent[one.lo : one.hi]
        certain = float(((seen >= 1.2) & (seen <= 3)).any())
    return short, late, certain


def _evidence(document: Document, of: Setting, gap: Gap, trust: Sequence[tuple[float, float]]) -> dict[str, float]:
    text, k = document.text, gap.above
    a, b = of.rows[k], of.rows[k + 1]
    here = of.columns[of.owner[k]]
    above, below = text[a.start : a.end], text[b.start : b.end]
    last, first = above[-1], below[0]
    core = above[-2:-1] if last in _CLOSING and above[-2:-1] in _FINAL else last
    short, late, certain = _placed(of, gap)
    unit = _UNIT.match(below)
    room = short - (len(unit.group()) / 2 if unit else 1.0)
    below_short = _short_by(of, k + 1) > 3.2
    boxed = float(not np.isnan(of.indent[k + 1]))
    final = core in _FINAL
    half = last in _HALF_FINAL
    comma = last in "，,、"
    ascii_final = last == "."
    open_ = not (final or half or comma or ascii_final)
    is_short = room > 0.08 * here.width + 0.5
    page = "\f" in text[gap.start : gap.end]
    blank = b.item - a.item > 1 and not page
    trusted, usual = trust[of.owner[k]]
    later = 1.0 if 1.0 <= late <= 3.2 else 0.0
    flush = 1.0 if -1.5 <= late <= 0.6 else 0.0
    line = document.lines[b.item]
    lead = text[line.start : b.start]
    tie = float(of.tie[k + 1])
    return {
        "bias": 1.0,
        "short": min(max(room, 0.0), 3.0) / 3,
        "shorter": min(max(room - 3, 0.0), 8.0) / 8,
        "over": min(max(-short - 1, 0.0), 3.0) / 3,
        "room": float(is_short),
        "late": later,
        "late_near": float(np.exp(-((late - 2) ** 2) / 0.5)),
        "late_near_certain": float(np.exp(-((late - 2) ** 2) / 0.5)) * certain,
        "flush_near": float(np.exp(-(late**2) / 0.25)),
        "flush_near_certain": float(np.exp(-(late**2) / 0.25)) * certain,
        "late_certain": later * certain,
        "flush": flush,
        "flush_certain": flush * certain,
        "below_short": float(below_short),
        "blanks_before": float("\u3000" in lead or lead.count(" ") >= 2),
        "final": float(final),
        "final_short": float(final and is_short),
        "final_full": float(final and abs(short) <= 0.6),
        "final_ascii": float(ascii_final),
        "half_final": float(half),
        "comma": float(comma),
        "closing": float(last in _CLOSING),
        "open_short": float(open_ and is_short),
        "tie": float(np.clip(tie, 0, 4)) / 4,
        "tie_low": float(np.clip(tie, -4, 0)) / 4,
        "fresh": float(np.clip(of.fresh[k + 1], -3, 3)) / 3,
        "fresh_final": float(final) * float(np.clip(of.fresh[k + 1], -3, 3)) / 3,
        "ended": float(np.clip(of.ended[k], -5, 0)) / 5,
        "ended_open": float(open_) * float(np.clip(of.ended[k], -5, 0)) / 5,
        "word": _word_over(document, a, b),
        "opening": float(first in _OPENING),
        "item": float(bool(_ITEM.match(below))),
        "dateline": float(bool(_DATELINE.match(below))),
        "speaker": float(bool(_SPEAKER.match(below[:12]))),
        "after_colon": float(last in "：:" and first in '“"‘'),
        "digits": float(last.isdigit() or first.isdigit()),
        "unmarked_above": float(open_ and is_short and _INNER.isdisjoint(above)),
        "unmarked_below": float(below_short and _INNER.isdisjoint(below)),
        "tiny_above": float(of.widths[k] <= 2),
        "tiny_below": float(of.widths[k + 1] <= 2),
        "blank": float(blank),
        "blank_trusted": blank * trusted,
        "no_blank": usual * (not blank and not page),
        "blank_open": float(blank and open_ and not is_short),
        "page": float(page),
        "page_final": float(page and final),
        "boxed_late": boxed * certain * float(np.exp(-((late - 2) ** 2) / 0.5)),
        "boxed_flush": boxed * certain * float(np.exp(-(late**2) / 0.25)),
        "boxed_short": boxed * float(is_short),
        "narrow": float(np.clip((22 - here.width) / 10, 0, 1)),
        "full_share": here.full,
        "above_late": float(1.0 <= short <= 3.2),
        "below_open_short": float(below_short and below[-1] not in TERMINAL),
    }


def _word_over(document: Document, a: Row, b: Row) -> float:
    """log10 of one plus the count of the dictionary word that jieba sees across a line break, of 6; 0 for none."""
    words, text = document.resources.words, document.text
    tail, head = text[max(a.start, a.end - 6) : a.end], text[b.start : min(b.end, b.start + 6)]
    at = len(tail)
    for start, end in words.spans(tail + head):
        if start < at < end:
            return float(np.log10(1 + words.frequency((tail + head)[start:end]))) / 6
    return 0.0


# ---------------------------------------------------------------- the neighbours' say

_NEAR = ("joined_above", "joined_below", "joined_two_above", "joined_two_below")
CONTEXT = (
    *NAMES,
    *_NEAR,
    "first",
    "first_above",
    "first_below",
    "late_below",
    "below_short_below",
    "room_open_above",
    "both",
    "late_above",
    "flush_below",
    "final_above",
    "final_below",
    "room_above",
    "room_below",
)
"""Evidence of the second look: the first one's, and what the first look thought of this and the neighbouring gaps."""


def in_context(found: Sequence[Gap], evidence: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """`evidence` and what the neighbours say, (n, len(CONTEXT)); `scores` (n,): log odds of the first look.

    Whether a line is the last of its paragraph has to do with whether it is the first one, and the next line the last.
    """
    at = np.array([gap.above for gap in found], np.int64)
    odds = np.clip(scores, -9.2, 9.2)
    p = 1 / (1 + np.exp(-odds))
    around = np.full((at[-1] - at[0] + 5), 0.5)
    around[at - at[0] + 2] = p
    near = np.column_stack([around[at - at[0] + 2 + step] for step in (-1, 1, -2, 2)])
    above, below = near[:, 0], near[:, 1]
    first = odds / 4
    column_of = {name: evidence[:, NAMES.index(name)] for name in NAMES}
    late, flush, room = column_of["late_near"], column_of["flush_near"], column_of["room"]
    final, short = column_of["final"], column_of["below_short"]
    return np.column_stack(
        [
            evidence,
            near,
            first,
            first * above,
            first * below,
            late * below,
            short * below,
            room * (1 - final) * above,
            above * below,
            late * above,
            flush * below,
            final * above,
            final * below,
            room * above,
            room * below,
        ]
    )


def probabilities(document: Document, of: Setting, found: Sequence[Gap]) -> NDArray[np.float64]:
    """For each gap how likely the text runs on over it, (n,)."""
    if not found:
        return np.zeros(0)
    resources = document.resources
    evidence = features(document, of, found)
    scores = evidence @ resources.weights(FIRST_LOOK, NAMES)
    scores = in_context(found, evidence, scores) @ resources.weights(SECOND_LOOK, CONTEXT)
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))
