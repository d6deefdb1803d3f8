"""A traditional character in simplified text, or a simplified one in traditional text.

Mixed scripts come from OCR models trained on both and from careless conversion: 全市經济运行 for
全市经济运行. What the document is written in is decided by its characters that belong to one script only;
a few characters of the other script are then converted, by phrases, so that 头发 and 发展 go each its
own way.

Converted by default: single strangers inside an ordinary word or clause. Only proposed: names of persons
and institutions (李國华, 由華文出版社出版), a stranger inside quotation marks, several strangers in a row, and
characters that the language model finds unlikely even when converted; where they do not fit at all they are noted
only, for OCR engines print such characters where they are at a loss (结東 for 结束).
Left alone: titles in 《》, quotations that are mainly in the other script, text about characters
(繁体, 简化字), Japanese, documents half in one script and half in the other, documents in one script
throughout, and characters that are right in both (乾隆, 著作, 皇后, 慰藉, 徵, 甯, 於 ...).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ..document import Document
from ..language.ngram import BOS
from ..language.script import KEPT, SIMPLIFIED, TRADITIONAL
from ..text import Proposal
from .base import Filter, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR: Final = 40
"""How far, in characters, the surroundings of a stranger are looked at."""

_KANA: Final = re.compile("[\u3041-\u30ff]")
_ABOUT: Final = re.compile(
    "繁体|繁體|简体|簡體|简化|簡化|异体|異體|正体字|正體字|偏旁|部首|写作|寫作|日文|读音|甲骨|字形"
)
_INSTITUTION: Final = re.compile(
    "[\u3400-\u9fff]{0,8}(?:出版社|书局|書局|公司|集团|集團|银行|銀行|大学|大學|学院|學院|基金会|协会|學會|酒店|书店|株式会社|株式會社|杂志|雜誌|日报|日報)"
)
_CLAUSE_END: Final = re.compile("[\n\r\f。！？；!?;]")
_OLD: Final = frozenset("於後裏餘髮嚮")
"""In a quotation these say that it is in traditional script, though each is known in simplified text, too."""
_OPEN: Final = "“「『《〈‘〖【"
_CLOSE: Final = dict(zip("”」』》〉’〗】", _OPEN, strict=True))
_MARK: Final = re.compile("[" + _OPEN + "".join(_CLOSE) + "\n\r\f]")
_SURNAMES: Final = frozenset(
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭郎鲁韦马苗方俞任袁柳鲍史唐费廉岑薛雷贺"
    "倪汤罗郝安常乐于傅卞齐康伍余顾孟黄穆萧尹姚邵汪祁毛狄戴宋庞熊纪舒项祝董梁杜阮蓝闵季贾江郭梅林钟徐邱骆高夏蔡田樊胡凌霍万卢莫"
    "房解应丁宣邓洪包左石崔龚程陆翁荀惠甄曲封储段焦谷车侯全班宁仇甘厉祖武符刘景龙叶白赖卓池乔申边温庄柴瞿阎连艾容古易慎廖聂曾"
    "關張劉陳楊趙黃吳孫馬羅鄭謝韓馮鄧許蘇盧蔣賈葉閻鐘龔嚴賀顧萬錢湯龍"
)
_TITLE: Final = re.compile(
    "先生|女士|小姐|同志|教授|老师|老師|博士|主席|主任|书记|書記|部长|部長|市长|市長|省长|县长|局长|院长|校长|经理|董事长|记者|記者|医生|说|說|是|"
    "[，。、：；（）()\\s]|$"
)
_BEFORE_NAME: Final = re.compile(
    "(?:^|[，。、：；（）()\\s]|记者|記者|作者|编辑|編輯|主任|书记|教授|先生|院士|导演|主席|总理|总统|市长|部长|委员|代表|名叫|叫|姓|和|与|由|对|是)$"
)

_OFFICE: Final = re.compile(
    "(?:长|長|主席|记者|記者|教授|书记|書記|主任|委员|委員|经理|總統|总统|导演|導演|院士|议员|議員|作者|律师|律師)$"
)


class _Case(NamedTuple):
    """A stranger, the character that would stand for it, the word that it is then part of."""

    position: int
    after: str
    word: str
    doubtful: bool


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    codes = document.codes
    if not len(codes):
        return
    script = document.resources.script
    kinds = script.kinds(codes)
    traditional, simplified = (int(np.count_nonzero(kinds == kind)) for kind in (TRADITIONAL, SIMPLIFIED))
    share = settings["minority"]
    # One stranger in a short text: two characters that speak for the other script are enough, one makes a proposal.
    if traditional and (traditional <= share * simplified or (traditional == 1 and simplified)):
        stranger, host = TRADITIONAL, SIMPLIFIED
    elif simplified and traditional >= 5 and simplified <= share * traditional:
        stranger, host = SIMPLIFIED, TRADITIONAL
    else:
        return
    places = np.flatnonzero(kinds == stranger)
    thin = traditional + simplified < 3
    cases = [case for group in _groups(places) for case in _judge(document, kinds, group, stranger, host, thin)]
    words = document.resources.words
    for case, (start_score, mean) in zip(cases, _fluency(document, cases), strict=True):
        count = words.frequency(case.word)
        if start_score < -4.0 or mean < -2.7:
            confidence, reason = 0.4, "a character of the other script that does not fit: perhaps misread"
        elif case.doubtful:
            confidence, reason = 0.75, "a name or a quotation may keep its script"
        elif mean < -2.3 or (start_score < -2.9 and not (len(case.word) > 1 and count >= 50)):
            confidence, reason = 0.7, "a character of the other script, perhaps misread"
        elif (len(case.word) > 1 and count >= 3) or count >= 4000:
            confidence, reason = 0.98, "a character of the other script"
        else:
            confidence, reason = 0.9, "a character of the other script"
        yield Proposal(case.position, case.position + 1, case.after, "script", confidence, reason)


def _groups(places: NDArray[np.int64]) -> Iterator[list[int]]:
    """Strangers that stand close together, with at most one other character between neighbours."""
    cuts = np.flatnonzero(np.diff(places) > 2) + 1
    for part in np.split(places, cuts):
        yield [int(p) for p in part]


def _judge(
    document: Document, kinds: NDArray[np.uint8], group: list[int], stranger: int, host: int, thin: bool
) -> Iterator[_Case]:
    text, script = document.text, document.resources.script
    first, last = group[0], group[-1] + 1
    if last - first > _NEAR:
        return  # a passage in the other script
    lo, hi = max(0, first - _NEAR), min(len(text), last + _NEAR)
    around = text[lo:hi]
    if _KANA.search(around) or _ABOUT.search(around):
        return
    near = kinds[lo:hi]
    strangers, hosts = int((near == stranger).sum()), int((near == host).sum())
    if hosts == 0 or strangers > hosts:
        return
    quoted = _quoted(text, first, last)
    if quoted:
        mark, start, end = quoted
        inside = int((kinds[start:end] == stranger).sum()) + sum(c in _OLD for c in text[start:end])
        if mark in "《〈" or end - start < 2 or inside > 1:
            return
    # Only the clause is converted, so that the cost stays with the stranger.
    left = lo + max((m.end() for m in _CLAUSE_END.finditer(text[lo:first])), default=0)
    stop = _CLAUSE_END.search(text, last, hi)
    right = stop.start() if stop else hi
    clause = text[left:right]
    try:
        converted = script.to_simplified(clause) if stranger == TRADITIONAL else script.to_traditional(clause)
    except UnicodeEncodeError:
        return  # lone surrogates
    institution = bool(_INSTITUTION.match(text, last, min(len(text), last + 12)))
    if institution and len(group) > 2:
        return
    simple = converted if stranger == TRADITIONAL else script.to_simplified(clause)
    words = document.resources.words
    spans = words.spans(simple)
    at = 0
    for position in group:
        i = position - left
        after = converted[i]
        before = text[position]
        if after == before or after in KEPT or kinds[position] != stranger:
            continue
        while at + 1 < len(spans) and spans[at][1] <= i:
            at += 1
        start, end = spans[at]
        word = simple[start:end]
        name = _in_name(clause, i, start, end)
        doubtful = thin or bool(quoted) or name or institution or len(group) > 2
        if len(group) == 2 and group[1] - group[0] == 2:
            doubtful = doubtful or not (start <= group[0] - left and group[1] - left < end)
        yield _Case(position, after, word, doubtful)


def _fluency(document: Document, cases: Sequence[_Case]) -> list[tuple[float, float]]:
    """log10 probability of each case's `after` in its place, and the mean of it and the four characters that follow.

    OCR engines that know both scripts print a traditional character where they are at a loss (结東 for 结束):
    on real pages its simplified form was hardly ever right where the model finds it unlikely.
    """
    if not cases:
        return []
    text, model = document.text, document.resources.model
    windows = np.full((len(cases), 9), model.pad, dtype=np.int64)
    sizes = []
    for window, (position, after, _, _) in zip(windows, cases, strict=True):
        lo = max(0, position - 12, text.rfind("\n", max(0, position - 12), position))
        ids, places = model.encode(text[lo:position] + after + text[position + 1 : position + 13])
        at = int(np.searchsorted(places, position - lo))
        left, right = ids[max(0, at - 4) : at], ids[at : at + 5]
        window[4 - len(left) : 4] = left
        if not len(left):
            window[3] = BOS
        window[4 : 4 + len(right)] = right
        sizes.append(max(1, len(right)))
    scores = model.score_windows(windows, 4)
    return [(float(row[0]), float(row[:size].mean())) for row, size in zip(scores, sizes, strict=True)]


def _quoted(text: str, first: int, last: int) -> tuple[str, int, int] | None:
    """The quotation or title around ``[first, last)`` within the line, looked for nearby: its mark and inside."""
    stack: list[tuple[str, int]] = []
    lo = max(0, first - 80)
    for m in _MARK.finditer(text, lo, first):
        mark = m.group()
        if mark in _OPEN:
            stack.append((mark, m.end()))
        elif mark in _CLOSE:
            if stack and stack[-1][0] == _CLOSE[mark]:
                stack.pop()
        else:
            stack.clear()
    if not stack:
        return None
    mark, start = stack[-1]
    for m in _MARK.finditer(text, last, min(len(text), last + 80)):
        if m.group() in _CLOSE and _CLOSE[m.group()] == mark:
            return mark, start, m.start()
        if m.group() in "\n\r\f":
            break
    return None


def _in_name(clause: str, i: int, start: int, end: int) -> bool:
    """Whether ``clause[i]`` may be part of a person's name: after a surname that stands where names stand."""
    for surname in (i - 2, i - 1, i):
        if surname < 0 or clause[surname] not in _SURNAMES:
            continue
        if _OFFICE.search(clause[max(0, surname - 2) : surname]) and 0 < i - surname < 3 >= end - start:
            return True
        if not _BEFORE_NAME.search(clause[max(0, surname - 2) : surname]):
            continue
        for size in (2, 3):
            stop = surname + size
            if surname < stop and i < stop <= len(clause) and _TITLE.match(clause, stop):
                return True
    return False


FILTER = Filter(
    "script",
    (
        Rule(
            "script",
            "a traditional character in simplified text, or the reverse",
            examples=(("全市經济运行总体平稳", "全市经济运行总体平稳"), ("學生必須穿校服上课", "學生必須穿校服上課")),
        ),
    ),
    propose,
    {"minority": 0.3},
)
