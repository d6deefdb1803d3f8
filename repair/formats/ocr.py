"""Files of OCR engines: their text with its layout, and the same file again with a few characters changed.

A reader finds the text of a file and, for every character of it, where in the file it is written (`Characters`).
Corrections are then spliced into the original bytes: what they do not touch stays as it is, byte for byte.

**Text.** A line of the page is a line of the text, an empty line separates the blocks (paragraphs, regions) that
the engine found, a form feed the pages. Words are joined without a blank unless both sides are Latin or digits,
or a gap on the page is wide enough to mean something.

**Writing.** A correction inside a word changes that word. One across words goes to them character by character
where the length stays, else as a whole to the first of them. What is put in goes to the word of the character
before it, an opening mark to the one after it. Corrections that only change line breaks and blanks between words,
or that take out whole lines (running heads, page numbers), are about the running text: the page keeps its lines,
and `OcrFile.rewritten` says which corrections these were. The text of the rewritten file is what its reader finds
there, which for these is not the repaired running text.
"""

from __future__ import annotations

import json
import math
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from repair.formats.plain import InputError, TextFile, decode_as, newline_style, shown
from repair.layout import Box, Layout, Page, PageLine
from repair.text import Alternatives, Correction

FORMATS: dict[str, str] = {"hocr": ".html", "alto": ".xml", "page-xml": ".xml", "ocr-json": ".json"}
"""Names of the formats, with the extension that their files have as a rule."""

TEXT, DOUBLE, SINGLE, CDATA, STRING = range(5)
"""How a character is written: between tags, in an attribute between " or ', in a CDATA section, in a JSON string."""

HEAD = 1 << 16
"""Bytes that show what a file is."""
_BLANKS = re.compile("[ \t\n\r\f\v\x1c-\x1e\x85\u2028\u2029]+")
_BREAKS = re.compile("[\t\n\r\f\v\x1c-\x1e\x85\u2028\u2029]")
_NARROW = re.compile("[!-~¡-ɏͰ-ӿḀ-ỿ]")
_HYPHENS = frozenset("-\u00ad\u2010")
_OPENING = frozenset("“‘（《〈「『【〔［｛([{")
# What XML 1.0 has no way to write, and HTML reads as something else.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
FROZEN = -2
WIDE_GAP = 2.0
"""Gap between two words, in heights of their line, from which it stands as a blank between Chinese words too."""

_KEEPS_LINES = "it changes lines or the blanks between words, which the page keeps"
_NO_CODE = "the file cannot hold it"


class Splice(NamedTuple):
    """Bytes of a file from `offset` on that read `before` are replaced by `after`."""

    offset: int
    before: bytes
    after: bytes


class Rewritten(NamedTuple):
    """A file with corrections written into it; `kept`: those that could not be, with the reason."""

    data: bytes
    splices: Mapping[Correction, tuple[Splice, ...]]
    kept: Mapping[Correction, str]


# --- the file


