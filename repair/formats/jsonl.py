"""JSON Lines: the text of one field of every record, and the line again with nothing but that text changed.

A correction replaces the characters concerned inside the string's literal. Everything else in the line, escapes in the
rest of the text among it, keeps its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from repair.formats.ocr import Splice
from repair.text import Correction

EXTENSIONS = (".jsonl", ".ndjson")
LONGEST = 1 << 26
"""Bytes of a record; a longer one is passed on as it is."""
NAMES = ("text", "content", "body", "raw_content", "正文", "内容", "文本", "article", "document", "markdown", "passage")
"""Names of the field with the text, the likeliest first."""
LOOKED_AT = 64
"""Records from which the field is guessed."""

_BLANK = re.compile(r"[ \t\n\r]*")
_ESCAPE = re.compile(r'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])')
_MUST = re.compile('["\\\\\x00-\x1f\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
# Numbers as they stand: no digit is looked at, however many there are. Raw tabs in strings are common enough.
_SCAN = json.JSONDecoder(strict=False, parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]


class RecordError(ValueError):
    """A record that cannot be read; the message says why."""


class Long(NamedTuple):
    """A piece of a line that is too long to be looked at; `first`: its beginning."""

    data: bytes
    first: bool


def lines(blocks: Iterable[bytes]) -> Iterator[bytes | Long]:
    """The lines of a file with their ends; those longer than `LONGEST` in pieces."""
    kept: list[bytes] = []
    size = 0
    long = False
    for block in blocks:
        start = 0
        while (end := block.find(b"\n", start)) >= 0:
            piece = block[start : end + 1]
            if long:
                yield Long(piece, False)
            elif kept:
                yield b"".join((*kept, piece))
            else:
                yield piece
            kept, size, long, start = [], 0, False, end + 1
        rest = block[start:]
        if not rest:
            continue
        if long:
            yield Long(rest, False)
            continue
        kept.append(rest)
        size += len(rest)
        if size > LONGEST:
            yield Long(b"".join(kept), True)
            kept, size, long = [], 0, True
    if kept:
        yield b"".join(kept)


class TextField:
    """The text of one field of a line. `text`: as read; `line`: the line's characters."""

    def __init__(self, line: str, start: int, end: int) -> None:
        self.line = line
        self._start, self._end = start, end  # of what stands between the quotation marks
        inner = line[start:end]
        self.text: str = scanstring(line, start, False)[0] if "\\" in inner else inner
        self._at: list[int] | None = None
        if len(self.text) != len(inner):
            at: list[int] = []
            done = 0
            for match in _ESCAPE.finditer(inner):
                at += range(done, match.start() + 1)
                done = match.end()
            at += range(done, len(inner) + 1)
            self._at = at
        # As the writer of the file did it.
        self._ascii = self._at is not None and line.isascii()

    def _place(self, position: int) -> int:
        return self._start + (position if self._at is None else self._at[position])

    def splices(self, c: Correction) -> tuple[Splice, ...]:
        """What a correction changes in the line's bytes."""
        return tuple(self.all_splices([c])[c])

    def all_splices(self, corrections: Iterable[Correction]) -> dict[Correction, tuple[Splice, ...]]:
        """What each correction changes in the line's bytes. Raises `ValueError` for one of another text."""
        out: dict[Correction, tuple[Splice, ...]] = {}
        offset = place = 0
        for c in sorted(corrections, key=lambda c: (c.start, c.end)):
            if self.text[c.start : c.end] != c.before:
                raise ValueError(f"text at {c.start} reads {self.text[c.start : c.end]!r}, not {c.before!r}")
            start, end = self._place(c.start), self._place(c.end)
            offset += len(self.line[place:start].encode("utf-8"))
            place = start
            before = self.line[start:end].encode("utf-8")
            out[c] = (Splice(offset, before, self._written(c.after).encode("utf-8")),)
        return out

    def _written(self, text: str) -> str:
        if self._ascii:
            return json.dumps(text)[1:-1]
        return _MUST.sub(lambda m: _SHORT.get(m.group(), f"\\u{ord(m.group()):04x}"), text)


