"""What one process does: it repairs a file, a chunk of one, or records, one task after the other."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from repair import __version__
from repair.formats.files import OCR_EXTENSIONS, STDIN, one_line, read_bytes
from repair.formats.plain import InputError, TextFile, decode, encode, newline_style, representable, shown

from .together import together

if TYPE_CHECKING:
    from repair.formats.chunks import Chunk, Large
    from repair.formats.ocr import OcrFile
    from repair.log import DocumentRecord, LoggedDocument, LogHeader, Status, WitnessFile
    from repair.pipeline import Pipeline
    from repair.review.decisions import Decision
    from repair.review.store import Store
    from repair.text import Correction, Level, Result

    Decisions = Mapping[Correction, tuple[Status, str | None]]

_PROBE = "据《日报》报道，政策支持 and 体制保障，推动环研工作者围绕目\n\n标工作。臺灣後來的發展"
"""Damage of many kinds: repairing it loads what the filters need, so that a broken model shows at the start."""


@dataclass(frozen=True)
class Job:
    """What a process needs to repair texts."""

    profile: str | None
    level: str | None
    lexicon: str | None
    dictionaries: str | None
    encoding: str | None
    start: str
    as_page: bool = False  # pages are written as pages, and not as running text
    witnesses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input -> the files that are other readings of it."""
    decisions: str | None = None
    """The store of what people decided about these texts before."""
    neural: str | None = None
    """The model that is asked for a second opinion."""


@dataclass(frozen=True)
class Outcome:
    """One repaired file: its bytes before and after, how it was decoded, what was found.

    `decided`: the statuses of corrections that people decided about before, with what was proposed where they changed
    it. `dropped` counts the corrections that its encoding cannot hold; they are among the suggestions, as are the
    `kept` ones, which are about the running text and not about the page. Of a page `file` is the running text;
    `logged` is what the log says of it.
    """

    name: str
    file: TextFile
    original: bytes
    repaired: bytes
    result: Result
    dropped: int = 0
    kept: int = 0
    logged: LoggedDocument | None = None
    witnesses: tuple[WitnessFile, ...] = ()
    decided: Decisions = field(default_factory=dict)

    @property
    def undecided(self) -> Result:
        """The result without the suggestions that people have turned down."""
        rest = tuple(c for c in self.result.suggestions if c not in self.decided)
        return replace(self.result, suggestions=rest)

    @property
    def record(self) -> LoggedDocument:
        """What goes into the log."""
        from repair.log import LoggedDocument, document_record, entries_of

        if self.logged:
            return replace(self.logged, record=replace(self.logged.record, witnesses=self.witnesses))
        path = None if self.name == STDIN else self.name
        record = document_record(self.name, self.file, self.original, self.repaired, path)
        entries = entries_of(self.result, decided=self.decided)
        return LoggedDocument(replace(record, witnesses=self.witnesses), entries)


@dataclass(frozen=True)
class Failure:
    """A text that could not be repaired, and why, on one line."""

    name: str
    message: str


# --- tasks, and what comes of them


@dataclass(frozen=True)
class Look:
    """A file to be repaired with everything that was found; `data` where only the sender can read it."""

    name: str
    data: bytes | None = None


@dataclass(frozen=True)
class Whole:
    """A file to be repaired; only bytes come back."""

    name: str
    data: bytes | None = None


@dataclass(frozen=True)
class Part:
    """A chunk of a large text file."""

    name: str
    number: int
    large: Large
    chunk: Chunk


@dataclass(frozen=True)
class Lines:
    """Lines of JSON, the first of them number `first` (from 1) of the file."""

    name: str
    number: int
    column: str
    first: int
    lines: Sequence[bytes]


@dataclass(frozen=True)
class Texts:
    """Values of a column of text, the first of them number `first` (from 1)."""

    name: str
    number: int
    column: str
    first: int
    texts: Sequence[str | None]


