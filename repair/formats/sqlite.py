"""What the SQLite files of this package have in common."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(base: sqlite3.Connection, *, writing: bool = False) -> Iterator[None]:
    """All that is done inside, or nothing; `base` must be in autocommit mode. `writing`: wait for others that write at
    the start, and not in the middle."""
    base.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
    try:
        yield
    except BaseException:
        base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")
