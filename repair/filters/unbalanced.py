"""Brackets and quotation marks that stand without their partner.

OCR loses thin marks: the opening bracket of a source note, the 》 after a title, the ” at the end of a
speech. This rule pairs （） 〔〕 【】 [] 《》 〈〉 “” ‘’ 「」 『』 and proposes where the missing one belongs:
before a source note that follows the end of a sentence, after an abbreviation (以下简称…), after a title,
at the end of a speech, or where the language model finds one place much better than the others. Where
no place stands out the mark is only noted, with the best places ranked.

Left alone: pairs of mixed width such as （…), pairs that span lines, quotations of which each paragraph
opens with a mark and only the last one closes, list numbers such as 1) a) 一), half-open intervals
[0, 1), emoticons, apostrophes, inches, code, links and marks that are talked about (“（”).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..document import TERMINAL, Document
from ..text import Proposal
from .base import Filter, Rule

RULE = "unbalanced"
DIRTY = -1.45
"""`Document.dirt` from which on a text shows that an engine was at work."""

ROUND, TORTOISE, LENTICULAR, SQUARE, TITLE, INNER_TITLE, DOUBLE, SINGLE, CORNER, WHITE_CORNER = range(10)
PAIRS: tuple[tuple[str, str], ...] = (
    ("（(", "）)"),
    ("〔", "〕"),
    ("【", "】"),
    ("[［", "]］"),
    ("《", "》"),
    ("〈", "〉"),
    ("“", "”"),
    ("‘", "’"),
    ("「", "」"),
    ("『", "』"),
)
QUOTES = frozenset({DOUBLE, SINGLE, CORNER, WHITE_CORNER})
TITLES = frozenset({TITLE, INNER_TITLE})

_TABLE = np.zeros(0x10000, dtype=np.uint8)  # 0: no mark; else 1 + 2 * kind + (1 if it closes)
for _kind, (_opening, _closing) in enumerate(PAIRS):
    for _side, _chars in enumerate((_opening, _closing)):
        for _ch in _chars:
            _TABLE[ord(_ch)] = 1 + 2 * _kind + _side
_ALL = "".join(a + b for a, b in PAIRS)
_OPENERS = "".join(a for a, _ in PAIRS)
_CLOSERS = "".join(b for _, b in PAIRS)

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LIST_CLOSE = re.compile(
    r"(?:(?:^|[^A-Za-z0-9０-９一-鿿])(?:\d{1,3}|[０-９]{1,3}|[A-Za-z]|[ivxIVX]{2,5})"
    r"|(?:^|[^一-鿿])第?[一二三四五六七八九十]{1,3}|[第图表注式例条题步或者和及与是]\s?\d{1,2}|[①-⓿❶-➓]|[*＊※†‡]{1,4})$"
)
_LIST_OPEN = re.compile(r"(?:\d{1,3}|[A-Za-z]|[一二三四五六七八九十]{1,3})[、.．,，\s]")
_SMILEY = re.compile(r"[:;=：；＝xX8][-o^'’*~—]?$")
_FACE = re.compile(r"[￣▽△ω°д≧≦ｏ∀´｀^`_＿╯╰╥﹏┳┻□ﾟ・≖◕‿๑•̀ᴗ°≡╮╭ヽノ]")
_SENTENCE_END = "。！？!?…"
_SOURCE = re.compile(
    r"(?:据|来源|来自|原载|载|摘自|摘编自|选自|见|参见|作者|记者|编者|注|新华社|本报|出自|引自|转引自|原文)"
)
_SOURCE_BREAK = re.compile(r"[。！？!?…]|[\n\r\f]")
_ABBREVIATION = re.compile(r"(?:以下|下文|文中|后文|文内)?(?:简称|统称|合称|又称|俗称|亦称|也称)(?:为|作|[:：])?")
_YEARS = re.compile(
    r"(?:约|公元前?|前)?\d{3,4}年?\s?(?:[—–\-－~～]{1,2}|至)\s?(?:约)?(?:\d{3,4}年?|今|？|\?)?(?![\d.．])|(?:19|20)\d\d年?(?=[，,])"
)
_NOTE_LINE = re.compile(
    r"(?:作者单位|作者系|作者为|作者是|作者[:：]|据《|据新华社|来源[:：]|资料来源|原载|摘自|记者[:：]?"
    r"|本报记者|责任编辑|责编|编辑[:：]|本文|注[:：]|图/|摄影[:：]|供稿)"
)
_LABEL = re.compile(
    r"(?:本报讯|本刊讯|新华社讯|编者按|提要|摘要|关键词|导读|按语|内容提要|作者简介|本报综合消息|[一-鿿]{2,5}讯)"
    r"(?=[\s\u3000])"
)
_TITLE_TAIL = re.compile(
    r"(?:条例|办法|意见|通知|规定|决定|方案|规划|纲要|公报|公告|报告|细则|法|法典|宪法|守则|准则|章程|协定|协议|条约|宣言|公约|标准|指南|"
    r"日报|晚报|时报|早报|周报|周刊|月刊|杂志|学报|全集|文集|选集|诗集|词典|辞典|字典|史|志|传|记|赋|论)$"
)
_TITLE_RUN = re.compile(r"[^，,。！？!?；;：:\n“”‘’《》〈〉（）()]{2,32}")
_AFTER_SPEECH = re.compile(
    r"(?:说完|说罢|说着|话音[未刚]落|言毕|话没说完|[他她我](?:又|还|接着|笑着|大声|低声|轻声)?(?:说|问|道|喊|答))"
)
_SPEECH_BEFORE = re.compile(r"(?:[:：]|(?:说|道|问|喊|答|写道|曰|称)[，,])\s?$")
_SAID = re.compile(r"[，,][^，,。：:]{1,10}(?:说|表示|称|道|认为|指出)[，,。：:]")
_PARAGRAPH_END = re.compile(r"[。！？!?…”’」』]\s{0,4}\n[ \t\u3000]{0,8}\n")
_INTERVAL = re.compile(r"[^\u3400-\u9fff。，；\n]{1,40}")
_NUMBERLIKE = re.compile(r"[A-Za-z0-9]")


class Mark(NamedTuple):
    """One bracket or quotation mark. `line` is its index in ``document.lines``."""

    position: int
    kind: int
    closes: bool
    line: int


class Mixed(NamedTuple):
    """A pair whose two marks are of different styles of one family."""

    opening: Mark
    closing: Mark


class Scan(NamedTuple):
    """`left`: marks without a partner, per line; `mixed`: pairs of two styles; `marks`: all marks of lines with `left`.

    `shared`: lines with a quotation that spans lines.
    """

    left: dict[int, list[Mark]]
    mixed: list[Mixed]
    marks: dict[int, list[Mark]]
    shared: frozenset[int]


def _family(kind: int) -> int:
    return 1 if kind in QUOTES else 2 if kind in TITLES else 0


def scan(document: Document) -> Scan:
    """Pair all marks of the text outside machine syntax, once a text. Linear."""
    if RULE not in document.memo:
        document.memo[RULE] = _scan(document)
    found: Scan = document.memo[RULE]
    return found


def _scan(document: Document) -> Scan:
    codes = document.codes
    small = _TABLE.take(codes, mode="clip")
    where = np.flatnonzero(small)
    if not len(where):
        return Scan({}, [], {}, frozenset())
    syntax = document.syntax
    if len(syntax):
        ends = np.asarray(syntax.ends, dtype=np.int64)
        starts = np.asarray(syntax.starts, dtype=np.int64)
        at = np.minimum(np.searchsorted(ends, where, side="right"), len(ends) - 1)
        where = where[~((starts[at] <= where) & (where < ends[at]))]
    kinds = small[where]
    # Most lines are balanced in every kind and none of them needs Python: those whose marks read as simple pairs.
    line_starts = np.fromiter((line.start for line in document.lines), dtype=np.int64, count=len(document.lines))
    line_of = np.searchsorted(line_starts, where, side="right") - 1
    opening = (kinds - 1) % 2 == 0
    paired = np.zeros(len(where), dtype=bool)
    if len(where) > 1:
        good = opening[:-1] & (kinds[1:] == kinds[:-1] + 1) & (line_of[1:] == line_of[:-1])
        paired[:-1] |= good
        paired[1:] |= good
    rest = np.flatnonzero(~paired)
    if not len(rest):
        return Scan({}, [], {}, frozenset())
    if len(rest) > 1000 and len(rest) * 8 > len(codes):
        return Scan({}, [], {}, frozenset())  # garbage: nothing could be said about single marks
    busy = set(line_of[rest].tolist())
    chosen = np.isin(line_of, np.fromiter(busy, dtype=np.int64, count=len(busy)))
    by_line: dict[int, list[Mark]] = defaultdict(list)
    for p, k, n in zip(where[chosen].tolist(), kinds[chosen].tolist(), line_of[chosen].tolist(), strict=True):
        by_line[n].append(Mark(p, (k - 1) >> 1, (k - 1) % 2 != 0, n))
    return _match(document, by_line)


def _match(document: Document, by_line: dict[int, list[Mark]]) -> Scan:
    text = document.text
    left: list[Mark] = []
    mixed: list[Mixed] = []
    for marks in by_line.values():
        over, pairs = _match_line(text, marks)
        mixed += pairs
        left += over
    left.sort()
    # Pairs that span lines.
    shared: set[int] = set()
    gone: set[int] = set()
    stacks: dict[int, list[Mark]] = defaultdict(list)
    for mark in left:
        stack = stacks[mark.kind]
        if not mark.closes:
            stack.append(mark)
        elif stack and stack[-1].line != mark.line and _reaches(text, stack[-1], mark):
            partner = stack.pop()
            gone |= {mark.position, partner.position}
            shared |= {mark.line, partner.line}
    kept: dict[int, list[Mark]] = defaultdict(list)
    for mark in left:
        if mark.position in gone:
            continue
        if mark.kind in QUOTES and not mark.closes and _continued(document, mark):
            shared.add(mark.line)
            continue
        kept[mark.line].append(mark)
    return Scan(dict(kept), mixed, by_line, frozenset(shared))


def _match_line(text: str, marks: Sequence[Mark]) -> tuple[list[Mark], list[Mixed]]:
    stack: list[Mark] = []
    left: list[Mark] = []
    for mark in marks:
        if not mark.closes:
            stack.append(mark)
            continue
        for depth in range(1, min(len(stack), 6) + 1):
            other = stack[-depth]
            if other.kind == mark.kind or (depth == 1 and _interval(text, other, mark)):
                if depth > 1:
                    left += stack[1 - depth :]
                del stack[-depth:]
                break
        else:
            left.append(mark)
    left += stack
    if len(left) < 2:
        return left, []
    left.sort()
    # Marks that cross, such as “（” … “）”.
    open_of: dict[int, list[int]] = defaultdict(list)
    gone: set[int] = set()
    for i, mark in enumerate(left):
        if not mark.closes:
            open_of[mark.kind].append(i)
        elif open_of[mark.kind]:
            gone |= {i, open_of[mark.kind].pop()}
    left = [mark for i, mark in enumerate(left) if i not in gone]
    pairs = []
    out: list[Mark] = []
    for mark in left:
        if mark.closes and out and not out[-1].closes and _family(mark.kind) and _mixed(text, out[-1], mark):
            pairs.append(Mixed(out.pop(), mark))
        else:
            out.append(mark)
    return out, pairs


def _mixed(text: str, a: Mark, b: Mark) -> bool:
    return _family(a.kind) == _family(b.kind) and a.kind != b.kind and 1 < b.position - a.position <= 60


def _interval(text: str, a: Mark, b: Mark) -> bool:
    """Half-open intervals: [0, 1) and (a, b]."""
    if {a.kind, b.kind} != {ROUND, SQUARE}:
        return False
    return bool(_INTERVAL.fullmatch(text, a.position + 1, b.position))


def _reaches(text: str, a: Mark, b: Mark) -> bool:
    """Whether a pair may span the lines between its marks."""
    distance = b.position - a.position
    if a.kind in QUOTES:
        return distance <= 2000
    return distance <= 400 and not _PARAGRAPH_END.search(text, a.position, b.position)


def _continued(document: Document, mark: Mark) -> bool:
    """Whether the next paragraph opens with the same mark: a quotation of several paragraphs."""
    lines, text = document.lines, document.text
    for line in lines[mark.line + 1 : mark.line + 6]:
        if line.kind != "blank":
            return text[line.start : line.start + 12].lstrip(" \t\u3000>")[:1] == text[mark.position]
    return False


# ---------------------------------------------------------------- what is no damage


def _innocent(document: Document, mark: Mark) -> bool:
    text = document.text
    p = mark.position
    line = document.lines[mark.line]
    before = text[max(line.start, p - 8) : p]
    after = text[p + 1 : min(line.end, p + 9)]
    if _touches_hard(document, p):
        return True
    if before and after and before[-1] in "“‘「『\"'" and after[0] in "”’」』\"'":
        return True  # a mark that is talked about
    if mark.kind == SINGLE:
        return bool(_NUMBERLIKE.match(before[-1:]) or _NUMBERLIKE.match(after[:1]))
    if mark.kind in (ROUND, SQUARE):
        if _SMILEY.search(before) or after[:1] in (":", ";", "=") or _FACE.search(before) or _FACE.search(after):
            return True
        if not _HAN.search(before + after) or (before.endswith(" ") and after.startswith(" ")):
            return True
        if mark.kind == SQUARE and not (_HAN.search(before[-2:]) or _HAN.search(after[:2])):
            return True
    if mark.kind == ROUND and mark.closes:
        head = text[max(line.start, p - 8) : p]
        return bool(_LIST_CLOSE.search(head if p - 8 > line.start else "\n" + head))
    if mark.kind == ROUND:
        return bool(_LIST_OPEN.match(after))
    return mark.kind == TORTOISE and bool(_NUMBERLIKE.match(before[-1:]))


def _touches_hard(document: Document, p: int) -> bool:
    hard = document.hard
    if not len(hard):
        return False
    i = bisect_right(hard.starts, p + 1) - 1
    return i >= 0 and hard.starts[i] <= p + 1 and hard.ends[i] >= p


# ---------------------------------------------------------------- where the partner belongs


class _Places(NamedTuple):
    """Positions for the missing mark, best first, with probabilities; `reason` in words."""

    ranked: tuple[tuple[int, float], ...]
    reason: str


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    found = scan(document)
    if not found.left:
        return
    total = sum(len(marks) for marks in found.left.values())
    if total > 40 and total * 80 > len(document.text):
        return  # garbage, or a text that uses these signs in another way
    from .quote_style import turned

    end = len(document.text.rstrip())
    last = bisect_right(document.lines, end, key=lambda line: line.start) - 1
    for index, marks in found.left.items():
        line = document.lines[index]
        if line.kind in ("code", "meta", "rule"):
            continue
        if len(marks) > 8 and len(marks) * 60 > line.end - line.start:
            continue  # not a missing mark: another use of these signs, or garbage
        flips = turned(document, found, index)
        for mark in marks:
            if mark.kind in QUOTES and flips:
                continue  # a mark turned the wrong way, not a missing one
            if _innocent(document, mark):
                continue
            proposal = _proposal(document, mark)
            if (
                not mark.closes
                and proposal.confidence < 0.5
                and index >= last
                and document.text[end - 1 : end] not in TERMINAL
            ):
                continue  # the text is cut off here
            yield proposal


def _proposal(document: Document, mark: Mark) -> Proposal:
    text = document.text
    line = document.lines[mark.line]
    partner = _partner(text, mark)
    places = _opening_places(document, mark, line) if mark.closes else _closing_places(document, mark, line)
    sign = text[mark.position]
    ranked = places.ranked
    # Where engines have been at work, a lone quotation mark is more often a speck than one of a pair
    # (44 of 53 pairs made on development pages were wrong): only flagged there.
    speck = mark.kind in QUOTES and document.dirt >= DIRTY
    if ranked and ranked[0][1] >= 0.5 and not speck:
        at, confidence = ranked[0]
        return Proposal(
            at, at, partner, RULE, confidence,
            f"{sign} has no {partner}: {places.reason}",
            ((partner, confidence), ("", round(1 - confidence, 4))),
        )  # fmt: skip
    # A flag: the stretch from the mark to the furthest of the places, with the readings they give.
    reach = [mark.position, mark.position + 1, *(p for p, _ in ranked[:4])]
    start, end = min(reach), max(reach)
    alternatives = [(text[start:p] + partner + text[p:end], round(q, 4)) for p, q in ranked[:4]]
    alternatives.append((text[start:end], round(max(0.0, 1 - sum(q for _, q in ranked[:4])), 4)))
    alternatives.sort(key=lambda item: -item[1])
    return Proposal(start, end, text[start:end], RULE, 0.3, f"{sign} has no {partner}", tuple(alternatives))


def _partner(text: str, mark: Mark) -> str:
    own, other = PAIRS[mark.kind] if not mark.closes else PAIRS[mark.kind][::-1]
    return other[own.index(text[mark.position])]


def _closing_places(document: Document, mark: Mark, line: Any) -> _Places:
    text = document.text
    o = mark.position
    stop = min(line.end, o + 400)
    bare_end = line.end
    while bare_end > o + 1 and text[bare_end - 1] in " \t\u3000":
        bare_end -= 1
    if mark.kind == ROUND:
        if m := _ABBREVIATION.match(text, o + 1, stop):
            at = _abbreviation_end(text, line.start, o, m.end(), stop)
            if at:
                return _Places(((at, 0.9),), "the abbreviation ends here")
        if (m := _YEARS.match(text, o + 1, stop)) and m.end() < stop:
            return _Places(((m.end(), 0.85),), "years of a life or a term")
        fills = o - line.start <= 4 and bare_end - o <= 60 and text[bare_end - 1] not in "，,；;：:、"
        if fills and _NOTE_LINE.match(text, o + 1, stop) and not _SOURCE_BREAK.search(text, o, bare_end):
            return _Places(((bare_end, 0.9),), "a note that fills its line")
    if mark.kind == LENTICULAR and (m := _LABEL.match(text, o + 1, stop)):
        return _Places(((m.end(), 0.9),), "the label ends here")
    if mark.kind in QUOTES:
        before = text[max(line.start, o - 4) : o]
        if _SPEECH_BEFORE.search(before):
            return _speech_end(text, o, bare_end)
        if o - line.start <= 4 and not before.strip(" \t\u3000#>-"):
            term = _by_model(document, mark, line)
            return term if term.ranked and term.ranked[0][1] >= 0.75 else _speech_end(text, o, bare_end, sure=False)
    places = _by_model(document, mark, line)
    if mark.kind in TITLES and (m := _TITLE_RUN.match(text, o + 1, stop)) and _TITLE_TAIL.search(m.group()):
        best = places.ranked[0] if places.ranked else (m.end(), 1.0)
        if text[m.end() : m.end() + 1] in tuple("，,。；;") and (best[0] == m.end() or best[1] < 0.6):
            return _Places(((m.end(), 0.85),), "the title ends before the punctuation")
    return places


def _abbreviation_end(text: str, start: int, o: int, at: int, stop: int) -> int:
    """Where an abbreviation of what stands before the bracket ends; 0 if it cannot be told."""
    if at < stop and text[at] in "“‘「《":
        close = text.find("”’」》"["“‘「《".index(text[at])], at, min(stop, at + 20))
        return close + 1 if close > 0 else 0
    full = text[max(start, o - 40) : o].rstrip("》”")
    # The longest stretch whose characters occur, in order, in the full name.
    best = 0
    seek = 0
    for i in range(at, min(stop, at + 12)):
        if not _HAN.match(text[i]):
            break
        # Latest possible beginning of the name is unknown, so look anywhere after the last match.
        j = full.find(text[i], seek)
        if j < 0:
            break
        seek = j + 1
        best = i + 1
    return best if best - at >= 2 else 0


def _speech_end(text: str, o: int, end: int, *, sure: bool = True) -> _Places:
    """Ends of sentences inside the line that may end the speech."""
    ends: list[int] = []
    stop = min(end, o + 400)
    i = o + 1
    while i < stop:
        if text[i] in "”“":
            break
        if text[i] in _SENTENCE_END:
            while i + 1 < end and text[i + 1] in _SENTENCE_END:
                i += 1
            ends.append(i + 1)
        i += 1
    if not ends:
        return _Places((), "")
    for at in ends:
        if _AFTER_SPEECH.match(text, at, end):
            return _Places(((at, 0.8), *((e, 0.1) for e in ends if e != at)), "the narrator goes on here")
    if sure and len(ends) == 1 and ends[0] == end and not _SAID.search(text, o, end):
        return _Places(((end, 0.75),), "the speech ends with the paragraph")
    ranked = [(ends[-1], 0.35), *((e, round(0.45 / max(1, len(ends) - 1), 4)) for e in ends[:-1])]
    ranked.sort(key=lambda item: -item[1])
    return _Places(tuple(ranked), "the end of the speech is uncertain")


def _opening_places(document: Document, mark: Mark, line: Any) -> _Places:
    text = document.text
    c = mark.position
    if mark.kind == ROUND:
        start = max(line.start, c - 40)
        cut = start
        for m in _SOURCE_BREAK.finditer(text, start, c):
            cut = m.end()
        while cut < c and text[cut] in "”’」』) \u3000":
            cut += 1
        note = text[cut:c]
        at_end = cut > line.start and (cut > start or start == line.start)
        source = note.startswith("《") or (_SOURCE.match(note) and "，" not in note)
        if at_end and cut > start and 2 <= len(note) <= 36 and source:
            return _Places(((cut, 0.88),), "a source note after the end of the sentence")
        whole = text[start:c]
        lead = len(whole) - len(whole.lstrip())
        if start == cut == line.start and _NOTE_LINE.match(whole, lead) and line.end - c <= 2:
            return _Places(((start + lead, 0.85),), "a note that fills its line")
    return _by_model(document, mark, line)


# ---------------------------------------------------------------- the language model as judge

_REACH = {ROUND: 24, TORTOISE: 12, LENTICULAR: 16, SQUARE: 12, TITLE: 24, INNER_TITLE: 24}
_RARE = frozenset({TORTOISE, SQUARE, INNER_TITLE, CORNER, WHITE_CORNER})
_STOPS = frozenset("。！？!?；;：:\n\r\f")
_CONTEXT = 8


def _by_model(document: Document, mark: Mark, line: Any) -> _Places:
    """Candidate places for the partner in the same clause, ranked by the probability of the clause with it."""
    text = document.text
    p = mark.position
    reach = _REACH.get(mark.kind, 16)
    spots: list[int] = []
    depth = 0
    if mark.closes:
        for i in range(p - 1, max(line.start, p - reach) - 1, -1):
            ch = text[i]
            if ch in _STOPS or (ch in _OPENERS and not depth):
                break
            depth += (ch in _CLOSERS) - (ch in _OPENERS)
            if depth == 0 and ch not in "，、,. 　" and not _splits(text, i) and (p - i >= 2 or mark.kind == ROUND):
                spots.append(i)
    else:
        for i in range(p + 1, min(line.end, p + reach)):
            ch = text[i]
            if (ch in _STOPS and mark.kind not in TITLES) or ch in "\n\r\f" or (ch in _CLOSERS and not depth):
                if depth == 0 and i - p > 2:
                    spots.append(i)
                break
            if depth == 0 and i - p > 2 and text[i - 1] not in "，、,.：: 　" and not _splits(text, i):
                spots.append(i)
            depth += (ch in _OPENERS) - (ch in _CLOSERS)
        else:
            if depth == 0 and line.end <= p + reach and line.end - p > 2:
                spots.append(line.end)
    if not spots:
        return _Places((), "")
    partner = _partner(text, mark)
    if mark.kind in QUOTES:
        spots = [i for i in spots if not _crowded(text, mark, i)]
        if not spots:
            return _Places((), "")
    lo = max(line.start, min(p, *spots) - _CONTEXT)
    hi = min(line.end, max(p, *spots) + _CONTEXT)
    scores = _scores(document, lo, hi, spots, partner)
    scores = [score + _prior(text, mark, spot) for score, spot in zip(scores, spots, strict=True)]
    order = sorted(range(len(spots)), key=lambda k: -scores[k])
    best = scores[order[0]]
    weights = [10.0 ** max(-30.0, scores[k] - best) for k in order]
    total = sum(weights)
    margin = best - scores[order[1]] if len(order) > 1 else 1.0
    confidence = _confidence(mark, margin)
    share = [w / total for w in weights]
    if confidence >= 0.5 and (
        _other_sign(document, mark, spots[order[0]], lo, hi)
        or (mark.kind in _RARE and not _has_pair(document, mark.kind))
    ):
        confidence = 0.4  # perhaps the mark itself is misread
    ranked = tuple(
        (spots[k], round(confidence if n == 0 else share[n] * (1 - confidence), 4)) for n, k in enumerate(order)
    )
    return _Places(ranked, "the best of the places in the clause")


_LENGTHS: dict[int, tuple[float, ...]] = {
    # log10 share of pairs that hold 1, 2, 3, … characters, measured on news, prose and technical text.
    0: (-1.4, -1.2, -1.1, -1.0, -0.8, -1.1, -1.3, -1.4, -1.4, -1.4, -1.45, -1.45, -1.5, -1.55, -1.6, -1.7, -1.75, -1.8),
    1: (
        -1.6,
        -0.75,
        -0.85,
        -0.55,
        -1.15,
        -1.3,
        -1.4,
        -1.5,
        -1.5,
        -1.7,
        -1.75,
        -1.85,
        -1.87,
        -1.98,
        -2.0,
        -2.2,
        -2.2,
        -2.3,
    ),
    2: (
        -2.6,
        -1.0,
        -1.2,
        -0.7,
        -1.0,
        -1.25,
        -1.3,
        -1.4,
        -1.5,
        -1.55,
        -1.6,
        -1.6,
        -1.65,
        -1.65,
        -1.7,
        -1.7,
        -1.75,
        -1.8,
    ),
}
_COMMA = -0.8


def _prior(text: str, mark: Mark, spot: int) -> float:
    """log10 odds of a pair of that length, before its words are read."""
    a, b = (spot, mark.position) if mark.closes else (mark.position + 1, spot)
    lengths = _LENGTHS[_family(mark.kind)]
    size = max(1, b - a)
    prior = lengths[size - 1] if size <= len(lengths) else lengths[-1] - 0.07 * (size - len(lengths))
    return prior + (_COMMA if text.find("，", a, b) >= 0 else 0.0)


def _crowded(text: str, mark: Mark, i: int) -> bool:
    """Whether the partner would stand at `i` directly inside another quotation mark of its kind."""
    opening, closing = PAIRS[mark.kind]
    before, after = text[i - 1 : i], text[i : i + 1]
    if mark.closes:
        return before == opening or after in (opening, closing)
    return after == closing or before in (opening, closing)


def _has_pair(document: Document, kind: int) -> bool:
    """Whether the text, or the first 100,000 characters of it, uses both marks of `kind`."""
    opening, closing = PAIRS[kind]
    head = document.text[:100_000]
    return any(a in head and b in head for a, b in zip(opening, closing, strict=True))


_LEADS = (0.0, 0.5, 1.0, 1.6, 2.5, 3.5, 5.0)
_RIGHT = (0.25, 0.38, 0.55, 0.66, 0.75, 0.88, 0.95)


def _confidence(mark: Mark, lead: float) -> float:
    """Probability that the best place is right, from its lead over the second in log10 units.

    Measured by taking one mark out of clean news, prose and technical text.
    """
    confidence = float(np.interp(lead, _LEADS, _RIGHT))
    return round(min(confidence, 0.8) if mark.kind == ROUND and not mark.closes else confidence, 4)


def _splits(text: str, i: int) -> bool:
    """Whether a mark at `i` would split a number or a Latin word."""
    a, b = text[i - 1 : i], text[i : i + 1]
    return bool(_NUMBERLIKE.match(a) and _NUMBERLIKE.match(b)) or (a in ".%·-" and b.isdigit()) or b in ("%", "％", "·")


def _scores(document: Document, lo: int, hi: int, spots: Sequence[int], partner: str) -> list[float]:
    """log10 probability of ``text[lo:hi]`` with `partner` inserted at each of `spots`."""
    model = document.resources.model
    ids, positions = model.encode(document.text[lo:hi])
    sign = model.char_id(partner)
    windows = np.full((len(spots), len(ids) + 1), sign, dtype=np.int64)
    for row, spot in enumerate(spots):
        k = int(np.searchsorted(positions, spot - lo))
        windows[row, :k] = ids[:k]
        windows[row, k + 1 :] = ids[k:]
    scored: list[float] = model.score_windows(windows, 0).sum(axis=1).tolist()
    return scored


def _score(document: Document, reading: str) -> float:
    model = document.resources.model
    ids, _ = model.encode(reading)
    return float(model.score_windows(ids[np.newaxis].astype(np.int64), 0).sum())


def _other_sign(document: Document, mark: Mark, spot: int, lo: int, hi: int) -> bool:
    """Whether the mark itself seems misread: a comma for a closing bracket, a quotation mark for a title mark.

    On clean text the other sign wins by such a lead in fewer than one pair in thirty.
    """
    text, p = document.text, mark.position
    a, b = min(p, spot), max(p, spot)
    left, right = (spot, p) if mark.closes else (p + 1, spot)
    body = text[left:right]
    head, tail = text[lo:a], text[b + (1 if mark.closes else 0) : hi]
    if mark.kind == TITLE:
        own = _score(document, f"{head}《{body}》{tail}")
        return _score(document, f"{head}“{body}”{tail}") - own > 2.0
    if mark.kind == ROUND and mark.closes:
        own = _score(document, f"{head}（{body}）{tail}")
        return _score(document, f"{head}{body}，{tail}") - own > 4.0
    return False


FILTER = Filter(
    "unbalanced",
    (
        Rule(
            RULE,
            "a bracket or quotation mark without its partner",
            ceiling="review",
            examples=(
                ("设施逐步完善。《太原日报》4月17日)", "设施逐步完善。(《太原日报》4月17日)"),
                ("这部《红楼梦的早期抄本", "这部《红楼梦》的早期抄本"),
                ("他说：“家里有我。说完就走了。", "他说：“家里有我。”说完就走了。"),
            ),
        ),
    ),
    propose,
    guesses=True,
)
