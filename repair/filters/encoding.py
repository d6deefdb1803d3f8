"""Characters that are the wrong code point, invisible, or the remains of a wrong decoding.

Repaired by default, where the surroundings leave no doubt:

* Kangxi radicals, whole-character CJK radicals and compatibility ideographs that PDF files put for ordinary
  characters (⼤家 -> 大家);
* zero-width characters, direction marks, soft hyphens and control characters in the middle of Chinese;
* single full-width digits and letters in a text that is written with half-width ones (１20亿 -> 120亿);
* small and vertical forms of punctuation next to Chinese (﹐ ︰ ︵ ︶);
* text decoded wrongly: UTF-8 read as Latin-1 or Windows-1252 (ä»Šå¤©), UTF-8 read as GBK (宸茬粡),
  GBK read as Latin-1 (ÖÐ¹ú), where the bytes decode without a fault and give sound Chinese.

Proposed: private-use code points for which GB 18030 names a later one; what the above finds without certainty.
Noted: other private-use characters, U+FFFD and 锟斤拷 (what stood there is lost).
Left alone: joiners and variation selectors in emoji, in Arabic, Persian and Indic scripts, ideographic
variation sequences, a byte order mark at the very start, full-width digits and letters used throughout,
full-width punctuation, the ideographic space, radicals in a text about radicals, line and page ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import regex

from ..document import Document
from ..language.ngram import BOS
from ..protect import Protected, english_spans
from ..text import Proposal
from .base import Filter, Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULE: Final = "encoding"

# Classes of code points, bits of one table. The last five are not damage by themselves.
_RADICAL, _COMPAT, _INVISIBLE, _CONTROL, _LOST, _WIDE, _PRIVATE, _FORM = (1 << k for k in range(8))
_LATIN, _BYTE, _LEAD, _MIDDLE, _TAIL = (1 << k for k in range(8, 13))
_SINGLE: Final = 0xFF

# CJK radicals that are whole characters; the forms that only occur as components (亻, 氵) are left out, a text
# that has one of those means it.
_RADICALS: Final = {
    0x2E81: "厂", 0x2E9F: "母", 0x2EA0: "民", 0x2EA7: "牛", 0x2EA9: "王", 0x2EAB: "目", 0x2EAC: "示", 0x2EAE: "竹",
    0x2EB6: "羊", 0x2EC1: "虎", 0x2EC4: "西", 0x2EC5: "见", 0x2EC6: "角", 0x2EC9: "贝", 0x2ECB: "车", 0x2ED1: "長",
    0x2ED3: "长", 0x2ED4: "门", 0x2ED7: "雨", 0x2ED8: "青", 0x2ED9: "韦", 0x2EDA: "页", 0x2EDB: "风", 0x2EDC: "飞",
    0x2EDD: "食", 0x2EE1: "首", 0x2EE2: "马", 0x2EE3: "骨", 0x2EE4: "鬼", 0x2EE5: "鱼", 0x2EE6: "鸟", 0x2EE7: "卤",
    0x2EE8: "麦", 0x2EE9: "黄", 0x2EEA: "黾", 0x2EEC: "齐", 0x2EEE: "齿", 0x2EEF: "竜", 0x2EF0: "龙", 0x2EF1: "龜",
    0x2EF3: "龟",
}  # fmt: skip

_FORMS: Final = {
    **dict(zip("﹐﹑﹔﹕﹖﹗﹙﹚﹛﹜﹝﹞", "，、；：？！（）｛｝〔〕", strict=True)),
    **dict(zip("︐︑︒︓︔︕︖︗︘︙", "，、。：；！？〖〗…", strict=True)),
    **dict(zip("︰︵︶︷︸︹︺︻︼︽︾︿﹀﹁﹂﹃﹄", "：（）｛｝〔〕【】《》〈〉「」『』", strict=True)),
    "﹒": "。",
    "˙": "·",
}
_FORM_OPEN: Final = frozenset("﹙﹛﹝︗︵︷︹︻︽︿﹁﹃")
_FORM_CLOSE: Final = frozenset("﹚﹜﹞︘︶︸︺︼︾﹀﹂﹄")
_FORM_UNSURE: Final = frozenset("﹒˙")

_PRIVATE_ASTRAL: Final = {
    0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE831: 0x215D7, 0xE83B: 0x2298F, 0xE855: 0x241FE,
    0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6, 0xE82C: 0x9FB7, 0xE832: 0x9FB8, 0xE843: 0x9FB9, 0xE854: 0x9FBA,
    0xE864: 0x9FBB, 0xE7C7: 0x1E3F, 0xE7C8: 0x01F9,
}  # fmt: skip

_CP1252: Final = {chr(0x80 + k): c for k, c in enumerate("€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ")}
"""Latin-1's control character -> what Windows-1252 shows for that byte."""
_BYTE_OF: Final = {ord(shown): ord(byte) for byte, shown in _CP1252.items() if shown != byte}
_LATIN_RUN: Final = re.compile("[\u0080-\u00ff" + "".join(_CP1252.values()) + "]+")
_CONTINUED: Final = "[\u0080-\u00bf" + "".join(_CP1252.values()) + "]"
_UTF8_RUN: Final = regex.compile(
    f"(?:[\u00c2-\u00df]{_CONTINUED}|[\u00e0-\u00ef]{_CONTINUED}{{2}}|[\u00f0-\u00f4]{_CONTINUED}{{3}})++"
)
_GBK_RUN: Final = regex.compile("(?:[\u00a1-\u00a9\u00b0-\u00f7][\u00a1-\u00fe])++")

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_CHINESE: Final = re.compile(
    "[\u3001-\u3011\u3014-\u301f\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e“”‘’—…·\U00020000-\U0003ffff]"
)
_KANA: Final = re.compile("[\u3041-\u30ff]")
_ABOUT_RADICALS: Final = re.compile("部首|偏旁|康熙|字部|字旁|字头|笔画|笔顺|汉字结构")
_ABOUT_CODES: Final = re.compile("乱码|亂碼|编码|編碼|字符集|GBK|UTF-8|程序员")
# Scripts in which joiners and direction marks have work to do: Hebrew to Tibetan, Myanmar to Mongolian, Arabic forms.
_COMPLEX: Final = re.compile(
    "[\u0590-\u109f\u1200-\u139f\u1780-\u18af\u1950-\u1aaf\ua840-\uabff\ufb1d-\ufdff\ufe70-\ufefc]"
)
_EMOJI: Final = re.compile("[\u00a9\u00ae\u203c-\u3299\ufe0e\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f]")
_INVISIBLES: Final = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_INVISIBLE_RUN: Final = re.compile(f"[{_INVISIBLES}]+")
_WIDE_RUN: Final = regex.compile("[０-９]+(?:．[０-９]+)*+|[Ａ-Ｚａ-ｚ]+")
_TOKEN: Final = re.compile("[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{1,40}")
_LOST_RUN: Final = re.compile("(?:\ufffd|锟斤拷|锟斤|锟�)+")
_ESCAPE_SEQUENCE: Final = re.compile("\x1b\\[[0-9;?]{0,20}[A-Za-z]")


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint16], dict[int, str]]:
    """Classes by code point, and the replacement of characters that have one."""
    bits = np.zeros(0x110000, dtype=np.uint16)
    to: dict[int, str] = dict(_RADICALS)
    to.update((code, unicodedata.normalize("NFKC", chr(code))) for code in range(0x2F00, 0x2FD6))
    bits[list(to)] |= _RADICAL
    for block in (range(0xF900, 0xFB00), range(0x2F800, 0x2FA20)):
        for code in block:
            plain = unicodedata.normalize("NFKC", chr(code))
            if plain != chr(code) and len(plain) == 1 and block.start <= code:
                to[code] = plain
                bits[code] |= _COMPAT
    invisible = (0xAD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065),
                 *range(0x2066, 0x206A))  # fmt: skip
    bits[list(invisible)] |= _INVISIBLE
    bits[:0x20] |= _CONTROL
    bits[0x7F:0xA0] |= _CONTROL
    for code in b"\t\n\r\f":
        bits[code] = 0
    bits[[0xFFFD, ord("锟")]] |= _LOST
    for first, last in ("０９", "ＡＺ", "ａｚ"):
        bits[ord(first) : ord(last) + 1] |= _WIDE
    for first_code, end in ((0xE000, 0xF900), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE)):
        bits[first_code:end] |= _PRIVATE
    # GB 18030: row FE of the old GBK, and the forms for vertical text; the codec knows those in the main plane.
    cells = [*range(0x50, 0x7F), *range(0x80, 0xA1)]
    for code, low in zip(range(0xE815, 0xE865), cells, strict=True):
        later = bytes((0xFE, low)).decode("gb18030")
        if later != chr(code):
            to[code] = later
    for code, low in zip(range(0xE7E7, 0xE7F4), range(0x89, 0x96), strict=True):
        to[code] = bytes((0xA9, low)).decode("gb18030")
    to.update((code, chr(later_code)) for code, later_code in _PRIVATE_ASTRAL.items())
    to.update(zip(range(0xE78D, 0xE797), "，。、：；！？〖〗…", strict=True))
    for c, plain in _FORMS.items():
        to[ord(c)] = plain
        bits[ord(c)] |= _FORM
    bits[0x80:0x100] |= _LATIN | _BYTE
    bits[list(_BYTE_OF)] |= _LATIN
    # Pairs of UTF-8 bytes as GBK shows them, in the order lead+continuation, continuation+lead, two continuations.
    lead = [0xE2, 0xE3, *range(0xE4, 0xEA), 0xEF]
    rest = range(0x80, 0xC0)
    for kind, first_bytes, second_bytes in ((_LEAD, lead, rest), (_MIDDLE, rest, lead), (_TAIL, rest, rest)):
        for a in first_bytes:
            for b in second_bytes:
                try:
                    bits[ord(bytes((a, b)).decode("gb18030"))] |= kind
                except (UnicodeDecodeError, TypeError):
                    continue
    bits.flags.writeable = False
    return bits, to


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    found = _tables()[0].take(document.codes)
    seen = int(np.bitwise_or.reduce(found))
    decoded: list[Proposal] = []
    if seen & _BYTE:
        decoded += _latin_mojibake(document, found)
    if seen & _LEAD and seen & _MIDDLE and seen & _TAIL:
        decoded += _gbk_mojibake(document, found)
    yield from decoded
    if not seen & _SINGLE:
        return
    free = np.ones(len(found), dtype=bool)
    for proposal in decoded:
        free[proposal.start : proposal.end] = False
    for kind, judge in _JUDGES:
        if not seen & kind:
            continue
        places = np.flatnonzero(((found & kind) != 0) & free)
        if len(places):
            for proposal in judge(document, places):
                # Wrongly decoded text looks like foreign words, so this filter sees past that protection;
                # all but the decoding respects it. A few places do not need it worked out for the whole text.
                start, end = proposal.start, proposal.end
                if not _foreign(document, start, end, len(places)):
                    yield proposal