class Source:
    """A file's bytes decoded strictly, with the way back from characters to bytes.

    Raises `InputError` where bytes are no text of that encoding, or a character's bytes depend on those before it.
    """

    def __init__(self, data: bytes, encoding: str, *, bom: bool, name: str) -> None:
        self.data, self.name = data, shown(name)
        file = decode_as(data, encoding, bom=bom, name=name)
        if file.errors == "surrogateescape" or _lone_surrogate(file):
            raise InputError(f"{self.name}: not valid {file.encoding}, line {self._bad_line(file)}")
        self.text, self.encoding, self.bom = file.text, file.encoding, file.bom

    def _bad_line(self, file: TextFile) -> int:
        bad = re.search("[\ud800-\udfff]", file.text)
        return file.text.count("\n", 0, bad.start() if bad else 0) + 1

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Offset of each character in the file, and of its end."""
        points = np.frombuffer(self.text.encode("utf-32-le"), np.uint32)
        if self.encoding == "utf-8":
            sizes = 1 + (points > 0x7F) + (points > 0x7FF).astype(np.int64) + (points > 0xFFFF)
        elif self.encoding.startswith("utf-16"):
            sizes = 2 + 2 * (points > 0xFFFF).astype(np.int64)
        elif self.encoding.startswith("utf-32"):
            sizes = np.full(len(points), 4, np.int64)
        else:
            values, which = np.unique(points, return_inverse=True)
            sizes = np.array([len(chr(v).encode(self.encoding)) for v in values.tolist()], np.int64)[which]
        ends = np.cumsum(sizes, dtype=np.int64)
        mark = len(self.data) - int(ends[-1]) if len(ends) else 0
        if mark not in (0, 2, 3, 4) or (mark and not self.bom):
            raise InputError(f"{self.name}: cannot be rewritten in {self.encoding}")
        return np.concatenate([[mark], ends + mark])

    def line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def error(self, position: int, what: str) -> InputError:
        return InputError(f"{self.name}:{self.line(position)}: {what}")

    def encoded(self, text: str, mode: int) -> bytes:
        """`text` as it is written in such a place."""
        return "".join(self._escaped(ch, mode) for ch in text).encode(self.encoding, "strict")

    def _escaped(self, ch: str, mode: int) -> str:
        if mode == STRING:
            escape = ch in '"\\' or ch < " " or "\ud800" <= ch <= "\udfff" or (ch > "~" and self._ascii)
            return json.dumps(ch)[1:-1] if escape or not self._has(ch) else ch
        reference = _REFERENCES.get(ch, "") if ch in "&<>" or (ch == "\"'"[mode == SINGLE] and mode in (1, 2)) else ""
        if not reference and not self._has(ch):
            reference = f"&#x{ord(ch):X};"
        if mode == CDATA and (reference or ch == "]"):
            # A section cannot hold its own end nor references: interrupted for this character.
            return f"]]>{reference or ch}<![CDATA["
        return reference or ch

    def _has(self, ch: str) -> bool:
        if self.encoding.startswith("utf-"):
            return True
        try:
            return ch.encode(self.encoding).decode(self.encoding) == ch
        except UnicodeError:
            return False

    @cached_property
    def _ascii(self) -> bool:
        """Whether the file, a JSON one, has all characters beyond ASCII escaped."""
        return self.text.isascii()


_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def _lone_surrogate(file: TextFile) -> bool:
    return file.errors == "surrogatepass" and re.search("[\ud800-\udfff]", file.text) is not None


# --- what readers find


@dataclass(slots=True)
class Characters:
    """A piece of text, with the place of each of its characters in the decoded file and how it is written there.

    A character that cannot be changed, since its neighbours would not stay what they are, has start `FROZEN`.
    """

    text: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)

    def add(self, other: Characters) -> None:
        self.text += other.text
        self.starts += other.starts
        self.ends += other.ends
        self.modes += other.modes


@dataclass(slots=True)
class Word:
    """Characters that the file keeps together, and what the engine says of them.

    `confidence`: of the word, or of each character, 0 to 1, nan for none; `alternatives` by position in the word;
    `copies`: the same text, blanks apart, elsewhere in the file; `apart`: the file puts a blank before it (None:
    does not say); `boxed`: the box is its own and not that of its line.
    """

    characters: Characters
    box: Box | None = None
    confidence: float | Sequence[float] = math.nan
    alternatives: dict[int, Alternatives] = field(default_factory=dict)
    copies: list[Characters] = field(default_factory=list)
    apart: bool | None = None


@dataclass(slots=True)
class Line:
    words: list[Word] = field(default_factory=list)
    box: Box | None = None
    copies: list[Characters] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    lines: list[Line] = field(default_factory=list)
    copies: list[Characters] = field(default_factory=list)


@dataclass(slots=True)
class Sheet:
    """A page."""

    page: Page = field(default_factory=Page)
    blocks: list[Block] = field(default_factory=list)


def plain_characters(text: str, start: int, end: int, mode: int) -> Characters:
    """`text`, of which every character stands as it is in the file, from `start` to `end`."""
    return Characters(text, list(range(start, end)), list(range(start + 1, end + 1)), [mode] * (end - start))


def tidied(word: Word, *, collapse: bool = True) -> Word:
    """The word without blanks at its ends, and with no line break or tab inside.

    With `collapse` a run of blanks is one. Positions of confidences and alternatives follow.
    """
    characters = word.characters
    text = characters.text
    if not _BLANKS.search(text):
        return word
    keep: list[tuple[int, int]] = []  # of each character: the first and the last one it stands for
    size = len(text)
    for match in re.finditer(r"[^ \t\n\r\f\v\x1c-\x1e\x85\u2028\u2029]|[ \t\n\r\f\v\x1c-\x1e\x85\u2028\u2029]+", text):
        a, b = match.span()
        if not _BLANKS.match(text, a):
            keep.append((a, b - 1))
        elif a > 0 and b < size:
            keep += [(a, b - 1)] if collapse or _BREAKS.search(text, a, b) else [(k, k) for k in range(a, b)]
    out = Characters(
        "".join(" " if _BLANKS.match(text, a) else text[a] for a, _ in keep),
        [characters.starts[a] for a, _ in keep],
        [characters.ends[b] for _, b in keep],
        [characters.modes[a] for a, _ in keep],
    )
    for k, (a, b) in enumerate(keep):
        # A run with a tag inside is no piece of text that could be replaced.
        if any(characters.starts[i + 1] != characters.ends[i] for i in range(a, b)):
            out.starts[k] = FROZEN
    confidence = word.confidence
    if not isinstance(confidence, int | float) and len(confidence) == size:
        confidence = [confidence[a] for a, _ in keep]
    where = {a: k for k, (a, _) in enumerate(keep)}
    alternatives = {where[i]: choice for i, choice in word.alternatives.items() if i in where}
    return Word(out, word.box, confidence, alternatives, word.copies, word.apart)


def best_first(reading: str, weight: float, others: Iterable[tuple[str, float]]) -> Alternatives:
    """The engine's readings of one character with the one it chose; those of several characters are left out."""
    weights = {reading: _share(weight)}
    for text, value in others:
        if len(text) == 1:
            weights[text] = max(weights.get(text, 0.0), _share(value))
    return tuple(sorted(weights.items(), key=lambda item: -item[1])) if len(weights) > 1 else ()