@dataclass
class Tally:
    """What a summary counts. `rules`: "rule<TAB>level<TAB>applied or proposed" -> corrections."""

    documents: int = 0
    characters: int = 0
    applied: int = 0
    review: int = 0
    note: int = 0
    kept: int = 0
    decided: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def count(self, result: Result, decided: Decisions, kept: int = 0) -> None:
        self.documents += 1
        self.characters += len(result.original)
        self.applied += len(result.corrections)
        self.kept += kept
        self.decided += len(decided)
        for c in result.corrections:
            self.rules[f"{c.rule}\t{c.level}\tapplied"] += 1
        for c in result.suggestions:
            if c in decided:
                continue
            if c.level == "note":
                self.note += 1
            else:
                self.review += 1
            self.rules[f"{c.rule}\t{c.level}\tproposed"] += 1

    def add(self, other: Tally) -> None:
        for name in ("documents", "characters", "applied", "review", "note", "kept", "decided"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rules.update(other.rules)

    def written(self) -> str:
        return json.dumps(vars(self))

    @classmethod
    def read(cls, text: str) -> Tally:
        values = json.loads(text)
        return cls(**{**values, "rules": Counter(values["rules"])})


@dataclass(frozen=True)
class Piece:
    """What came of a task: lines of the log, counts, and what in it failed, with the reason.

    `decisions`: a digest of what people decided about it. For a file `data` are its repaired bytes, `sha256` is of
    the original ones; `entries` counts the corrections in `log`.
    """

    log: bytes
    tally: Tally
    failures: tuple[tuple[str, str], ...] = ()
    decisions: str = ""
    entries: int = 0
    data: bytes = b""
    sha256: str = ""
    warnings: tuple[str, ...] = ()


Task = Look | Whole | Part | Lines | Texts
Answer = Outcome | Piece | Failure


# --- this process


def configured(job: Job) -> tuple[Pipeline, Level]:
    """The pipeline and level of the arguments, completed by ``[tool.repair]`` of the project."""
    from repair.language.resources import Resources
    from repair.pipeline import Pipeline
    from repair.profiles import filters_of, project_settings

    path, project = project_settings(Path(job.start))
    profile = job.profile or str(project.get("profile", "default"))
    level: Level = "review" if (job.level or project.get("level")) == "review" else "safe"
    lexicon = job.lexicon
    if lexicon is None and "lexicon" in project and path is not None:
        lexicon = str(path.parent / project["lexicon"])
    try:
        filters = filters_of(profile, project)
    except ValueError as error:
        if path is None or (job.profile and profile not in project.get("profiles", {})):
            raise
        raise InputError(f"{path}: {error}") from None
    resources = Resources(job.dictionaries, job.neural) if job.dictionaries or job.neural else None
    return Pipeline(filters, lexicon=lexicon, resources=resources, profile=profile), level


def header_of(job: Job) -> LogHeader:
    """What the log says about how it was made."""
    from repair.log import LogHeader, ResourceVersion

    pipeline, level = configured(job)
    resources = [ResourceVersion(name, __version__, digest) for name, digest in pipeline.resources.digests().items()]
    if pipeline.lexicon:
        resources.append(ResourceVersion("lexicon", "user", pipeline.lexicon.digest))
    return LogHeader(__version__, pipeline.profile, level, tuple(resources))


def settings_digest(job: Job) -> str:
    """Changes with everything but the texts themselves that an outcome depends on."""
    pipeline, level = configured(job)
    filters = [(f.name, sorted((key, repr(value)) for key, value in f.settings.items())) for f in pipeline.filters]
    resources = sorted(pipeline.resources.digests().items())
    lexicon = pipeline.lexicon.digest if pipeline.lexicon else ""
    parts = [__version__, pipeline.profile, filters, level, resources, lexicon, job.encoding, job.as_page]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


_WORKER: tuple[Pipeline, Level, Job] | None = None
_STORE: Store | None = None


def start_worker(job: Job) -> None:
    """Make this process ready. Raises `ValueError`: a broken model, dictionary, profile or store of decisions."""
    global _STORE, _WORKER
    pipeline, level = configured(job)
    pipeline(_PROBE, level="review")
    _WORKER = (pipeline, level, job)
    _STORE = None
    if job.decisions is not None:
        from repair.review.store import Store

        _STORE = Store(job.decisions, create=False)


def repaired_text(text: str, where: str) -> Result:
    """`text` repaired in this process; `where` it comes from serves messages. Raises `InputError`."""
    assert _WORKER is not None
    pipeline, level, _ = _WORKER
    try:
        return pipeline(text, level=level)
    except Exception as error:
        raise InputError(unrepairable(where, error)) from None


def work(task: Task) -> Answer:
    """Do a task; whatever is wrong with its text only comes back as a `Failure`, or in the piece."""
    if isinstance(task, Look):
        return _look(task.name, task.data)
    if isinstance(task, Whole):
        outcome = _look(task.name, task.data)
        return outcome if isinstance(outcome, Failure) else _piece(outcome)
    if isinstance(task, Part):
        return _part(task)
    if isinstance(task, Lines):
        return _lines(task)
    return _texts(task)


def _look(name: str, data: bytes | None = None) -> Outcome | Failure:
    assert _WORKER is not None
    pipeline, level, job = _WORKER
    label = "<stdin>" if name == STDIN else name
    try:
        if data is None:
            data = read_bytes(name)
        page = _page(data, label, job.encoding)
        file = page.plain if page else decode(data, encoding=job.encoding, name=label)
        others = [_witness(path) for path in job.witnesses.get(name, ())]
    except InputError as error:
        return Failure(name, one_line(error))
    try:
        layout = page.layout if page else None
        result = pipeline(file.text, level=level, layout=layout, witnesses=[text for text, _ in others])
        witnesses = tuple(witness for _, witness in others)
        as_page = page is not None and job.as_page
        sha256 = hashlib.sha256(data if as_page or not page else encode(page.text, file)).hexdigest()
        result, decided = _decided(result, standing_of(sha256))
        if page and as_page:
            return replace(_page_outcome(name, page, data, result, decided), witnesses=witnesses)
        result, repaired, dropped = writable(result, file)
    except Exception as error:
        return Failure(name, unrepairable(label, error))
    outcome = Outcome(name, file, data, repaired, result, dropped, witnesses=witnesses, decided=decided)
    return _text_outcome(outcome, page) if page else outcome


def _piece(outcome: Outcome) -> Piece:
    from repair.log import logged_lines

    tally = Tally()
    tally.count(outcome.result, outcome.decided, outcome.kept)
    document = outcome.record
    warnings = []
    name = shown(outcome.file.name)
    if count := outcome.file.lossy_bytes:
        warnings.append(f"{name}: {count} byte{'s' if count != 1 else ''} of no text, kept as found")
    if outcome.dropped:
        s = "s" if outcome.dropped != 1 else ""
        warnings.append(
            f"{name}: {outcome.dropped} correction{s} only proposed: {outcome.file.encoding} cannot hold the outcome"
        )
    log = "".join(logged_lines(document)).encode("utf-8")
    return Piece(
        log,
        tally,
        (),
        decisions_digest([document.record.sha256_original]),
        len(document.entries),
        outcome.repaired,
        document.record.source or document.record.sha256_original,
        tuple(warnings),
    )


def _part(task: Part) -> Piece:
    """The lines of corrections only: the file's own line is written when all of it is through."""
    from repair.formats.chunks import as_file
    from repair.log import entries_of, entry_line

    assert _WORKER is not None
    pipeline, level, _ = _WORKER
    chunk, large = task.chunk, task.large
    file = as_file(chunk.text, large, task.name)
    tally = Tally()
    try:
        end = chunk.start + len(chunk.text)
        decisions = [
            replace(d, start=d.start - chunk.start, end=d.end - chunk.start)
            for d in standing_of(large.sha256)
            if chunk.start <= d.start and d.end <= end
        ]
        result, decided = _decided(pipeline(chunk.text, level=level), decisions)
        result, _, dropped = writable(result, file)
    except Exception as error:
        where = f"characters {chunk.start} to {chunk.start + len(chunk.text)}"
        return Piece(b"", Tally(0, len(chunk.text)), ((task.name, f"{where}: {unrepairable(task.name, error)}"),))
    tally.count(result, decided)
    tally.documents = 0
    record = part_record(task.name, large)
    log = []
    entries = entries_of(result, decided=decided)
    for e in entries:
        c = replace(e.correction, start=e.correction.start + chunk.start, end=e.correction.end + chunk.start)
        column = e.column + (chunk.column - 1 if e.line == 1 else 0)
        log.append(entry_line(record, replace(e, correction=c, line=e.line + chunk.line - 1, column=column)))
    s = "s" if dropped != 1 else ""
    warnings = (f"{shown(task.name)}: {dropped} correction{s} only proposed: {large.encoding} cannot hold the outcome",)
    return Piece(
        "".join(log).encode("utf-8"),
        tally,
        (),
        decisions_digest([large.sha256]),
        len(entries),
        warnings=warnings if dropped else (),
    )


def part_record(name: str, large: Large) -> DocumentRecord:
    """The record of a large file as far as it is known before it was read."""
    from repair.log import DocumentRecord

    return DocumentRecord(name, name, large.encoding, large.bom, "none", 0, large.sha256, large.sha256)


def _lines(task: Lines) -> Piece:
    from repair.formats.jsonl import RecordError, TextField, field_of
    from repair.formats.ocr import spliced
    from repair.log import LoggedDocument, entries_of, logged_lines

    tally = Tally()
    log: list[str] = []
    failures: list[tuple[str, str]] = []
    known: list[str] = []
    fields: list[TextField | RecordError | None] = []
    for number, data in enumerate(task.lines, task.first):
        try:
            fields.append(field_of(data, task.column, first=number == 1))
        except RecordError as error:
            fields.append(error)
    results = _together(found.text for found in fields if isinstance(found, TextField))
    for number, (data, found) in enumerate(zip(task.lines, fields, strict=True), task.first):
        id_ = f"{task.name}#{number}"
        if isinstance(found, RecordError):
            failures.append((id_, f"{shown(id_)}: {one_line(found)}"))
            continue
        if found is None:
            continue
        if not found.text:
            tally.documents += 1
            continue
        try:
            result, decided, sha256 = _record_text(found.text, results.get(found.text))
            splices = found.all_splices(result.corrections)
            new = spliced(data, [splice for each in splices.values() for splice in each])
            again = field_of(new, task.column, first=number == 1) if splices else found
            if again is None or again.text != result.text:
                raise InputError("JSON would be read back otherwise")
            if result.corrections or result.suggestions:
                rest = {c: found.splices(c) for c in result.suggestions if c.level != "note"}
                record = record_of(task.name, number, "jsonl", task.column, found.text, result.text)
                log += logged_lines(LoggedDocument(record, entries_of(result, splices | rest, decided)))
                known.append(sha256)
        except Exception as error:
            failures.append((id_, unrepairable(id_, error)))
            continue
        tally.count(result, decided)
    return Piece("".join(log).encode("utf-8"), tally, tuple(failures), decisions_digest(known))


def _texts(task: Texts) -> Piece:
    from repair.log import LoggedDocument, entries_of, logged_lines

    tally = Tally()
    log: list[str] = []
    failures: list[tuple[str, str]] = []
    known: list[str] = []
    results = _together(task.texts)
    for number, text in enumerate(task.texts, task.first):
        id_ = f"{task.name}#{number}"
        if not text:
            tally.documents += text is not None
            continue
        try:
            result, decided, sha256 = _record_text(text, results.get(text))
            result.text.encode("utf-8")
        except Exception as error:
            failures.append((id_, unrepairable(id_, error)))
            continue
        if result.corrections or result.suggestions:
            record = record_of(task.name, number, "parquet", task.column, text, result.text)
            log += logged_lines(LoggedDocument(record, entries_of(result, decided=decided)))
            known.append(sha256)
        tally.count(result, decided)
    return Piece("".join(log).encode("utf-8"), tally, tuple(failures), decisions_digest(known))


def _record_text(text: str, result: Result | None) -> tuple[Result, Decisions, str]:
    """A record's result under decisions; `result` where it was found before."""
    assert _WORKER is not None
    pipeline, level, _ = _WORKER
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    result, decided = _decided(result or pipeline(text, level=level), standing_of(sha256))
    return result, decided, sha256


def _together(texts: Iterable[str | None]) -> dict[str, Result]:
    """The results of many texts by this process's pipeline."""
    assert _WORKER is not None
    pipeline, level, _ = _WORKER
    return together(pipeline, (text for text in texts if text), level=level)


def record_of(name: str, number: int, format_: str, column: str, before: str, after: str) -> DocumentRecord:
    """The record of one text in a file of many."""
    from repair.log import DocumentRecord

    was, now = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in (before, after))
    newline = newline_style(before)
    return DocumentRecord(
        f"{name}#{number}", name, "utf-8", False, newline, len(before), was, now, format_, column=column, record=number
    )


