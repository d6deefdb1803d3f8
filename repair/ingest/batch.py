"""``repair clean``: files repaired by one or several processes, with a journal from which a stopped run goes on.

A task is a file, a chunk of a large text file, or some records. What comes of it goes into the journal at once, in
whatever order tasks are finished; outputs and the log are put together from there in the order of the inputs, so they
do not depend on who did what when.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from repair.formats.chunks import LARGE, Large, Newlines, chunks, probe
from repair.formats.files import OCR_EXTENSIONS, STDIN, DiskFull, failure, one_line, write_atomic
from repair.formats.jsonl import LONGEST, Long, lines
from repair.formats.parquet import Table
from repair.formats.plain import InputError, shown
from repair.formats.streams import blocks, compressed
from repair.log import DocumentRecord, LogReader, document_line, entries_in, header_line

from .journal import Entry, Journal
from .pool import answers
from .progress import Progress
from .records import batches, column_digest, column_of, format_of, new_chunks, new_lines, new_texts, write_table
from .targets import check_written, is_folder, targets_of
from .work import (
    Failure,
    Job,
    Lines,
    Part,
    Piece,
    Tally,
    Task,
    Texts,
    Whole,
    decisions_digest,
    header_of,
    part_record,
    piped,
    settings_digest,
    start_worker,
)

EXIT_DONE, EXIT_FAILED, EXIT_ERROR = 0, 1, 2
FOLDER = ".repair"
"""Folder in the output folder with the journal of the batch."""
FAILURES = "failures.jsonl"

_OWN = re.compile(rb'\{"record":"(?:header","schema":|failure",)')
_DIGEST = re.compile(rb'^\{"record":"document".{0,20000}?"sha256_original":"([0-9a-f]{64})"', re.M)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a command line asks for. `found`: inputs, each with the folder it was found in."""

    job: Job
    found: Sequence[tuple[str, str | None]]
    output: str | None = None
    log: str | None = None
    failures: str | None = None
    column: str | None = None
    workers: int = 1
    as_text: bool = False
    fail_fast: bool = False
    quiet: bool = False


class Stop(Exception):
    """Nothing more is to be done."""


@dataclass
class _File:
    """A file that is being worked on. `open`: numbers of the tasks that are not finished."""

    number: int
    entry: Entry
    kind: str
    size: int
    column: str = ""
    large: Large | None = None
    open: set[int] = field(default_factory=set)
    given: bool = False  # all of its tasks
    fault: str | None = None


def inputs_of(found: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """`found` without what was found in folders and is a log of this program, or its list of failures."""
    return [(name, folder) for name, folder in found if folder is None or not _is_own(name)]


def _is_own(name: str) -> bool:
    if not name.lower().endswith(".jsonl"):
        return False
    try:
        with open(name, "rb") as file:
            return _OWN.match(file.read(64)) is not None
    except OSError:
        return False


def clean(order: Order, say: Say, out: Callable[[], BinaryIO]) -> int:
    """Do what is asked for; returns the exit status. `out` gives standard output. Raises `InputError`."""
    targets = targets_of(order.found, order.output, as_text=order.as_text)
    witnesses = [path for paths in order.job.witnesses.values() for path in paths]
    for target in targets.values():
        if target is not None and witnesses:
            check_written(target, "output", {}, witnesses)
    folder = order.output is not None and is_folder(order.found, order.output)
    if order.log:
        if order.log == STDIN:
            raise InputError("--log needs the name of a file")
        check_written(order.log, "log", targets, witnesses)
        _writable_file(order.log)
    failures = order.failures
    if failures is None and folder and order.output is not None:
        failures = os.path.join(order.output, FAILURES)
    if failures is not None:
        check_written(failures, "list of failures", targets, witnesses)
        if order.failures:
            _writable_file(failures)
    start_worker(order.job)  # a broken model or option shows before anything is written
    state, lasting = _state_folder(order, targets, folder)
    with Journal(state) as journal:
        run = _Run(order, targets, failures, journal, say, out)
        status = run.run()
    if state is not None and not lasting:
        shutil.rmtree(state, ignore_errors=True)
    return status


def _writable_file(path: str) -> None:
    if os.path.isdir(path):
        raise failure(path, IsADirectoryError())
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        raise failure(path, FileNotFoundError())
    place = path if os.path.exists(path) else parent or os.curdir
    if not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise failure(path, PermissionError())


def _state_folder(order: Order, targets: dict[str, str | None], folder: bool) -> tuple[str | None, bool]:
    """Where the journal is kept (None: in memory), and whether it stays when all is done."""
    if order.output is None:
        return None, False
    names = list(targets)
    if folder and (len(names) > 1 or order.found[0][1] is not None):
        return os.path.join(order.output, FOLDER), True
    if not any(format_of(name) or _size(name) > LARGE for name in names):
        return None, False
    if folder:
        return os.path.join(order.output, FOLDER), True
    path = os.path.realpath(order.output)
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}{FOLDER}"), False