def _share(value: float) -> float:
    return min(1.0, max(0.0, value)) if value == value else 0.0


def number(text: str | None, scale: float = 1.0) -> float:
    """A number in a file, nan for what is none or infinite."""
    try:
        value = float(text) * scale if text is not None and len(text) < 64 else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def box_of(left: float, top: float, right: float, bottom: float) -> Box | None:
    """A box, or None where a number is missing or too large for one."""
    values = (left, top, right, bottom)
    return Box(*values) if all(abs(v) < 1e9 for v in values) else None  # nan is not


def extent(points: Sequence[tuple[float, float]]) -> Box | None:
    """The box around a polygon."""
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return box_of(min(xs), min(ys), max(xs), max(ys)) if all(x == x and y == y for x, y in points) else None


# --- text and layout out of it


class OcrFile:
    """A file of an OCR engine: `text`, `layout`, and the file again with corrections of that text in it.

    `format` is a key of `FORMATS`, `encoding` the codec of the file.
    """

    def __init__(self, format: str, source: Source, sheets: Sequence[Sheet]) -> None:
        self.format, self._source = format, source
        self.encoding, self.bom = source.encoding, source.bom
        found = _Assembled()
        for number, sheet in enumerate(sheets):
            found.page(number, sheet)
        self.text = "".join(found.parts)
        self._starts = np.array(found.starts, np.int64)
        self._ends = np.array(found.ends, np.int64)
        self._modes = np.array(found.modes, np.uint8)
        self._copies = found.sorted_copies()
        self.layout = Layout(
            tuple(found.lines),
            tuple(sheet.page for sheet in sheets),
            np.clip(np.array(found.confidence, np.float32), 0, 1),
            np.array(found.word, np.int32),
            np.array(found.boxes, np.float32).reshape(-1, 4),
            found.alternatives,
        )
        self._edges = [line.start for line in self.layout.lines]

    @property
    def plain(self) -> TextFile:
        """The running text as a file by itself."""
        return TextFile(self.text, "utf-8", False, newline_style(self.text), name=self._source.name)

    def splices(self, c: Correction) -> tuple[Splice, ...]:
        """What a correction changes in the file; nothing for one that the page does not hold."""
        found = self._splices(c)
        return () if isinstance(found, str) else found

    def rewritten(self, corrections: Iterable[Correction]) -> Rewritten:
        """The file with corrections of its text (free of overlaps, any order) written into it."""
        done: dict[Correction, tuple[Splice, ...]] = {}
        kept: dict[Correction, str] = {}
        for c in sorted(corrections, key=lambda c: (c.start, c.end)):
            found = self._splices(c)
            if isinstance(found, str):
                kept[c] = found
            else:
                done[c] = found
        return Rewritten(spliced(self._source.data, [s for each in done.values() for s in each]), done, kept)

    def _splices(self, c: Correction) -> tuple[Splice, ...] | str:
        if self.text[c.start : c.end] != c.before:
            raise ValueError(f"text at {c.start} reads {self.text[c.start : c.end]!r}, not {c.before!r}")
        if c.start < c.end and int(self._starts[c.start : c.end].min()) == FROZEN:
            return _NO_CODE
        edits = self._edits(c)
        if not edits:
            return _KEEPS_LINES
        if int(self._modes[edits[0].at]) != STRING and any(_UNWRITABLE.search(e.text) for e in edits):
            return _NO_CODE
        out = [splice for edit in edits for splice in self._written(edit)]
        return tuple(_merged(sorted(out, key=lambda s: (s.offset, len(s.before)))))

    def _edits(self, c: Correction) -> list[_Edit]:
        """A correction as changes of single characters that stand in the file."""
        runs: list[list[int]] = [[]]
        between = False
        for i in range(c.start, c.end):
            if self._starts[i] >= 0:
                runs[-1].append(i)
            else:
                between = True
                runs.append([])
        runs = [run for run in runs if run]
        pieces = [piece for piece in _BLANKS.split(c.after) if piece] if between else [_BREAKS.sub("", c.after)]
        if not runs:
            text = _BREAKS.sub("", c.after) if not between else "".join(pieces)
            # A blank put in between words or lines is as little on the page as a line break is.
            return self._put_in(c.start, c.end, text) if text.strip() else []
        if between and not pieces:
            hyphen = "\n" in c.before and all(self.text[i] in _HYPHENS for run in runs for i in run)
            if hyphen or self._whole_lines(c):
                return []
        if len(runs) != len(pieces):
            runs, pieces = [[i for run in runs for i in run]], ["".join(pieces)]
        return [edit for run, piece in zip(runs, pieces, strict=True) for edit in self._replaced(run, piece)]

    def _replaced(self, run: list[int], new: str) -> Iterator[_Edit]:
        text = self.text
        a, b, size = 0, 0, len(run)
        while a < min(size, len(new)) and text[run[a]] == new[a]:
            a += 1
        while b < min(size, len(new)) - a and text[run[size - 1 - b]] == new[len(new) - 1 - b]:
            b += 1
        old, rest = run[a : size - b], new[a : len(new) - b]
        if not old:
            if rest:
                at = run[a] if a < size else run[-1] + 1
                yield from self._put_in(run[a - 1] + 1 if a else at, at, rest)
            return
        # Copies of a text elsewhere may have other blanks: what is not blank stands in place of what is not either.
        solid = [i for i in old if not text[i].isspace()]
        if len(old) == len(rest) and all(text[i].isspace() == ch.isspace() for i, ch in zip(old, rest, strict=True)):
            yield from (_Edit(i, 0, ch) for i, ch in zip(old, rest, strict=True) if text[i] != ch)
        elif not solid and rest:
            placed = self._put_in(old[0], old[-1] + 1, rest)
            yield from placed or [_Edit(old[0], 0, rest)]
            yield from (_Edit(i, 0, "") for i in (old if placed else old[1:]))
        else:
            taking = solid[0] if solid else -1
            yield from (_Edit(i, 0, rest if i == taking else "") for i in old)

    def _put_in(self, start: int, end: int, new: str) -> list[_Edit]:
        before = start - 1 if start > 0 and self._starts[start - 1] >= 0 else -1
        after = end if end < len(self.text) and self._starts[end] >= 0 else -1
        beside_blank = before >= 0 and self.text[before].isspace() and not self.text[after].isspace()
        if after >= 0 and (before < 0 or new[0] in _OPENING or beside_blank):
            return [_Edit(after, -1, new)]
        return [_Edit(before, 1, new)] if before >= 0 else []

    def _whole_lines(self, c: Correction) -> bool:
        """Whether all lines that `c` has characters of lie inside it."""
        lines = self.layout.lines
        k = max(0, bisect_right(self._edges, c.start) - 1)
        touched = 0
        while k < len(lines) and lines[k].start < c.end:
            line = lines[k]
            if line.end > c.start:
                if line.start < c.start or line.end > c.end:
                    return False
                touched += 1
            k += 1
        return touched > 0

    def _written(self, edit: _Edit) -> Iterator[Splice]:
        places = [(int(self._starts[edit.at]), int(self._ends[edit.at]), int(self._modes[edit.at]))]
        of, where = self._copies
        lo, hi = np.searchsorted(of, [edit.at, edit.at + 1]).tolist()
        places += [(int(a), int(b), int(mode)) for a, b, mode in where[lo:hi].tolist()]
        for start, end, mode in places:
            if edit.side:
                start = end = end if edit.side > 0 else start
            a, b = self._source.offsets[[start, end]].tolist()
            yield Splice(a, self._source.data[a:b], self._source.encoded(edit.text, mode))