# --- decisions


def standing_of(sha256: str) -> list[Decision]:
    """What people have decided about the text with this digest."""
    if _STORE is None:
        return []
    from repair.review.decisions import standing

    return standing(_STORE.decisions(sha256))


def decisions_digest(documents: Iterable[str]) -> str:
    """Changes when decisions about these texts do; empty where there are none."""
    if _STORE is None:
        return ""
    found = []
    for sha256 in documents:
        rows = [(d.start, d.end, d.before, d.after, d.text, d.verdict) for d in standing_of(sha256)]
        if rows:
            found.append((sha256, rows))
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:32] if found else ""


def _decided(result: Result, decisions: Sequence[Decision]) -> tuple[Result, Decisions]:
    """`result` as people have decided about this text before, with the statuses of what they decided."""
    if not decisions:
        return result, {}
    from repair.review.decisions import decided

    result, found = decided(result, decisions)
    return result, {s.correction: (s.status, s.proposed) for s in found if s.status not in ("applied", "proposed")}


# --- pages


def _witness(path: str) -> tuple[str, WitnessFile]:
    """The text of another reading, and what the log says of it. Raises `InputError`."""
    from repair.log import WitnessFile

    data = read_bytes(path)
    page = _page(data, path, None)
    file = page.plain if page else decode(data, name=path)
    return file.text, WitnessFile(path, hashlib.sha256(data).hexdigest())


