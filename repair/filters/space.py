"""Blanks that OCR put between Chinese characters, or between a character and full-width punctuation.

Chinese is printed without blanks between its characters, but OCR engines see wide gaps and lost punctuation as
blanks. A blank is removed by default where the language model reads on smoothly over it and rather so than from a
new start, where a dictionary word spans it, where a run of characters is set apart one by one, or where it
stands before a comma or inside quotation marks: in running text.

Left alone: titles in two parts (打造特色专业镇 推动太原高质量发展), names (李 明), bylines and lists of names,
labels (姓 名：), columns and tables, poems and couplets, headings letter by letter (目 录), numbers of
chapters and clauses, indents, code, the blank between Chinese and Latin letters or digits (a matter of style),
and blanks at the end of a line. Where a comma seems to have been lost, joining would be wrong: those blanks stay.
Doubled blanks between Latin words in running text become one.

The confidence is a logistic function of a few measurements (`WEIGHTS`), fit on OCR pages of even units and on
clean text with commas replaced by blanks; ``python benchmarks/fit_space.py`` repeats the fit and the measurement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ..document import Document
from ..language.logistic import logistic
from ..language.ngram import BOS, EOS
from ..text import Proposal
from .base import Filter, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLANKS: Final = " \t\u00a0\u3000\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
_BLANK, _HAN, _STOP, _OPEN, _CLOSE, _LATIN = range(1, 7)

FEATURES: Final = ("one", "comma", "join", "end", "word", "spread", "marks", "length", "ideographic", "long",
                          "fluent", "dense")  # fmt: skip
"""What is measured of a blank between two characters, in this order:

