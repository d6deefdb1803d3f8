"""Decisions in an SQLite file, kept as they are made.

Every decision is a row that stays: taking one back marks it. A row is on disk when `Store.add` returns, and several
processes may write to one file at the same time. The file must not lie on a network drive on which locks do not work.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repair.formats.plain import InputError, shown
from repair.formats.sqlite import transaction

from .decisions import VERDICTS, Decision

STORE = "decisions.sqlite"
"""Name of the store, which lies beside the log unless another one is named."""

VERSION = 1
WAIT = 30.0
"""Seconds to wait for others that write."""

_OPEN: Counter[tuple[int, int]] = Counter()
_OPEN_LOCK = threading.Lock()

_TABLES = """
CREATE TABLE decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    read BLOB NOT NULL,
    proposed BLOB NOT NULL,
    chosen BLOB NOT NULL,
    verdict TEXT NOT NULL,
    rule TEXT NOT NULL,
    confidence REAL NOT NULL,
    level TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    at TEXT NOT NULL,
    settles INTEGER NOT NULL,
    undone TEXT
);
CREATE INDEX decision_document ON decision (document);
"""
_COLUMNS = "document, first, last, read, proposed, chosen, verdict, rule, confidence, level, reviewer, at, settles"


class Store:
    """The decisions in one file, which is made if it is not there. Usable from several threads.

    Raises `InputError`, which names the file: no store, another version, damaged, locked for too long, a full disk.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        self._changes = 0
        if not create and not os.path.isfile(self.path):
            raise InputError(f"{shown(self.path)}: no such file")
        with self._errors():
            self._base = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            try:
                self._open()
                self._file = _identity(self.path)
            except BaseException:
                self._base.close()
                raise
        with _OPEN_LOCK:
            _OPEN[self._file] += 1
        self._closed = False

    def _open(self) -> None:
        # A write-ahead log lets others read while one writes; FULL: a decision survives a power cut.
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            tables = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and not tables:
                for statement in _TABLES.split(";"):
                    self._base.execute(statement)
                self._base.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise InputError(f"{shown(self.path)}: no store of decisions of version {VERSION}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._base.close()
        with _OPEN_LOCK:
            if not self._closed:
                self._closed = True
                _OPEN[self._file] -= 1

    def add(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Keep decisions, all or none; returns them with the time and their numbers."""
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        out = []
        with self._errors(), self._lock, self._transaction():
            for d in decisions:
                if d.verdict not in VERDICTS:
                    raise ValueError(f"no verdict: {d.verdict!r}")
                d = replace(d, at=d.at or at)
                row = (
                    d.document, d.start, d.end, _bytes(d.before), _bytes(d.after), _bytes(d.text), d.verdict,
                    _text(d.rule), d.confidence, d.level, _text(d.reviewer), d.at, int(d.settles),
                )  # fmt: skip
                marks = ", ".join("?" * len(row))
                number = self._base.execute(f"INSERT INTO decision ({_COLUMNS}) VALUES ({marks})", row).lastrowid
                out.append(replace(d, id=number or 0))
        return out

    def undo(self, ids: Sequence[int]) -> int:
        """Take decisions back; returns how many were not taken back before."""
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._errors(), self._lock, self._transaction():
            return sum(
                self._base.execute("UPDATE decision SET undone = ? WHERE id = ? AND undone IS NULL", (at, k)).rowcount
                for k in ids
            )

    def decisions(self, document: str | None = None, *, after: int = 0) -> list[Decision]:
        """Decisions that were not taken back, in the order they were made: of one document, from number `after` on."""
        where = "id > ? AND undone IS NULL"
        values: list[int | str] = [after]
        if document is not None:
            where += " AND document = ?"
            values.append(document)
        with self._errors(), self._lock:
            query = f"SELECT {_COLUMNS}, id FROM decision WHERE {where} ORDER BY id"
            rows = self._base.execute(query, values).fetchall()
            return [_decision(row) for row in rows]

    def documents(self) -> frozenset[str]:
        """The documents that anybody has decided about, also if all of it was taken back."""
        with self._errors(), self._lock:
            rows = self._base.execute("SELECT DISTINCT document FROM decision").fetchall()
        return frozenset(row[0] for row in rows)

    def taken_back(self) -> int:
        """How many decisions were taken back so far."""
        with self._errors(), self._lock:
            return int(self._base.execute("SELECT count(undone) FROM decision").fetchone()[0])

    @property
    def revision(self) -> tuple[int, int]:
        """Changes whenever the decisions do, in this or another process."""
        with self._errors(), self._lock:
            return self._base.execute("PRAGMA data_version").fetchone()[0], self._changes

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._base, writing=True):
            yield
        self._changes += 1

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise InputError(f"{shown(self.path)}: {_reason(error)}") from None


def in_use(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a store that this process has open, or belongs to one: such a file must not be opened.

    POSIX drops all locks that a process has on a file when it closes it, however it was opened. Others would then take
    themselves for alone with the store and remove its write-ahead log, with the decisions made after that.
    """
    try:
        found = _identity(re.sub("-(wal|shm|journal)$", "", os.fspath(path)))
    except (OSError, ValueError):
        return False
    with _OPEN_LOCK:
        return _OPEN[found] > 0


def _identity(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino


def beside(log: str | os.PathLike[str]) -> Path:
    """Where the store of a log lies unless another one is named."""
    return Path(log).parent / STORE


def _reason(error: sqlite3.Error) -> str:
    text = " ".join(str(error).split())
    return "not a store of decisions" if text == "file is not a database" else text


def _bytes(text: str) -> bytes:
    """Text as it is kept: SQLite's own text holds no lone surrogates, and ends at a NUL for some."""
    return text.encode("utf-8", "surrogatepass")


def _text(text: str) -> str:
    """A name as SQLite can keep it: lone surrogates, which a log's rule may have, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _decision(row: tuple[Any, ...]) -> Decision:
    document, first, last, read, proposed, chosen, verdict, rule, confidence, level, reviewer, at, settles, number = row
    before, after, text = (bytes(value).decode("utf-8", "surrogatepass") for value in (read, proposed, chosen))
    settled = bool(settles)
    return Decision(
        document, first, last, before, after, text, verdict, rule, confidence, level, reviewer, at, settled, number
    )
