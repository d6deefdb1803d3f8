"""Files of records, and large files, put together from a file and what the log says of its parts.

The same code makes the outputs of a batch and what ``repair apply`` and ``repair revert`` rebuild, so an output is
always what its log says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import BinaryIO

from repair.formats.chunks import Chunk, Large, Newlines, as_file
from repair.formats.files import failure, write_atomic
from repair.formats.jsonl import EXTENSIONS as JSONL
from repair.formats.jsonl import LOOKED_AT, Long, field_of, guessed, lines
from repair.formats.ocr import Splice, spliced, unspliced
from repair.formats.parquet import EXTENSIONS, Table, add_to_digest
from repair.formats.plain import InputError, byte_order_mark, encode, shown
from repair.formats.streams import bare, blocks, compressed
from repair.log import (
    DECIDED,
    EFFECTIVE,
    DocumentRecord,
    LogEntry,
    LogError,
    LoggedDocument,
    iter_documents,
)
from repair.text import apply, revert

UNIT = 1 << 18
"""Bytes of JSON lines that are one task."""
MOST = 4096
"""Lines that are one task."""


def format_of(name: str) -> str | None:
    """ "jsonl" or "parquet", by the name of a file; None for anything else."""
    if bare(name).endswith(JSONL):
        return "jsonl"
    return "parquet" if name.lower().endswith(EXTENSIONS) else None


def column_of(name: str, named: str | None) -> str:
    """The field of a JSONL file that holds the text. Raises `InputError` where none is named and none found."""
    if named is not None:
        return named
    first = (item for item in lines(blocks(name)) if isinstance(item, bytes))
    found = guessed(islice(first, LOOKED_AT))
    if found is None:
        raise InputError(f"{shown(name)}: no field with text in its first records; name one with --column")
    return found


def batches(items: Iterable[bytes | Long]) -> Iterator[tuple[int, list[bytes] | Long]]:
    """Lines in lists that are tasks, with the number of the first; a piece of a line too long by itself."""
    first = 1
    kept: list[bytes] = []
    size = 0
    for item in items:
        if isinstance(item, Long):
            if kept:
                yield first, kept
            first += len(kept)
            kept, size = [], 0
            yield first, item
            if item.data.endswith(b"\n"):
                first += 1
            continue
        kept.append(item)
        size += len(item)
        if size >= UNIT or len(kept) >= MOST:
            yield first, kept
            first += len(kept)
            kept, size = [], 0
    if kept:
        yield first, kept


# --- putting together

Edits = Callable[[DocumentRecord, LogEntry, bytes], Sequence[Splice]]


def new_lines(
    items: Iterable[bytes | Long],
    documents: Iterable[LoggedDocument],
    column: str,
    digest: hashlib._Hash,
    *,
    back: bool = False,
) -> Iterator[bytes]:
    """The lines of a file repaired, or `back` as they were: `documents` are those of its records, in order.

    Raises `LogError` where they do not fit.
    """
    waiting = iter(documents)
    document = next(waiting, None)
    number = 0
    inside = False
    for item in items:
        if isinstance(item, Long):
            number += item.first
            inside = True
            new = item.data
        else:
            number += 1
            new = item
            if document is not None and document.record.record == number:
                new = _new_line(item, document, column, number == 1, back)
                document = next(waiting, None)
        digest.update(new)
        yield new
    del inside
    if document is not None:
        raise LogError(f"{shown(document.record.id)}: there is no such record")


def _new_line(line: bytes, document: LoggedDocument, column: str, first: bool, back: bool) -> bytes:
    splices: list[Splice] = []
    found = None
    for entry in document.entries:
        if entry.status == "edited" and not back:
            found = found or field_of(line, column, first=first)
            if found is None:
                raise LogError(f"{shown(document.record.id)}: has no text in {shown(column)}")
            splices += found.splices(entry.correction)
        elif entry.status in EFFECTIVE:
            splices += entry.splices
    try:
        return unspliced(line, splices) if back else spliced(line, splices)
    except ValueError as error:
        raise LogError(f"{shown(document.record.id)}: the log does not fit: {error}") from None


def new_texts(
    table: Table, documents: Iterable[LoggedDocument], column: str, digest: hashlib._Hash, *, back: bool = False
) -> Iterator[dict[int, str]]:
    """For each batch of a Parquet file's records, what is to stand in them; as `new_lines`."""
    waiting = iter(documents)
    document = next(waiting, None)
    number = 0
    for texts in table.texts(column):
        changed: dict[int, str] = {}
        for k, text in enumerate(texts):
            number += 1
            if document is not None and document.record.record == number:
                if text is None:
                    raise LogError(f"{shown(document.record.id)}: has no text in {shown(column)}")
                effective = [e.correction for e in document.entries if e.status in EFFECTIVE]
                try:
                    text = revert(text, effective) if back else apply(text, effective)
                except ValueError as error:
                    raise LogError(f"{shown(document.record.id)}: the log does not fit: {error}") from None
                if effective:
                    changed[k] = text
                document = next(waiting, None)
            add_to_digest(digest, text)
        yield changed
    if document is not None:
        raise LogError(f"{shown(document.record.id)}: there is no such record")


