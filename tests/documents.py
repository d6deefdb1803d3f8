"""Documents for the tests of engines, and workers that die: both by one's own processes and an engine's."""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from cases import FIXTURES, all_cases


@cache
def _pieces() -> tuple[str, ...]:
    """Short stretches of text, damaged and not."""
    paths = [*sorted((FIXTURES / "must_not_change").glob("*.txt")), FIXTURES / "page" / "page.md"]
    paragraphs = [p for path in paths for p in path.read_text(encoding="utf-8").split("\n\n")]
    cases = [case.before for case in all_cases() if not case.witnesses]
    # Arrow holds no lone surrogates.
    return tuple(p for p in (*paragraphs, *cases) if 5 < len(p) < 60 and not any("\ud800" <= c <= "\udfff" for c in p))


def documents(number: int) -> list[dict[str, Any]]:
    """The same records whenever it is asked: texts, some of them null, beside columns of other types."""
    return [_document(i) for i in range(number)]


def _document(i: int) -> dict[str, Any]:
    chance = random.Random(i)
    text = "\n\n".join(chance.choices(_pieces(), k=chance.randint(1, 3)))
    return {
        "id": i,
        "text": None if i % 101 == 7 else text,
        "big": None if i % 3 == 0 else 2**62 + i,
        "score": i / 7,
        "meta": {"source": f"page {i}", "tags": ["甲", None] if i % 2 else []},
    }


def digest(records: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of text and log of the records in order of their ids."""
    out = hashlib.sha256()
    for record in sorted(records, key=lambda record: int(record["id"])):
        cells = (str(int(record["id"])), record["text"] or "", record["repair_log"] or "")
        out.update("\x00".join(cells).encode() + b"\x01")
    return out.hexdigest()


def die_once(marker: str | Path) -> None:
    """Kill the process that calls this, but only the first one to do so."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class Fatal:
    """A callable that kills its process in place of its call number `call`; what runs in its stead goes on."""

    def __init__(self, inner: Any, marker: str | Path, call: int = 2) -> None:
        self.inner, self.marker, self.call, self.calls = inner, str(marker), call, 0

    def __call__(self, batch: Any) -> Any:
        self.calls += 1
        if self.calls == self.call:
            die_once(self.marker)
        return self.inner(batch)

    def iterate(self, batches: Iterable[Any]) -> Iterable[Any]:
        return map(self, batches)
