"""The JSON of RapidOCR and PaddleOCR: lines of text with boxes and scores.

Shapes that are read (of a page; a list of pages may be around them):

- ``[[box, text, score], ...]``, with or without the times after it: RapidOCR to version 2
- ``{"boxes": [...], "txts": [...], "scores": [...]}`` and ``[{"box": ..., "txt": ..., "score": ...}, ...]``:
  RapidOCR from version 3 on; ``word_results`` and the boxes of single characters are used
- ``[[box, [text, score]], ...]``: PaddleOCR 2
- ``{"rec_texts": [...], "rec_scores": [...], "rec_polys" | "dt_polys" | "rec_boxes": [...]}``, also below ``res`` or
  ``overall_ocr_res``: PaddleOCR 3 and PaddleX
- ``[{"zone": ..., "items": [[box, text, score], ...]}, ...]``: parts of one page, in their order

A box has four corners or is ``[left, top, right, bottom]``. Its score is taken for the confidence of each
character. The boxes come in no order that one could read, so columns and lines are found by `columns`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import regex

from repair.formats.columns import reading_order
from repair.formats.ocr import (
    STRING,
    Block,
    Characters,
    Line,
    OcrFile,
    Sheet,
    Source,
    Word,
    extent,
    plain_characters,
    tidied,
)
from repair.formats.plain import InputError, decode, shown
from repair.layout import Page

EXPECTED = (
    "expected RapidOCR's [[box, text, score], ...] or boxes/txts/scores, or PaddleOCR's [[box, [text, score]], ...] "
    "or rec_texts with rec_polys, dt_polys or rec_boxes"
)
_LITERAL = regex.compile(r'"(?:[^"\\]++|\\.)*+"', regex.S)
_ESCAPE = re.compile(
    r'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
)
_LONE = re.compile("[\ud800-\udfff]")
_TEXTS = ("rec_texts", "txts")
_SCORES = ("rec_scores", "scores")
_BOXES = ("rec_polys", "dt_polys", "rec_boxes", "boxes")
_TEXT = ("txt", "text", "transcription", "rec_text")
_SCORE = ("score", "confidence", "rec_score")
_BOX = ("box", "points", "bbox", "dt_poly", "position")


class _String(str):
    """A string of the file; `at` is its literal's number in it."""

    __slots__ = ("at",)
    at: int


Polygon = list[tuple[float, float]]


class _Item:
    """A line as the engine found it."""

    __slots__ = ("polygon", "score", "text", "words")

    def __init__(self, polygon: Polygon, text: _String, score: float) -> None:
        self.polygon, self.text, self.score = polygon, text, score
        self.words: list[tuple[_String, float, Polygon]] = []  # its characters or words, if the engine tells


class _Unknown(ValueError):
    """Not one of the shapes that are read."""


