"""Page furniture in the text flow: flagged, never deleted.

Column labels that precede a headline (with the source note of an article that is not there), page
numbers, running titles, the date and edition of a newspaper head, editors' lines, hotlines, imprints and
continuation notes (下转第四版). Most are recognised by ``dictionaries/furniture.tsv``, which can be
extended; in Markdown also by their place: a short line without punctuation, alone between the end of an
article and the next headline.

Left alone: bylines (they follow a headline), signatures, headings, source notes that end an article,
captions, list items, dates of letters and diaries, short paragraphs of stories.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import regex

from ..document import Document
from ..language.resources import ResourceError, Resources
from ..text import Proposal
from .base import Filter, Rule

RULE = "furniture"
FILE = "furniture.tsv"

_LONGEST = 120
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}|\{,\d*\}")
_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.S)
_BLANKS = " \t\u00a0\u3000"
_SOURCE_NOTE = re.compile(r"[（(](?:据|摘自|摘编自|原载|来源[:：])[^（）()。\n]{2,40}[）)]")
_LABEL = re.compile(r"[一-鿿]{2,8}(?:[·・][一-鿿]{2,6})?")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范石廖贾夏韦付邹孟熊"
    "秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔汤温康施牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申耿关焦左柳甘祝包宁尚符舒阮柯纪梅童凌毕"
    "单季裴霍涂成苗谷曲盛冉翁蓝路游辛靳管柴蒙鲍华喻祁房滕屈饶解牟尤穆农司卓古吉缪简车项连芦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂佟应臧闵苟邬边卞"
)
_NAME = re.compile(f"[{_SURNAMES}][一-鿿]{{1,2}}|(?:欧阳|司马|上官|诸葛|东方|皇甫|公孙|慕容|令狐|宇文)[一-鿿]{{1,2}}")
_BODY_END = re.compile(
    r"(?:局|厅|委|会|院|校|室|组|部|公司|大学|中心|集团|支部|学院|小学|中学|办|处|所|社|员|记者|教授|作者|评论员)$"
)
_NOT_LABELS = frozenset(
    [
        "致谢",
        "前言",
        "序言",
        "序",
        "后记",
        "附录",
        "目录",
        "摘要",
        "结语",
        "结论",
        "引言",
        "参考文献",
        "导读",
        "导言",
        "编者按",
        "谢谢",
        "谢谢大家",
        "完",
        "全文完",
        "未完待续",
        "此致",
        "敬礼",
        "此致敬礼",
        "无",
        "略",
        "暂无",
        "沉默",
        "同上",
        "本报评论员",
    ]
)
_HEAD = re.compile(r"[ \t]{0,3}(#{1,6})[ \t]")
_CHAPTER = re.compile(r"第[\d一二三四五六七八九十百零〇]{1,5}[章节编卷部篇讲课][ 　]{0,3}\S")
_PAGE_NUMBER = re.compile(r"\d{1,4}")
_DIGITS = re.compile(r"\d{1,6}")
_FINAL = frozenset("。！？!?…”’」』）)】")


class _Patterns(NamedTuple):
    labels: frozenset[str]
    line: regex.Pattern[str] | None
    inline: regex.Pattern[str] | None


@lru_cache(maxsize=8)
def _patterns(resources: Resources) -> _Patterns:
    """The patterns of one dictionary folder. Raises `ResourceError` for one that is not valid or not bounded."""
    labels: set[str] = set()
    parts: dict[str, list[str]] = {"line": [], "inline": []}
    for row in resources.table(FILE, 2):
        kind, pattern = row[0], row[1]
        if kind == "label":
            labels.add(_squeeze(pattern))
            continue
        if kind not in parts:
            raise ResourceError(f"{resources.path(FILE)}: unknown kind {kind!r} (label, line or inline)")
        if _UNBOUNDED.search(_CLASS.sub("", pattern)):
            raise ResourceError(f"{resources.path(FILE)}: not bounded (no *, + or {{m,}} allowed): {pattern}")
        try:
            # regex, not re: whoever extends the file can write \\p{Han} for any Chinese character.
            if regex.compile(pattern).groups:
                raise ResourceError(f"{resources.path(FILE)}: write (?:…) for groups: {pattern}")
        except regex.error as error:
            raise ResourceError(f"{resources.path(FILE)}: {error}: {pattern}") from None
        parts[kind].append(f"(?:{pattern})")
    compiled = {kind: regex.compile("|".join(found)) if found else None for kind, found in parts.items()}
    return _Patterns(frozenset(labels), compiled["line"], compiled["inline"])


def _squeeze(line: str) -> str:
    return "".join(line.split())


class _Item(NamedTuple):
    """A line that is not blank: `start` and `end` without the blanks at its ends."""

    start: int
    end: int
    kind: str
    number: int


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    text = document.text
    patterns = _patterns(document.resources)
    items = list(_items(document))
    flagged: set[int] = set()
    if patterns.inline is not None and any(sign in text for sign in settings["inline_signs"]):
        for m in patterns.inline.finditer(text):
            yield _flag(document, m.start(), m.end(), "continued on another page")
    for n, item in enumerate(items):
        if item.end - item.start > _LONGEST or item.kind in ("heading", "table", "code", "meta", "quote"):
            continue
        line = text[item.start : item.end]
        if patterns.line is not None and patterns.line.fullmatch(line) and not _numbering(line, item):
            flagged.add(n)
            yield _flag(document, item.start, item.end, "page furniture")
    yield from _labels(document, items, patterns.labels, flagged)
    yield from _running_titles(document, items, flagged)


def _items(document: Document) -> Iterator[_Item]:
    text = document.text
    for index, (start, end, _, kind) in enumerate(document.lines):
        if kind == "blank":
            continue
        if end - start <= 2 * _LONGEST:
            raw = text[start:end]
            start += len(raw) - len(raw.lstrip())
            end -= len(raw) - len(raw.rstrip())
        if start < end:
            yield _Item(start, end, kind, index)


def _flag(document: Document, start: int, end: int, reason: str) -> Proposal:
    kept = document.text[start:end]
    return Proposal(start, end, kept, RULE, 0.4, reason, ((kept, 0.5), ("", 0.5)))


def _numbering(line: str, item: _Item) -> bool:
    """``A1`` in a list and the like."""
    return item.kind == "list" and line[0] not in "-·•一"


# ---------------------------------------------------------------- column labels


def _labels(document: Document, items: Sequence[_Item], known: frozenset[str], flagged: set[int]) -> Iterator[Proposal]:
    text = document.text
    levels = [_level(text, item) for item in items]
    tops = [level for level in levels if level]
    top = min(tops) if tops else 0
    skip = -1
    for n, item in enumerate(items):
        if n in flagged or n <= skip or item.kind != "text" or item.end - item.start > 24:
            continue
        line = text[item.start : item.end]
        if not _alone(document, item):
            continue
        after = _next(items, n)
        note = after is not None and bool(_SOURCE_NOTE.fullmatch(text[items[after].start : items[after].end][:60]))
        beyond = _next(items, after) if note and after is not None else after
        ends = beyond is None or (levels[beyond] > 0 and levels[beyond] <= top) or n + 1 + note in flagged
        if _SOURCE_NOTE.fullmatch(line):
            # A source note whose article is not there: it follows a headline or nothing, and no text follows.
            lonely = (n > 0 and levels[n - 1] > 0) or (n == 0 and after is not None)
            if lonely and (after is None or levels[after]):
                flagged.add(n)
                yield _flag(document, item.start, item.end, "a source note without its article")
            continue
        label = _squeeze(line) in known
        shape = bool(_LABEL.fullmatch(line)) and _squeeze(line) not in _NOT_LABELS
        if not label and not shape:
            continue
        if (
            note
            and after is not None
            and (label or (shape and top and not (n and levels[n - 1]) and not _person(line)))
            and (ends or beyond is None)
        ):
            flagged |= {n, after}
            skip = after
            yield _flag(
                document, item.start, items[after].end, "a column label and a source note without their article"
            )
            continue
        if n and levels[n - 1]:
            continue  # a byline, or the text of a section
        precedes = after is not None and 0 < levels[after] <= top
        between = n == 0 or text[items[n - 1].end - 1] in _FINAL  # after the end of an article
        by_place = shape and precedes and between and not _person(line) and not _BODY_END.search(line)
        if by_place or (label and (precedes or (between and not top))):
            flagged.add(n)
            yield _flag(document, item.start, item.end, "a column label")


def _level(text: str, item: _Item) -> int:
    """Level of a Markdown heading, 0 for other lines."""
    if item.kind != "heading":
        return 0
    m = _HEAD.match(text, item.start, item.end)
    return len(m.group(1)) if m else 1


def _next(items: Sequence[_Item], n: int | None) -> int | None:
    return n + 1 if n is not None and n + 1 < len(items) else None


def _person(line: str) -> bool:
    return bool(_NAME.fullmatch(line)) or " " in line or "　" in line


def _alone(document: Document, item: _Item) -> bool:
    """Whether blank lines, page breaks or the ends of the text are on both sides."""
    lines, text = document.lines, document.text
    i = item.number
    above = i == 0 or lines[i - 1].kind in ("blank", "heading", "rule") or text[lines[i - 1].stop - 1] == "\f"
    below = i + 1 >= len(lines) or lines[i + 1].kind in ("blank", "heading", "rule") or text[lines[i].stop - 1] == "\f"
    return above and below


# ---------------------------------------------------------------- running titles


def _running_titles(document: Document, items: Sequence[_Item], flagged: set[int]) -> Iterator[Proposal]:
    """A short line that returns at page breaks, or alone in the middle of the text of a book."""
    text = document.text
    if len(items) < 4:
        return
    edges = _edges(document, items, flagged)
    if "\f" in text:
        for n in sorted(edges - flagged):
            if 0 <= n < len(items) and _PAGE_NUMBER.fullmatch(text, items[n].start, items[n].end):
                flagged.add(n)
                yield _flag(document, items[n].start, items[n].end, "a page number")
    places: dict[str, list[int]] = defaultdict(list)
    for n, item in enumerate(items):
        size = item.end - item.start
        if n in flagged or not 5 <= size <= 30 or item.kind in ("heading", "table", "code", "meta", "quote", "rule"):
            continue
        line = text[item.start : item.end]
        if line[-1] in "。！？!?…，；：:、”」":
            continue
        places[_DIGITS.sub("0", line)].append(n)
    for key, found in places.items():
        if len(found) < 2:
            continue
        at_edge = sum(n in edges for n in found)
        if at_edge >= 3 or (at_edge == 2 and len(found) == 2) or _book_title(document, items, key, found):
            for n in found:
                if at_edge < 2 or n in edges:
                    yield _flag(document, items[n].start, items[n].end, "a running title")


def _edges(document: Document, items: Sequence[_Item], flagged: set[int]) -> set[int]:
    """First and last lines of pages: beside a form feed or a page number."""
    text, lines = document.text, document.lines
    edges: set[int] = set()
    if "\f" in text:
        for n, item in enumerate(items[:-1]):
            stop, begin = lines[item.number].stop, lines[items[n + 1].number].start
            if text.find("\f", stop - 1, begin) >= 0:
                edges |= {n, n + 1}
    for n in flagged:
        edges |= {n - 1, n + 1}
    return edges


def _book_title(document: Document, items: Sequence[_Item], key: str, found: Sequence[int]) -> bool:
    """Without page breaks: the same title, alone each time, with running text between its copies."""
    text = document.text
    if len(key) < 6 or not re.search(r"[一-鿿]{4}", key):
        return False
    for n in found:
        item = items[n]
        if not _alone(document, item) or (item.kind != "text" and not _CHAPTER.match(key)):
            return False
        after = n + 1
        if after >= len(items) or items[after].end - items[after].start < 8 or items[after].kind != "text":
            return False
        if text[items[after].end - 1] not in _FINAL:
            return False
    return all(b - a > 1 for a, b in pairwise(found))


FILTER = Filter(
    "furniture",
    (
        Rule(
            RULE,
            "a column label, page number, running title or editors' line in the text flow",
            ceiling="note",
            examples=(
                ("……奋力书写新篇章。⏎⏎理论学苑⏎⏎# 做好创新大文章", "(flagged: 理论学苑)"),
                ("— 12 —", "(flagged)"),
                ("在掌声中闭幕。（下转第四版）", "(flagged: （下转第四版）)"),
            ),
        ),
    ),
    propose,
    settings={"inline_signs": ("转", "接", "续")},
)