class _Edit(NamedTuple):
    """Character `at` of the text is replaced by `text` (`side` 0), or that is put in after (1) or before it (-1)."""

    at: int
    side: int
    text: str


def _merged(splices: Sequence[Splice]) -> Iterator[Splice]:
    """Neighbouring splices as one."""
    last: Splice | None = None
    for s in splices:
        if last and last.offset + len(last.before) == s.offset:
            last = Splice(last.offset, last.before + s.before, last.after + s.after)
            continue
        if last:
            yield last
        last = s
    if last:
        yield last


class _Assembled:
    """The text of sheets as it grows, with what belongs to each character."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.modes: list[int] = []
        self.confidence: list[float] = []
        self.word: list[int] = []
        self.boxes: list[tuple[float, float, float, float]] = []
        self.alternatives: dict[int, Alternatives] = {}
        self.lines: list[PageLine] = []
        self.copies: list[tuple[list[int], Characters, list[int]]] = []
        self.blocks = 0

    def page(self, number: int, sheet: Sheet) -> None:
        if number:
            self._virtual("\f")
        first = True
        for block in sheet.blocks:
            start, begun = self.size, False
            for line in block.lines:
                words = [word for word in line.words if word.characters.text]
                if not words:
                    continue
                if not begun and not first:
                    self._virtual("\n")
                begun, first = True, False
                self._line(number, line, words)
            if begun:
                for copy in block.copies:
                    self._copy(start, copy)
                self.blocks += 1

    def _line(self, number: int, line: Line, words: Sequence[Word]) -> None:
        start = self.size
        height = line.box.bottom - line.box.top if line.box else 0.0
        for k, word in enumerate(words):
            if k and _apart(words[k - 1], word, height):
                self._virtual(" ")
            self._word(word)
        self.lines.append(PageLine(start, self.size, number, self.blocks, line.box))
        for copy in line.copies:
            self._copy(start, copy)
        self._virtual("\n")

    def _word(self, word: Word) -> None:
        characters = word.characters
        start, n = self.size, len(characters.text)
        self.parts.append(characters.text)
        self.size += n
        self.starts += characters.starts
        self.ends += characters.ends
        self.modes += characters.modes
        given = word.confidence
        each = [float(given)] * n if isinstance(given, int | float) else list(given)
        self.confidence += each if len(each) == n else [math.nan] * n
        self.word += [len(self.boxes) if word.box else -1] * n
        if word.box:
            self.boxes.append(word.box)
        for at, choice in word.alternatives.items():
            if choice:
                self.alternatives[start + at] = choice
        for copy in word.copies:
            self._copy(start, copy)

    def _virtual(self, text: str) -> None:
        """A character that no byte of the file stands for."""
        self.parts.append(text)
        self.size += 1
        self.starts.append(-1)
        self.ends.append(-1)
        self.modes.append(0)
        self.confidence.append(math.nan)
        self.word.append(-1)

    def _copy(self, start: int, copy: Characters) -> None:
        """Note that `copy` says the same as the text since `start`; one that does not is left as it is."""
        text = "".join(self._since(start))
        here = [i for i, ch in enumerate(text) if not ch.isspace()]
        there = [i for i, ch in enumerate(copy.text) if not ch.isspace()]
        if len(here) == len(there) and all(
            text[i] == copy.text[j] and copy.starts[j] >= 0 for i, j in zip(here, there, strict=True)
        ):
            self.copies.append(([start + i for i in here], copy, there))

    def _since(self, start: int) -> list[str]:
        size, k = self.size, len(self.parts)
        while size > start:
            k -= 1
            size -= len(self.parts[k])
        return self.parts[k:]

    def sorted_copies(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Characters with a copy, in order, and (k, 3) where that is: start, end, how it is written."""
        of = np.array([i for here, _, _ in self.copies for i in here], np.int64)
        where = np.array(
            [(c.starts[j], c.ends[j], c.modes[j]) for _, c, there in self.copies for j in there], np.int64
        ).reshape(-1, 3)
        order = np.argsort(of, kind="stable")
        return of[order], where[order]


