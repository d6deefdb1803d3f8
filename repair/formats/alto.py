"""ALTO 2, 3 and 4: ``String`` elements with their text in the attribute CONTENT.

Confidence: WC of the word, CC by character (0 sure to 9 unsure). Other readings: ``Glyph`` with ``Variant``, and
``ALTERNATIVE`` of a whole word where it differs character by character; those have no weights, and share what WC
leaves. Glyphs say what the engine decided, by the standard also where a word was corrected later, and stay as they
are. SUBS_CONTENT of a word cut by a hyphen follows its parts. Lines come in the order of the file, the lower and the
right margin after the print space, unless a ReadingOrder says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from repair.formats.markup import (
    CLOSE,
    EMPTY,
    OPEN,
    RUN,
    SECTION,
    Token,
    attributes,
    characters,
    run_characters,
    xml_source,
    xml_tokens,
)
from repair.formats.markup import value as read_value
from repair.formats.ocr import Block, Characters, Line, OcrFile, Sheet, Source, Word, best_first, box_of, number, tidied
from repair.layout import Box, Page

_MARGINS = {"TopMargin": 0, "LeftMargin": 1, "PrintSpace": 2, "RightMargin": 3, "BottomMargin": 4}

_Places = dict[str, tuple[int, int, int]]


def read(data: bytes, *, encoding: str | None = None, name: str = "<stdin>") -> OcrFile:
    """The file's text and layout. Raises `InputError`: no ALTO, not well-formed, wrong encoding."""
    source = xml_source(data, encoding, name)
    reader = _Reader(source)
    for token in xml_tokens(source):
        reader.take(token)
    if reader.root != "alto":
        raise source.error(0, f"no ALTO: its root is <{reader.root[:40]}>")
    return OcrFile("alto", source, reader.finished())


@dataclass(slots=True)
class _Part:
    """A block with where its page wants it: the margin, the names of what it lies in."""

    block: Block
    margin: int
    names: list[str]


