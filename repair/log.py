"""The diff log: JSON Lines that rebuild the original file from the repaired one, and the other way round.

The first line is the header, then each document's line is followed by the lines of its corrections.
The same input gives the same bytes: keys in fixed order, no times. Strings are UTF-8 as they are,
lone surrogates as ``\\udXXX``; a string in which a high surrogate stands before a low one without
being a pair (JSON would join them) is written as the list of its parts, cut between the two.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Literal, NamedTuple, TypeVar, get_args

from repair.formats.files import write_atomic
from repair.formats.ocr import FORMATS, OcrFile, Splice, read_ocr, spliced, unspliced
from repair.formats.plain import InputError, Newline, TextFile, decode_as, encode, newline_style, shown
from repair.text import LEVELS, Correction, Level, Result, apply, line_column, line_starts, revert

SCHEMA = 1

Status = Literal["applied", "proposed", "accepted", "rejected", "edited"]
STATUSES: tuple[Status, ...] = get_args(Status)
EFFECTIVE: frozenset[Status] = frozenset({"applied", "accepted", "edited"})
"""Statuses of corrections that are in the repaired text."""
DECIDED: frozenset[Status] = frozenset({"accepted", "rejected", "edited"})
"""Statuses that a person gave: the repaired text is then no longer the one that the log's digest names."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_FALSE_PAIR = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DIGEST = re.compile("[0-9a-f]{64}")
_NEWLINES: tuple[Newline, ...] = get_args(Newline)
_NONE: Mapping[Correction, tuple[Splice, ...]] = {}
_UNDECIDED: Mapping[Correction, tuple[Status, str | None]] = {}


class LogError(InputError):
    """A log that cannot be read or does not fit the text; one line that names the log and the line in it."""


class ResourceVersion(NamedTuple):
    """A model or dictionary: name, version, hexadecimal SHA-256."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LogHeader:
    """What produced the log. `resources` are written in the order of their names."""

    tool_version: str
    profile: str
    level: Level
    resources: tuple[ResourceVersion, ...] = ()
    tool: str = "repair"
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, order=True)
class WitnessFile:
    """Another reading that the text was compared with."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One document: how its bytes became text, and the SHA-256 of the original and the repaired bytes.

    `length` is that of the original text in code points, without a byte order mark.

    `format`: the OCR format of a page (a key of `FORMATS`), None for text; its corrections say which bytes they
    change. With `source`, a SHA-256, the document is the running text, in UTF-8, of a page file with that digest.

    A file of records (`RECORD_FORMATS`) has a document without corrections, with the number of its `records` and the
    `column` of their texts; `length` is that of all of them. The digests are of its bytes, uncompressed, for Parquet of
    the column's values. After it come the documents of the records in which something was found, with their number
    (`record`, from 1), their `column` and the digests of their texts in UTF-8; offsets in splices count from the
    start of the line.
    """

    id: str
    path: str | None
    encoding: str
    bom: bool
    newline: Newline
    length: int
    sha256_original: str
    sha256_repaired: str
    format: str | None = None
    source: str | None = None
    witnesses: tuple[WitnessFile, ...] = ()
    records: int | None = None
    column: str | None = None
    record: int | None = None

    @property
    def spliced(self) -> bool:
        """Whether the file is rebuilt from the splices of its corrections, and not from its text."""
        if self.format in RECORD_FORMATS:
            return self.format == "jsonl" and self.record is not None
        return self.format is not None and self.source is None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A correction with its status, and 1-based line and column of its start in the original.

    For status ``edited`` the correction's `after` is what the person wrote, and `proposed` what was proposed, None
    where that is not known. `number` is the line in the log, 0 outside of one. `splices`: for a page, the bytes of the
    original file that it replaces.
    """

    correction: Correction
    status: Status
    line: int
    column: int
    number: int = field(default=0, compare=False)
    splices: tuple[Splice, ...] = ()
    proposed: str | None = None

    @property
    def as_proposed(self) -> Correction:
        """The correction before a person changed it."""
        return self.correction if self.proposed is None else replace(self.correction, after=self.proposed)