def _page(data: bytes, label: str, encoding: str | None) -> OcrFile | None:
    """The file as OCR output, None for text. Raises `InputError` where its name says that it is no text."""
    if label != "<stdin>" and not label.lower().endswith(OCR_EXTENSIONS):
        return None
    from repair.formats.ocr import read_ocr, sniffed

    if label != "<stdin>":
        return read_ocr(data, encoding=encoding, name=label)
    kind = sniffed(data)
    if kind is None:
        return None
    try:
        return read_ocr(data, format=kind, encoding=encoding, name=label)
    except InputError:
        if kind == "ocr-json":  # text may start with brackets too
            return None
        raise


def _page_outcome(name: str, page: OcrFile, data: bytes, result: Result, decided: Decisions) -> Outcome:
    """`result` written into the page; what is about the running text only becomes a suggestion."""
    from repair.log import LoggedDocument, entries_of, page_record

    written = page.rewritten(result.corrections)
    result = result.holding_back(written.kept)
    splices = {c: page.splices(c) for c in result.suggestions if c.level != "note"} | dict(written.splices)
    record = page_record(name, page, data, written.data, None if name == STDIN else name)
    logged = LoggedDocument(record, entries_of(result, splices, decided))
    return Outcome(name, page.plain, data, written.data, result, 0, len(written.kept), logged, decided=decided)


