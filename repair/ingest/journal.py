"""What a batch has done so far, in an SQLite file, so that a run that was stopped goes on from there.

Each finished task is a row, with its lines of the log: it is there whole or not at all, whatever happens to the process
or the machine. Nothing is taken from a row unless the file it is about and all settings are as they were.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from repair.formats.files import DiskFull
from repair.formats.plain import InputError, shown
from repair.formats.sqlite import transaction

from .work import Piece, Tally

FILE = "journal.sqlite"
_VERSION = 1
_SYNC_EVERY = 2.0  # seconds
_TABLES = """
CREATE TABLE file (
    name BLOB PRIMARY KEY, key TEXT, stat TEXT, sha256 TEXT, about TEXT, decisions TEXT,
    target BLOB, target_stat TEXT, target_sha256 TEXT, head BLOB, done INTEGER
);
CREATE TABLE piece (
    name BLOB, number INTEGER, decisions TEXT, entries INTEGER, tally TEXT, failures BLOB, log BLOB,
    PRIMARY KEY (name, number)
);
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT);
"""


@dataclass
class Entry:
    """A file of the batch. `key`: of what its outcome depends on beside itself; `stat`: how it lay on the disk.

    `about`: what had to be found out before its first part was read; `head`: its line of the log where its pieces have
    only those of its corrections. `done`: it is written to `target`.
    """

    name: str
    key: str
    stat: str = ""
    sha256: str = ""
    about: str = ""
    decisions: str = ""
    target: str = ""
    target_stat: str = ""
    target_sha256: str = ""
    head: bytes = b""
    done: bool = False


@dataclass
class Kept:
    """A finished piece of a file."""

    number: int
    decisions: str
    entries: int
    tally: Tally
    failures: tuple[tuple[str, str], ...] = field(default=())


class Journal:
    """Raises `InputError`: another run is at work, a damaged file; `DiskFull`."""

    def __init__(self, folder: str | None) -> None:
        """In `folder`, which is made, or in memory."""
        self.folder = folder
        self.path = ":memory:" if folder is None else os.path.join(folder, FILE)
        if folder is not None:
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise InputError(f"{shown(folder)}: {(error.strerror or str(error)).lower()}") from None
        self._synced = time.monotonic()
        with self._errors():
            self._base = sqlite3.connect(self.path, timeout=0.2, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._base.close()
                raise

    def _open(self) -> None:
        run = self._base.execute
        run("PRAGMA locking_mode = EXCLUSIVE")  # two runs into one folder would undo each other
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN EXCLUSIVE")
        if run("PRAGMA user_version").fetchone()[0] != _VERSION:
            for (table,) in run("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                run(f'DROP TABLE "{table}"')
            for statement in _TABLES.split(";"):
                run(statement)
            run(f"PRAGMA user_version = {_VERSION}")
        run("COMMIT")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = " ".join(str(error).split())
            if "full" in text or ("disk I/O" in text and self._no_room()):
                raise DiskFull(f"{shown(self.path)}: no space left on the disk") from None
            if "locked" in text:
                raise InputError(f"{shown(self.path)}: another run is writing there") from None
            raise InputError(f"{shown(self.path)}: {text}; delete it to begin anew") from None

    def _no_room(self) -> bool:
        return self.folder is not None and shutil.disk_usage(self.folder).free < 1 << 18

    def file(self, name: str) -> Entry | None:
        with self._errors():
            row = self._base.execute("SELECT * FROM file WHERE name = ?", (os.fsencode(name),)).fetchone()
        if row is None:
            return None
        _, key, stat, sha256, about, decisions, target, target_stat, target_sha256, head, done = row
        target = os.fsdecode(target)
        return Entry(name, key, stat, sha256, about, decisions, target, target_stat, target_sha256, head, bool(done))

    def put_file(self, e: Entry) -> None:
        row = (os.fsencode(e.name), e.key, e.stat, e.sha256, e.about, e.decisions, os.fsencode(e.target),
               e.target_stat, e.target_sha256, e.head, int(e.done))  # fmt: skip
        with self._errors():
            self._base.execute(f"INSERT OR REPLACE INTO file VALUES ({', '.join('?' * len(row))})", row)
        self._sync()

    def forget(self, name: str) -> None:
        """Everything about a file."""
        with self._errors(), transaction(self._base):
            self._base.execute("DELETE FROM piece WHERE name = ?", (os.fsencode(name),))
            self._base.execute("DELETE FROM file WHERE name = ?", (os.fsencode(name),))

    def put(self, name: str, number: int, piece: Piece, entry: Entry | None = None) -> None:
        """Keep a finished piece; with it, at once, what is known of its file."""
        failures = "\0".join(part for pair in piece.failures for part in pair).encode("utf-8", "surrogatepass")
        row = (os.fsencode(name), number, piece.decisions, piece.entries, piece.tally.written(), failures,
               zlib.compress(piece.log, 1))  # fmt: skip
        with self._errors(), transaction(self._base):
            self._base.execute("INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            if entry is not None:
                self.put_file(entry)
        self._sync()

    def drop(self, name: str, number: int) -> None:
        with self._errors():
            self._base.execute("DELETE FROM piece WHERE name = ? AND number = ?", (os.fsencode(name), number))

    def pieces(self, name: str) -> Iterator[Kept]:
        """The finished pieces of a file, in order."""
        with self._errors():
            for number, decisions, entries, tally, text in self._base.execute(
                "SELECT number, decisions, entries, tally, failures FROM piece WHERE name = ? ORDER BY number",
                (os.fsencode(name),),
            ):
                parts = text.decode("utf-8", "surrogatepass").split("\0") if text else []
                failures = tuple(zip(parts[::2], parts[1::2], strict=True))
                yield Kept(number, decisions, entries, Tally.read(tally), failures)

    def numbers(self, name: str) -> set[int]:
        with self._errors():
            rows = self._base.execute("SELECT number FROM piece WHERE name = ?", (os.fsencode(name),))
            return {row[0] for row in rows}

    def log(self, name: str, number: int) -> bytes:
        """The lines of the log of a piece, nothing for one that is not there."""
        with self._errors():
            found = self._base.execute(
                "SELECT log FROM piece WHERE name = ? AND number = ?", (os.fsencode(name), number)
            ).fetchone()
        return zlib.decompress(found[0]) if found else b""

    def keep_only(self, names: set[str]) -> None:
        """Forget all files but these."""
        with self._errors():
            rows = self._base.execute("SELECT name FROM file").fetchall()
        for (name,) in rows:
            if os.fsdecode(name) not in names:
                self.forget(os.fsdecode(name))

    def state(self, name: str) -> str:
        with self._errors():
            row = self._base.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set_state(self, name: str, value: str) -> None:
        with self._errors():
            self._base.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def _sync(self) -> None:
        """Make it last through a power cut, now and then: a row that is lost is only work to be done again."""
        if time.monotonic() - self._synced > _SYNC_EVERY and not self._base.in_transaction:
            with self._errors():
                self._base.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._synced = time.monotonic()