@dataclass(frozen=True, slots=True)
class LoggedDocument:
    record: DocumentRecord
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class Log:
    header: LogHeader
    documents: tuple[LoggedDocument, ...]


RECORD_FORMATS = ("jsonl", "parquet")
"""Formats of files that hold many texts."""

LogSource = str | os.PathLike[str] | Iterable[str] | Iterable[bytes]
"""A path, or the lines themselves, in text or UTF-8."""


# --- writing


def document_record(
    id: str, file: TextFile, original: bytes, repaired: bytes, path: str | None = None
) -> DocumentRecord:
    """The record of a file with these bytes before and after, decoded as `file`."""
    return DocumentRecord(
        id, path, file.encoding, file.bom, file.newline, len(file.text), _sha256(original), _sha256(repaired)
    )


def page_record(id: str, page: OcrFile, original: bytes, repaired: bytes, path: str | None = None) -> DocumentRecord:
    """The record of a page file with these bytes before and after."""
    return DocumentRecord(
        id,
        path,
        page.encoding,
        page.bom,
        newline_style(page.text),
        len(page.text),
        _sha256(original),
        _sha256(repaired),
        page.format,
    )


def entries_of(
    result: Result,
    splices: Mapping[Correction, tuple[Splice, ...]] = _NONE,
    decided: Mapping[Correction, tuple[Status, str | None]] = _UNDECIDED,
) -> tuple[LogEntry, ...]:
    """What a run found: corrections as ``applied``, suggestions as ``proposed``, in order of position.

    `splices`: what each of them changes in a page file. `decided`: the statuses of those that a person decided about,
    with what was proposed where that is not what stands there now.
    """
    starts = line_starts(result.original)
    found: list[tuple[Correction, Status]] = [(c, "applied") for c in result.corrections]
    found += [(c, "proposed") for c in result.suggestions]
    # The sort is stable and by position only: insertions at one place keep the order they apply in.
    found.sort(key=lambda pair: (pair[0].start, pair[0].end))
    out = []
    for c, found_as in found:
        status, proposed = decided.get(c, (found_as, None))
        out.append(LogEntry(c, status, *line_column(starts, c.start), splices=splices.get(c, ()), proposed=proposed))
    return tuple(out)


def header_line(header: LogHeader) -> str:
    """The log's first line, with its line end."""
    return _line(
        {
            "record": "header",
            "schema": header.schema,
            "tool": _packed(header.tool),
            "version": _packed(header.tool_version),
            "resources": [
                {"name": _packed(r.name), "version": _packed(r.version), "sha256": r.sha256}
                for r in sorted(header.resources)
            ],
            "profile": _packed(header.profile),
            "level": header.level,
        }
    )


def _witness(witness: WitnessFile) -> dict[str, Any]:
    return {"path": _packed(witness.path), "sha256": witness.sha256}


def document_lines(record: DocumentRecord, result: Result) -> Iterator[str]:
    """The log's lines for one document of a run, each with its line end."""
    return logged_lines(LoggedDocument(record, entries_of(result)))


def logged_lines(document: LoggedDocument) -> Iterator[str]:
    """The log's lines for a document with the statuses it has (as after a review).

    Confidences and probabilities are rounded to 4 digits. Raises `ValueError` for one that is no number.
    """
    record = document.record
    yield document_line(record, len(document.entries))
    for entry in document.entries:
        yield entry_line(record, entry)