a constant; log10 how much better the model reads on than with a mark put in; the same against a new start;
log10 probability that the text ends before it; log10 frequency of the commonest dictionary word across it;
whether a neighbour is also set apart; sentence marks in the line, up to 3; length of the line in 30 characters,
up to 1.5; whether it is an ideographic space; whether a dictionary word of three or more characters spans it; mean
log10 probability of the eight characters around it, read on; further blanks between characters nearby, up to 4.
"""
WEIGHTS: Final = (-0.34, 0.78, 0.33, 0.39, 0.05, 3.11, 1.54, -2.85, 0.04, 0.09, 0.33, 1.39)

MARKS: Final = {
    "before stop": 0.975,
    "after pause": 0.98,
    "after end": 0.975,
    "inside quotes": 0.985,
    "outside quotes": 0.9,
}
"""Confidence for a blank next to a full-width mark, in a line of running text; measured on pages."""

_NUMBER: Final = re.compile(
    "[ \t\u3000]{0,20}[（(〔【]?(?:第[0-9０-９一二三四五六七八九十百千零〇两]{1,8}"
    "[章节節条條款项項编編回卷部集课届期讲版篇]"
    "|[图圖表附][件录表图]?[0-9０-９一二三四五六七八九十－-]{0,6}|[一二三四五六七八九十]{1,3}|[甲乙丙丁戊己庚辛壬癸]"
    "|本报讯|本報訊|本刊讯|[^\n]{0,20}[日社]电|[^\n]{0,20}[日社]電)[）)〕】、.．：]?$"
)
_ROLE: Final = re.compile(
    "(?:记者|記者|通讯员|通訊員|编辑|編輯|校对|主编|主編|责编|美编|作者|摄影|撰文|编委|主演|导演|特约|译者|供稿|审核)$"
)
_KEYWORDS: Final = re.compile("[ \t\u3000]{0,20}[【〔（(]?(?:关[ \u3000]?键[ \u3000]?词|關鍵詞|主题词|主題詞)")
_SURNAMES: Final = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭郎鲁韦马苗方俞任袁柳鲍史唐费廉岑薛雷贺"
    "倪汤罗郝安常乐于傅卞齐康伍余顾孟黄穆萧尹姚邵汪祁毛狄戴宋庞熊纪舒项祝董梁杜阮蓝闵季贾江郭梅林钟徐邱骆高夏蔡田樊胡凌霍万卢莫"
    "房解应丁宣邓洪包左石崔龚程陆翁荀惠甄曲封储段焦谷车侯全班宁仇甘厉祖武符刘景龙叶白赖卓池乔申边温庄柴瞿阎连艾容古易慎廖聂曾肖闫"
)
_SENTENCE: Final = re.compile("[，。；？！,;?!]")
_LATIN_WORD: Final = re.compile("[A-Za-z]{2,}")


class Gap(NamedTuple):
    """Blanks ``[start, end)`` inside a line, with what stands on both sides."""

    start: int
    end: int
    left: int
    right: int


@lru_cache(maxsize=1)
def _classes() -> NDArray[np.uint8]:
    table = np.zeros(0x110000, dtype=np.uint8)
    for first, end in ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x32000)):
        table[first:end] = _HAN
    table[0x3007] = _HAN
    table[0x41:0x5B] = table[0x61:0x7B] = _LATIN
    for characters, kind in (
        (BLANKS, _BLANK),
        ("，。、；：？！", _STOP),
        ("“‘《（〈「『", _OPEN),
        ("”’》）〉」』", _CLOSE),
    ):
        table[[ord(c) for c in characters]] = kind
    table.flags.writeable = False
    return table


def find(document: Document) -> tuple[list[Gap], list[Gap]]:
    """The gaps between Chinese characters or full-width marks, and the doubled blanks between Latin words."""
    classes = _classes().take(document.codes)
    blank = classes == _BLANK
    if not blank.any():
        return [], []
    edges = np.flatnonzero(np.diff(blank.astype(np.int8), prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    inner = (starts > 0) & (ends < len(classes))
    starts, ends = starts[inner], ends[inner]
    left, right = classes[starts - 1], classes[ends]
    chinese = (left >= _HAN) & (left <= _CLOSE) & (right >= _HAN) & (right <= _CLOSE)
    doubled = (left == _LATIN) & (right == _LATIN) & (ends - starts > 1)
    columns = (starts, ends, left, right)
    out = []
    for mask in (chinese, doubled):
        out.append([Gap(*row) for row in zip(*(c[mask].tolist() for c in columns), strict=True)])
    return out[0], out[1]


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    gaps, doubled = find(document)
    if doubled:
        yield from _doubled(document, doubled)
    if not gaps:
        return
    gaps = list(candidates(document, gaps))
    if not gaps:
        return
    between = [gap for gap in gaps if gap.left == _HAN and gap.right == _HAN]
    for gap in gaps:
        if gap.left != _HAN or gap.right != _HAN:
            p = beside_mark(document, gap)
            if p < 0.5:
                continue
            yield Proposal(gap.start, gap.end, "", "space", p, "a blank beside a full-width mark")
    if between:
        for gap, z in zip(between, (features(document, between) @ np.asarray(WEIGHTS)).tolist(), strict=True):
            p = logistic(z)
            if "\u3000" in document.text[gap.start : gap.end] or _first_word(document.text, gap):
                p = min(p, 0.9)
            if p >= 0.5:
                yield Proposal(gap.start, gap.end, "", "space", round(p, 4), "a blank inside Chinese text")


def _first_word(text: str, gap: Gap) -> bool:
    """Whether the gap sets apart only the first few characters of a line: perhaps a label."""
    head = text[max(0, gap.start - 6) : gap.start]
    return (len(head) < 6 or any(c in "\n\r\f" for c in head)) and not any(
        c in BLANKS for c in text[gap.end : gap.end + 6]
    )


def beside_mark(document: Document, gap: Gap) -> float:
    """Confidence that a blank beside a full-width mark is not meant; 0 where it is a matter of style."""
    text = document.text
    left, right = text[gap.start - 1], text[gap.end]
    if gap.right == _STOP or (gap.left == _STOP and gap.right == _CLOSE):
        kind = "before stop"
        if gap.right != _CLOSE and _unclosed(text, gap):
            return 0.9  # perhaps the closing mark was lost here
    elif gap.left == _OPEN or gap.right == _CLOSE:
        kind = "inside quotes"
    elif gap.left == _STOP:
        kind = "after pause" if left in "，、；：" else "after end"
    else:
        kind = "outside quotes"
    p = MARKS[kind]
    if gap.right != _STOP and kind != "inside quotes" and (right in "「『" or left in "」』"):
        return 0.0  # some people set blanks outside corner brackets
    if kind == "outside quotes" and gap.left == _CLOSE and gap.right == _OPEN:
        return 0.6  # perhaps a list
    if kind == "after end" and right in "《〈":
        p = 0.8  # often a misread bracket
    if "\u3000" in text[gap.start : gap.end] and kind != "before stop":
        p = min(p, 0.7)
    return p


def _unclosed(text: str, gap: Gap) -> bool:
    """Whether a quotation that began shortly before seems to end at the gap, its closing mark lost."""
    before, after = text[max(0, gap.start - 60) : gap.start], text[gap.end : gap.end + 40]
    for a, b in ("“”", "《》", "「」", "（）", "『』"):
        if before.rfind(a) > before.rfind(b):
            close, again = after.find(b), after.find(a)
            if close < 0 or 0 <= again < close:
                return True
    return False


def candidates(document: Document, gaps: list[Gap]) -> Iterator[Gap]:
    """Those gaps that are not part of a layout: columns, names, labels, poems, headings."""
    if not gaps:
        return
    text, lines = document.text, document.lines
    starts = [line.start for line in lines]
    owner = np.searchsorted(np.asarray(starts), [g.start for g in gaps], side="right") - 1
    first = 0
    for stop in [*(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(gaps)]:
        line = lines[int(owner[first])]
        if line.kind not in ("code", "meta", "rule", "table", "blank"):
            yield from _of_line(text, line.start, line.end, gaps[first:stop], heading=line.kind == "heading")
        first = stop


def _of_line(text: str, start: int, end: int, gaps: list[Gap], *, heading: bool) -> Iterator[Gap]:
    wide = sum(g.end - g.start > 2 or (g.end - g.start > 1 and "\u3000" in text[g.start : g.end]) for g in gaps)
    if wide and (wide * 2 > len(gaps) or "\t" in text[gaps[0].start : gaps[0].end]):
        return
    if _KEYWORDS.match(text, start, end):
        return
    head = text[start : min(end, start + 4000)]
    marks = len(_SENTENCE.findall(head))
    # What stands between the gaps, as lengths; 0 stands for the edges.
    borders = [start, *(g.end for g in gaps)]
    sizes = [g.start - b for g, b in zip(gaps, borders, strict=False)] + [end - borders[-1]]
    bare = len(head.strip(BLANKS))
    letter_by_letter = (
        all(size == 1 for size in sizes[1:-1])
        and sizes[-1] == 1
        and len(head[: gaps[0].start - start].strip(BLANKS)) == 1
    )
    verse = not marks and (len(set(sizes)) == 1 or bare <= 40)
    for i, gap in enumerate(gaps):
        between = gap.left == _HAN and gap.right == _HAN
        if gap.end - gap.start > 2:
            continue
        if between and (heading or letter_by_letter or verse):
            continue
        before, after = text[max(start, gap.start - 24) : gap.start], text[gap.end : min(end, gap.end + 24)]
        if i == 0 and gap.start - start <= 24 and _NUMBER.match(text, start, gap.start):
            continue
        if between and ("\u3000" in text[gap.start : gap.end]) and gap.start - start <= 6:
            continue  # a label, or the one who speaks
        if between and _layout(before, after):
            continue
        if gap.left == _CLOSE and gap.right in (_HAN, _OPEN) and ("\u3000" in text[gap.start : gap.end] or marks < 2):
            continue
        if gap.right == _OPEN and "\u3000" in text[gap.start : gap.end]:
            continue
        yield gap


_SPREAD_NAME: Final = re.compile("(?:^|[ \t\u3000，。、：；（）]|[员者长任师授])[\u3400-\u9fff]$")
_SPREAD_END: Final = re.compile("[\u3400-\u9fff](?:$|[ \t\u3000，。、；）：])")
_RUN_LEFT: Final = re.compile("[\u3400-\u9fff][ \u3000][\u3400-\u9fff]$")
_RUN_RIGHT: Final = re.compile("[\u3400-\u9fff][ \u3000][\u3400-\u9fff](?![\u3400-\u9fff])")


def _layout(before: str, after: str) -> bool:
    """Whether the gap between `before` and `after` belongs to a name, a byline or a label."""
    if _ROLE.search(before):
        return True
    alone_left, alone_right = bool(_SPREAD_NAME.search(before)), bool(_SPREAD_END.match(after))
    if alone_left and alone_right:
        run = bool(_RUN_LEFT.search(before) and len(before) > 3 and before[-4] in BLANKS) or bool(
            _RUN_RIGHT.match(after)
        )
        if after[1:2] == "：" or (before[-1] in _SURNAMES and not run):
            return True
    return False


def features(document: Document, gaps: list[Gap]) -> NDArray[np.float64]:
    """One row of measurements (`FEATURES`) a gap; `gaps` are all candidates between two characters."""
    text, lines = document.text, document.lines
    model, words = document.resources.model, document.resources.words
    ids, positions = model.encode(text)
    ids = np.append(ids.astype(np.int64), model.pad)
    positions = np.append(positions, len(text))
    starts = np.asarray([g.start for g in gaps])
    line_starts = np.asarray([line.start for line in lines])
    owner = np.searchsorted(line_starts, starts, side="right") - 1
    line_ends = np.asarray([line.end for line in lines])
    at = np.searchsorted(positions, starts)
    places = at[:, None] + np.arange(-4, 4)
    inside = (places >= 0) & (places < len(ids) - 1)
    places = np.where(inside, places, len(ids) - 1)
    where = positions[places]
    inside &= (where >= line_starts[owner][:, None]) & (where < line_ends[owner][:, None])
    window = np.where(inside, ids[places], model.pad)
    joined = model.score_windows(window, 4).sum(axis=1)
    edge = np.full((len(gaps), 1), BOS)
    apart = model.score_windows(np.hstack([edge, window[:, 4:]]), 1).sum(axis=1)
    ended = model.score_windows(np.hstack([window[:, :4], np.full((len(gaps), 1), EOS)]), 4)[:, 0]
    marked = np.full(len(gaps), -99.0, dtype=np.float32)
    for mark in "，、。":
        column = np.full((len(gaps), 1), model.char_id(mark))
        reading = np.hstack([window[:, :4], column, window[:, 4:]])
        marked = np.maximum(marked, model.score_windows(reading, 4).sum(axis=1))
    fluent = model.score_windows(window, 1).mean(axis=1)
    near_by = np.searchsorted(starts, starts + 24, side="right") - np.searchsorted(starts, starts - 24) - 1
    prose: dict[int, tuple[float, float]] = {}
    rows = []
    frequencies = words.tokenizer.FREQ
    for k, gap in enumerate(gaps):
        line = lines[int(owner[k])]
        if line.start not in prose:
            head = text[line.start : min(line.end, line.start + 4000)]
            size = len(head) - sum(head.count(b) for b in " \u3000")
            prose[line.start] = (min(3.0, len(_SENTENCE.findall(head))), min(1.5, size / 30))
        marks, length = prose[line.start]
        word, longer = 0.0, False
        near = [text[p] if ok else "\n" for p, ok in zip(where[k].tolist(), inside[k].tolist(), strict=True)]
        for a in range(1, 4):
            for b in range(1, 5 - a):
                count = frequencies.get("".join(near[4 - a : 4 + b]), 0)
                if count:
                    word = max(word, math.log10(1 + count))
                    longer = longer or (a + b > 2 and count > 2)
        before, after = text[max(0, gap.start - 4) : gap.start], text[gap.end : gap.end + 4]
        blank = text[gap.start : gap.end]
        row = (
            1.0,
            max(-4.0, min(8.0, float(joined[k] - marked[k]))),
            max(-4.0, min(8.0, float(joined[k] - apart[k]))),
            max(-6.0, float(ended[k])),
            min(word, 6.0),
            float(bool(_RUN_LEFT.search(before) or _RUN_RIGHT.match(after))),
            marks,
            length,
            float("\u3000" in blank),
            float(longer),
            max(-4.0, float(fluent[k])),
            min(4.0, float(near_by[k])),
        )
        rows.append(row)
    return np.asarray(rows)


def _doubled(document: Document, gaps: list[Gap]) -> Iterator[Proposal]:
    text, lines = document.text, document.lines
    starts = [line.start for line in lines]
    owner = np.searchsorted(np.asarray(starts), [g.start for g in gaps], side="right") - 1
    known: dict[int, float] = {}
    for gap, number in zip(gaps, owner.tolist(), strict=True):
        line = lines[number]
        if line.kind in ("code", "meta", "rule", "table") or text[gap.start : gap.end].strip(" "):
            continue
        if gap.end - gap.start > 3:
            known[number] = 0.0  # columns
        if number not in known:
            head = text[line.start : min(line.end, line.start + 4000)].rstrip()
            latin = len(_LATIN_WORD.findall(head))
            running = latin >= 8 and head[-1:] in ".。!?！？" and head[:1] not in " \t"
            known[number] = 0.975 if running and "   " not in head else 0.7 if latin >= 5 else 0.0
        if known[number]:
            yield Proposal(gap.start, gap.end, " ", "space", known[number], "a doubled blank between words")


FILTER = Filter(
    "space",
    (
        Rule(
            "space",
            "a blank inside Chinese text",
            examples=(
                ("广大科 研 工 作 者要面向国家需求，勇攀科技高峰。", "广大科研工作者要面向国家需求，勇攀科技高峰。"),
                ("提出了奋斗目标 ，并作出了部署 。", "提出了奋斗目标，并作出了部署。"),
            ),
        ),
    ),
    propose,
)