def read(data: bytes, *, encoding: str | None = None, name: str = "<stdin>") -> OcrFile:
    """The file's text and layout. Raises `InputError`: no JSON, another shape, wrong encoding."""
    if not data.strip():
        raise InputError(f"{shown(name)}: is empty")
    file = decode(data, encoding=encoding, name=name)
    source = Source(data, file.encoding, bom=file.bom, name=name)
    reader = _Reader(source)
    try:
        value = reader.value()
        sheets = [reader.sheet(page) for page in _pages(value)]
    except _Unknown as error:
        raise InputError(f"{source.name}:1: no OCR result ({error}): {EXPECTED}") from None
    except RecursionError:
        raise InputError(f"{source.name}:1: no OCR result (nested too deeply): {EXPECTED}") from None
    return OcrFile("ocr-json", source, sheets)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.literals: list[tuple[int, int]] = []

    def value(self) -> Any:
        """The file's value; its strings know where they are. Raises `InputError`."""
        text = self.source.text
        try:
            value = json.loads(text, object_pairs_hook=_Pairs, parse_int=float)
        except RecursionError:
            raise InputError(f"{self.source.name}:1: bad JSON (nested too deeply)") from None
        except ValueError as error:
            line = getattr(error, "lineno", 1)
            what = getattr(error, "msg", "a number that is none")
            raise InputError(f"{self.source.name}:{line}: bad JSON ({what[:1].lower()}{what[1:]})") from None
        self.literals = [match.span() for match in _LITERAL.finditer(text)]
        numbered, count = _numbered(value)
        if count != len(self.literals):
            raise InputError(f"{self.source.name}:1: bad JSON (strings that cannot be told apart)")
        return numbered

    def sheet(self, parts: list[list[_Item]]) -> Sheet:
        """The page with these parts, each with coordinates of its own."""
        sheet = Sheet()
        width = height = 0.0
        for items in parts:
            boxes = [extent(item.polygon) for item in items]
            width = max([width, *(box.right for box in boxes if box)])
            height = max([height, *(box.bottom for box in boxes if box)])
            if all(boxes):
                order = reading_order([item.polygon for item in items])
            else:
                order = [[[k] for k in range(len(items))]]
            for block in order:
                sheet.blocks.append(Block([self._line([items[k] for k in line]) for line in block]))
        sheet.page = Page(width, height)
        return sheet

    def _line(self, items: Sequence[_Item]) -> Line:
        points = [point for item in items for point in item.polygon]
        return Line([word for item in items for word in self._words(item, alone=len(items) == 1)], extent(points))

    def _words(self, item: _Item, *, alone: bool) -> Iterator[Word]:
        text = self._characters(item.text)
        box = None if alone else extent(item.polygon)
        parts = [self._characters(word) for word, _, _ in item.words]
        if parts and "".join("".join(part.text.split()) for part in parts) == "".join(text.text.split()):
            yield from self._single(item, text, parts)
        else:
            yield tidied(Word(text, box, item.score), collapse=False)

    def _single(self, item: _Item, text: Characters, parts: Sequence[Characters]) -> Iterator[Word]:
        """The line cut into the words that the engine gives boxes for."""
        at = 0
        for part, (_, score, polygon) in zip(parts, item.words, strict=True):
            size = len("".join(part.text.split()))
            start = at
            while size and at < len(text.text):
                size -= not text.text[at].isspace()
                at += 1
            while at < len(text.text) and text.text[at].isspace():
                at += 1  # a blank of the line is its own character, in the word before it
            if at == start:
                continue
            piece = Characters(text.text[start:at], text.starts[start:at], text.ends[start:at], text.modes[start:at])
            word = Word(piece, extent(polygon), score if score == score else item.score, copies=[part], apart=False)
            yield word if not re.search(r"[\t\n\r\f\v\x1c-\x1e\x85\u2028\u2029]", piece.text) else tidied(word)

    def _characters(self, string: _String) -> Characters:
        start, end = self.literals[string.at]
        start, end = start + 1, end - 1
        raw = self.source.text[start:end]
        if "\\" not in raw:
            return plain_characters(raw, start, end, STRING)
        out = Characters()
        done = start
        for match in _ESCAPE.finditer(self.source.text, start, end):
            a, b = match.span()
            out.add(plain_characters(self.source.text[done:a], done, a, STRING))
            # One half of a surrogate pair is no character: what the rest of the package may take for damage.
            text = _LONE.sub("\ufffd", json.loads(f'"{match.group()}"'))
            out.add(Characters(text, [a], [b], [STRING]))
            done = b
        out.add(plain_characters(self.source.text[done:end], done, end, STRING))
        return out


# --- values


class _Pairs(list[tuple[str, Any]]):
    """An object with all its members, also those of one name."""


def _numbered(value: Any) -> tuple[Any, int]:
    """`value` with objects as dicts and strings as `_String`, and how many strings, keys too, there are in it."""
    count = 0

    def string(text: str) -> _String:
        nonlocal count
        out = _String(text)
        out.at = count
        count += 1
        return out

    def convert(part: Any) -> Any:
        nonlocal count
        if isinstance(part, str):
            return string(part)
        if isinstance(part, _Pairs):
            out = {}
            for key, member in part:
                count += 1
                out[key] = convert(member)
            return out
        if isinstance(part, list):
            return [convert(member) for member in part] if part else part
        return part

    return convert(value), count


def _pages(value: Any) -> list[list[list[_Item]]]:
    """Pages of parts of items. Raises `_Unknown`."""
    if value is None:
        return [[[]]]
    if isinstance(value, dict):
        return [[_object(value)]]
    if not isinstance(value, list):
        raise _Unknown("a single value")
    if len(value) == 2 and _is_times(value[1]) and (value[0] is None or _is_items(value[0])):
        value = value[0] or []  # RapidOCR's times after its result
    if not value:
        return [[[]]]
    if all(isinstance(part, dict) for part in value):
        if all("items" in part for part in value):
            return [[_items(part["items"]) for part in value]]
        if all(_first(part, _TEXT) is not None for part in value):
            return [[[_item_of(part) for part in value]]]
        return [[_object(part)] for part in value]
    if _is_items(value):
        return [[_items(value)]]
    if all(part is None or part == [] or _is_items(part) for part in value):
        return [[_items(part or [])] for part in value]
    raise _Unknown("a list of something else")


