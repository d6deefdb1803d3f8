"""hOCR: HTML or XHTML with the page in ``ocr_page``, ``ocr_par``, ``ocr_line``, ``ocrx_word``, ``ocrx_cinfo``.

The text is that of the words, or of the lines where an engine names no words. Tags inside a word (``<strong>``,
character boxes) stay. Confidence: ``x_confs`` by character, else ``x_conf`` of its box, else ``x_wconf``; all in
per cent. Of the engine's other readings of a character (Tesseract's ``lstm_choice_mode``) the text is not text of
the page, and not rewritten.
"""

from __future__ import annotations

import math
from collections import Counter

import regex

from repair.formats.markup import (
    CLOSE,
    EMPTY,
    OPEN,
    RUN,
    SECTION,
    Token,
    attributes,
    html_source,
    html_tokens,
    run_characters,
    value,
)
from repair.formats.ocr import (
    Block,
    Characters,
    Line,
    OcrFile,
    Sheet,
    Source,
    Word,
    best_first,
    box_of,
    number,
    tidied,
)
from repair.layout import Box, Page

_LINES = frozenset(("ocr_line", "ocrx_line"))
_LINES_OR_BLOCKS = frozenset(("ocr_header", "ocr_footer", "ocr_caption", "ocr_textfloat", "ocr_title", "ocr_pageno"))
_BLOCKS = frozenset(("ocr_par", "ocr_carea", "ocr_column", "ocrx_block", "ocr_xycut", "ocr_section", "ocr_blockquote"))
_WORDS = frozenset(("ocrx_word", "ocr_word"))
_SYMBOLS = frozenset(("ocrx_cinfo", "ocr_cinfo", "ocr_symbol", "ocr_glyph"))
_CHOICES = ("lstm_choices", "symbol_", "timestep")
# End tags that HTML lets one leave out.
_OPTIONAL = frozenset(("p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "html", "body"))
_PROPERTY = regex.compile(r"""\s*([A-Za-z_][\w-]*)((?:[^;"']++|"[^"]*+"|'[^']*+'|["'])*+);?""")


def read(data: bytes, *, encoding: str | None = None, name: str = "<stdin>") -> OcrFile:
    """The file's text and layout. Raises `InputError`: no hOCR, cut off, wrong encoding."""
    source = html_source(data, encoding, name)
    reader = _Reader(source)
    for token in html_tokens(source):
        reader.take(token)
    return OcrFile("hocr", source, reader.finished())


class _Open:
    """An element that is not closed yet."""

    __slots__ = ("kind", "name", "start")

    def __init__(self, name: str, kind: str, start: int) -> None:
        self.name, self.kind, self.start = name, kind, start


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.stack: list[_Open] = []
        self.names: Counter[str] = Counter()  # of the open elements
        self.kinds: Counter[str] = Counter()
        self.blocks: list[int] = []  # open blocks, by where they start
        self.sheets: list[Sheet] = []
        self.block = -1  # where the block starts that the last line belongs to
        self.line: Line | None = None
        self.loose = Characters()  # text of a line outside of words
        self.word: Word | None = None
        self.given: list[float] | None = None  # x_confs of the word
        self.symbols: list[float] = []  # confidence by character
        self.symbol = math.nan  # of the open box of a character
        self.last = 0  # where in the word its last box of a character started
        self.boxed = False  # the word has boxes of characters
        self.choices: list[tuple[str, float]] = []
        self.behind: list[list[tuple[str, float]]] = []  # readings listed behind a word, one list for each character
        self.choice: tuple[str, float] | None = None  # the reading that is open
        self.seen = False  # some element of hOCR

    # --- tokens

    def take(self, token: Token) -> None:
        if token.kind in (RUN, SECTION):
            self._text(token)
        elif token.kind == OPEN:
            self._open(token)
        elif token.kind == CLOSE:
            self._close(token)
        elif token.kind == EMPTY and token.name == "br" and self.line and not self.word:
            box = self.line.box
            self._end_line()
            self.line = Line(box=box)

    def finished(self) -> list[Sheet]:
        for element in self.stack:
            if element.kind != "other":
                raise self.source.error(element.start, f"is cut off: <{element.name}> has no end")
        self._end_line()
        if not self.seen:
            raise self.source.error(0, "no hOCR: expected elements of the classes ocr_page, ocr_line or ocrx_word")
        return self.sheets

    def _text(self, token: Token) -> None:
        if self.kinds["choices"]:
            if self.choice:
                text, weight = self.choice
                self.choice = (text + run_characters(self.source, token, is_html=True).text.strip(), weight)
            return
        text = self.source.text
        blank = text[token.inner : token.inner_end].isspace()
        if self.word:
            if blank and "\n" in text[token.inner : token.inner_end]:
                return  # between the boxes of characters
            found = run_characters(self.source, token, is_html=True)
            self.word.characters.add(found)
            self.symbols += [self.symbol] * len(found.text)
            return
        if blank and not self.loose.text:
            return  # between words, as a rule
        if self.line is None:
            if not self.blocks:
                return
            self.line = Line()
        self.loose.add(run_characters(self.source, token, is_html=True))

    def _open(self, token: Token) -> None:
        found = attributes(self.source, token)
        classes = (value(self.source, found, "class") or "").split()
        kind = "other"
        if classes:
            kind = self._kind(classes, found)
        if kind != "other":
            self.seen = True
            self._begin(kind, token, found)
        self.stack.append(_Open(token.name, kind, token.start))
        self.names[token.name] += 1
        self.kinds[kind] += 1

    def _kind(self, classes: list[str], found: dict[str, tuple[int, int, int]]) -> str:
        for name in classes:
            if name == "ocr_page":
                return "page"
            if self.word and name in _SYMBOLS:
                return self._symbol_kind(found)
            if name in _WORDS:
                return "word"
            if name in _LINES or (name in _LINES_OR_BLOCKS and self.kinds["par"]):
                return "line"
            if name in _BLOCKS or name in _LINES_OR_BLOCKS:
                return "par" if name == "ocr_par" else "block"
        return "other"

    def _symbol_kind(self, found: dict[str, tuple[int, int, int]]) -> str:
        if self.kinds["choices"]:
            return "choice" if "title" in found else "choices"
        identity = value(self.source, found, "id") or ""
        title = value(self.source, found, "title") or ""
        return "choices" if identity.startswith(_CHOICES) or not title else "symbol"

    def _begin(self, kind: str, token: Token, found: dict[str, tuple[int, int, int]]) -> None:
        title = value(self.source, found, "title") or ""
        properties = _properties(title)
        if kind == "page":
            self._end_line()
            self.block = -1
            box = _box(properties)
            image = properties.get("image", "").strip().strip("\"'")
            size = (box.right - box.left, box.bottom - box.top) if box else (0.0, 0.0)
            self.sheets.append(Sheet(Page(*size, image)))
        elif kind in ("block", "par"):
            self._end_line()
            self.blocks.append(token.start)
        elif kind == "line":
            self._end_line()
            self.line = Line(box=_box(properties))
        elif kind == "word":
            self._end_word()
            self._end_loose()
            self.line = self.line or Line()
            self.word = Word(Characters(), _box(properties), number(properties.get("x_wconf"), 0.01))
            self.given = [number(part, 0.01) for part in properties.get("x_confs", "").split()]
            self.symbols, self.symbol, self.last, self.boxed = [], math.nan, 0, False
            self.behind = []
        elif kind == "symbol":
            conf = properties.get("x_conf", properties.get("x_confs"))
            self.symbol = number(conf, 0.01)
            self.last, self.boxed = len(self.word.characters.text) if self.word else 0, True
        elif kind == "choice":
            self.choice = ("", number(properties.get("x_confs", properties.get("x_conf")), 0.01))

    def _close(self, token: Token) -> None:
        if not self.names[token.name]:
            return  # closes nothing
        while True:
            element = self.stack.pop()
            self.names[element.name] -= 1
            self.kinds[element.kind] -= 1
            if element.name != token.name and element.kind != "other" and element.name not in _OPTIONAL:
                raise self.source.error(token.start, f"</{token.name}> closes before the end of <{element.name}>")
            self._end(element.kind)
            if element.name == token.name:
                return

    def _end(self, kind: str) -> None:
        if kind == "word":
            self._end_word()
        elif kind == "symbol":
            self.symbol = math.nan
        elif kind == "choice":
            if self.choice:
                self.choices.append(self.choice)
            self.choice = None
        elif kind == "choices" and not self.kinds["choices"]:
            self._end_choices()
        elif kind in ("line", "page", "block", "par"):
            self._end_line()
            if kind in ("block", "par"):
                self.blocks.pop()

    # --- what they make

    def _end_choices(self) -> None:
        word, choices, self.choices = self.word, self.choices, []
        if word is None or not word.characters.text:
            return
        if not self.boxed:
            self.behind.append(choices)
            return
        at = len(word.characters.text) - 1
        if at != self.last:
            return  # of several characters at once
        weight = self.symbols[at]
        reading = word.characters.text[at]
        if math.isnan(weight):
            weight = max((w for text, w in choices if text == reading), default=math.nan)
        word.alternatives[at] = best_first(reading, weight, choices)

    def _end_word(self) -> None:
        word, self.word = self.word, None
        if word is None or self.line is None:
            return
        if not all(map(math.isnan, self.symbols)):
            word.confidence = list(self.symbols)
        word = tidied(word)
        if self.given and len(self.given) == len(word.characters.text):
            word.confidence = self.given
        self._end_behind(word)
        self.line.words.append(word)

    def _end_behind(self, word: Word) -> None:
        """Gives the readings listed behind a word to its characters, where there are as many lists as characters:
        lists that a blank comes first in belong to none."""
        text, lists = word.characters.text, self.behind
        if len(lists) != len(text):
            lists = [choices for choices in lists if choices and choices[0][0]]
        if len(lists) == len(text):
            for at, (reading, choices) in enumerate(zip(text, lists, strict=True)):
                weight = max((w for text_, w in choices if text_ == reading), default=math.nan)
                word.alternatives[at] = best_first(reading, weight, choices)

    def _end_loose(self) -> None:
        loose, self.loose = self.loose, Characters()
        if self.line is not None and loose.text:
            word = tidied(Word(loose))
            if word.characters.text:
                self.line.words.append(word)

    def _end_line(self) -> None:
        self._end_word()
        self._end_loose()
        line, self.line = self.line, None
        if line is None or not any(word.characters.text for word in line.words):
            return
        if not self.sheets:
            self.sheets.append(Sheet())
        block = self.blocks[-1] if self.blocks else -1
        blocks = self.sheets[-1].blocks
        if not blocks or block != self.block:
            blocks.append(Block())
        self.block = block
        blocks[-1].lines.append(line)


def _properties(title: str) -> dict[str, str]:
    return {match.group(1): match.group(2).strip() for match in _PROPERTY.finditer(title)}


def _box(properties: dict[str, str]) -> Box | None:
    numbers = [number(part) for part in properties.get("bbox", "").split()]
    return box_of(*numbers) if len(numbers) == 4 else None