@dataclass(slots=True)
class _Sheet:
    page: Page
    parts: list[_Part] = field(default_factory=list)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.root = ""
        self.image = ""
        self.path: list[str] = []
        self.names: list[str] = []  # IDs of the open blocks
        self.margin = 2
        self.sheets: list[_Sheet] = []
        self.line: Line | None = None
        self.word: Word | None = None
        self.spaced = False  # a blank since the last word
        self.spaces = False  # the file has elements for blanks
        self.glyphs: list[tuple[str, float, list[tuple[str, float]]]] = []
        self.others: list[str] = []  # ALTERNATIVE of the word
        self.half: tuple[Word, Characters] | None = None  # the first part of a hyphenated word
        self.order: dict[str, int] = {}
        self.text: list[str] | None = None

    def take(self, token: Token) -> None:
        if token.kind in (RUN, SECTION):
            if self.text is not None:
                self.text.append(run_characters(self.source, token).text)
            return
        if token.kind in (OPEN, EMPTY):
            if not self.root:
                self.root = token.name.lower()
            self._begin(token)
            if token.kind == OPEN:
                self.path.append(token.name)
        if token.kind == CLOSE:
            self.path.pop()
        if token.kind in (CLOSE, EMPTY):
            self._end(token.name)

    def _begin(self, token: Token) -> None:
        name = token.name
        if name == "String":
            self._string(attributes(self.source, token))
        elif name == "SP":
            self.spaced = self.spaces = True
        elif name == "HYP":
            self._hyphen(attributes(self.source, token))
        elif name == "Glyph":
            found = attributes(self.source, token)
            self.glyphs.append((self._value(found, "CONTENT"), self._number(found, "GC"), []))
        elif name == "Variant" and self.glyphs:
            found = attributes(self.source, token)
            self.glyphs[-1][2].append((self._value(found, "CONTENT"), self._number(found, "VC")))
        elif name == "TextLine":
            self.line = Line(box=self._box(attributes(self.source, token)))
            self.spaced = False
        elif name in ("TextBlock", "ComposedBlock"):
            self._block(name, attributes(self.source, token))
        elif name in _MARGINS:
            self.margin = _MARGINS[name]
            self.names = []
        elif name == "Page":
            self._page(attributes(self.source, token))
        elif name == "ElementRef":
            reference = self._value(attributes(self.source, token), "REF")
            self.order.setdefault(reference, len(self.order))
        elif name in ("ALTERNATIVE", "fileName"):
            self.text = []

    def _end(self, name: str) -> None:
        if name == "String":
            self._end_string()
        elif name == "TextLine":
            self._end_line()
        elif name in ("TextBlock", "ComposedBlock"):
            if self.names:
                self.names.pop()
        elif name == "ALTERNATIVE" and self.text is not None:
            self.others.append("".join(self.text).strip())
            self.text = None
        elif name == "fileName" and self.text is not None:
            self.image = self.image or "".join(self.text).strip()
            self.text = None

    # --- elements

    def _page(self, found: _Places) -> None:
        width, height = self._number(found, "WIDTH"), self._number(found, "HEIGHT")
        image = self.image if not self.sheets else ""
        self.sheets.append(_Sheet(Page(_known(width), _known(height), image)))
        self.margin, self.names = 2, []

    def _block(self, name: str, found: _Places) -> None:
        self.names.append(self._value(found, "ID"))
        if name == "TextBlock" and self.sheets:
            self.sheets[-1].parts.append(_Part(Block(), self.margin, list(self.names[-8:])))

    def _string(self, found: _Places) -> None:
        place = found.get("CONTENT")
        text = characters(self.source, *place) if place else Characters()
        confidence: float | list[float] = self._number(found, "WC")
        levels = [int(ch) for ch in self._value(found, "CC") if ch in "0123456789"]
        if levels and len(levels) == len(text.text):
            confidence = [1 - level / 9 for level in levels]
        self.word = Word(text, self._box(found), confidence, apart=self.spaced)
        self.spaced = False
        self.glyphs, self.others = [], []
        kind = self._value(found, "SUBS_TYPE")
        if kind == "HypPart1" and "SUBS_CONTENT" in found:
            self.half = (self.word, characters(self.source, *found["SUBS_CONTENT"]))
        elif kind == "HypPart2" and "SUBS_CONTENT" in found and self.half:
            self._joined(*self.half, self.word, characters(self.source, *found["SUBS_CONTENT"]))
            self.half = None

    def _joined(self, first: Word, whole: Characters, second: Word, again: Characters) -> None:
        """Both parts of a hyphenated word name it as a whole, which then follows them."""
        head, tail = first.characters.text.rstrip("-\u00ad"), second.characters.text
        if head + tail == whole.text == again.text and head == first.characters.text:
            for copy in (whole, again):
                first.copies.append(_slice(copy, 0, len(head)))
                second.copies.append(_slice(copy, len(head), len(copy.text)))

    def _hyphen(self, found: _Places) -> None:
        place = found.get("CONTENT")
        if self.line is not None and place:
            word = tidied(Word(characters(self.source, *place), self._box(found), apart=False), collapse=False)
            self.line.words.append(word)

    def _end_string(self) -> None:
        word, self.word = self.word, None
        if word is None or self.line is None:
            return
        text = word.characters.text
        if "".join(glyph for glyph, _, _ in self.glyphs) == text and len(self.glyphs) == len(text):
            for k, (glyph, weight, variants) in enumerate(self.glyphs):
                word.alternatives[k] = best_first(glyph, weight, variants)
            weights = [weight for _, weight, _ in self.glyphs]
            if isinstance(word.confidence, float) and not any(map(math.isnan, weights)):
                word.confidence = weights
        self._add_others(word)
        self.line.words.append(tidied(word, collapse=False))

    def _add_others(self, word: Word) -> None:
        """Other readings of the whole word, where they have the same length, as readings of its characters."""
        text = word.characters.text
        others = [other for other in self.others if len(other) == len(text) and other != text]
        for k, ch in enumerate(text):
            different = [other[k] for other in others if other[k] != ch]
            if different and not word.alternatives.get(k):
                given = word.confidence if isinstance(word.confidence, int | float) else word.confidence[k]
                sure = given if given == given else 1 / (1 + len(different))
                word.alternatives[k] = best_first(ch, sure, [(o, (1 - sure) / len(different)) for o in different])

    def _end_line(self) -> None:
        line, self.line = self.line, None
        if line and self.sheets:
            parts = self.sheets[-1].parts
            if not parts:
                parts.append(_Part(Block(), self.margin, []))
            parts[-1].block.lines.append(line)

    def finished(self) -> list[Sheet]:
        out = []
        for sheet in self.sheets:
            parts = sorted(sheet.parts, key=lambda part: (self._rank(part), part.margin))
            if not self.spaces:
                for part in parts:
                    for line in part.block.lines:
                        for word in line.words:
                            word.apart = word.apart or None
            out.append(Sheet(sheet.page, [part.block for part in parts]))
        return out

    def _rank(self, part: _Part) -> int:
        return next((self.order[n] for n in reversed(part.names) if n in self.order), len(self.order))

    # --- attributes

    def _value(self, found: _Places, name: str) -> str:
        return read_value(self.source, found, name) or ""

    def _number(self, found: _Places, name: str) -> float:
        return number(read_value(self.source, found, name))

    def _box(self, found: _Places) -> Box | None:
        left, top = self._number(found, "HPOS"), self._number(found, "VPOS")
        return box_of(left, top, left + self._number(found, "WIDTH"), top + self._number(found, "HEIGHT"))


def _known(size: float) -> float:
    return size if size == size else 0.0


def _slice(copy: Characters, start: int, end: int) -> Characters:
    return Characters(copy.text[start:end], copy.starts[start:end], copy.ends[start:end], copy.modes[start:end])