def document_line(record: DocumentRecord, corrections: int) -> str:
    """The log's line for a document that has so many corrections, with its line end."""
    return _line(
        {
            "record": "document",
            "id": _packed(record.id),
            "path": None if record.path is None else _packed(record.path),
            "encoding": record.encoding,
            "bom": record.bom,
            "newline": record.newline,
            "length": record.length,
            "sha256_original": record.sha256_original,
            "sha256_repaired": record.sha256_repaired,
            "corrections": corrections,
            **({"format": record.format} if record.format else {}),
            **({"source": record.source} if record.source else {}),
            **({"witnesses": [_witness(w) for w in record.witnesses]} if record.witnesses else {}),
            **({} if record.records is None else {"records": record.records}),
            **({} if record.column is None else {"column": _packed(record.column)}),
            **({} if record.record is None else {"record_number": record.record}),
        }
    )


def entry_line(record: DocumentRecord, entry: LogEntry) -> str:
    """The log's line for one correction of a document, with its line end."""
    splices = {"splices": _readable(entry.splices, record.encoding)} if record.spliced else {}
    return _line({"record": "correction", "document": _packed(record.id), **_correction_value(entry), **splices})


def _correction_value(entry: LogEntry) -> dict[str, Any]:
    c = entry.correction
    return {
        "start": c.start,
        "end": c.end,
        "line": entry.line,
        "column": entry.column,
        "before": _packed(c.before),
        "after": _packed(c.after),
        "rule": _packed(c.rule),
        "confidence": _rounded(c.confidence),
        "level": c.level,
        "reason": _packed(c.reason),
        "alternatives": [[_packed(text), _rounded(p)] for text, p in c.alternatives],
        "status": entry.status,
        **({} if entry.proposed is None else {"proposed": _packed(entry.proposed)}),
    }


def entries_line(entries: Iterable[LogEntry]) -> str:
    """What was found in one text, without a header or a document: a JSON list of the log's correction records."""
    return _json([_correction_value(entry) for entry in entries])


def read_entries(line: str, name: str = "log") -> tuple[LogEntry, ...]:
    """What `entries_line` wrote. Raises `LogError`."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise LogError(f"{shown(name)}: not a JSON list of corrections")
    return tuple(_bare_entry(_Fields(value, name, number)) for number, value in enumerate(values, 1))


def write_log(documents: Iterable[tuple[DocumentRecord, Result] | LoggedDocument], header: LogHeader) -> Iterator[str]:
    """The log's lines, each with its line end; documents are taken one at a time, as the lines are."""
    yield header_line(header)
    for document in documents:
        if isinstance(document, LoggedDocument):
            yield from logged_lines(document)
        else:
            yield from document_lines(*document)


def save_log(
    path: str | os.PathLike[str],
    documents: Iterable[tuple[DocumentRecord, Result] | LoggedDocument],
    header: LogHeader,
) -> None:
    """Write a log to a file, whole or not at all. Raises `InputError` if it cannot be written."""
    write_atomic(path, (line.encode("utf-8") for line in write_log(documents, header)))


# --- reading


class LogReader:
    """A log read one document at a time.

    ``reader.header`` is there at once; iterating (once) yields `LoggedDocument`. Use it in a ``with``
    block, or read it to the end, to close the file. Raises `LogError`: no such file, bad or cut-off
    JSON, missing or wrong fields, another schema version, corrections missing at the end.
    """

    header: LogHeader

    def __init__(self, source: LogSource, *, name: str | None = None) -> None:
        self._file: BinaryIO | None = None
        lines: Iterable[str | bytes]
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            self.name = name or path
            try:
                self._file = open(path, "rb")  # noqa: SIM115 (open as long as the reader)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise LogError(f"{shown(self.name)}: {reason[:1].lower()}{reason[1:]}") from None
            lines = self._file
        else:
            self.name = name or "log"
            lines = source
        self._records = _records(lines, self.name)
        try:
            self.header = _header(next(self._records, None), self.name)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[LoggedDocument]:
        try:
            yield from self._documents()
        finally:
            self.close()

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _documents(self) -> Iterator[LoggedDocument]:
        record: DocumentRecord | None = None
        expected = number = 0
        entries: list[LogEntry] = []

        def finished(record: DocumentRecord) -> LoggedDocument:
            if len(entries) != expected:
                raise LogError(
                    f"{shown(self.name)}:{number}: document {shown(record.id)} has {len(entries)} corrections "
                    f"in place of {expected}; the log is cut off or was edited"
                )
            return LoggedDocument(record, tuple(entries))

        for fields in self._records:
            kind = fields.text("record")
            if kind == "document":
                if record:
                    yield finished(record)
                record, expected = _document(fields)
                entries, number = [], fields.number
            elif kind == "correction":
                if record is None or fields.text("document") != record.id:
                    raise fields.error("the correction does not follow its document")
                entries.append(_entry(fields, record))
            else:
                raise fields.error(f"unexpected record {shown(kind)!r}")
        if record:
            yield finished(record)