def _apart(before: Word, after: Word, height: float) -> bool:
    """Whether a blank stands between two words of a line."""
    narrow = _NARROW.match(before.characters.text[-1]) and _NARROW.match(after.characters.text[0])
    if narrow and after.apart is not False:
        return True
    if before.box and after.box and height > 0:
        return after.box.left - before.box.right > WIDE_GAP * height
    return False


# --- splicing bytes


def spliced(data: bytes, splices: Iterable[Splice]) -> bytes:
    """`data` with the splices carried out. Raises `ValueError` where they do not fit it."""
    out: list[bytes] = []
    done = 0
    for s in _in_order(splices):
        if s.offset < done or data[s.offset : s.offset + len(s.before)] != s.before:
            raise ValueError(f"the bytes at offset {s.offset} are others")
        out += (data[done : s.offset], s.after)
        done = s.offset + len(s.before)
    if done > len(data):
        raise ValueError(f"offset {done} lies outside the file")
    out.append(data[done:])
    return b"".join(out)


def unspliced(data: bytes, splices: Iterable[Splice]) -> bytes:
    """The inverse of `spliced`."""
    shift = 0
    back = []
    for s in _in_order(splices):
        back.append(Splice(s.offset + shift, s.after, s.before))
        shift += len(s.after) - len(s.before)
    out: list[bytes] = []
    done = 0
    for s in back:  # in this order also where several are empty
        if s.offset < done or data[s.offset : s.offset + len(s.before)] != s.before:
            raise ValueError(f"the bytes at offset {s.offset} are others")
        out += (data[done : s.offset], s.after)
        done = s.offset + len(s.before)
    out.append(data[done:])
    return b"".join(out)


