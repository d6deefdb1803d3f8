r"""Lines of a document and what each of them is.

A line ends at ``\n``, ``\r\n``, ``\r`` or a form feed (the page separator of OCR output).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["blank", "heading", "list", "quote", "table", "code", "meta", "rule", "text"]

_LINE = re.compile(r"([^\n\r\f]*+)(\r\n|[\n\r\f]|\Z)")
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_BLOCK = re.compile(
    r"[ \t]*(?:"
    r"(?P<heading>#{1,6}[ \t]+\S)"
    r"|(?P<rule>(?:[-*_][ \t]*){3,}$)"
    r"|(?P<list>(?:[-*+•●▪■◆◇○]|\d{1,3}[.)])[ \t]+\S"
    r"|(?:\d{1,3}[.．、)）]|[（(](?:\d{1,3}|[一二三四五六七八九十百]{1,4})[）)]|[一二三四五六七八九十]{1,3}、|[①-⑳❶-❿]|[\[［【]\d{1,3}[\]］】]|[a-zA-Z][.)）])\S?"
    r"|第[0-9一二三四五六七八九十百零〇]{1,6}[条章节款项编部回])"
    r"|(?P<quote>>)"
    r"|(?P<table>\|.{0,2000}\|[ \t]*$)"
    r")"
)
_SETEXT = re.compile(r"[ \t]{0,3}(?:=+|-{2,})[ \t]*$")


class Line(NamedTuple):
    """``text[start:end]`` is the line, ``text[end:stop]`` its ending; all in code points."""

    start: int
    end: int
    stop: int
    kind: Kind


def split_lines(text: str) -> Iterator[tuple[int, int, int]]:
    """``(start, end, stop)`` of each line; a text that ends with a line ending has no further empty line."""
    size = len(text)
    for m in _LINE.finditer(text):
        if m.start() == size and size:
            break
        yield m.start(), m.end(1), m.end()
        if m.end() == size:
            break


def structure(text: str) -> list[Line]:
    """Every line of `text` with its kind. One pass, linear.

    ``code``: fenced (the fences included); ``meta``: YAML or TOML front matter; ``rule``: a thematic
    break. Numbered clauses (``第一条``, ``（一）``, ``1.``) count as list items.
    """
    lines: list[Line] = []
    fence = ""
    meta = ""
    for number, (start, end, stop) in enumerate(split_lines(text)):
        kind: Kind
        raw = text[start : min(end, start + 4000)]
        bare = raw.strip()
        if fence:
            kind = "code"
            if bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
        elif meta:
            kind = "meta"
            if bare == meta:
                meta = ""
        elif not bare and end - start <= 4000:
            kind = "blank"
        elif number == 0 and bare in ("---", "+++") and _closes(text, stop, bare):
            kind, meta = "meta", bare
        elif f := _FENCE.match(raw):
            kind, fence = "code", f.group(1)
        elif lines and lines[-1].kind == "text" and _SETEXT.match(raw) and bare[0] in "=-":
            kind = "rule"
            lines[-1] = lines[-1]._replace(kind="heading")
        elif m := _BLOCK.match(raw):
            kind = m.lastgroup or "text"  # type: ignore[assignment]
        else:
            kind = "text"
        lines.append(Line(start, end, stop, kind))
    return lines


def _closes(text: str, position: int, mark: str) -> bool:
    """Whether front matter opened at the top is closed by a line of its own, and looks like ``key: value``."""
    end = re.compile(rf"^{re.escape(mark)}[ \t]*$", re.M).search(text, position, min(len(text), position + 20000))
    return bool(end) and bool(re.match(r"\s*[\w-]{1,40}\s*[:=]", text[position : position + 60]))
