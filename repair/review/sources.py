"""The texts that logs are about, and the pictures of their pages, looked for in a few folders and nowhere else.

A log may come from anybody: a name in it is only followed to a file inside the folders given, links resolved, and a
text counts only if its bytes have a digest that the log names.
"""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from repair.formats.jsonl import RecordError, TextField, field_of, lines
from repair.formats.ocr import OcrFile, read_ocr, unspliced
from repair.formats.parquet import BATCH, Table
from repair.formats.plain import InputError, decode_as
from repair.formats.streams import COMPRESSED, blocks
from repair.layout import Box, Layout, PageLine
from repair.log import EFFECTIVE, LoggedDocument, revert_log
from repair.text import revert

from .store import in_use

KEPT = 20_000_000
"""Characters of texts that are held in memory: sorted by confidence, each next correction may be of another text."""
LARGEST = 1 << 28
"""Bytes of a file up to which its digest is taken to find a text under another name."""
DEEPEST = 8
"""Parts of a path that are tried below each folder."""
MOST = 2000
"""Files in a folder that are looked at for that."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document's original text and bytes, and for a page its layout. `page`: the file of an OCR engine itself, or the
    line of JSON, where the corrections are about that. `folder`: where the file lies, from which
    its scans are named."""

    text: str
    data: bytes
    folder: Path
    layout: Layout | None = None
    page: OcrFile | TextField | None = None


@dataclass(frozen=True, slots=True)
class ScanPlace:
    """Where a stretch of text stands: the picture file, which picture in it (from 0), the page's size in the unit of
    `box` (0: as the picture), and the box around the stretch."""

    path: Path
    frame: int
    width: float
    height: float
    box: Box