def _in_order(splices: Iterable[Splice]) -> list[Splice]:
    # Stable: what several corrections put in at one place keeps the order of the corrections.
    return sorted(splices, key=lambda s: (s.offset, s.offset + len(s.before)))


# --- which format


def sniffed(data: bytes, name: str = "") -> str | None:
    """The format (key of `FORMATS`) that a file's first bytes show, else the one its name claims, else None."""
    head = _head(data)
    start = head.lstrip()[:1]
    if start == "<":
        root = _ROOT.search(_PROLOG.sub("", head))
        local = root.group(1).rpartition(":")[2].lower() if root else ""
        if local == "alto":
            return "alto"
        if local == "pcgts":
            return "page-xml"
        if _HOCR.search(head):
            return "hocr"
    elif start in ("[", "{") and _JSON.match(head.lstrip()):
        return "ocr-json"
    lowered = name.lower()
    if lowered.endswith(".hocr"):
        return "hocr"
    if lowered.endswith(".alto.xml"):
        return "alto"
    return "page-xml" if lowered.endswith(".page.xml") else None


_PROLOG = re.compile(r"<\?.*?\?>|<!--.*?-->|<![^>]*>", re.S)
_ROOT = re.compile(r"<([A-Za-z_][\w:.-]*)")
_HOCR = re.compile(r"""class\s*=\s*["']?[^"'>]{0,200}\bocrx?_(?:page|line|word|par|carea)\b|name=["']ocr-system""")
_JSON = re.compile(
    r"""\[\s*(?:null\s*[,\]]|\]|\[\s*(?:null|\[))|\[\s*\{\s*"(?:zone|box|txt|text|points|transcription)"\s*:"""
    r"""|(?s:.)*?"(?:rec_texts|txts)"\s*:"""
)


def _head(data: bytes) -> str:
    return _decoded_head(data, HEAD)


def _decoded_head(data: bytes, size: int | None) -> str:
    head = data[:size]
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if head.startswith(mark):
            return head[len(mark) :].decode(codec, "replace")
    if head[:4] in (b"<\0?\0", b"<\0!\0") or (head[1:2] == b"\0" and head[:1] in b"<[{"):
        return head.decode("utf-16-le", "replace")
    if head[:1] == b"\0" and head[1:2] in (b"<", b"[", b"{"):
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def read_ocr(
    data: bytes, *, format: str | None = None, encoding: str | None = None, name: str = "<stdin>"
) -> OcrFile:
    """The text and layout of a file of one of the `FORMATS`, by default the one that it looks like.

    Nothing but `data` is read: external entities and schemas are not loaded, documents with an internal DTD are
    refused. Raises `InputError`, which names file and line: no such format, cut off, not well-formed, wrong encoding.
    """
    found = format or sniffed(data, os.path.basename(name))
    if found is None:
        raise InputError(f"{shown(name)}: no OCR format; expected hOCR, ALTO, PAGE-XML, RapidOCR's or PaddleOCR's JSON")
    if found not in FORMATS:
        raise InputError(f"{shown(name)}: unknown format {shown(found)!r} (there are: {', '.join(FORMATS)})")
    module = import_module(f"repair.formats.{found.replace('-', '_')}")
    read: Callable[..., OcrFile] = module.read
    return read(data, encoding=encoding, name=name)
