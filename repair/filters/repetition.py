"""Text that a model repeated in a loop, and passages printed twice.

* A character five or more times in a row (的的的的的), a phrase of 2–20 characters four or more times, clauses
  or sentences three or more times, a line three or more times: one copy is proposed.
* Fewer copies of something that people do repeat, dots in a row (。。。。。) and everything printed twice, such as
  a pull quote that also begins the next paragraph or a paragraph that returns later: noted only.

Left alone: laughter, crying and sounds (哈哈哈哈, 咚咚咚, 滴答滴答), chants (加油！加油！), refrains and other
short lines, digits, dashes, dots, rules, underscores, Latin letters, tables, lists of equal entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..document import Document
from ..protect import Protected
from ..text import Proposal
from .base import Filter, Rule

RULE = "repetition"

_MOUTH = frozenset(
    "哈呵嘿嘻嘎呜啊呀哇哦噢喔嗯唔唉哎诶欸喂咦哟唷呦嗷嗬嚯吼吁嘘咚叮当铛砰嘭啪噼哗啦轰隆咔嚓咯吱嘀嗒滴答嗡嘟呼噜咕叽喳呱喵汪咩"
    "哞咣哐唰嗖飕淙潺沥汩怦扑通突咻嗤噗噔蹬嘣梆邦锵锣呛咪呐咳嗨嘶嗞滋吧呢吗嘛哼哩咧啰喽嘞卟咿唧啾嘤嚎嗥吭哧咝嗵噌铃零哒得儿布"
    "谷丁冬东笃呸呃额恩昂么好对是来快走不等爱杀冲打嗦哆淅飒簌萧辘〇一二三四五六七八九十百千万亿某Xx口囗〓"
)
_CHANTS = re.compile(
    r"加油|万岁|救命|对不起|谢谢|再见|努力|妈妈|爸爸|宝贝|冲啊|来啊|快跑|等等|好的|是的|没有|不要|不是|知道|等啊|走啊"
)
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿")
_PUNCT = frozenset("。，、；：！？,.;:!?")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LOOP = re.compile(r"([\u2e80-\U0010ffff])\1\1")
_UNIT = re.compile(r"[^，。！？；：、,!?;\n\r\f]{0,200}[，。！？；：,!?;\n\r\f]|[^，。！？；：、,!?;\n\r\f]{1,200}")
_SENTENCE = re.compile(r"[。！？!?…][”』」’）)]{0,2}$")
_MARKS = np.zeros(0x10000, dtype=np.bool_)  # what ends a unit
_MARKS[[ord(ch) for ch in "，。！？；：、,!?;\n\r\f"]] = True
_MOST = 20  # longest phrase
_ENTRY = 12  # shorter lines may be entries of a list, verse or talk


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    done: list[tuple[int, int]] = []  # spans already spoken of
    yield from _characters(document, done, int(settings["minimum"]))
    yield from _phrases(document, done)
    yield from _clauses(document, done)
    yield from _lines(document, done)


# ---------------------------------------------------------------- loops of characters and phrases


def _runs(flags: NDArray[np.bool_], least: int) -> Iterator[tuple[int, int]]:
    """Runs of at least `least` True values, as ``(start, end)``."""
    if not flags.any():
        return
    edge = np.flatnonzero(np.diff(flags.view(np.int8), prepend=0, append=0))
    for start, end in zip(edge[::2].tolist(), edge[1::2].tolist(), strict=True):
        if end - start >= least:
            yield start, end


def _long_runs(codes: NDArray[np.uint32], period: int, least: int) -> list[tuple[int, int]]:
    """Stretches ``[start, end)`` that repeat with `period` and hold at least `least` copies of a CJK phrase.

    The last copy may lack its last character. A stretch of n copies agrees with itself, shifted by
    the period, in (n - 1) * period places: every period-th place is looked at first, and only where n - 2 of
    these agree in a row is it measured.
    """
    size = len(codes)
    if size < period * least - 1:
        return []
    probe = codes[::period]
    same = probe[1:] == probe[:-1]
    need = least - 2
    hit = same[: len(same) - need + 1].copy()
    for k in range(1, need):
        hit &= same[k : len(same) - need + 1 + k]
    hit &= probe[: len(hit)] > 0x2E7F
    where = np.flatnonzero(hit)
    if not len(where):
        return []
    out = []
    if len(where) > 64:
        whole = codes[period:] == codes[:-period]
        found = list(_runs(whole, (least - 1) * period - 1))
    else:
        found = []
        reach = -1
        for i in (where * period).tolist():
            if i < reach:
                continue
            start = i
            while start > 0 and codes[start - 1] == codes[start - 1 + period]:
                start -= 1
            end = i
            while end + period < size and codes[end] == codes[end + period]:
                end += 1
            reach = end
            if end - start >= (least - 1) * period - 1:
                found.append((start, end))
    for start, end in found:
        out.append((start, end + period))
    return out


def _characters(document: Document, done: list[tuple[int, int]], minimum: int) -> Iterator[Proposal]:
    codes, text = document.codes, document.text
    minimum = max(3, minimum)
    if len(codes) < minimum:
        return
    if len(codes) < 1000 and not _LOOP.search(text):
        return
    same = codes[1:] == codes[:-1]
    hit = same[: len(same) - minimum + 2].copy()
    for k in range(1, minimum - 1):
        hit &= same[k : len(same) - minimum + 2 + k]
    hit &= codes[: len(hit)] > 0x2E7F
    for start, end in _runs(hit, 1):
        end = end + minimum - 1
        ch = text[start]
        done.append((start, end))
        if ch in "。、，":
            yield _flag(text, start, end, f"{ch} {end - start} times in a row")
        elif _HAN.match(ch) and ch not in _MOUTH:
            yield _loop(text, start, end, ch, 0.85 if end - start >= 6 else 0.75)


def _periods(codes: NDArray[np.uint32]) -> Sequence[int]:
    """Lengths of phrases worth a look; for short texts those alone that agree with themselves often enough."""
    size = len(codes)
    if size < 8:
        return ()
    if size > 1000:
        return range(2, _MOST + 1)
    padded = np.zeros(size + _MOST, dtype=np.uint32)
    padded[:size] = codes
    # Row k is the text from its k-th character on: a view of `padded`, not a copy.
    shifted = np.ndarray((_MOST + 1, size), np.uint32, padded, strides=padded.strides * 2)
    agree = (shifted[2:] == codes).sum(axis=1)
    return [period for period, n in enumerate(agree.tolist(), start=2) if n >= 3 * period - 1]


def _phrases(document: Document, done: list[tuple[int, int]]) -> Iterator[Proposal]:
    codes, text = document.codes, document.text
    for period in _periods(codes):
        found = _long_runs(codes, period, 4)
        if not found:
            continue
        taken = Protected(done)
        for start, end in found:
            if taken.hits(start, end):
                continue  # part of a loop already found
            proposal = _phrase(text, start, end, period)
            done.append((start, end))
            if proposal is not None:
                yield proposal


def _phrase(text: str, start: int, end: int, period: int) -> Proposal | None:
    """One copy for a loop, or a flag, or nothing where people repeat like that."""
    unit = text[start : start + period]
    copies, rest = divmod(end - start, period)
    # "A，A，A，A。": what agrees ends before the last mark, and one A is left. Else one copy and the rest of the next.
    joined = rest == period - 1 and unit[-1] in _PUNCT
    copies += joined
    if copies < 4 or len(set(unit)) == 1 or any(ch in "|\t\n\r\f_—…─━=*#" for ch in unit):
        return None
    han = [ch for ch in unit if _HAN.match(ch)]
    marks = sum(ch in _PUNCT for ch in unit)
    counted = len(unit) == 2 and han and han[0] in _NUMERALS and "、" in unit
    if not han or (len(han) < 2 and not marks):
        return None
    if all(ch in _MOUTH for ch in han) and len(set(han)) <= 4 and not counted:
        return None
    if _CHANTS.search(unit + unit) and len(han) <= 4:
        return None
    if " " in unit or "　" in unit or (any(ch in "！!？?~～" for ch in unit) and period <= 6):
        return None  # entries of a table, or calls
    if len(han) <= 2 and copies < 6 and (marks or len(han) < 2 or copies < 5):
        return _flag(text, start, end, f"{unit} {copies} times in a row")
    left = rest if joined else period + rest
    return _loop(text, start, end, text[start : start + left], 0.9 if copies >= 5 else 0.8)


def _loop(text: str, start: int, end: int, after: str, confidence: float) -> Proposal:
    before = text[start:end]
    alternatives = ((after, confidence), (before, round(1 - confidence, 4))) if end - start <= 400 else ()
    return Proposal(start, end, after, RULE, confidence, "repeated in a loop", alternatives)


def _flag(text: str, start: int, end: int, reason: str) -> Proposal:
    return Proposal(start, end, text[start:end], RULE, 0.4, reason)


# ---------------------------------------------------------------- loops of clauses and sentences


def _may_loop(text: str, codes: NDArray[np.uint32]) -> bool:
    """Whether stretches of one to eight clauses may stand three times in a row: never wrongly False.

    In a long text the clauses (matches of `_UNIT`) are known by the sums of their code points, which is much faster.
    """
    if len(text) < 1000:
        units = _UNIT.findall(text)
        return len(units) - len(set(units)) > 1  # one of them three times, or two of them twice
    starts = np.append(0, np.flatnonzero(_MARKS.take(codes[:-1], mode="clip")) + 1)
    sizes = np.diff(starts, append=len(codes))
    if sizes.max() > 200:
        return True  # `_UNIT` cuts such a clause up
    # `_UNIT` leaves 、 out, and has no match where nothing stands before one.
    listed = codes[starts + sizes - 1] == ord("、")
    sizes -= listed
    sums = (np.add.reduceat(codes, starts, dtype=np.uint32) - listed * ord("、"))[sizes > 0]
    for period in range(1, 9):
        same = sums[period:] == sums[:-period]
        if np.count_nonzero(same) >= 2 * period and any(_runs(same, 2 * period)):
            return True
    return False


def _clauses(document: Document, done: list[tuple[int, int]]) -> Iterator[Proposal]:
    """Stretches of one to eight clauses, together longer than a phrase, three or more times in a row."""
    text = document.text
    if not _may_loop(text, document.codes):
        return
    ids: dict[str, int] = {}
    starts: list[int] = []
    symbols: list[int] = []
    fresh = -1
    for m in _UNIT.finditer(text):
        unit = m.group()
        starts.append(m.start())
        if unit[-1] in "\n\r\f":
            fresh -= 1
            symbols.append(fresh)  # a line break equals nothing
        else:
            symbols.append(ids.setdefault(unit, len(ids)))
    if len(symbols) - len(ids) + fresh + 1 < 2:
        return  # no clause occurs three times, nor two of them twice
    starts.append(len(text))
    array = np.asarray(symbols, dtype=np.int64)
    taken = Protected(done)
    reach = 0
    for period in range(1, 9):
        if len(array) < 3 * period:
            break
        same = array[period:] == array[:-period]
        if not same.any():
            continue
        for first, last in _runs(same, 2 * period):
            start, stop = starts[first], starts[first + period * ((last - first) // period + 1)]
            if taken.hits(start, stop) or start < reach:
                continue
            unit = text[start : starts[first + period]]
            if len(unit) < 5 or not _HAN.search(unit):
                continue
            han = sum(1 for _ in _HAN.finditer(unit))
            copies = (last - first) // period + 1
            done.append((start, stop))
            reach = stop
            if han < 8 and copies < 5:
                if han >= 6 or copies >= 4:
                    yield _flag(text, start, stop, f"{copies} times in a row")
                continue
            yield _loop(text, start, stop, unit, 0.9 if copies > 3 else 0.75)


# ---------------------------------------------------------------- lines and paragraphs


def _lines(document: Document, done: list[tuple[int, int]]) -> Iterator[Proposal]:
    text = document.text
    items: list[tuple[int, int, str, int]] = []  # start, end, text, index of the line
    for index, (start, end, _, kind) in enumerate(document.lines):
        if kind in ("text", "list", "quote") and end - start >= 4:
            body = text[start:end]
            bare = body.strip()
            if bare:
                lead = len(body) - len(body.lstrip())
                items.append((start + lead, start + lead + len(bare), bare, index))
        elif kind != "blank":
            items.append((start, end, "", index))
    seen: dict[str, int] = {}
    n = 0
    while n < len(items):
        start, end, bare, index = items[n]
        size = len(bare)
        last = n
        while bare and last + 1 < len(items) and items[last + 1][2] == bare:
            last += 1
        copies = last - n + 1
        if copies > 1 and _worth(bare, copies):
            first_end, final_end = end, items[last][1]
            if copies >= 3 and size >= _ENTRY:
                yield _loop(text, first_end, final_end, "", 0.85 if copies >= 4 else 0.75)
            else:
                yield _flag(text, items[n + 1][0], final_end, f"a line {copies} times in a row")
        elif size >= 30 and bare in seen:
            yield _flag(text, start, end, "a paragraph that was printed before")
        if bare and size >= 30:
            seen.setdefault(bare, n)
        # A pull quote: a paragraph of its own that its neighbour holds as well.
        if size >= 12 and copies == 1 and _SENTENCE.search(bare[-3:]) and _HAN.search(bare):
            after = items[last + 1][2] if last + 1 < len(items) else ""
            before = items[n - 1][2] if n else ""
            if (len(after) > size and after.startswith(bare)) or (size >= 15 and (bare in after or bare in before)):
                yield _flag(text, start, end, "a pull quote that the next paragraph holds as well")
        n = last + 1


def _worth(bare: str, copies: int) -> bool:
    """Whether equal lines in a row are a loop or a slip, not verse, talk, votes or entries of a list."""
    if not _HAN.search(bare):
        return False
    if len(bare) >= _ENTRY:
        return "　" not in bare and "  " not in bare and "|" not in bare and "\t" not in bare
    return copies >= 6 and len(bare) >= 8


FILTER = Filter(
    "repetition",
    (
        Rule(
            RULE,
            "a character, phrase, sentence or line repeated in a loop, or a passage printed twice",
            ceiling="review",
            examples=(
                ("全县最大的的的的的的的水库", "全县最大的水库"),
                ("好日子日子日子日子日子日子。", "好日子。"),
                ("老城要留住记忆。⏎⏎老城要留住记忆。近年来……", "(flagged: the first copy)"),
            ),
        ),
    ),
    propose,
    guesses=True,
    settings={"minimum": 5},
)