def iter_documents(source: LogSource, *, name: str | None = None) -> Iterator[LoggedDocument]:
    """The documents of a log, one in memory at a time. Raises `LogError` (see `LogReader`)."""
    with LogReader(source, name=name) as reader:
        yield from reader


def read_log(source: LogSource, *, name: str | None = None) -> Log:
    """A whole log. Raises `LogError` (see `LogReader`)."""
    with LogReader(source, name=name) as reader:
        return Log(reader.header, tuple(reader))


def find_document(
    documents: Iterable[LoggedDocument],
    data: bytes,
    name: str,
    *,
    side: Literal["original", "repaired"],
    log_name: str = "log",
) -> LoggedDocument:
    """The document of a log that a file belongs to: by SHA-256 of `data`, else by path or id, else the only one.

    Documents are looked at one at a time. Raises `LogError` if there is none.
    """
    digest = _sha256(data)
    best: LoggedDocument | None = None
    best_rank = -1
    count = 0
    for count, document in enumerate(documents, 1):  # noqa: B007 (count is used below)
        record = document.record
        wanted = (record.sha256_original, record.source) if side == "original" else (record.sha256_repaired,)
        same_bytes = digest in wanted
        rank = 2 * same_bytes + (name in (record.path, record.id))
        if rank > best_rank:
            best, best_rank = document, rank
        if rank == 3:
            break
    if best is None or (best_rank == 0 and count > 1):
        raise LogError(f"{shown(log_name)}: has no document {shown(name)} (sha256 {digest[:12]}…)")
    return best


def entries_in(lines: Iterable[bytes], record: DocumentRecord, *, name: str) -> Iterator[LogEntry]:
    """The corrections in lines that `entry_line` made for this document. Raises `LogError`."""
    return (_entry(fields, record) for fields in _records(lines, name))


# --- applying and reverting


def apply_log(
    data: bytes,
    record: DocumentRecord,
    entries: Iterable[LogEntry],
    *,
    log_name: str = "log",
    name: str | None = None,
) -> bytes:
    """The repaired file from the original one: the corrections applied, accepted or edited are carried out.

    Unless a person decided on some of them, the outcome must have the log's SHA-256. `name` and
    `log_name` serve messages. Raises `LogError`: the file or the corrections do not belong together;
    `InputError`: the file's encoding has no code for a character that a person put in.
    """
    entries = tuple(entries)
    if record.source and _sha256(data) == record.source:
        data = read_ocr(data, format=record.format, name=name or record.path or record.id).text.encode("utf-8")
    name = shown(name or record.path or record.id)
    log_name = shown(log_name)
    if _sha256(data) != record.sha256_original:
        raise _foreign(data, record.sha256_original, log_name, name, repaired=_sha256(data) == record.sha256_repaired)
    out = carried_out(data, record, entries, log_name=log_name, name=name)
    if not _decided(entries) and _sha256(out) != record.sha256_repaired:
        raise LogError(
            f"{log_name}{_first_number(entries)}: the corrections do not make the repaired {name} that the log names "
            f"(sha256 {_sha256(out)[:12]}…, not {record.sha256_repaired[:12]}…)"
        )
    return out