def _text_outcome(outcome: Outcome, page: OcrFile) -> Outcome:
    """`outcome`, whose original is the running text of a page, with a record that says so."""
    from repair.log import LoggedDocument, document_record, entries_of

    path = None if outcome.name == STDIN else outcome.name
    before = encode(page.text, outcome.file)
    record = document_record(outcome.name, outcome.file, before, outcome.repaired, path)
    record = replace(record, format=page.format, source=hashlib.sha256(outcome.original).hexdigest())
    return replace(
        outcome, original=before, logged=LoggedDocument(record, entries_of(outcome.result, decided=outcome.decided))
    )


# --- small parts


def unrepairable(label: str, error: Exception) -> str:
    """Why a text cannot be repaired, on one line; what is wrong with every text is raised on."""
    if type(error).__module__.startswith("repair.language"):
        raise error  # a broken model or dictionary: no file would fare better
    return f"{shown(label)}: cannot be repaired ({type(error).__name__}: {one_line(error)})"


def writable(result: Result, file: TextFile) -> tuple[Result, bytes, int]:
    """`result` as far as the file's encoding can hold it, its bytes, and how many corrections had to stay proposals."""
    try:
        return result, encode(result.text, file), 0
    except InputError:
        pass

    def lone(text: str) -> bool:
        return any("\ud800" <= ch <= "\udfff" for ch in text)

    def unwritable(c: Correction) -> bool:
        return not representable(c.after, file)

    def beside_bytes(c: Correction) -> bool:
        # Bytes kept from a damaged file may make a character with what comes to stand beside them.
        return lone(result.original[max(0, c.start - 1) : c.end + 1]) or lone(c.after)

    dropped: set[Correction] = set()
    for reason, test in (
        (f"{file.encoding} has no code for it", unwritable),
        ("beside bytes that are no text", beside_bytes),
        ("the text could not be written", lambda _: True),
    ):
        new = {c for c in result.corrections if c not in dropped and test(c)}
        dropped |= new
        result = result.holding_back(dict.fromkeys(new, reason))
        with contextlib.suppress(InputError):
            return result, encode(result.text, file), len(dropped)
    raise AssertionError("a text without corrections is written as it was read")


def piped(name: str) -> bytes | None:
    """The content of what only this process can read: a worker has another stdin, and none of our pipes."""
    if os.path.isfile(name):
        return None
    try:
        return read_bytes(name)
    except InputError:
        return None  # the worker finds the same and says so


def looks(names: Iterable[str]) -> Iterator[Look]:
    return (Look(name, piped(name)) for name in names)
