"""Decisions written back into logs, as the statuses of their corrections, so that `repair apply` carries them out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from repair.formats.plain import InputError
from repair.log import DECIDED, LogEntry, LoggedDocument, LogHeader, LogReader, Status, carried_out, save_log
from repair.text import LEVELS, Correction, line_column, line_starts

from .decisions import Decision, Settled, opinions, settled, standing
from .sources import Source, Sources
from .store import Store

HELD_BACK = "; not applied: "
"""In the reason of a correction that a run could not carry out, whatever its level."""


@dataclass
class Exported:
    """What was written: corrections by status, places on which reviewers disagree, and documents that could not be
    brought up to date, with the reason."""

    statuses: Counter[Status] = field(default_factory=Counter)
    conflicts: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def decided(self) -> int:
        return self.statuses["accepted"] + self.statuses["rejected"] + self.statuses["edited"]


class ExportError(ValueError):
    """A document whose decisions cannot be written into its log."""


def export(logs: Sequence[str], store: Store, sources: Sources) -> Exported:
    """Write the decisions of `store` into the logs, each whole or not at all.

    Documents that nobody decided about keep their lines. What reviewers disagree about stays as the run left it.
    Raises `LogError`, `InputError`.
    """
    out = Exported()
    known = store.documents()
    for log in logs:
        with LogReader(log) as reader:
            save_log(log, _documents(reader, known, store, sources, out), reader.header)
    return out


def _documents(
    reader: LogReader, known: frozenset[str], store: Store, sources: Sources, out: Exported
) -> Iterator[LoggedDocument]:
    for document in reader:
        key = document.record.sha256_original
        if key in known:
            decisions = store.decisions(key)
            out.conflicts += sum(o.conflict for o in opinions(decisions).values())
            try:
                document = under(document, reader.header, standing(decisions), partial(sources.source, document))
            except (ExportError, InputError) as error:
                out.left.append((document.record.path or document.record.id, str(error)))
        out.statuses.update(entry.status for entry in document.entries)
        yield document


def under(
    document: LoggedDocument,
    header: LogHeader,
    decisions: Sequence[Decision],
    source: Callable[[], Source | None],
) -> LoggedDocument:
    """A logged document under decisions (see `standing`); `source` finds its text where that is needed.

    Raises `ExportError`: the text is needed and not there, or the page cannot hold what a person wrote.
    """
    applied: list[Correction] = []
    proposed: list[Correction] = []
    entries: dict[Correction, LogEntry] = {}
    for entry in document.entries:
        c, status = as_found(entry, header)
        (applied if status == "applied" else proposed).append(c)
        entries.setdefault(c, entry)
    found = settled(applied, proposed, decisions)
    done = tuple(_entry(item, entries, document, source) for item in found)
    if Counter(done) == Counter(document.entries):
        return document
    there = source()
    if there is not None:
        repaired = hashlib.sha256(carried_out(there.data, document.record, done)).hexdigest()
        return LoggedDocument(replace(document.record, sha256_repaired=repaired), done)
    if not any(entry.status in DECIDED for entry in done):
        raise ExportError("its text was not found, or has changed")  # the digest of what it is now is not known
    return LoggedDocument(document.record, done)


def as_found(entry: LogEntry, header: LogHeader) -> tuple[Correction, Status]:
    """A correction as the run left it, before anybody decided about it."""
    c = entry.as_proposed
    if entry.status in ("applied", "proposed"):
        return c, entry.status
    within = LEVELS.index(c.level) <= LEVELS.index(header.level) and HELD_BACK not in f"; {c.reason}"
    return c, "applied" if within else "proposed"


def _entry(
    item: Settled,
    entries: dict[Correction, LogEntry],
    document: LoggedDocument,
    source: Callable[[], Source | None],
) -> LogEntry:
    c = item.correction
    known = entries.get(c if item.proposed is None else replace(c, after=item.proposed))
    if known and known.correction.after == c.after:
        return replace(known, correction=c, status=item.status, proposed=item.proposed)
    if known and not document.record.spliced:
        return replace(known, correction=c, status=item.status, proposed=item.proposed, splices=())
    there = source()
    if there is None:
        raise ExportError("its text was not found, or has changed")
    line, column = (known.line, known.column) if known else line_column(line_starts(there.text), c.start)
    splices = there.page.splices(c) if there.page else ()
    if document.record.spliced and not splices:
        raise ExportError(f"the page cannot hold what was decided at line {line}, column {column}")
    return LogEntry(c, item.status, line, column, 0, splices, item.proposed)