def carried_out(
    data: bytes, record: DocumentRecord, entries: tuple[LogEntry, ...], *, log_name: str = "log", name: str = ""
) -> bytes:
    """`data`, the original that the record names, with the corrections that are applied, accepted or edited.

    Of a record `data` is its text in UTF-8. Raises as `apply_log`, which also looks whether this is what the log names.
    """
    name = name or shown(record.path or record.id)
    try:
        if record.record is not None:
            text = apply(data.decode("utf-8", "surrogatepass"), _effective(entries))
            return text.encode("utf-8", "surrogatepass")
        if record.spliced:
            return spliced(data, _splices(entries, record, data))
        file = _decoded(data, record, log_name, name)
        if len(file.text) != record.length:
            raise LogError(f"{log_name}: {name} has {len(file.text)} characters, the log says {record.length}")
        return encode(apply(file.text, _effective(entries)), _keeping(file))
    except InputError:
        raise
    except ValueError as error:
        raise LogError(f"{log_name}{_first_number(entries)}: does not fit {name}: {error}") from None


def revert_log(
    data: bytes,
    record: DocumentRecord,
    entries: Iterable[LogEntry],
    *,
    log_name: str = "log",
    name: str | None = None,
) -> bytes:
    """The original file, byte for byte, from the repaired one: the inverse of `apply_log`.

    The outcome must have the SHA-256 of the original; unless a person decided on some corrections,
    `data` must have that of the repaired file. Raises `LogError` where they have not.
    """
    entries = tuple(entries)
    name = shown(name or record.path or record.id)
    log_name = shown(log_name)
    if not _decided(entries) and _sha256(data) != record.sha256_repaired:
        raise _foreign(data, record.sha256_repaired, log_name, name, original=_sha256(data) == record.sha256_original)
    try:
        if record.spliced:
            out = unspliced(data, _splices(entries, record))
        else:
            file = _decoded(data, record, log_name, name)
            out = encode(revert(file.text, _effective(entries)), _keeping(file))
    except ValueError as error:
        raise LogError(f"{log_name}: does not belong to {name} (sha256 {_sha256(data)[:12]}…): {error}") from None
    if _sha256(out) != record.sha256_original:
        raise LogError(
            f"{log_name}: does not belong to {name}: without the corrections its sha256 is {_sha256(out)[:12]}…, "
            f"not {record.sha256_original[:12]}…"
        )
    return out


def _decoded(data: bytes, record: DocumentRecord, log_name: str, name: str) -> TextFile:
    try:
        return decode_as(data, record.encoding, bom=record.bom, name=name)
    except InputError as error:
        raise LogError(f"{log_name}: does not fit: {error}") from None


def _keeping(file: TextFile) -> TextFile:
    """`file`, so that escapes of damaged bytes can be written, also if only the other version has some."""
    return file if file.errors == "surrogatepass" else replace(file, errors="surrogateescape")


def _effective(entries: Iterable[LogEntry]) -> list[Correction]:
    return [entry.correction for entry in entries if entry.status in EFFECTIVE]


def _splices(entries: Iterable[LogEntry], record: DocumentRecord, original: bytes | None = None) -> list[Splice]:
    """What the corrections that are in the repaired file change, in order of the corrections.

    Given the original file, those of corrections that a person edited are found anew.
    """
    out: list[Splice] = []
    page = None
    for entry in entries:
        if entry.status == "edited" and original is not None:
            page = page or read_ocr(original, format=record.format, encoding=record.encoding, name=record.id)
            out += page.splices(entry.correction)
        elif entry.status in EFFECTIVE:
            out += entry.splices
    return out


def _decided(entries: Iterable[LogEntry]) -> bool:
    return any(entry.status in DECIDED for entry in entries)


def _first_number(entries: tuple[LogEntry, ...]) -> str:
    return f":{entries[0].number}" if entries and entries[0].number else ""