def _is_times(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, list) and bool(value) and all(isinstance(v, float) for v in value)
    )


def _is_items(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_item(part) for part in value)


def _is_item(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], list):
        return False
    second = value[1]
    return isinstance(second, str) or (isinstance(second, list) and bool(second) and isinstance(second[0], str))


def _items(value: Any) -> list[_Item]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _Unknown("no list of lines")
    out = []
    for part in value:
        if isinstance(part, dict) and _first(part, _TEXT) is not None:
            out.append(_item_of(part))
        elif _is_item(part):
            second = part[1]
            text, score = (second[0], second[1:2]) if isinstance(second, list) else (second, part[2:3])
            out.append(_Item(_polygon(part[0]), text, _score(score[0] if score else None)))
        else:
            raise _Unknown("a line that has no box and text")
    return out


def _item_of(value: dict[str, Any]) -> _Item:
    text = _first(value, _TEXT)
    if not isinstance(text, _String):
        raise _Unknown("a text that is no string")
    return _Item(_polygon(_first(value, _BOX)), text, _score(_first(value, _SCORE)))


def _object(value: dict[str, Any]) -> list[_Item]:
    """The lines of an object with lists of texts, scores and boxes."""
    for key in ("res", "overall_ocr_res", "ocr_result"):
        if isinstance(value.get(key), dict) and _first(value, _TEXTS) is None:
            value = value[key]
    if "items" in value:
        return _items(value["items"])
    name = next((key for key in _TEXTS if key in value), None)
    if name is None:
        raise _Unknown("an object without rec_texts or txts")
    texts, scores, boxes = value[name] or [], _first(value, _SCORES) or [], None
    for key in _BOXES:
        if isinstance(value.get(key), list) and len(value[key]) == len(texts):
            boxes = value[key]
            break
    if not isinstance(texts, list) or not all(isinstance(text, _String) for text in texts):
        raise _Unknown(f"{name} that are no strings")
    if texts and boxes is None:
        raise _Unknown(f"{len(texts)} {name} without as many boxes")
    if not isinstance(scores, list) or len(scores) != len(texts):
        scores = [None] * len(texts)
    out = [
        _Item(_polygon(box), text, _score(score))
        for box, text, score in zip(boxes or [], texts, scores, strict=True)
    ]
    _add_words(out, value)
    return out


def _add_words(items: Sequence[_Item], value: dict[str, Any]) -> None:
    """What single characters or words are said to be, in the shapes of RapidOCR 3 and PaddleX."""
    results = value.get("word_results")
    if isinstance(results, list) and len(results) == len(items):
        for item, words in zip(items, results, strict=True):
            for word in words if isinstance(words, list) else []:
                if isinstance(word, list) and len(word) == 3 and isinstance(word[0], _String):
                    item.words.append((word[0], _score(word[1]), _polygon(word[2])))
    texts, boxes = value.get("text_word"), value.get("text_word_region", value.get("text_word_boxes"))
    if isinstance(texts, list) and isinstance(boxes, list) and len(texts) == len(boxes) == len(items):
        for item, words, places in zip(items, texts, boxes, strict=True):
            if isinstance(words, list) and isinstance(places, list) and len(words) == len(places):
                item.words += [
                    (w, math.nan, _polygon(p)) for w, p in zip(words, places, strict=True) if isinstance(w, _String)
                ]


def _first(value: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((value[key] for key in keys if value.get(key) is not None), None)


def _score(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return min(1.0, max(0.0, number)) if math.isfinite(number) else math.nan


def _polygon(value: Any) -> Polygon:
    """Four corners, from those or from left, top, right, bottom; empty for anything else."""
    if not isinstance(value, list):
        return []
    if len(value) == 4 and all(isinstance(v, float) for v in value):
        left, top, right, bottom = value
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    out = []
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or not all(isinstance(v, float) for v in point):
            return []
        out.append((point[0], point[1]))
    return out if len(out) >= 3 else []