def _size(name: str) -> int:
    """Bytes of a regular file, 0 for anything else."""
    try:
        return os.path.getsize(name) if os.path.isfile(name) else 0
    except (OSError, ValueError):
        return 0


def stat_of(name: str) -> str:
    """Changes whenever a file is written to or replaced; empty for what is no regular file."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return ""
    if not os.path.isfile(name):
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def digest_of(name: str) -> str:
    """SHA-256 of a file's bytes; empty where it cannot be read."""
    try:
        with open(name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


class _Run:
    def __init__(
        self,
        order: Order,
        targets: dict[str, str | None],
        failures: str | None,
        journal: Journal,
        say: Say,
        out: Callable[[], BinaryIO],
    ) -> None:
        self.order, self.targets, self.journal, self.out, self._say = order, targets, journal, out, say
        self.failures_path = failures
        self.names = list(targets)
        self.settings = settings_digest(order.job)
        self.progress = Progress(sum(_size(name) for name in self.names), shown=not order.quiet)
        self.files: dict[int, _File] = {}
        self.failed: dict[int, str] = {}
        self.kept = 0  # files as an earlier run left them
        self.pieces_kept = 0
        self._messages: dict[int, list[str]] = {}
        self._settled: set[int] = set()
        self._turn = 0
        self._guesses: set[str] = set()

    # --- messages, in the order of the inputs

    def say(self, message: str) -> None:
        self.progress.clear()
        self._say(message)

    def message(self, number: int, text: str) -> None:
        self._messages.setdefault(number, []).append(text)
        self._flush()

    def _flush(self) -> None:
        while True:
            for text in self._messages.pop(self._turn, ()):
                self.say(text)
            if self._turn not in self._settled:
                return
            self._settled.discard(self._turn)
            self._turn += 1

    def settle(self, number: int) -> None:
        """All is said about a file."""
        self._settled.add(number)
        self._flush()

    def fail(self, number: int, reason: str) -> None:
        self.failed[number] = reason
        self.journal_forget(number)
        self.message(number, f"error: {reason}")
        self.settle(number)
        if self.order.fail_fast:
            raise Stop

    def journal_forget(self, number: int) -> None:
        entry = self.journal.file(self.names[number])
        if entry is not None and entry.done:
            self.journal.forget(self.names[number])

    # --- the run

    def run(self) -> int:
        self._tidy()
        try:
            tasks = self.tasks()
            workers = self.order.workers
            if len(self.names) == 1 and not self._divided(self.names[0]):
                workers = 1
            for _, task, answer in answers(self.order.job, tasks, workers):
                self.take(task, answer)
            stopped = False
        except Stop:
            stopped = True
        self.progress.clear()
        single = len(self.names) == 1
        if single and self.failed:
            return EXIT_ERROR
        bad = self._write_failures()
        if stopped:
            return EXIT_FAILED
        done = [name for k, name in enumerate(self.names) if k not in self.failed]
        changed = False
        if done:
            self.journal.keep_only(set(done))
            if self.order.log:
                changed = self._write_log(done)
        if not self.order.quiet:
            self._summary(done, bad, nothing=not changed and self.kept == len(self.names))
        return EXIT_FAILED if bad else EXIT_DONE

    def _tidy(self) -> None:
        """Take away what a run that was killed left half written."""
        folder = self.journal.folder
        if folder is None:
            return
        for entry in os.scandir(folder):
            if entry.name.startswith(".repair-") and entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)

    def _divided(self, name: str) -> bool:
        return self.kind(name) != "file"

    def kind(self, name: str) -> str:
        """How a file is worked on: whole ("file"), or in parts: "text", "jsonl", "parquet"."""
        if name == STDIN:
            return "file"
        found = format_of(name)
        if found:
            return found
        if name in self.order.job.witnesses or name.lower().endswith(OCR_EXTENSIONS):
            return "file"
        return "text" if _size(name) > LARGE else "file"

    def tasks(self) -> Iterator[Task]:
        for number, name in enumerate(self.names):
            try:
                yield from self.tasks_of(number, name)
            except DiskFull:
                raise
            except InputError as error:
                file = self.files.get(number)
                if file is None:
                    self.fail(number, one_line(error))
                else:
                    file.fault = one_line(error)
                    self.finish(file)

    def tasks_of(self, number: int, name: str) -> Iterator[Task]:
        kind = self.kind(name)
        if kind in ("jsonl", "parquet") and name in self.order.job.witnesses:
            raise InputError(f"{shown(name)}: a file of records has no other reading (--witness)")
        target = self.targets[name]
        key = self.key(name, kind)
        stat = stat_of(name)
        entry = self.journal.file(name)
        if entry is not None and not self.unchanged(entry, key, stat):
            self.journal.forget(name)
            entry = None
        size = _size(name)
        if entry is not None and kind == "file":
            if entry.done and entry.decisions == decisions_digest(self._documents(name)) and self.in_place(entry):
                self.taken_over(number, size)
                return
            self.journal.forget(name)
            entry = None
        if kind == "file":
            file = _File(number, Entry(name, key, stat, target=target or ""), kind, size)
            file.open.add(0)
            file.given = True
            self.files[number] = file
            yield Whole(name, piped(name))
            return
        fresh = True
        if entry is not None:
            fresh = self.drop_redecided(name)
            if not fresh:
                entry.done = False
            elif entry.done and self.in_place(entry):
                self.taken_over(number, size)
                return
        yield from self._parts(number, name, kind, entry or Entry(name, key, stat, target=target or ""), size)

    def _parts(self, number: int, name: str, kind: str, entry: Entry, size: int) -> Iterator[Task]:
        file = _File(number, entry, kind, size)
        large: Large | None = None
        if not entry.about:
            if kind == "text":
                large = probe(lambda: blocks(name), name, self.order.job.encoding)
                about: dict[str, object] = vars(large)
                entry.sha256 = large.sha256
            elif kind == "jsonl":
                column = column_of(name, self.order.column)
                digest = hashlib.sha256()
                total = 0
                for block in blocks(name):
                    digest.update(block)
                    total += len(block)
                about = {"column": column, "size": total, "sha256": digest.hexdigest()}
                entry.sha256 = digest_of(name)
            else:
                with Table(name) as table:
                    about = {"column": table.column(self.order.column), "size": table.rows}
                    about["sha256"] = column_digest(table, str(about["column"]))
                entry.sha256 = digest_of(name)
            entry.about = json.dumps(about)
            entry.done = False
            if stat_of(name) != entry.stat:
                raise InputError(f"{shown(name)}: was changed while it was read")
            self.journal.put_file(entry)
        about = json.loads(entry.about)
        file.column = str(about.get("column", ""))
        if kind == "text":
            file.large = Large(**about)  # type: ignore[arg-type]
        elif self.order.column is None:
            if file.column not in self._guesses:
                self.message(
                    number, f"{shown(name)}: the text is taken from {shown(file.column)} (--column names another one)"
                )
            self._guesses.add(file.column)
        self.files[number] = file
        have = self.journal.numbers(name)
        total = max(int(about["size"]), 1)  # type: ignore[call-overload]
        for unit, share, task in self._units(file, name):
            part = size * share / total
            if unit in have:
                self.pieces_kept += 1
                self.progress.skip(part)
                continue
            if isinstance(task, Piece):
                self.journal.put(name, unit, task)
                continue
            file.open.add(unit)
            yield task
        file.given = True
        self.finish(file)

    def _units(self, file: _File, name: str) -> Iterator[tuple[int, int, Task | Piece]]:
        """The parts of a file with their numbers and sizes."""
        if file.kind == "text":
            assert file.large is not None
            for unit, chunk in enumerate(chunks(blocks(name), file.large, name)):
                width = max(1, file.large.size // max(1, file.large.size // max(1, len(chunk.text) * 3)))
                yield unit, width, Part(name, unit, file.large, chunk)
        elif file.kind == "jsonl":
            for unit, (first, found) in enumerate(batches(lines(blocks(name)))):
                if isinstance(found, Long):
                    what = f"{shown(f'{name}#{first}')}: a record of more than {LONGEST >> 20} MiB, left as it is"
                    yield (
                        unit,
                        len(found.data),
                        Piece(b"", Tally(), ((f"{name}#{first}", what),) if found.first else ()),
                    )
                else:
                    yield unit, sum(map(len, found)), Lines(name, unit, file.column, first, found)
        else:
            first = 1
            with Table(name) as table:
                for unit, texts in enumerate(table.texts(file.column)):
                    yield unit, len(texts), Texts(name, unit, file.column, first, texts)
                    first += len(texts)

    # --- what an earlier run has done

    def key(self, name: str, kind: str) -> str:
        parts = [self.settings, kind, self.order.as_text, self.order.column if kind in ("jsonl", "parquet") else None]
        parts += [[path, digest_of(path)] for path in self.order.job.witnesses.get(name, ())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def unchanged(self, entry: Entry, key: str, stat: str) -> bool:
        if entry.key != key or entry.target != (self.targets[entry.name] or "") or not stat:
            return False
        if entry.stat == stat:
            return True
        if not entry.sha256 or digest_of(entry.name) != entry.sha256:
            return False
        entry.stat = stat  # touched, or another copy of the same
        self.journal.put_file(entry)
        return True

    def in_place(self, entry: Entry) -> bool:
        """Whether the output is there as it was written."""
        stat = stat_of(entry.target)
        if not stat:
            return False
        return stat == entry.target_stat or digest_of(entry.target) == entry.target_sha256

    def taken_over(self, number: int, size: int) -> None:
        self.kept += 1
        self.progress.skip(size)
        name = self.names[number]
        for piece in self.journal.pieces(name):
            for _, reason in piece.failures:
                self.message(number, f"error: {reason}")
        self.settle(number)

    def _documents(self, name: str) -> list[str]:
        return [m.group(1).decode() for m in _DIGEST.finditer(self.journal.log(name, 0))]

    def drop_redecided(self, name: str) -> bool:
        """Forget the pieces about which people have decided otherwise since; True if there were none."""
        entry = self.journal.file(name)
        same = True
        for piece in list(self.journal.pieces(name)):
            if not self.order.job.decisions and not piece.decisions:
                continue
            if format_of(name):
                known = [m.group(1).decode() for m in _DIGEST.finditer(self.journal.log(name, piece.number))]
            else:
                known = [entry.sha256] if entry else []
            if decisions_digest(known) != piece.decisions:
                self.journal.drop(name, piece.number)
                same = False
        return same

    # --- what comes back

    def take(self, task: Task, answer: object) -> None:
        file = next(f for f in self.files.values() if f.entry.name == task.name)
        if isinstance(task, Whole):
            del self.files[file.number]
            self._take_whole(file, answer)
            return
        assert isinstance(task, Part | Lines | Texts)
        file.open.discard(task.number)
        if isinstance(answer, Failure):  # its process died
            length = len(task.chunk.text) if isinstance(task, Part) else 0
            answer = Piece(b"", Tally(0, length), self._all_failed(task, answer.message))
        assert isinstance(answer, Piece)
        self.journal.put(file.entry.name, task.number, answer)
        self.progress.add(self._share(file, task), answer.tally.characters)
        for text in answer.warnings:
            self.message(file.number, f"warning: {text}")
        if answer.failures and self.order.fail_fast:
            self.message(file.number, f"error: {answer.failures[0][1]}")
            self.failed[file.number] = answer.failures[0][1]
            raise Stop
        self.finish(file)

    def _share(self, file: _File, task: Part | Lines | Texts) -> float:
        about = json.loads(file.entry.about)
        if isinstance(task, Part):
            done = len(task.chunk.text) * 3
        else:
            done = sum(map(len, task.lines)) if isinstance(task, Lines) else len(task.texts)
        return float(file.size * done / max(1, about["size"]))

    def _all_failed(self, task: Part | Lines | Texts, reason: str) -> tuple[tuple[str, str], ...]:
        name = task.name
        if isinstance(task, Part):
            start = task.chunk.start
            where = f"characters {start} to {start + len(task.chunk.text)}"
            return ((name, f"{shown(name)}: {where}: {reason}"),)
        count = len(task.lines if isinstance(task, Lines) else task.texts)
        ids = [f"{name}#{task.first + k}" for k in range(count)]
        return tuple((id_, f"{shown(id_)}: {reason}") for id_ in ids)

    def _take_whole(self, file: _File, answer: object) -> None:
        entry = file.entry
        if isinstance(answer, Failure):
            message = answer.message
            self.fail(
                file.number,
                message if message.startswith(shown(_label(entry.name))) else f"{shown(entry.name)}: {message}",
            )
            return
        assert isinstance(answer, Piece)
        target = self.targets[entry.name]
        try:
            self.deliver([answer.data], target)
        except DiskFull:
            raise
        except InputError as error:
            self.fail(file.number, one_line(error))
            return
        if target is not None:
            entry.target_stat, entry.target_sha256 = stat_of(target), hashlib.sha256(answer.data).hexdigest()
        entry.sha256, entry.decisions, entry.done = answer.sha256, answer.decisions, True
        self.journal.put(entry.name, 0, answer, entry)
        self.progress.add(file.size, answer.tally.characters)
        for text in answer.warnings:
            self.message(file.number, f"warning: {text}")
        self.settle(file.number)

    def finish(self, file: _File) -> None:
        """Put a file together when all of its parts are done."""
        if file.open or not (file.given or file.fault):
            return
        if self.files.pop(file.number, None) is None:
            return
        name = file.entry.name
        if file.fault is None:
            try:
                self._assemble(file)
            except DiskFull:
                raise
            except InputError as error:
                file.fault = one_line(error)
        if file.fault is not None:
            self.journal.forget(name)
            self.fail(file.number, file.fault)
            return
        for piece in self.journal.pieces(name):
            for _, reason in piece.failures:
                self.message(file.number, f"error: {reason}")
        self.settle(file.number)

    def _assemble(self, file: _File) -> None:
        entry = file.entry
        name = entry.name
        target = self.targets[name]
        tally = Tally()
        entries = records = 0
        lengths: list[int] = []
        for piece in self.journal.pieces(name):
            tally.add(piece.tally)
            lengths.append(piece.tally.characters)
            entries += piece.entries
        digest = hashlib.sha256()
        written = hashlib.sha256()
        about = json.loads(entry.about)
        source = hashlib.sha256()

        def read() -> Iterator[bytes]:
            for block in blocks(name):
                source.update(block)
                yield block

        def counted(items: Iterable[bytes | Long]) -> Iterator[bytes | Long]:
            nonlocal records
            for item in items:
                records += not isinstance(item, Long) or item.first
                yield item

        def seen(pieces: Iterable[bytes]) -> Iterator[bytes]:
            for piece in pieces:
                if file.kind != "text":  # that is hashed already
                    written.update(piece)
                yield piece
            if file.kind != "parquet" and source.hexdigest() != about["sha256"]:
                raise InputError(f"{shown(name)}: was changed while it was worked on")

        if file.kind == "text":
            large = file.large
            assert large is not None
            record = part_record(name, large)
            style = Newlines()
            length = 0

            def parts() -> Iterator[tuple[object, object]]:
                nonlocal length
                for unit, chunk in enumerate(chunks(read(), large, name, lengths)):
                    length += len(chunk.text)
                    yield chunk, list(entries_in(self.journal.log(name, unit).splitlines(True), record, name=name))

            self.deliver(seen(new_chunks(parts(), large, name, digest, style)), target)  # type: ignore[arg-type]
            head = DocumentRecord(
                name, name, large.encoding, large.bom, style.style, length, large.sha256, digest.hexdigest()
            )
        else:
            if file.kind == "jsonl":
                documents = self._documents_of(name)
                new = new_lines(counted(lines(read())), documents, file.column, digest)
                self.deliver(seen(compressed(new, target or name)) if target else seen(new), target)
            else:
                with Table(name) as table, Table(name) as other:
                    records = table.rows
                    changes = new_texts(other, self._documents_of(name), file.column, digest)
                    if target is None:
                        raise InputError(f"{shown(name)}: a Parquet file needs an output file (-o)")
                    self._make_folder(target)
                    write_table(table, file.column, changes, target, aside=self._aside(target))
                if stat_of(name) != entry.stat:
                    raise InputError(f"{shown(name)}: was changed while it was worked on")
            head = DocumentRecord(
                name, name, "utf-8", False, "none", tally.characters, about["sha256"], digest.hexdigest(),
                file.kind, records=records, column=file.column,
            )  # fmt: skip
        entry.head = document_line(head, entries).encode("utf-8")
        entry.done = True
        if target is not None:
            entry.target_stat = stat_of(target)
            entry.target_sha256 = {
                "parquet": lambda: digest_of(target),
                "text": digest.hexdigest,
                "jsonl": written.hexdigest,
            }[file.kind]()
        self.journal.put_file(entry)

    def _documents_of(self, name: str) -> LogReader:
        """The documents of a file's records, read one by one from the journal."""

        def pieces() -> Iterator[bytes]:
            yield header_line(header_of(self.order.job)).encode("utf-8")
            for number in sorted(self.journal.numbers(name)):
                yield from self.journal.log(name, number).splitlines(True)

        return LogReader(pieces(), name=name)

    def _make_folder(self, target: str) -> None:
        folder = os.path.dirname(target)
        if folder:
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise failure(folder, error) from None

    def deliver(self, pieces: Iterable[bytes], target: str | None) -> None:
        if target is None:
            for piece in pieces:
                self.out().write(piece)
            return
        self._make_folder(target)
        write_atomic(target, pieces, aside=self._aside(target))

    def _aside(self, target: str) -> str | None:
        """Where a file is written before it gets its name: with the journal, where a killed run's rests are found."""
        folder = self.journal.folder
        there = os.path.dirname(os.path.realpath(target))
        return folder if folder is not None and os.stat(folder).st_dev == os.stat(there).st_dev else None

    # --- the end

    def _write_failures(self) -> int:
        """The list of failures; returns how many there are."""
        path = self.failures_path
        count = 0

        def rows() -> Iterator[bytes]:
            nonlocal count
            for number, name in enumerate(self.names):
                if number in self.failed:
                    count += 1
                    yield _failure_line(name, name, self.failed[number])
                    continue
                for piece in self.journal.pieces(name):
                    for id_, reason in piece.failures:
                        count += 1
                        yield _failure_line(id_, name, reason)

        if path is None:
            for _ in rows():
                pass
            return count
        first = next(found := rows(), None)
        if first is None:
            if _is_own(path):
                os.unlink(path)
            return 0

        def all_rows() -> Iterator[bytes]:
            yield first
            yield from found

        self._make_folder(path)
        write_atomic(path, all_rows(), aside=self._aside(path) if self.order.failures is None else None)
        return count

    def _write_log(self, done: Sequence[str]) -> bool:
        """Write the log; False if it is there already, as it was written, and nothing was done since."""
        assert self.order.log is not None
        header = header_line(header_of(self.order.job)).encode("utf-8")
        content = hashlib.sha256(header + b"\0".join(os.fsencode(name) for name in done)).hexdigest()
        mark = f"{os.path.realpath(self.order.log)} {content}"
        known = self.journal.state("log")
        if self.kept == len(self.names) and known == f"{mark} {stat_of(self.order.log)}":
            return False

        def pieces() -> Iterator[bytes]:
            yield header
            for name in done:
                entry = self.journal.file(name)
                assert entry is not None
                yield entry.head
                for number in sorted(self.journal.numbers(name)):
                    yield self.journal.log(name, number)

        write_atomic(self.order.log, pieces())
        self.journal.set_state("log", f"{mark} {stat_of(self.order.log)}")
        return True

    def _summary(self, done: Sequence[str], bad: int, *, nothing: bool) -> None:
        total = Tally()
        for name in done:
            for piece in self.journal.pieces(name):
                total.add(piece.tally)
        files = f"{len(done):,} file{'s' if len(done) != 1 else ''}"
        divided = [name for name in done if self._divided(name)]
        many = len(self.names) > 1 or divided
        if len(self.names) == 1:
            files = shown(_label(self.names[0]))
        if many:
            records = total.documents + sum(1 for name in divided if not format_of(name))
            if records != len(done):
                files += f", {records:,} documents"
            files += f", {total.characters:,} characters"
        rest = f" ({total.kept} of them about lines of the running text, see --to)" if total.kept else ""
        rest += f"; {total.decided} as decided before" if total.decided else ""
        rest += f"; {bad:,} failed" if bad else ""
        if bad and self.failures_path:
            rest += f", see {shown(self.failures_path)}"
        number = f"{total.applied:,}" if many else str(total.applied)
        number += " correction" if total.applied == 1 else " corrections"
        counts = f"{number} applied, {total.review} proposed, {total.note} noted"
        if self.kept and self.journal.folder is not None:
            kept = f"{self.kept:,} files as an earlier run left them" if self.kept > 1 else "1 file as it was left"
            files = f"{'nothing to do' if nothing else kept}; {files}"
        self._say(f"{files}: {counts}{rest}")
        if many:
            for row in rule_rows(total.rules):
                self._say(row)


def rule_rows(rules: Counter[str]) -> Iterator[str]:
    """A table of corrections by rule and level, the most frequent rule first."""
    by_rule: dict[str, Counter[str]] = {}
    for key, count in rules.items():
        rule, level, what = key.split("\t")
        by_rule.setdefault(rule, Counter())[f"{what} {level}"] += count
    width = max(map(len, by_rule), default=0)
    for rule, counts in sorted(by_rule.items(), key=lambda item: (-item[1].total(), item[0])):
        cells = [f"{counts[key]:,} {key}" for key in sorted(counts)]
        yield f"  {rule:{width}}  {', '.join(cells)}"


def _label(name: str) -> str:
    return "<stdin>" if name == STDIN else name


def _failure_line(id_: str, name: str, reason: str) -> bytes:
    # ASCII: names may hold bytes that are no text.
    return (json.dumps({"record": "failure", "document": id_, "path": name, "reason": reason},
                       separators=(",", ":")) + "\n").encode()  # fmt: skip