def _foreign(
    data: bytes, wanted: str, log_name: str, name: str, *, repaired: bool = False, original: bool = False
) -> LogError:
    hint = ""
    if repaired or original:
        hint = f"; this is the {'repaired' if repaired else 'original'} text already"
    return LogError(
        f"{log_name}: does not belong to {name} (sha256 {_sha256(data)[:12]}…, the log has {wanted[:12]}…){hint}"
    )


# --- one line


_T = TypeVar("_T")


class _Fields:
    """One record's fields, checked as they are taken; errors name the log and the line."""

    def __init__(self, value: dict[str, Any], name: str, number: int) -> None:
        self.value, self.name, self.number = value, name, number

    def error(self, what: str) -> LogError:
        return LogError(f"{shown(self.name)}:{self.number}: {what}")

    def _take(self, key: str, what: str, read: Callable[[Any], _T]) -> _T:
        if key not in self.value:
            raise self.error(f"the field {key!r} is missing")
        try:
            return read(self.value[key])
        except (TypeError, ValueError, AttributeError, LookupError):
            raise self.error(f"the field {key!r} is not {what}") from None

    def text(self, key: str) -> str:
        return self._take(key, "a string", _unpacked)

    def optional_text(self, key: str) -> str | None:
        return self._take(key, "a string or null", lambda value: None if value is None else _unpacked(value))

    def whole(self, key: str, least: int = 0) -> int:
        def read(value: Any) -> int:
            if type(value) is not int or value < least:  # True is an int too
                raise TypeError
            return value

        return self._take(key, f"a whole number from {least}", read)

    def truth(self, key: str) -> bool:
        def read(value: Any) -> bool:
            if type(value) is not bool:
                raise TypeError
            return value

        return self._take(key, "true or false", read)

    def probability(self, key: str) -> float:
        return self._take(key, "a number from 0 to 1", _probability)

    def digest(self, key: str) -> str:
        def read(value: Any) -> str:
            if not _DIGEST.fullmatch(value):
                raise ValueError
            return str(value)

        return self._take(key, "a SHA-256 in lower-case hexadecimal", read)

    def choice(self, key: str, of: tuple[_T, ...]) -> _T:
        return self._take(key, "one of " + ", ".join(map(str, of)), lambda value: of[of.index(value)])

    def alternatives(self, key: str) -> tuple[tuple[str, float], ...]:
        def read(value: Any) -> tuple[tuple[str, float], ...]:
            if not isinstance(value, list):
                raise TypeError
            return tuple((_unpacked(text), _probability(p)) for text, p in value)

        return self._take(key, "a list of [text, probability]", read)

    def splices(self, key: str, encoding: str) -> tuple[Splice, ...]:
        def read(value: Any) -> tuple[Splice, ...]:
            if not isinstance(value, list) or not all(type(offset) is int and offset >= 0 for offset, _, _ in value):
                raise TypeError
            return tuple(Splice(at, before.encode(encoding), after.encode(encoding)) for at, before, after in value)

        return self._take(key, "a list of [offset, before, after]", read)

    def parts(self, key: str) -> list[_Fields]:
        def read(value: Any) -> list[_Fields]:
            if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
                raise TypeError
            return [_Fields(part, self.name, self.number) for part in value]

        return self._take(key, "a list of objects", read)


def _records(lines: Iterable[str | bytes], name: str) -> Iterator[_Fields]:
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8") if isinstance(line, bytes) else line
            if number == 1:
                text = text.removeprefix("\ufeff")
            if not text.strip():
                continue
            value = json.loads(text)
        except RecursionError:
            raise LogError(f"{shown(name)}:{number}: bad JSON (nested too deeply)") from None
        except ValueError as error:
            # Lines handed over without their ends tell nothing; a file's last line does.
            if isinstance(line, bytes) and not line.endswith(b"\n"):
                raise LogError(f"{shown(name)}:{number}: the last line is cut off") from None
            what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else f"bad JSON ({error})"
            raise LogError(f"{shown(name)}:{number}: {what}") from None
        if not isinstance(value, dict):
            raise LogError(f"{shown(name)}:{number}: not a JSON object")
        yield _Fields(value, name, number)


