"""From scanned pages to repaired text: engines, pipeline, output and log."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .formats.engines import ENGINES, EXTRA, PACKAGES, Engine, named, scans
from .formats.plain import InputError, encode, shown
from .log import LoggedDocument, document_record, entries_of, page_record

if TYPE_CHECKING:
    from .formats.ocr import OcrFile
    from .pipeline import Pipeline
    from .text import Level, Result

Target = Literal["text", "hocr"]
NAMES = (*(engine.name for engine in ENGINES), "both")
_PAGES = (".hocr", ".html", ".htm", ".xhtml")


@dataclass(frozen=True, slots=True)
class Reading:
    """The pages as read: by the engine that leads, and as `witnesses` what others read."""

    page: OcrFile
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repaired:
    """What is to be written: the repaired text or hOCR, its log, and the corrections in it and beside it."""

    data: bytes
    document: LoggedDocument
    result: Result


def target_of(output: str | None, to: Target | None) -> Target:
    """What is to be written: as asked for, else what the output's name says, else text."""
    return to or ("hocr" if output is not None and output.lower().endswith(_PAGES) else "text")


def chosen(engine: str, say: Callable[[str], None]) -> list[Engine]:
    """The engines to use, the leading one first; `say` is told which of both is not there.

    Raises `InputError`: none is installed, or not the one asked for.
    """
    wanted = [e for e in ENGINES if engine in (e.name, "both")]
    missing = {e.name: reason for e in wanted if (reason := e.missing()) is not None}
    there = [e for e in wanted if e.name not in missing]
    if not there and engine == "both":
        raise InputError(f"no OCR engine: RapidOCR comes with {EXTRA}, Tesseract with {PACKAGES}{_why(missing)}")
    if not there:
        raise InputError("; ".join(missing.values()))
    for reason in missing.values():
        say(f"{reason}; read by {there[0].name} alone")
    return there


def _why(missing: dict[str, str]) -> str:
    """What of an engine that is there in part is missing."""
    partly = [reason for reason in missing.values() if "is not installed" not in reason]
    return f" ({'; '.join(partly)})" if partly else ""


def read(paths: Sequence[str], engines: Sequence[Engine], target: Target) -> Reading:
    """The pages of images and PDF files as the engines read them; the first that found text leads.

    Raises `InputError`, which names the file that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="repair-") as folder:
        pages = scans(paths, Path(folder))
        if not pages:
            raise InputError(f"{shown(paths[0])}: has no pages")
        readings = [engine.read(pages, target == "hocr") for engine in engines]
    readings.sort(key=lambda reading: not reading.text.strip())  # stable
    return Reading(readings[0], tuple(reading.text for reading in readings[1:]))


def repaired(reading: Reading, pipeline: Pipeline, level: Level, target: Target, paths: Sequence[str]) -> Repaired:
    """The repaired pages with their log: applied to them it gives what the engine that leads had read."""
    page = reading.page
    result = pipeline(page.text, level=level, witnesses=reading.witnesses, layout=page.layout)
    name = named(paths[0]) if len(paths) == 1 else f"{named(paths[0])} and {len(paths) - 1} more"
    if target == "text":
        file = page.plain
        data = encode(result.text, file)
        record = document_record(name, file, encode(file.text, file), data)
        return Repaired(data, LoggedDocument(record, entries_of(result)), result)
    rewritten = page.rewritten(result.corrections)
    result = result.holding_back(rewritten.kept)
    splices = {c: page.splices(c) for c in (*result.corrections, *result.suggestions)}
    record = page_record(name, page, page.rewritten(()).data, rewritten.data)
    return Repaired(rewritten.data, LoggedDocument(record, entries_of(result, splices)), result)