def _foreign(document: Document, start: int, end: int, places: int) -> bool:
    """Whether ``[start, end)`` lies in a run of real English; `places`: of how many this is asked."""
    if places > 2000:
        return document.protected.hits(start, end)
    lo = max(0, start - 80)
    near = Protected(english_spans(document.text[lo : end + 80], document.resources.stray_words))
    return near.hits(start - lo, end - lo)


def _runs(text: str, places: NDArray[np.int64], pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """The runs of `pattern` that start at one of `places`."""
    done = -1
    for place in places.tolist():
        if place >= done and (m := pattern.match(text, place)):
            done = m.end()
            yield m.span()


def _beside(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Whether a character that `pattern` knows stands directly before or after."""
    return bool((start and pattern.match(text, start - 1)) or pattern.match(text, end))


def _ideographs(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text, to = document.text, _tables()[1]
    ends = np.flatnonzero(np.diff(places) > 1) + 1
    for run in np.split(places, ends):
        start, end = int(run[0]), int(run[-1]) + 1
        around = text[max(0, start - 30) : end + 30] if end - start < 200 else ""
        radical = text[start] < "\u3000"
        if radical and _ABOUT_RADICALS.search(around):
            continue
        alone = not _beside(_HAN, text, start, end) and not (
            _beside(_CHINESE, text, start, end) and end - start > 1 and not radical
        )
        unsure = alone or (radical and end - start > 8) or (not radical and bool(_KANA.search(around)))
        what = "a radical in place of the character" if radical else "a compatibility ideograph"
        for i in range(start, end):
            yield Proposal(i, i + 1, to[ord(text[i])], RULE, 0.85 if unsure else 0.995, what)


def _invisible(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text = document.text
    for start, end in _runs(text, places, _INVISIBLE_RUN):
        if start == 0 and text[0] == "\ufeff":
            start = 1
            if start >= end:
                continue
        left, right = text[max(0, start - 1) : start], text[end : end + 1]
        around = text[max(0, start - 24) : start] + text[end : end + 24]
        if _COMPLEX.search(around):
            continue
        # CJK punctuation lies inside the emoji range: only Chinese on both sides is beyond doubt.
        if (_EMOJI.match(left) or _EMOJI.match(right)) and not (_chinese(left) and _chinese(right)):
            continue
        soft = "\u00ad" in text[start:end]
        if soft and (right in "\n\r\f" or not right):
            continue  # a hyphen at the end of the line
        if _chinese(left) and _chinese(right):
            confidence = 0.995
        elif ((_chinese(left) or _chinese(right)) and _plain(left) and _plain(right)) or (
            soft and left.isalpha() and right.isalpha()
        ):
            confidence = 0.98
        else:
            confidence = 0.8
        what = "a soft hyphen" if soft else "an invisible character"
        yield Proposal(start, end, "", RULE, confidence, what)


def _chinese(c: str) -> bool:
    return bool(c) and bool(_CHINESE.match(c))


def _plain(c: str) -> bool:
    return not c or c.isascii() or _chinese(c) or c == "\u3000"


def _control(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text = document.text
    many = len(places) > 8 and len(places) * 20 > len(text)  # not a text at all
    done = -1
    for place in places.tolist():
        if place < done:
            continue
        start, end, after, confidence = place, place + 1, "", 0.985
        if text[place] in "\x0b\x85\x1c\x1d\x1e\x1f":
            confidence = 0.6 if not (_chinese(text[place - 1 : place]) and _chinese(text[end : end + 1])) else 0.8
            if text[place] in "\x0b\x85":
                after = "\n"
        elif m := _ESCAPE_SEQUENCE.match(text, place):
            end, confidence = m.end(), 0.9
        if many:
            confidence = min(confidence, 0.6)
        done = end
        yield Proposal(start, end, after, RULE, confidence, f"control character U+{ord(text[place]):04X}")


def _lost(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text = document.text
    for start, end in _runs(text, places, _LOST_RUN):
        if text[start] == "锟":
            if end - start < 3 and "\ufffd" not in text[start:end]:
                continue
            if _ABOUT_CODES.search(text[max(0, start - 40) : min(end, start + 200) + 40]):
                continue
        yield Proposal(start, end, text[start:end], RULE, 0.4, "what stood here was lost in an earlier conversion")


def _private(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text, to = document.text, _tables()[1]
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        start, end = int(run[0]), int(run[-1]) + 1
        if any(ord(c) in to for c in text[start:end]):
            for i in range(start, end):
                later = to.get(ord(text[i]))
                if later:
                    yield Proposal(i, i + 1, later, RULE, 0.9, f"GB 18030 now has U+{ord(later):04X} for it")
        else:
            yield Proposal(start, end, text[start:end], RULE, 0.4, "a private-use character: meaning unknown")


def _wide(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    codes, text = document.codes, document.text
    digits = int(((codes >= 0x30) & (codes <= 0x39)).sum())
    lower = codes | 0x20
    letters = int(((lower >= 0x61) & (lower <= 0x7A)).sum())
    wide_digits = int(((codes >= 0xFF10) & (codes <= 0xFF19)).sum())
    wide_letters = len(places) - wide_digits if len(places) > wide_digits else 0
    spelled: dict[str, int] | None = None
    for start, end in _runs(text, places, _WIDE_RUN):
        digit = text[start] <= "９"
        half, wide = (digits, wide_digits) if digit else (letters, wide_letters)
        if half < 3 or wide * 2 > half:
            continue
        lo, hi = _token(text, start, end)
        mixed = any(c.isascii() for c in text[lo:start] + text[end:hi])
        after = "".join(chr(ord(c) - 0xFEE0) for c in text[start:end])
        if digit:
            sure = mixed or (half >= 30 and wide * 20 <= half)
        else:
            if spelled is None:
                spelled = {}
                for m in _TOKEN.finditer(text):
                    spelled[m.group()] = spelled.get(m.group(), 0) + 1
            token = text[lo:hi]
            plain = unicodedata.normalize("NFKC", token)
            if plain not in spelled and spelled.get(token, 0) > 1:
                continue  # spelled so more than once, and never otherwise: a way of writing
            sure = (mixed and plain in spelled) or (half >= 200 and wide * 40 <= half and plain in spelled)
        yield Proposal(start, end, after, RULE, 0.985 if sure else 0.8, "full width in a half-width text")


def _token(text: str, start: int, end: int) -> tuple[int, int]:
    """The run of letters and digits around ``[start, end)``, up to 20 characters further each way."""
    lo, hi = start, end
    while lo > 0 and start - lo < 20 and _TOKEN.match(text[lo - 1]):
        lo -= 1
    while hi < len(text) and hi - end < 20 and _TOKEN.match(text[hi]):
        hi += 1
    return lo, hi


def _forms(document: Document, places: NDArray[np.int64]) -> Iterator[Proposal]:
    text, to = document.text, _tables()[1]
    for i in places.tolist():
        c = text[i]
        left, right = text[max(0, i - 1) : i], text[i + 1 : i + 2]
        if c == "˙":
            if _HAN.match(left) and _HAN.match(right):
                yield Proposal(i, i + 1, "·", RULE, 0.85, "a tone mark in place of the dot in a name")
            continue
        inner = right if c in _FORM_OPEN else left
        outer = left if c in _FORM_OPEN else right
        word = bool(inner) and (bool(_HAN.match(inner)) or (inner.isalnum() and not _KANA.match(inner)))
        odd = outer in _FORMS and outer not in "﹐﹑﹔﹕﹖﹗" if outer else False
        sure = word and not odd and c not in _FORM_UNSURE
        if not sure and not _chinese(left) and not _chinese(right):
            continue
        if c == "﹒" and _HAN.match(left) and _HAN.match(right):
            yield Proposal(i, i + 1, "·", RULE, 0.7, "a small form of punctuation", (("·", 0.7), ("。", 0.2), (c, 0.1)))
            continue
        yield Proposal(i, i + 1, to[ord(c)], RULE, 0.98 if sure else 0.7, "a small or vertical form of punctuation")


def _latin_mojibake(document: Document, found: NDArray[np.uint16]) -> Iterator[Proposal]:
    """UTF-8 or GBK bytes shown as Latin-1 or Windows-1252."""
    latin = (found & _LATIN) != 0
    pairs = latin[:-1] & latin[1:]
    if not pairs.any():
        return
    text = document.text
    # At least one of the two must be a byte above A0 shown as itself: “ ” and … … are ordinary.
    own = (found & _BYTE) != 0
    places = np.flatnonzero(pairs & (own[:-1] | own[1:]))
    done = -1
    for place in places.tolist():
        if place < done:
            continue
        run = _LATIN_RUN.match(text, place)
        if not run:
            continue
        done = run.end()
        decoded = list(_utf8_in(document, text, place, done, len(places)))
        if not any(_CHINESE.search(p.after) for p in decoded):
            decoded = list(_gbk_in(document, text, place, done)) or decoded
        yield from decoded


def _utf8_in(document: Document, text: str, start: int, end: int, places: int) -> Iterator[Proposal]:
    why = "UTF-8 that was read as Latin-1"
    for m in _UTF8_RUN.finditer(text, start, end):
        after = _decoded(bytes(_BYTE_OF.get(ord(c), ord(c)) for c in m.group()), "utf-8")
        if not after or after == m.group():
            continue
        good = len(_CHINESE.findall(after))
        if not good and not _EMOJI.match(after):
            if len(after) < 2 and _foreign(document, m.start(), m.end(), places):
                continue  # Ã© inside a foreign word
            yield Proposal(m.start(), m.end(), after, RULE, 0.6, why)
        else:
            sure = good == len(after) and (good > 1 or _HAN.match(after) is None) and all(map(_common, after))
            yield Proposal(m.start(), m.end(), after, RULE, 0.99 if sure else 0.8, why)


def _gbk_in(document: Document, text: str, start: int, end: int) -> Iterator[Proposal]:
    for m in _GBK_RUN.finditer(text, start, end):
        if m.end() - m.start() < 4:
            continue
        after = _decoded(bytes(map(ord, m.group())), "gb2312")
        if not after or not all(map(_common, after)) or len(_CHINESE.findall(after)) < len(after):
            continue
        signs = sum(not c.isalpha() for c in m.group())
        fluent = _mean(document, after) > (-3.0 if signs else -2.2)
        if fluent or signs:
            sure = fluent and (len(after) > 2 or signs > 0)
            yield Proposal(m.start(), m.end(), after, RULE, 0.985 if sure else 0.7, "GBK that was read as Latin-1")


def _gbk_mojibake(document: Document, found: NDArray[np.uint16]) -> Iterator[Proposal]:
    """UTF-8 bytes shown as GBK: ``宸茬粡`` for 已经."""
    lead, middle, tail = ((found & k) != 0 for k in (_LEAD, _MIDDLE, _TAIL))
    starts = np.flatnonzero(lead[:-2] & middle[1:-1] & tail[2:])
    if not len(starts):
        return
    text = document.text
    runs: list[tuple[int, int, str]] = []
    done = -1
    for start in starts.tolist():
        if start < done:
            continue
        end = start + 3
        size = len(text)
        while end + 3 <= size and lead[end] and middle[end + 1] and tail[end + 2]:
            end += 3
        after = _decoded(text[start:end].encode("gb18030"), "utf-8")
        if not after or after == text[start:end] or not all(map(_common, after)):
            # Perhaps the run starts one character later; but a long run is looked at once.
            done = end if end - start > 60 else start + 1
            continue
        done = end
        runs.append((start, end, after))
    sound = _means(document, [after for _, _, after in runs])
    odd = _means(document, [text[start:end] for start, end, _ in runs])
    for (start, end, after), mean, mean_before in zip(runs, sound, odd, strict=True):
        gain = mean - mean_before
        if gain < 0.3:
            continue
        sure = len(after) >= 3 and gain > 1.0 and mean > -3.2
        yield Proposal(start, end, after, RULE, 0.985 if sure else 0.75, "UTF-8 that was read as GBK")


def _decoded(raw: bytes, codec: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return ""


def _common(c: str) -> bool:
    """Whether GB 2312 has the character, or it is traditional Chinese that Big5 has."""
    for codec in ("gb2312", "big5"):
        try:
            c.encode(codec)
        except UnicodeEncodeError:
            continue
        return True
    return c in "—·"


def _mean(document: Document, text: str) -> float:
    """log10 probability a character of `text` on its own, by the language model."""
    return _means(document, [text])[0]


def _means(document: Document, texts: Sequence[str]) -> list[float]:
    """`_mean` of each, all scored at once."""
    if not texts:
        return []
    model = document.resources.model
    # Each text starts anew behind its boundary symbol, whose own score is 0.
    coded = [model.encode(text)[0].astype(np.int64) for text in texts]
    sizes = np.array([len(ids) for ids in coded])
    scores = model.score(np.concatenate([part for ids in coded for part in ([BOS], ids)]))
    firsts = np.cumsum(sizes + 1) - sizes - 1
    totals = np.add.reduceat(scores, firsts, dtype=np.float64)
    means: list[float] = np.where(sizes > 0, totals / np.maximum(1, sizes), -9.0).tolist()
    return means


_Judge = Callable[[Document, "NDArray[np.int64]"], Iterator[Proposal]]
_JUDGES: Final[tuple[tuple[int, _Judge], ...]] = (
    (_RADICAL, _ideographs),
    (_COMPAT, _ideographs),
    (_INVISIBLE, _invisible),
    (_CONTROL, _control),
    (_LOST, _lost),
    (_WIDE, _wide),
    (_PRIVATE, _private),
    (_FORM, _forms),
)

FILTER = Filter(
    "encoding",
    (
        Rule(
            RULE,
            "a wrong code point, an invisible character or wrongly decoded text",
            examples=(
                ("推动⼈才强县战略", "推动人才强县战略"),
                ("工程宸茬粡瀹屽伐", "工程已经完工"),
                ("ä»Šå¤©å¤©æ°”å¾ˆå¥½", "今天天气很好"),
            ),
        ),
    ),
    propose,
    lexical=True,
)