def _header(fields: _Fields | None, name: str) -> LogHeader:
    if fields is None:
        raise LogError(f"{shown(name)}: is empty; a log starts with a header")
    if fields.value.get("record") != "header":
        raise fields.error("a log starts with a header; this is none")
    schema = fields.whole("schema")
    if schema != SCHEMA:
        raise fields.error(f"schema version {schema}; this program reads version {SCHEMA}")
    return LogHeader(
        tool_version=fields.text("version"),
        profile=fields.text("profile"),
        level=fields.choice("level", LEVELS),
        resources=tuple(
            ResourceVersion(part.text("name"), part.text("version"), part.text("sha256"))
            for part in fields.parts("resources")
        ),
        tool=fields.text("tool"),
        schema=schema,
    )


def _document(fields: _Fields) -> tuple[DocumentRecord, int]:
    record = DocumentRecord(
        id=fields.text("id"),
        path=fields.optional_text("path"),
        encoding=fields.text("encoding"),
        bom=fields.truth("bom"),
        newline=fields.choice("newline", _NEWLINES),
        length=fields.whole("length"),
        sha256_original=fields.digest("sha256_original"),
        sha256_repaired=fields.digest("sha256_repaired"),
        format=fields.choice("format", (*FORMATS, *RECORD_FORMATS)) if "format" in fields.value else None,
        source=fields.digest("source") if "source" in fields.value else None,
        witnesses=tuple(
            WitnessFile(part.text("path"), part.digest("sha256"))
            for part in (fields.parts("witnesses") if "witnesses" in fields.value else ())
        ),
        records=fields.whole("records") if "records" in fields.value else None,
        column=fields.text("column") if "column" in fields.value else None,
        record=fields.whole("record_number", 1) if "record_number" in fields.value else None,
    )
    return record, fields.whole("corrections")


def _entry(fields: _Fields, record: DocumentRecord) -> LogEntry:
    entry = _bare_entry(fields)
    return replace(entry, splices=fields.splices("splices", record.encoding)) if record.spliced else entry


def _bare_entry(fields: _Fields) -> LogEntry:
    start = fields.whole("start")
    correction = Correction(
        start=start,
        end=fields.whole("end", start),
        before=fields.text("before"),
        after=fields.text("after"),
        rule=fields.text("rule"),
        confidence=fields.probability("confidence"),
        level=fields.choice("level", LEVELS),
        reason=fields.text("reason"),
        alternatives=fields.alternatives("alternatives"),
    )
    if len(correction.before) != correction.end - start:
        raise fields.error(f"'before' has {len(correction.before)} characters, the span {correction.end - start}")
    status = fields.choice("status", STATUSES)
    proposed = fields.optional_text("proposed") if "proposed" in fields.value else None
    return LogEntry(
        correction, status, fields.whole("line", 1), fields.whole("column", 1), fields.number, proposed=proposed
    )


def _readable(splices: Iterable[Splice], encoding: str) -> list[list[int | str]]:
    """Splices as JSON holds them: their bytes, which are whole characters, as text."""
    return [[s.offset, s.before.decode(encoding), s.after.decode(encoding)] for s in splices]


def _json(value: Any) -> str:
    return _SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", _ENCODER.encode(value))


def _line(value: dict[str, Any]) -> str:
    return _json(value) + "\n"


def _packed(text: str) -> str | list[str]:
    """`text` as JSON can hold it: in parts if it has a high surrogate right before a low one."""
    parts = _FALSE_PAIR.split(text)
    return text if len(parts) == 1 else parts


def _unpacked(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(value)
    raise TypeError


def _rounded(value: float) -> float:
    return round(float(value), 4) + 0.0  # no -0.0


def _probability(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:  # also turns down NaN
        raise TypeError
    return float(value)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