def field_of(data: bytes, column: str, *, first: bool = False) -> TextField | None:
    """The text in field `column` (``a.b``: field b of the object in field a) of a line; None where it has none there.

    `first`: of the file's first line, which may start with a byte order mark. Raises `RecordError`.
    """
    try:
        line = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"not UTF-8 (byte 0x{data[error.start]:02x} at offset {error.start} of the line)") from None
    at = _blank(line, 1 if first and line.startswith("\ufeff") else 0)
    if at == len(line):
        return None
    try:
        found, end = _find(line, at, column)
    except RecursionError:
        raise RecordError("bad JSON (nested too deeply)") from None
    except StopIteration as error:
        raise RecordError(f"bad JSON (no value at column {error.value + 1})") from None
    except json.JSONDecodeError as error:
        raise RecordError(f"bad JSON ({error.msg[:1].lower()}{error.msg[1:]} at column {error.pos + 1})") from None
    end = _blank(line, end)
    if end != len(line):
        raise RecordError(f"bad JSON (more after the value, at column {end + 1})")
    return TextField(line, *found) if found else None


def _blank(line: str, at: int) -> int:
    match = _BLANK.match(line, at)
    return match.end() if match else at


def _find(line: str, at: int, column: str) -> tuple[tuple[int, int] | None, int]:
    """Where the string of `column` stands inside the value at `at`, and where that value ends."""
    if line[at : at + 1] != "{":
        return None, int(_SCAN(line, at)[1])
    found: tuple[int, int] | None = None
    head, dot, rest = column.partition(".")
    at = _blank(line, at + 1)
    if line[at : at + 1] == "}":
        return None, at + 1
    while True:
        if line[at : at + 1] != '"':
            raise json.JSONDecodeError("a name in quotation marks is missing", line, at)
        key, at = scanstring(line, at + 1, False)
        at = _blank(line, at)
        if line[at : at + 1] != ":":
            raise json.JSONDecodeError("a colon is missing", line, at)
        at = _blank(line, at + 1)
        # Of several fields with one name the last counts, as in all JSON readers.
        if key == column:
            end = int(_SCAN(line, at)[1])
            found = (at + 1, end - 1) if line[at] == '"' else None
        elif dot and key == head:
            found, end = _find(line, at, rest)
        else:
            end = int(_SCAN(line, at)[1])
        at = _blank(line, end)
        mark = line[at : at + 1]
        if mark == "}":
            return found, at + 1
        if mark != ",":
            raise json.JSONDecodeError("a comma is missing", line, at)
        at = _blank(line, at + 1)


def guessed(samples: Iterable[bytes]) -> str | None:
    """The field that holds the text, from a file's first lines: by its name, else the longest. None: no strings."""
    sizes: dict[str, int] = {}
    for number, data in enumerate(samples):
        try:
            value = json.loads(data.decode("utf-8").removeprefix("\ufeff" if number == 0 else ""), strict=False)
        except (ValueError, RecursionError):
            continue
        _measure(value, "", sizes)
    return likeliest(sizes)


def likeliest(sizes: dict[str, int]) -> str | None:
    """Of fields with the lengths of their texts, the one that is the text."""
    for name in NAMES:
        if sizes.get(name):
            return name
    if any(sizes.values()):
        return max(sizes, key=lambda name: sizes[name])
    return next((name for name in NAMES if name in sizes), None)  # all texts are empty


def _measure(value: Any, prefix: str, sizes: dict[str, int], depth: int = 0) -> None:
    if not isinstance(value, dict) or depth > 4:
        return
    for key, part in value.items():
        if isinstance(part, str):
            sizes[prefix + key] = sizes.get(prefix + key, 0) + len(part)
        else:
            _measure(part, f"{prefix}{key}.", sizes, depth + 1)
