"""House style in Chinese text: on only in the profile ``typography``.

* half-width ( ) : ; , ! ? after Chinese characters become full-width, brackets always as a pair;
* ``...`` and ``。。。`` become ……, ``--`` between Chinese characters becomes ——;
* with ``quotes = true`` straight quotation marks round Chinese become “ ”.

Left alone: numbers (3:1, 12:30, 1,000, 5~8), URLs, code, Markdown and other syntax, English, emoticons, list
numbers at the beginning of a line, leader dots.

Settings: ``brackets``, ``colons`` (: and ;), ``punctuation`` (, ! ? ... --), ``quotes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..document import Document
from ..text import Proposal
from .base import Filter, Rule
from .quote_style import straight

RULE = "typography"

_CONFIDENCE = 0.99
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〇]")
# Marks that are looked past to see whether Chinese stands before or after: what this rule changes is among
# them in both forms, so that one change never decides about another.
_SKIP = frozenset('()（）,，:：;；!！?？"“”‘’《》〈〉「」『』【】〔〕、。.…-—· \u3000*_')
_LOOK = 12
_WIDE = {"(": "（", ")": "）", ":": "：", ";": "；", ",": "，", "!": "！", "?": "？"}
_SIGN = re.compile(r"[:;,!?]")
_FACE = frozenset("()DPOo/\\|-^'*][<>3=_")
_DOTS = re.compile(r"(?<![.。…/])(?:\.{3,6}|。{3,6})(?![.。…/])")
_DASH = re.compile(r"(?<!-)--(?!-)")
_CODE = re.compile(r"[\[\]={}|\\]|[A-Za-z]_")
_LIST_MARK = re.compile(r"[ \t\u3000]{0,8}[（(][0-9A-Za-z]{1,3}[)）]")


def propose(document: Document, settings: Mapping[str, Any]) -> Iterator[Proposal]:
    text = document.text
    if settings["brackets"] and ("(" in text or ")" in text):
        yield from _brackets(document)
    signs = (":;" if settings["colons"] else "") + (",!?" if settings["punctuation"] else "")
    if any(sign in text for sign in signs):
        for m in _SIGN.finditer(text):
            at = m.start()
            sign = text[at]
            if sign in signs and _after_chinese(text, at) and not _special(text, at, sign):
                yield _change(at, at + 1, _WIDE[sign], "full-width after Chinese")
    if settings["punctuation"]:
        if "..." in text or "。。。" in text:
            for m in _DOTS.finditer(text):
                if text[m.start() - 1 : m.start()] in ("(", "[", "{"):
                    continue
                if _after_chinese(text, m.start()) or (text[m.start()] == "." and _before_chinese(text, m.end())):
                    yield _change(*m.span(), "……", "an ellipsis")
        if "--" in text:
            for m in _DASH.finditer(text):
                if _after_chinese(text, m.start()) and _before_chinese(text, m.end()):
                    yield _change(*m.span(), "——", "a dash")
    if settings["quotes"] and '"' in text:
        for start, end, inner in straight(document):
            yield _change(start, end, f"“{inner}”", "curly quotation marks")


def _change(start: int, end: int, after: str, reason: str) -> Proposal:
    return Proposal(start, end, after, RULE, _CONFIDENCE, reason)


def _after_chinese(text: str, at: int) -> bool:
    """Whether the last character before `at` that is not a mark is Chinese, on the same line."""
    for i in range(at - 1, max(-1, at - 1 - _LOOK), -1):
        if text[i] not in _SKIP:
            return bool(_HAN.match(text[i]))
    return False


def _before_chinese(text: str, at: int) -> bool:
    for i in range(at, min(len(text), at + _LOOK)):
        if text[i] not in _SKIP:
            return bool(_HAN.match(text[i]))
    return False


def _special(text: str, at: int, sign: str) -> bool:
    """Emoticons, operators, and a mark after a blank: not the punctuation of a sentence."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if before in (" ", "\u3000", "_", "*") or before == sign == ":" or after == sign == ":":
        return True
    if sign in ":;" and after in _FACE and after != "(":
        return True
    if sign in ":;" and after == "(" and not _HAN.search(text[at + 2 : at + 10]):
        return True
    return sign in "!?" and after in ("=", "[", "/")


def _brackets(document: Document) -> Iterator[Proposal]:
    """Half-width brackets of a pair whose surroundings and content are Chinese; both marks or none."""
    text = document.text
    codes = document.codes
    where = np.flatnonzero((codes == 0x28) | (codes == 0x29) | (codes == 0xFF08) | (codes == 0xFF09) | (codes == 0x0A))
    stack: list[int] = []
    protected = document.protected
    for at in where.tolist():
        ch = text[at]
        if ch == "\n":
            stack.clear()
        elif ch in "(（":
            stack.append(at)
        elif stack:
            start = stack.pop()
            if (text[start] == "（" and ch == "）") or not _chinese_pair(text, start, at):
                continue
            if protected.hits(start, start + 1) or protected.hits(at, at + 1):
                continue
            if text[start] == "(":
                yield _change(start, start + 1, "（", "full-width brackets in Chinese")
            if ch == ")":
                yield _change(at, at + 1, "）", "full-width brackets in Chinese")


def _chinese_pair(text: str, start: int, end: int) -> bool:
    if end - start < 2 or end - start > 400:
        return False
    head = text[start + 1 : min(end, start + 25)]
    if _CODE.search(head):
        return False
    if _HAN.search(head):
        # Chinese inside: unless it stands in an English sentence.
        before = text[start - 1 : start]
        return not (before.isascii() and before.isalnum()) or _HAN.match(head[0]) is not None
    if not (_after_chinese(text, start) and text[start - 1 : start] != " "):
        return False
    after = text[end + 1 : end + 2]
    return not (after.isascii() and after.isalnum()) and not _LIST_MARK.match(
        text, text.rfind("\n", max(0, start - 12), start) + 1
    )


FILTER = Filter(
    "typography",
    (
        Rule(
            RULE,
            "house style: full-width punctuation, ellipses and dashes in Chinese text",
            examples=(
                ("县(市、区),开发区", "县（市、区），开发区"),
                ("他说...算了", "他说……算了"),
                ("作者单位:太原", "作者单位：太原"),
            ),
        ),
    ),
    propose,
    settings={"brackets": True, "colons": True, "punctuation": True, "quotes": False},
)
