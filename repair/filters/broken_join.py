"""Line, paragraph, column and page breaks inside a word, a sentence or a paragraph.

``明确主导产业发展目⏎⏎标，`` is one sentence that a break cut in two. For every break after which the
text seems to run on, evidence is weighed: does the language model expect the next line here, or a
new paragraph? Does jieba see a word across the break? What do the line's last and first characters
say, its length beside its neighbours', and the other breaks around it?

In hard-wrapped text, whose lines are of about one length and go on with each other, breaks after a full stop
are looked at too. There a line that stops short of the column ends its paragraph, one that starts two
characters late begins one, and what was decided above and below has a say. Nothing is put between Chinese
characters, a blank between Latin words; a hyphen at the end of a line goes where the text has the word
without it.

Left alone: headings, list items that start below, tables, quotes, code, verse, captions, signatures,
salutations, dialogue; outside of hard-wrapped text whatever ends with a final mark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..language.logistic import logistic
from ..language.ngram import BOS, EOS
from ..structure import Line
from ..text import Proposal
from . import columns
from .base import Filter, Rule
from .page_edge import standing

RULE = "broken-join"
SAFE, SAFE_LOOSE, REVIEW = 0.75, 0.97, 0.6
"""Confidence from which a join is made unasked: where the text is set in a column, and elsewhere; and proposed."""
FINAL = frozenset("。！？!?…；;：:.—")
CLOSING = frozenset("”’」』）)】》〉]〕")
CANNOT_START = frozenset("，。、；：！？,;:!?”’」』）)】》〉]〕％%")
# Lines that stand alone by convention, and fields of a form.
_ALONE = re.compile(
    r"(?:此致|敬礼|祝[你您]?[好安]|谨[启上]|顺颂.{2,4}|图[一二三四五六七八九十\d为：:]|.{1,12}[ \u3000]*[/／]?摄$"
    r"|[^，。]{1,16}[报讯]$)"
)
_FIELD = re.compile(r"[^\s，。：:]{1,8}[：:]")
# Short lines that each end with a mark and have none inside: verse, couplets.
_VERSE = re.compile(r"[^，。、；：！？,;:!?\s]{2,16}[，。；！？,;!?]")
_HALVES = re.compile(r"([^，。、；：！？,;:!?\s]{4,9})，([^，。、；：！？,;:!?\s]{4,9})[，。；！？]")
_COLUMNS = re.compile(r"\S(?:[\u3000\t]| {2,})\S")
SPAN = 4
"""Symbols on each side that the language model looks at."""


class Gap(NamedTuple):
    """A break between the line that ends at `start` and the one whose text starts at `end`."""

    start: int
    end: int
    above: int
    below: int


def gaps(document: Document) -> list[Gap]:
    """Breaks that might stand inside a sentence: by line kinds and by the characters around them."""
    lines, text = document.lines, document.text
    out = []
    previous = -1
    for i, line in enumerate(lines):
        if line.kind == "blank":
            continue
        if previous >= 0 and line.kind == "text" and lines[previous].kind in ("text", "list", "quote"):
            gap = _gap(text, lines, previous, i)
            if gap:
                out.append(gap)
        previous = i
    return out


def _gap(text: str, lines: list[Line], above: int, below: int) -> Gap | None:
    a, b = lines[above], lines[below]
    start, end = a.end, b.start
    while start > a.start and text[start - 1].isspace():
        start -= 1
    while end < b.end and text[end].isspace():
        end += 1
    if start == a.start or end == b.end:
        return None
    last, first = text[start - 1], text[end]
    core = last
    if last in CLOSING and start - 1 > a.start:
        core = text[start - 2] if text[start - 2] in FINAL else last
    if core in FINAL and not (last == "." and text[start - 2 : start - 1].isdigit() and first.isdigit()):
        return None
    if first in "［【〔[" or (a.kind == "quote" and below - above > 1):
        return None
    above_text, below_text = text[a.start : start].strip(), text[end : min(b.end, end + 200)]
    if _ALONE.fullmatch(above_text[:40]) or _ALONE.fullmatch(below_text.strip()[:40]):
        return None
    if _VERSE.fullmatch(above_text[:40]) and _VERSE.fullmatch(below_text.strip()[:40]):
        return None
    if _FIELD.match(above_text) and _FIELD.match(below_text):
        return None
    if _couplets(above_text[:40], below_text.strip()[:40]):
        return None
    if _COLUMNS.search(above_text[:200]) and _COLUMNS.search(below_text):
        return None
    if last.isascii() and last.isalpha() and first.isascii() and first.isalpha():
        return None  # Latin words: whether a blank belongs between them is not known here
    return Gap(start, end, above, below)


def _couplets(above: str, below: str) -> bool:
    """Whether both lines are of two halves, all four of one length: regular verse."""
    a, b = _HALVES.fullmatch(above), _HALVES.fullmatch(below)
    return bool(a and b) and len({len(half) for m in (a, b) if m for half in m.groups()}) == 1


NAMES = (
    "bias",
    "llr",
    "llr_low",
    "predictable",
    "word",
    "comma",
    "closing",
    "cannot_start",
    "opening",
    "full_line",
    "short_line",
    "marks_above",
    "marks_below",
    "length_above",
    "length_below",
    "blank",
    "page",
    "indent",
    "wrapped",
    "digits",
    "width",
    "list_above",
    "field_below",
    "fields",
)


def features(document: Document, found: list[Gap]) -> NDArray[np.float64]:
    """Evidence for each gap, (n, len(NAMES)).

    ``llr`` is the log10 likelihood ratio of the next four symbols continuing the line against the
    line ending a paragraph and the next one starting one; ``wrapped`` how many breaks nearby split
    words; lengths are in characters, on a log scale.
    """
    text, lines, model = document.text, document.lines, document.resources.model
    n = len(found)
    out = np.zeros((n, len(NAMES)))
    if not n:
        return out
    left = np.full((n, SPAN), model.pad, dtype=np.int64)
    right = np.full((n, SPAN), EOS, dtype=np.int64)
    for k, g in enumerate(found):
        ids, _ = model.encode(text[max(lines[g.above].start, g.start - 12) : g.start])
        tail = ids[-SPAN:]
        left[k, SPAN - len(tail) :] = tail
        if len(tail) < SPAN:
            left[k, SPAN - len(tail) - 1] = BOS
        head, _ = model.encode(text[g.end : min(lines[g.below].end, g.end + 12)])
        head = head[:SPAN]
        right[k, : len(head)] = head
    joined = model.score_windows(np.concatenate([left, right], axis=1), SPAN)
    bos = np.full((n, 1), BOS, dtype=np.int64)
    fresh = model.score_windows(np.concatenate([bos, right], axis=1), 1)
    stop = model.score_windows(np.concatenate([left, np.full((n, 1), EOS, dtype=np.int64)], axis=1), SPAN)
    llr = joined.sum(axis=1) - fresh.sum(axis=1) - stop[:, 0]
    split = np.zeros(n)
    for k, g in enumerate(found):
        above, below = lines[g.above], lines[g.below]
        last, first = text[g.start - 1], text[g.end]
        above_text = text[above.start : g.start].strip()
        below_text = text[g.end : below.end].strip()
        between = text[g.start : g.end]
        word = _word_across(document, above_text[-6:], below_text[:6])
        split[k] = 1.0 if word > 0 else 0.0
        width = _width(lines, g.above)
        share = min(1.2, len(above_text) / width) if width else 0.0
        row = {
            "bias": 1.0,
            "llr": float(np.clip(llr[k], -6, 10)),
            "llr_low": float(min(0.0, llr[k])),
            "predictable": float(max(-6.0, joined[k, 0])),
            "word": word,
            "comma": float(last in "，,、"),
            "closing": float(last in CLOSING),
            "cannot_start": float(first in CANNOT_START),
            "opening": float(first in "“‘「『（(《【"),
            "full_line": float(share >= 0.85),
            "short_line": float(share < 0.6),
            "marks_above": float(any(ch in "，。、；" for ch in above_text)),
            "marks_below": float(any(ch in "，。、；" for ch in below_text[:60])),
            "length_above": math.log(1 + min(len(above_text), 60)),
            "length_below": math.log(1 + min(len(below_text), 60)),
            "blank": float(g.below - g.above > 1),
            "page": float("\f" in between),
            "indent": float(g.end - below.start >= 2 or text[below.start] == "\u3000"),
            "width": math.log(1 + min(width, 60)),
            "list_above": float(above.kind == "list"),
            "field_below": float(bool(_FIELD.match(below_text))),
            "fields": float(bool(_FIELD.match(below_text) and _FIELD.match(above_text))),
            "digits": float(last.isdigit() or first.isdigit()),
        }
        out[k] = [row.get(name, 0.0) for name in NAMES]
    out[:, NAMES.index("wrapped")] = _neighbour_share(found, split)
    return out


def _word_across(document: Document, tail: str, head: str) -> float:
    """log10 of one plus the count of the dictionary word that jieba sees across the join; 0 where there is none."""
    words = document.resources.words
    at = len(tail)
    for start, end in words.spans(tail + head):
        if start < at < end:
            return math.log10(1 + words.frequency((tail + head)[start:end]))
    return 0.0


def _width(lines: list[Line], index: int) -> int:
    """Length in characters of the longest line near line `index`: the column's width in wrapped text."""
    near = lines[max(0, index - 8) : index + 9]
    return max((line.end - line.start for line in near if line.kind == "text"), default=0)