class Sources:
    """Finds texts and scans inside `roots`: those folders and what is below them. Usable from several threads."""

    def __init__(self, roots: Sequence[str | os.PathLike[str]]) -> None:
        self.roots = tuple(dict.fromkeys(Path(root).resolve() for root in roots))
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, str], Source | None] = OrderedDict()
        self._size = 0
        self._paths: dict[tuple[str, str], Path | None] = {}
        self._digests: dict[str, list[Path]] | None = None
        self._lines: tuple[tuple[Path, int], array[int]] | None = None  # where the lines of a file start

    def source(self, document: LoggedDocument) -> Source | None:
        """The original of a logged document, None where no file has it."""
        record = document.record
        key = record.sha256_original, record.format or ""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            found = self._found(document)
            self._known[key] = found
            self._size += len(found.text) if found else 0
            while self._size > KEPT and len(self._known) > 1:
                _, oldest = self._known.popitem(last=False)
                self._size -= len(oldest.text) if oldest else 0
            return found

    def _found(self, document: LoggedDocument) -> Source | None:
        record = document.record
        key = record.sha256_original, record.format or ""
        if key in self._paths:
            path = self._paths[key]
            return self._read(path, document) if path else None
        for path in self._candidates(document):
            found = self._read(path, document)
            if found:
                self._paths[key] = path
                return found
        self._paths[key] = None
        return None

    def _candidates(self, document: LoggedDocument) -> Iterator[Path]:
        record = document.record
        for name in dict.fromkeys(filter(None, (record.path, record.id))):
            yield from self.inside(name)
        wanted = (record.sha256_original, record.sha256_repaired, record.source)
        yield from (path for digest in wanted if digest for path in self._by_digest().get(digest, ()))

    def inside(self, name: str, folder: Path | None = None) -> Iterator[Path]:
        """The existing files inside the roots that a name may mean: from `folder` and from each root, whole or by its
        last parts."""
        if not name or "\0" in name:
            return
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")][-DEEPEST:]
        names = [name, *("/".join(parts[k:]) for k in range(len(parts)))]
        starts = ([folder] if folder else []) + list(self.roots)
        for path in [start / part for part in names for start in starts]:
            try:
                real = path.resolve()
                if real.is_file() and any(real.is_relative_to(root) for root in self.roots) and not in_use(real):
                    yield real
            except (OSError, ValueError, RuntimeError):
                continue

    def _by_digest(self) -> dict[str, list[Path]]:
        """The files right in the roots by their digests."""
        if self._digests is None:
            self._digests = {}
            for root in self.roots:
                try:
                    paths = sorted(root.iterdir())[:MOST]
                except OSError:
                    continue
                for path in paths:
                    try:
                        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST or in_use(path):
                            continue
                        digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    except OSError:
                        continue
                    self._digests.setdefault(digest, []).append(path)
        return self._digests

    def _read(self, path: Path, document: LoggedDocument) -> Source | None:
        record = document.record
        try:
            if record.record is not None:
                return self._read_record(path, document, record.record)
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if digest == record.source:
                page = read_ocr(data, format=record.format, name=path.name)
                data = page.text.encode("utf-8", "surrogatepass")
                same = hashlib.sha256(data).hexdigest() == record.sha256_original
                return Source(page.text, data, path.parent, page.layout) if same else None
            if digest not in (record.sha256_original, record.sha256_repaired):
                return None
            if digest != record.sha256_original:
                data = revert_log(data, record, document.entries)
            if record.spliced:
                page = read_ocr(data, format=record.format, encoding=record.encoding, name=path.name)
                return Source(page.text, data, path.parent, page.layout, page)
            text = decode_as(data, record.encoding, bom=record.bom, name=path.name).text
            return Source(text, data, path.parent)
        except (OSError, InputError):
            return None

    def _read_record(self, path: Path, document: LoggedDocument, number: int) -> Source | None:
        """A text in a file of records, original or repaired."""
        record, column = document.record, document.record.column or ""
        wanted = record.sha256_original
        page = None
        try:
            if record.format == "jsonl":
                line = self._line(path, number)
                page = field_of(line, column, first=number == 1)
                if page is None or _sha256(page.text) != wanted:
                    splices = [s for e in document.entries if e.status in EFFECTIVE for s in e.splices]
                    page = field_of(unspliced(line, splices), column, first=number == 1)
                text = page.text if page else ""
            else:
                text = _value(path, column, number)
                if _sha256(text) != wanted:
                    text = revert(text, [e.correction for e in document.entries if e.status in EFFECTIVE])
        except (RecordError, ValueError, LookupError):
            return None
        data = text.encode("utf-8", "surrogatepass")
        return Source(text, data, path.parent, page=page) if _sha256(text) == wanted else None

    def _line(self, path: Path, number: int) -> bytes:
        """A line of a file of JSON lines. Raises `LookupError` where there is none."""
        if path.name.lower().endswith(COMPRESSED):
            for count, line in enumerate((item for item in lines(blocks(path)) if not _inner(item)), 1):
                if count == number and isinstance(line, bytes):
                    return line
            raise LookupError
        key = path, path.stat().st_mtime_ns
        if self._lines is None or self._lines[0] != key:
            starts = array("Q", [0])
            at = 0
            for block in blocks(path):
                starts.extend(at + match.end() for match in _NEWLINE.finditer(block))
                at += len(block)
            self._lines = key, starts
        starts = self._lines[1]
        with open(path, "rb") as file:
            file.seek(starts[number - 1])
            return file.readline(LARGEST)

    def scan(self, source: Source, start: int, end: int) -> ScanPlace | None:
        """Where ``source.text[start:end]`` stands on a scan; None without boxes or without the picture."""
        layout = source.layout
        line = line_at(layout, start) if layout else None
        if layout is None or line is None:
            return None
        page = layout.pages[line.page]
        box = box_of(layout, start, end) or line.box
        if box is None:
            return None
        frame = sum(p.image == page.image for p in layout.pages[: line.page])
        for path in self.inside(page.image, source.folder):
            return ScanPlace(path, frame, page.width, page.height, box)
        return None


_NEWLINE = re.compile(rb"\n")


def _inner(item: object) -> bool:
    """Whether this goes on with a line that is too long to be looked at."""
    return not isinstance(item, bytes) and not getattr(item, "first", False)


def _value(path: Path, column: str, number: int) -> str:
    with Table(str(path)) as table:
        for count, texts in enumerate(table.texts(column)):
            if number <= (count + 1) * BATCH:
                return texts[number - 1 - count * BATCH] or ""
    raise LookupError


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def line_at(layout: Layout, position: int) -> PageLine | None:
    """The line of the page that a position lies on, or the one before it."""
    k = bisect_right(layout.lines, position, key=lambda line: line.start) - 1
    return layout.lines[k] if k >= 0 else None


def box_of(layout: Layout, start: int, end: int) -> Box | None:
    """The box around the words of a stretch of text, or of the characters beside it; None without any."""
    for lo, hi in ((start, end), (max(0, start - 1), end + 1)):
        words = np.unique(layout.word[lo:hi])
        boxes = layout.boxes[words[words >= 0]]
        boxes = boxes[~np.isnan(boxes).any(axis=1)] if len(boxes) else boxes
        if len(boxes):
            left, top = boxes[:, :2].min(axis=0).tolist()
            right, bottom = boxes[:, 2:].max(axis=0).tolist()
            return Box(left, top, right, bottom)
    return None