def new_chunks(
    parts: Iterable[tuple[Chunk, Iterable[LogEntry]]], large: Large, name: str, digest: hashlib._Hash, style: Newlines
) -> Iterator[bytes]:
    """The bytes of a large text file with the corrections of each chunk carried out."""
    if large.bom:
        digest.update(byte_order_mark(large.encoding))
        yield byte_order_mark(large.encoding)
    for chunk, entries in parts:
        style.add(chunk.text)
        shift = chunk.start
        corrections = [
            replace(e.correction, start=e.correction.start - shift, end=e.correction.end - shift)
            for e in entries
            if e.status in EFFECTIVE
        ]
        data = encode(apply(chunk.text, corrections), as_file(chunk.text, large, name))
        digest.update(data)
        yield data


def column_digest(table: Table, column: str) -> str:
    digest = hashlib.sha256()
    for texts in table.texts(column):
        for text in texts:
            add_to_digest(digest, text)
    return digest.hexdigest()


def write_table(
    table: Table, column: str, changes: Iterable[dict[int, str]], target: str, *, aside: str | None = None
) -> None:
    """Write a Parquet file with other texts, whole or not at all. Raises what `changes` raises, and `InputError`."""
    folder = aside or os.path.dirname(os.path.realpath(target))
    try:
        handle, path = tempfile.mkstemp(".tmp", ".repair-", folder)
    except OSError as error:
        raise failure(target, error) from None
    os.close(handle)
    try:
        table.rewritten(column, changes, path)

        def copied() -> Iterator[bytes]:
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    yield block

        # A second writing, for what `write_atomic` sees to: mode and owner, links, pipes, the disk.
        write_atomic(target, copied(), aside=aside)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


# --- apply and revert


def rebuild(
    path: str, log: str, id_: str | None, output: str | None, out: Callable[[], BinaryIO], *, back: bool
) -> bool:
    """Make the repaired file of records from the original one and its log, or `back`. False: the log knows none.

    Raises `LogError`, `InputError`.
    """
    kind = format_of(path)
    if kind is None:
        return False
    found = _container(path, kind, log, id_, back)
    if found is None:
        return False
    record, decided = found
    column = record.column or ""
    documents = _records_of(log, record)
    digest = hashlib.sha256()
    wanted = record.sha256_original if back else record.sha256_repaired

    def checked() -> None:
        if digest.hexdigest() != wanted and (back or not decided):
            raise LogError(f"{shown(log)}: the corrections do not make the {'original' if back else 'repaired'} "
                           f"{shown(path)} that the log names")  # fmt: skip

    if kind == "jsonl":

        def pieces() -> Iterator[bytes]:
            yield from new_lines(lines(blocks(path)), documents, column, digest, back=back)
            checked()

        if output is not None:
            write_atomic(output, compressed(pieces(), output))
        else:
            for piece in pieces():
                out().write(piece)
        return True
    if output is None:
        raise InputError(f"{shown(path)}: a Parquet file needs an output file (-o)")
    with Table(path) as table, Table(path) as other:

        def changes() -> Iterator[dict[int, str]]:
            yield from new_texts(other, documents, column, digest, back=back)
            checked()

        # All of it first: a writer does not ask whether there is more than it needs.
        write_table(table, column, chain(changes()), output)
        checked()
    return True


def _container(path: str, kind: str, log: str, id_: str | None, back: bool) -> tuple[DocumentRecord, bool] | None:
    """The document of a file of records, and whether people decided about any of them."""
    digests: dict[str, str] = {}

    def digest(column: str) -> str:
        key = column if kind == "parquet" else ""
        if key not in digests:
            if kind == "parquet":
                with Table(path) as table:
                    digests[key] = column_digest(table, column) if column in table.columns() else ""
            else:
                whole = hashlib.sha256()
                for block in blocks(path):
                    whole.update(block)
                digests[key] = whole.hexdigest()
        return digests[key]

    best: DocumentRecord | None = None
    rank = -1
    count = 0
    decided: set[str] = set()
    for document in iter_documents(log):
        record = document.record
        if record.record is not None and record.path and any(e.status in DECIDED for e in document.entries):
            decided.add(record.path)
        if record.records is None or record.format != kind:
            continue
        count += 1
        same = digest(record.column or "") == (record.sha256_repaired if back else record.sha256_original)
        this = 2 * same + ((id_ or path) in (record.path, record.id))
        if this > rank:
            best, rank = record, this
    if best is None:
        return None
    known = best.path in decided
    here = digest(best.column or "")
    if rank < 2 and not (known and back and (rank == 1 or count == 1)):
        hint = ""
        if here == (best.sha256_original if back else best.sha256_repaired):
            hint = f"; this is the {'original' if back else 'repaired'} file already"
        raise LogError(f"{shown(log)}: does not belong to {shown(path)} (sha256 {here[:12]}…){hint}")
    return best, known


def _records_of(log: str, container: DocumentRecord) -> Iterator[LoggedDocument]:
    inside = False
    for document in iter_documents(log):
        if inside:
            if document.record.record is None or document.record.path != container.path:
                return
            yield document
        elif document.record == container:
            inside = True