def _neighbour_share(found: list[Gap], split: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each gap the share of the other gaps within eight lines that split a word."""
    above = np.array([g.above for g in found])
    lo = np.searchsorted(above, above - 8)
    hi = np.searchsorted(above, above + 8, side="right")
    total = np.concatenate([[0.0], np.cumsum(split)])
    count = hi - lo - 1
    return np.where(count > 0, (total[hi] - total[lo] - split) / np.maximum(1, count), 0.0)


def _in_verse(document: Document, gap: Gap, row: NDArray[np.float64]) -> bool:
    """Whether the break stands in a block of short lines without any mark, and no word runs across it."""
    if row[NAMES.index("word")] > 0:
        return False
    lines, text = document.lines, document.text
    lo, hi = gap.above, gap.below
    while lo > 0 and lines[lo - 1].kind != "blank" and gap.above - lo < 8:
        lo -= 1
    while hi + 1 < len(lines) and lines[hi + 1].kind != "blank" and hi - gap.below < 8:
        hi += 1
    block = [text[line.start : line.end].strip() for line in lines[lo : hi + 1] if line.kind != "blank"]
    return len(block) >= 3 and max(map(len, block)) <= 20 and not any(ch in "，。、；！？" for b in block for ch in b)


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    # Once lines are joined less shows that the others were set in a column: what was thought of them is remembered.
    known: dict[tuple[str, str], float] = document.shared.setdefault("broken_join", {})
    judged: set[int] = set()
    text = document.text
    of = columns.setting(document)
    held = _held(document)
    if of:
        found = columns.gaps(document, of)
        for column_gap, p in zip(found, columns.probabilities(document, of, found).tolist(), strict=True):
            judged.add(column_gap.end)
            key = text[column_gap.start - SPAN : column_gap.start], text[column_gap.end : column_gap.end + SPAN]
            probability = max(p, known.get(key, 0.0))
            if column_gap.start in held or column_gap.end in held:
                probability = min(probability, SAFE - 0.001)
            if probability >= REVIEW:
                known[key] = probability
                yield _proposal(document, column_gap.start, column_gap.end, probability)
    loose = [gap for gap in gaps(document) if gap.end not in judged]
    if not loose:
        return
    weights = document.resources.weights("broken_join", NAMES)
    for g, row in zip(loose, features(document, loose), strict=True):
        probability = logistic(float(row @ weights))
        if probability < SAFE_LOOSE or g.start in held or g.end in held:
            probability = min(probability, SAFE - 0.001)
        if probability >= REVIEW and not _in_verse(document, g, row):
            yield _proposal(document, g.start, g.end, probability)


def _held(document: Document) -> set[int]:
    """Where the lines start and end that seem to be running heads or page numbers: a person can take them out as long
    as they stand by themselves."""
    ends = set()
    for number in standing(document):
        start, end, *_ = document.lines[number]
        line = document.text[start:end]
        ends |= {start + len(line) - len(line.lstrip()), start + len(line.rstrip())}
    return ends


_LATIN_END = re.compile(r"([A-Za-z]{2,40})[-‐]\Z")
_LATIN_START = re.compile(r"[a-z]{2,40}")
_URL_END = re.compile(r"(?:https?://|www\.)[^\s\u3400-\u9fff]{0,200}\Z", re.I)


def _proposal(document: Document, start: int, end: int, probability: float) -> Proposal:
    """The break ``text[start:end]`` goes; what comes in its place depends on what stands on both sides."""
    text = document.text
    read = text[start:end]
    what = "page break" if "\f" in read else "paragraph break" if read.count("\n") > 1 else "line break"
    last, first = text[start - 1], text[end]
    after = ""
    if last.isascii() and first.isascii() and first.isalpha():
        hyphen = _LATIN_END.search(text, max(0, start - 41), start) and _LATIN_START.match(text, end)
        if hyphen:
            return _unhyphenated(text, start, end, probability)
        if last.isalpha() or (last in ",.;:!?" and text[start - 2 : start - 1].isascii()):
            after = " "
    if first.isascii() and not first.isspace() and _URL_END.search(text, max(0, start - 200), start):
        probability = min(probability, SAFE - 0.001)
        after = ""
    return Proposal(
        start,
        end,
        after,
        RULE,
        probability,
        f"{what} inside a paragraph" if last in FINAL or last in CLOSING else f"{what} inside a sentence",
        ((after, probability), (read, 1 - probability)),
    )


def _unhyphenated(text: str, start: int, end: int, probability: float) -> Proposal:
    """A word hyphenated at the end of a line: without its hyphen where the text has it so elsewhere, with the hyphen
    where it has that; else its hyphen is proposed to go."""
    left, right = text[max(0, start - 41) : start - 1], text[end : end + 40]
    head = re.search(r"[A-Za-z]{2,40}\Z", left)
    tail = _LATIN_START.match(right)
    whole = (head.group() if head else "", tail.group() if tail else "")
    if "".join(whole) in text:
        cut = start - 1
    elif "-".join(whole) in text:
        cut = start
    else:
        cut, probability = start - 1, min(probability, SAFE - 0.001)
    read = text[cut:end]
    choice = ("", probability), (read, 1 - probability)
    return Proposal(cut, end, "", RULE, probability, "a word hyphenated at the end of a line", choice)


FILTER = Filter(
    "broken_join",
    (
        Rule(
            RULE,
            "a line, paragraph or page break inside a word, sentence or paragraph",
            safe_at=SAFE,
            review_at=REVIEW,
            examples=(("明确主导产业发展目⏎⏎标，鼓励", "明确主导产业发展目标，鼓励"),),
        ),
    ),
    propose,
)
