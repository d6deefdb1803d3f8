"""Protected spans: what no filter may change, found once per text and asked by the engine.

Hard spans are machine syntax: front matter, code, URLs, e-mail addresses, LaTeX, HTML, the marks of
Markdown. Soft spans are runs of real English; a user's forced replacement may still change those.
Every pattern is bounded or possessive, so the cost is linear whatever the text. Some begin with a set of
characters and look back afterwards: `re` then skips to the next of the set, several times faster.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence

import numpy as np

from .structure import Line

# ASCII only: in Chinese text a URL ends where Chinese begins.
_URL = re.compile(
    r"[HFWhfw](?i:(?:(?<=h)ttps?|(?<=f)(?:tp|ile))://[!-;=?-Z\\^_a-z~%\[\]]++"
    r"|(?<=w)(?<![\w.@/-]w)ww\.[!-;=?-Z_a-z~%]++)"
)
# Bounded parts and no look-back into a longer name keep this linear on endless runs of letters.
_MAIL = re.compile(
    r"[A-Za-z0-9._%+-](?<![A-Za-z0-9._%+-]{2})[A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)[^`\n]{1,400}\1(?!`)")
_LATEX = re.compile(
    r"(?<![\\$])\$\$[^$]{1,2000}\$\$|(?<![\\$\w])\$(?!\s)[^$\n]{1,300}(?<!\s)\$(?![\d$])"
    r"|\\\([^\n]{1,300}?\\\)|\\\[[^$]{1,2000}?\\\]|\\[A-Za-z]{2,32}(?:\{[^{}\n]{0,200}\})?"
)
_HTML = re.compile(
    r"<!--[^<]{0,2000}?-->|</?[A-Za-z][A-Za-z0-9-]{0,30}(?:\s[^<>\n]{0,400})?/?>|&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});"
)
# [text](target), ![alt](target), [^1], the marks of emphasis and strike-through
_MD_TARGET = re.compile(
    r"(?<=\])\([^()\s<>]{0,400}(?:\s\"[^\"\n]{0,200}\")?\)|\[\^[^\]\s]{1,40}\]|!\[(?=[^\]\n]{0,200}\]\()|\[(?=[^\]\n]{1,200}\]\()|(?<=[^\]])\](?=\()"
)
_MD_MARK = re.compile(r"(?<![*\\])\*{1,3}(?![*])|(?<![~\\])~~(?!~)|(?<![_\\])__(?!_)")
_LINE_MARK = {
    "heading": re.compile(r"[ \t]{0,3}#{1,6}[ \t]+|[ \t]{0,3}[=-]{2,}[ \t]*$"),
    "list": re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?"),
    "quote": re.compile(r"[ \t]{0,3}(?:>[ \t]?){1,8}"),
    "table": re.compile(r"[ \t]*\|"),
}
_TABLE_BAR = re.compile(r"[ \t]*\|[ \t]*")

# Groups that nothing follows need not be possessive (and must not: re of CPython before 3.11.5).
LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_REST = rf"[{LATIN}0-9]*+(?:['’.&+#/_@·-]{{1,2}}[{LATIN}0-9]++)*"
_WORD = rf"[{LATIN}]{_REST}"
_ENGLISH = re.compile(
    rf"[{LATIN}](?<![{LATIN}0-9].){_REST}(?:(?:[ ]|[,;:.!?&()\"'-]{{1,2}}[ ]?|[ ][&(\"'-]){_WORD}|[ ]\d[\d.,]*+)*"
)
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uff60“”‘’…—·\U00020000-\U0003ffff]")
_TWO_LETTERS = re.compile(rf"[{LATIN}]{{2}}")


class Protected:
    """Sorted, merged spans with constant-time-per-query overlap tests.

    >>> p = Protected([(2, 5), (4, 9)])
    >>> p.hits(0, 2), p.hits(8, 20), p.hits(2, 2), p.hits(3, 3)
    (False, True, False, True)
    """

    __slots__ = ("ends", "starts")

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted(spans):
            if start >= end:
                continue
            if ends and start < ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        self.starts, self.ends = starts, ends

    def hits(self, start: int, end: int) -> bool:
        """Whether replacing ``[start, end)`` would change a protected span.

        An insertion (``start == end``) hits only strictly inside a span.
        """
        if not self.starts:
            return False
        i = bisect_right(self.ends, start)
        return i < len(self.starts) and (self.starts[i] < end or (start == end and self.starts[i] < start))

    def cuts(self, start: int, end: int) -> bool:
        """Whether replacing ``[start, end)`` would change a span in part, or a span and nothing else."""
        if start == end or not self.hits(start, end):
            return self.hits(start, end)
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end) - 1
        alone = (self.starts[first], self.ends[first]) == (start, end)
        return alone or self.starts[first] < start or self.ends[last] > end

    def mask(self, length: int) -> np.ndarray:
        """Boolean array over code points, True inside a span."""
        mask = np.zeros(length, dtype=bool)
        for start, end in self:
            mask[start:end] = True
        return mask

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self.starts, self.ends, strict=True))

    def __len__(self) -> int:
        return len(self.starts)


def hard_spans(text: str, lines: Sequence[Line], *, marks: bool = True) -> Iterator[tuple[int, int]]:
    """Machine syntax in `text`: ``(start, end)`` in code points, unordered, possibly overlapping.

    `marks`: whether Markdown's marks of lists, tables and emphasis count; on a scan they are specks or decoration.
    """
    for line in lines:
        if line.kind in ("code", "meta", "rule"):
            yield line.start, line.stop
        elif (marks or line.kind == "heading") and (mark := _LINE_MARK.get(line.kind)):
            if m := mark.match(text, line.start, line.end):
                yield m.span()
            if line.kind == "table":
                for m in _TABLE_BAR.finditer(text, line.start, line.end):
                    yield m.span()
    if "@" in text:
        yield from (m.span() for m in _MAIL.finditer(text))
    if "`" in text:
        yield from (m.span() for m in _CODE.finditer(text))
    if "$" in text or "\\" in text:
        yield from (m.span() for m in _LATEX.finditer(text))
    if "<" in text or "&" in text:
        yield from (m.span() for m in _HTML.finditer(text))
    if "[" in text:
        yield from (m.span() for m in _MD_TARGET.finditer(text))
    # One character is found far faster than two.
    if marks and ("*" in text or ("~" in text and "~~" in text) or ("_" in text and "__" in text)):
        yield from (m.span() for m in _MD_MARK.finditer(text))
    if ("/" in text and "://" in text) or ("." in text and ("w." in text or "W." in text)):
        yield from (m.span() for m in _URL.finditer(text))


def english_spans(text: str, stray: Container[str]) -> Iterator[tuple[int, int]]:
    """Runs of real English: Latin words and what joins them.

    A run that as a whole is a function word (`stray`, lower case) and stands between Chinese is not
    real English: a model wrote it in place of a Chinese word.
    """
    for m in _ENGLISH.finditer(text):
        run = m.group()
        if not _TWO_LETTERS.search(run) and len(run) < 2:
            continue
        if run.lower() in stray and between_chinese(text, m.start(), m.end()):
            continue
        yield m.span()


def between_chinese(text: str, start: int, end: int) -> bool:
    """Whether the characters around ``[start, end)``, spaces and one line break skipped, are Chinese on both sides."""
    left = text[max(0, start - 8) : start].rstrip(" \t\u00a0\r\n")
    right = text[end : end + 8].lstrip(" \t\u00a0\r\n")
    return bool(left and right and _HAN.match(left[-1]) and _HAN.match(right[0]))
