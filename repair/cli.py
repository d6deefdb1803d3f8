"""The command line. Data goes to stdout, messages to stderr.

Exit status: 0 done (for ``check``: nothing found), 1 damage found by ``check``, 2 bad input or usage,
130 interrupted. Where one of several files cannot be read or written, the others are still done: the bad
one gets its line on stderr and the status is 2. Every file is written whole or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from . import __version__
from .formats.files import OCR_EXTENSIONS, STDIN, located, read_bytes, refuse_overwrite, same_file, write_atomic
from .formats.plain import InputError, TextFile, decode, encode, representable, shown

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from .evaluate import PageInfo
    from .formats.ocr import OcrFile
    from .log import LoggedDocument, LogHeader, Status, WitnessFile
    from .pipeline import Pipeline
    from .review.batch import ReviewDocument
    from .review.store import Store
    from .review.teach import Teacher
    from .text import Correction, Level, Result

    Decisions = Mapping[Correction, tuple[Status, str | None]]

EXIT_CLEAN, EXIT_FOUND, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130
EXIT_PIPE = 141
"""Nobody reads our output any more: what a program that the signal SIGPIPE ends leaves as its status."""

_PROBE = "据《日报》报道，政策支持 and 体制保障，推动环研工作者围绕目\n\n标工作。臺灣後來的發展"
"""Damage of many kinds: repairing it loads what the filters need, so that a broken model shows at the start."""


@dataclass(frozen=True)
class Job:
    """What a worker process needs to repair a file."""

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
        from .log import LoggedDocument, document_record, entries_of

        if self.logged:
            return replace(self.logged, record=replace(self.logged.record, witnesses=self.witnesses))
        path = None if self.name == STDIN else self.name
        record = document_record(self.name, self.file, self.original, self.repaired, path)
        entries = entries_of(self.result, decided=self.decided)
        return LoggedDocument(replace(record, witnesses=self.witnesses), entries)


@dataclass(frozen=True)
class Failure:
    """A file that could not be repaired, and why, on one line."""

    name: str
    message: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _say(f"error: {_flat(message)} (see {self.prog} --help)")
        sys.exit(EXIT_ERROR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    with _signals():
        try:
            try:
                args = _parser().parse_args(arguments)
                status: int = args.run(args)
            except SystemExit as end:  # --help, --version, bad usage
                status = int(end.code or 0)
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except BrokenPipeError:
            # The reader of our output has gone (head, less): not an error worth a message.
            _abandon_stdout()
            return EXIT_PIPE
        except KeyboardInterrupt:
            _abandon_stdout()
            _say("interrupted")
            return EXIT_INTERRUPTED
        except _Ended as end:
            _abandon_stdout()
            return 128 + end.number
        except (ValueError, OSError) as error:
            # InputError, LogError, LexiconError, ResourceError and ModelError are ValueErrors that say what is
            # wrong with which file; anything else of that kind is a bad argument.
            _abandon_stdout()
            _say(f"error: {_one_line(error)}")
            return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="repair",
        description="Repairs Chinese text that came out of OCR; every change is on record.",
        epilog="Exit status: 0 done, 1 damage found (check), 2 error. 'repair COMMAND --help' explains a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"repair {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], help_: str, *parents: _Parser
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(
            name, help=help_, description=help_[0].upper() + help_[1:] + ".", parents=[*parents], allow_abbrev=False
        )
        sub.set_defaults(run=run)
        return sub

    options = _Parser(add_help=False)
    options.add_argument("--level", choices=("safe", "review"), help="what is applied (default: safe)")
    options.add_argument("--profile", help="filters to run (default: default)")
    options.add_argument(
        "--lexicon",
        metavar="DIR",
        help="folder with the project's own words (trust.txt, never.txt, replace.txt, and what reviews teach)",
    )
    options.add_argument("--dictionaries", metavar="DIR", help="models and tables to use instead of the shipped ones")
    options.add_argument("--encoding", help="encoding of the input (default: found out)")
    options.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes (default: 1)")
    inputs = _Parser(add_help=False, parents=[options])
    inputs.add_argument(
        "paths",
        nargs="*",
        default=[STDIN],
        metavar="PATH",
        help="file, folder, glob, or - for stdin: text, or OCR output in hOCR, ALTO, PAGE-XML (.hocr, .html, .xml) or "
        "the JSON of RapidOCR or PaddleOCR",
    )
    inputs.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="PATH",
        help="another reading of the input: a file, or for several inputs a folder or glob whose files have the same "
        "names (may be given several times)",
    )
    inputs.add_argument(
        "--decisions",
        metavar="FILE",
        help="what people decided about these texts before (default: decisions.sqlite beside the log, if it is there)",
    )
    running = "; lines and columns of OCR output are those of its running text"

    sub = command("clean", _clean, "repair files", inputs)
    sub.add_argument("-o", "--output", metavar="OUT", help="file, or folder for several files (default: stdout)")
    sub.add_argument("--log", metavar="LOG.jsonl", help="write the diff log here")
    sub.add_argument(
        "--to",
        choices=("text",),
        help="write the running text of OCR output (default: the same format, of which only the words change)",
    )
    sub.add_argument("-q", "--quiet", action="store_true", help="no summary")

    sub = command("check", _check, f"report damage and change nothing{running}", inputs)
    sub.add_argument("--output-format", choices=("text", "jsonl", "sarif", "github"), default="text")

    sub = command("diff", _diff, f"show what clean would change, as a unified diff{running}", inputs)
    sub.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour by character")

    for name, run, help_ in (
        ("apply", _apply, "make the repaired text from the original and its log"),
        ("revert", _revert, "make the original from the repaired text and its log"),
    ):
        sub = command(name, run, help_)
        sub.add_argument("text", metavar="TEXT", help="file, or - for stdin")
        sub.add_argument("--log", required=True, metavar="LOG.jsonl")
        sub.add_argument("--id", help="which document of the log TEXT is (default: found out)")
        sub.add_argument("-o", "--output", metavar="OUT", help="file (default: stdout)")

    sub = command("review", _review, "accept and reject corrections, in the browser or in the terminal")
    sub.add_argument("logs", nargs="+", metavar="LOG.jsonl")
    sub.add_argument(
        "--decisions", metavar="FILE", help="where they are kept (default: decisions.sqlite beside the log)"
    )
    sub.add_argument(
        "--texts",
        action="append",
        default=[],
        metavar="DIR",
        help="folder with the texts and scans, beside the current one and those of the logs",
    )
    sub.add_argument("--reviewer", metavar="NAME", help="who decides (default: the user's name)")
    sub.add_argument("--terminal", action="store_true", help="in the terminal")
    sub.add_argument("--lexicon", metavar="DIR", help="the project's dictionary folder, which learns from decisions")
    sub.add_argument(
        "--learn", action="store_true", help="show what the decisions teach the dictionary folder, and end"
    )
    sub.add_argument("--yes", action="store_true", help="with --learn: write all of it")
    sub.add_argument("--export", action="store_true", help="write the decisions made so far into the logs, and end")
    sub.add_argument("--port", type=_port, default=0, metavar="N", help="of the page (default: any that is free)")
    sub.add_argument("--no-browser", action="store_true", help="only say where the page is")

    sub = command("ocr", _ocr, "read images and PDF files with the OCR engines that are installed, and repair the text")
    sub.add_argument("paths", nargs="+", metavar="IMAGE|PDF", help="pictures of pages, PDF files, in their order")
    sub.add_argument("-o", "--output", metavar="OUT", help="file (default: stdout)")
    sub.add_argument("--log", metavar="LOG.jsonl", help="write the diff log here")
    sub.add_argument("--level", choices=("safe", "review"), help="what is applied (default: safe)")
    sub.add_argument("--engine", choices=("tesseract", "rapidocr", "both"), default="both", help="(default: both)")
    sub.add_argument("--to", choices=("text", "hocr"), help="what is written (default: by the name of OUT, else text)")
    sub.set_defaults(profile=None, lexicon=None, dictionaries=None, encoding=None)

    sub = command("report", _report, "write an HTML page to mail, with what was changed and why beside the texts")
    sub.add_argument("logs", nargs="+", metavar="LOG.jsonl")
    sub.add_argument("-o", "--output", required=True, metavar="OUT.html", help="file, or - for stdout")
    sub.add_argument("--texts", action="append", default=[], metavar="DIR", help="folder with the texts, as for review")
    sub.add_argument(
        "--decisions", metavar="FILE", help="store of a review (default: decisions.sqlite beside the first log, if any)"
    )
    sub.add_argument("--language", choices=("zh", "en"), help="(default: by the locale)")

    sub = command("rules", _rules, "explain the rules")
    sub.add_argument("rule", nargs="?", metavar="RULE")

    sub = command("eval", _eval, "measure the repair against what was printed", options)
    sub.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="table of pairs (id, source, target with tabs), folder of pages (folders with raw.txt and truth.txt, and "
        "perhaps meta.json), or text with --clean",
    )
    sub.add_argument("--clean", action="store_true", help="PATH is text without errors: every change is harm")
    sub.add_argument("--lines", action="store_true", help="with --clean: every line is a document")
    sub.add_argument("--by", metavar="LIST", help="break figures down by: engine,severity,rule (default: all of them)")
    sub.add_argument("--calibration", action="store_true", help="stated confidence against share right, for each rule")
    sub.add_argument("--limit", type=_positive, metavar="N", help="at most N documents, evenly spaced")
    sub.add_argument("--part", type=_part, metavar="N/M", help="pages whose unit (meta.json) leaves N divided by M")
    sub.add_argument("--json", action="store_true", help="JSON instead of tables")
    sub.add_argument(
        "--witness",
        action="store_true",
        help="pages only: each is repaired with the same page by the other engines beside it, and left out without one",
    )

    sub = command("train", _train, "rebuild the language model from text")
    sub.add_argument("corpus", nargs="+", metavar="CORPUS", help="text, a paragraph a line (.txt or .txt.xz)")
    sub.add_argument("-o", "--output", default="zh.ngram", metavar="FILE", help="model file (default: zh.ngram)")
    sub.add_argument("--order", type=int, default=5, help="longest n-gram (default: 5)")
    sub.add_argument("--prune", type=int, nargs="+", default=[0, 0, 1, 3, 5], metavar="N", help="thresholds by order")
    sub.add_argument(
        "--focus", action="append", default=[], metavar="CORPUS", help="more text, whose n-grams are kept first"
    )
    sub.add_argument(
        "--focus-weight", type=int, default=1, metavar="N", help="how many times more that text counts (default: 1)"
    )
    return parser


def _positive(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {value!r}")
    return int(value)


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number up to 65535, not {value!r}")
    return int(value)


def _part(value: str) -> tuple[int, int]:
    rest, _, divisor = value.partition("/")
    if not (value.isascii() and rest.isdigit() and divisor.isdigit() and int(rest) < int(divisor)):
        raise argparse.ArgumentTypeError(f"must be like 3/4, the first number smaller, not {value!r}")
    return int(rest), int(divisor)


# --- running the pipeline over files


def _job(args: argparse.Namespace) -> Job:
    if args.encoding is not None:
        decode(b"", encoding=args.encoding, name="--encoding")  # an unknown one is no fault of the files
    as_page = args.run is _clean and args.to is None
    start = os.getcwd()
    return Job(
        args.profile,
        args.level,
        args.lexicon,
        args.dictionaries,
        args.encoding,
        start,
        as_page,
        getattr(args, "beside", {}),
        _earlier(args),
    )


def _earlier(args: argparse.Namespace) -> str | None:
    """The store of earlier decisions: the one named, else one beside the log. Raises `InputError`."""
    named: str | None = getattr(args, "decisions", None)
    if named is not None:
        if not os.path.isfile(named):
            raise InputError(f"{shown(named)}: no such file")
        return named
    log = getattr(args, "log", None)
    if log is None or args.run is not _clean:
        return None
    from .review.store import beside

    found = str(beside(log))
    return found if os.path.isfile(found) else None


def _inputs(args: argparse.Namespace) -> list[tuple[str, str | None]]:
    """The input files with their folders; their witnesses are found as well, and those without one named on stderr."""
    from .formats.beside import witnesses_of

    found = list(located(args.paths))
    if args.witness:
        args.beside, missing = witnesses_of(found, args.witness)
        for message in missing:
            _say(f"warning: {message}")
    return found


def _configured(job: Job) -> tuple[Pipeline, Level]:
    """The pipeline and level of the arguments, completed by ``[tool.repair]`` of the project."""
    from .pipeline import Pipeline
    from .profiles import filters_of, project_settings

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
    return Pipeline(filters, lexicon=lexicon, resources=job.dictionaries, profile=profile), level


_WORKER: tuple[Pipeline, Level, Job] | None = None
_STORE: Store | None = None


def _start_worker(job: Job) -> None:
    global _STORE, _WORKER
    pipeline, level = _configured(job)
    pipeline(_PROBE, level="review")
    _WORKER = (pipeline, level, job)
    if job.decisions is not None:
        from .review.store import Store

        _STORE = Store(job.decisions, create=False)


def _work(name: str, data: bytes | None = None) -> Outcome | Failure:
    """Repair one file; whatever is wrong with that file only comes back as a `Failure`."""
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
        return Failure(name, _one_line(error))
    try:
        layout = page.layout if page else None
        result = pipeline(file.text, level=level, layout=layout, witnesses=[text for text, _ in others])
        witnesses = tuple(witness for _, witness in others)
        as_page = page is not None and job.as_page
        result, decided = _decided(result, data if as_page or not page else encode(page.text, file))
        if page and as_page:
            return replace(_page_outcome(name, page, data, result, decided), witnesses=witnesses)
        result, repaired, dropped = _writable(result, file)
    except Exception as error:
        return Failure(name, _unrepairable(label, error))
    outcome = Outcome(name, file, data, repaired, result, dropped, witnesses=witnesses, decided=decided)
    return _text_outcome(outcome, page) if page else outcome


def _decided(result: Result, original: bytes) -> tuple[Result, Decisions]:
    """`result` as people have decided about this text before, with the statuses of what they decided."""
    if _STORE is None:
        return result, {}
    from .review.decisions import decided, standing

    decisions = standing(_STORE.decisions(hashlib.sha256(original).hexdigest()))
    if not decisions:
        return result, {}
    result, found = decided(result, decisions)
    return result, {s.correction: (s.status, s.proposed) for s in found if s.status not in ("applied", "proposed")}


def _witness(path: str) -> tuple[str, WitnessFile]:
    """The text of another reading, and what the log says of it. Raises `InputError`."""
    from .log import WitnessFile

    data = read_bytes(path)
    page = _page(data, path, None)
    file = page.plain if page else decode(data, name=path)
    return file.text, WitnessFile(path, hashlib.sha256(data).hexdigest())


def _page(data: bytes, label: str, encoding: str | None) -> OcrFile | None:
    """The file as OCR output, None for text. Raises `InputError` where its name says that it is no text."""
    if label != "<stdin>" and not label.lower().endswith(OCR_EXTENSIONS):
        return None
    from .formats.ocr import read_ocr, sniffed

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
    from .log import LoggedDocument, entries_of, page_record

    written = page.rewritten(result.corrections)
    result = result.holding_back(written.kept)
    splices = {c: page.splices(c) for c in result.suggestions if c.level != "note"} | dict(written.splices)
    record = page_record(name, page, data, written.data, None if name == STDIN else name)
    logged = LoggedDocument(record, entries_of(result, splices, decided))
    return Outcome(name, page.plain, data, written.data, result, 0, len(written.kept), logged, decided=decided)


def _text_outcome(outcome: Outcome, page: OcrFile) -> Outcome:
    """`outcome`, whose original is the running text of a page, with a record that says so."""
    from .log import LoggedDocument, document_record, entries_of

    path = None if outcome.name == STDIN else outcome.name
    before = encode(page.text, outcome.file)
    record = document_record(outcome.name, outcome.file, before, outcome.repaired, path)
    record = replace(record, format=page.format, source=hashlib.sha256(outcome.original).hexdigest())
    return replace(
        outcome, original=before, logged=LoggedDocument(record, entries_of(outcome.result, decided=outcome.decided))
    )


def _unrepairable(label: str, error: Exception) -> str:
    """Why a text cannot be repaired, on one line; what is wrong with every text is raised on."""
    if type(error).__module__.startswith("repair.language"):
        raise error  # a broken model or dictionary: no file would fare better
    return f"{shown(label)}: cannot be repaired ({type(error).__name__}: {_one_line(error)})"


def _writable(result: Result, file: TextFile) -> tuple[Result, bytes, int]:
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


def _outcomes(args: argparse.Namespace, names: Sequence[str]) -> Iterator[Outcome | Failure]:
    """Every file's outcome, in order."""
    job = _job(args)
    _start_worker(job)  # with several processes too: a bad option is reported once, and not by every worker
    workers = min(args.workers, len(names))
    if workers <= 1:
        for name in names:
            yield _work(name)
        return
    yield from _parallel(job, names, workers)


def _parallel(job: Job, names: Sequence[str], workers: int) -> Iterator[Outcome | Failure]:
    """As `_outcomes`, by that many processes.

    Each process has one file at a time and a pipe of its own, with nothing shared: no process can hold up
    another one when it dies, and all of them end when this one does.
    """
    from multiprocessing import get_context
    from multiprocessing.connection import Connection, wait

    context = get_context("spawn")
    processes = []
    links: list[Connection] = []
    busy: dict[Connection, int] = {}  # the number of the file that is being worked on
    ready: dict[int, Outcome | Failure] = {}  # finished before its turn
    try:
        for _ in range(workers):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(job, theirs), daemon=True)
            with _uninterrupted():
                process.start()
                processes.append(process)
            theirs.close()
            links.append(mine)
        idle = list(links)
        given = 0
        for number in range(len(names)):
            while number not in ready:
                # Not too far ahead, so that results do not pile up behind a long text.
                while idle and given < min(len(names), number + 8 * workers):
                    link = idle.pop()
                    link.send((names[given], _piped(names[given])))
                    busy[link] = given
                    given += 1
                for done in wait(list(busy)):
                    assert isinstance(done, Connection)
                    answer = done.recv()
                    if isinstance(answer, Exception):
                        raise answer
                    ready[busy.pop(done)] = answer
                    idle.append(done)
            yield ready.pop(number)
    except (EOFError, ConnectionError):
        raise InputError("a worker process died (out of memory?); try fewer --workers") from None
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _serve(job: Job, link: Connection) -> None:
    """What a worker process does: one file after the other, until the pipe is closed."""
    try:
        _start_worker(job)
        while True:
            name, data = link.recv()
            try:
                link.send(_work(name, data))
            except ValueError as error:
                link.send(InputError(_one_line(error)))
    except (EOFError, ConnectionError):
        pass


def _piped(name: str) -> bytes | None:
    """The content of what only this process can read: a worker has another stdin, and none of our pipes."""
    if os.path.isfile(name):
        return None
    try:
        return read_bytes(name)
    except InputError:
        return None  # the worker finds the same and says so


def _clean(args: argparse.Namespace) -> int:
    found = _inputs(args)
    if args.output == STDIN:
        args.output = None
    targets = _targets(args, found)
    names = list(targets)
    witnesses = [path for paths in getattr(args, "beside", {}).values() for path in paths]
    for target in targets.values():
        if target is not None and witnesses:
            refuse_overwrite(target, witnesses)
    if args.log:
        _check_log_path(args.log, targets, witnesses)
    totals = {"applied": 0, "review": 0, "note": 0, "kept": 0, "decided": 0}
    failed = 0

    def finished() -> Iterator[LoggedDocument]:
        nonlocal failed
        for outcome in _outcomes(args, names):
            try:
                if isinstance(outcome, Failure):
                    raise InputError(outcome.message)
                _deliver(outcome.repaired, targets[outcome.name])
            except InputError as error:
                failed += 1
                _say(f"error: {_one_line(error)}")
                if len(names) == failed == 1:
                    raise _Reported from None
                continue
            name = shown(outcome.file.name)
            if outcome.file.lossy_bytes:
                count = outcome.file.lossy_bytes
                _say(f"warning: {name}: {count} byte{'s' if count != 1 else ''} of no text, kept as found")
            if outcome.dropped:
                codec = outcome.file.encoding
                _say(f"warning: {name}: {_count(outcome.dropped)} only proposed: {codec} cannot hold the outcome")
            totals["applied"] += len(outcome.result.corrections)
            totals["kept"] += outcome.kept
            totals["decided"] += len(outcome.decided)
            for c in outcome.result.suggestions:
                if c not in outcome.decided:
                    totals["note" if c.level == "note" else "review"] += 1
            yield outcome.record
        if failed == len(names):
            raise _Reported

    try:
        if args.log:
            from .log import save_log

            save_log(args.log, finished(), _header(args))
        else:
            for _ in finished():
                pass
    except _Reported:
        return EXIT_ERROR
    if not args.quiet:
        done = len(names) - failed
        where = f"{done} file{'s' if done != 1 else ''}"
        if len(names) == 1:
            where = shown("<stdin>" if names[0] == STDIN else names[0])
        rest = f" ({totals['kept']} of them about lines of the running text, see --to)" if totals["kept"] else ""
        rest += f"; {totals['decided']} as decided before" if totals["decided"] else ""
        rest += f"; {failed} failed" if failed else ""
        counts = f"{_count(totals['applied'])} applied, {totals['review']} proposed, {totals['note']} noted"
        _say(f"{where}: {counts}{rest}")
    return EXIT_ERROR if failed else EXIT_CLEAN


def _count(corrections: int) -> str:
    return f"{corrections} correction{'s' if corrections != 1 else ''}"


class _Reported(Exception):
    """All that was to be done has failed, and has been reported; nothing more is to be written."""


def _deliver(data: bytes, target: str | None) -> None:
    if target is None:
        _stdout().write(data)
        return
    folder = os.path.dirname(target)
    if folder:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise InputError(_one_line(error)) from None
    write_atomic(target, data)


def _check_log_path(log: str, targets: dict[str, str | None], witnesses: Iterable[str] = ()) -> None:
    if log == STDIN:
        raise InputError("--log needs the name of a file")
    refuse_overwrite(log, witnesses)
    for name, target in targets.items():
        if same_file(log, name):
            raise InputError(f"{shown(log)}: the log would overwrite an input")
        if target is not None and same_file(log, target):
            raise InputError(f"{shown(log)}: the log and a repaired text would be one file")


def _targets(args: argparse.Namespace, found: Sequence[tuple[str, str | None]]) -> dict[str, str | None]:
    """Input name -> output path (None: stdout). Raises `InputError` where outputs would collide or overwrite inputs."""
    names = [name for name, _ in found]
    if args.output is None:
        if len(names) > 1:
            raise InputError("several inputs need an output folder (-o DIR)")
        return dict.fromkeys(names)
    output: str = args.output
    is_folder = os.path.isdir(output)
    if len(found) == 1 and found[0][1] is None and not is_folder and not output.endswith(("/", os.sep)):
        refuse_overwrite(output, names)
        parent = os.path.dirname(output)
        if parent and not os.path.isdir(parent):
            raise InputError(f"{shown(output)}: no such folder to write to")
        return {names[0]: output}
    if os.path.lexists(output) and not is_folder:
        raise InputError(f"{shown(output)}: not a folder, as several inputs need it")
    inside = os.path.realpath(output) + os.sep
    # With several folders each keeps its name, as their files may have the same names.
    folders = {os.path.normpath(folder): folder for _, folder in found if folder is not None and os.path.isdir(folder)}
    targets: dict[str, str | None] = {}
    taken: dict[str, str] = {}
    for name, folder in found:
        if folder is None:
            relative = "stdin.txt" if name == STDIN else os.path.basename(name)
        else:
            relative = os.path.relpath(name, folder)
            # What an earlier run put there is no input.
            top = os.path.realpath(folder) + os.sep
            if os.path.realpath(name).startswith(inside) and not top.startswith(inside):
                continue
            if len(folders) > 1:
                relative = os.path.join(os.path.basename(os.path.realpath(folder)), relative)
        if args.to and relative.lower().endswith(OCR_EXTENSIONS):
            relative = os.path.splitext(relative)[0] + ".txt"
        path = os.path.join(output, relative)
        if path in taken:
            raise InputError(f"{shown(name)} and {shown(taken[path])} would both be written to {shown(path)}")
        taken[path] = name
        targets[name] = path
    for path in taken:
        refuse_overwrite(path, targets)
    if not targets:
        raise InputError(f"{shown(output)}: holds all the inputs; nothing is left to repair")
    return targets


def _ocr(args: argparse.Namespace) -> int:
    from .log import save_log
    from .ocr import chosen, read, repaired, target_of

    output = None if args.output == STDIN else args.output
    for path in filter(None, (output, args.log)):  # before the long work starts
        folder = os.path.dirname(path)
        if os.path.isdir(path) or (folder and not os.path.isdir(folder)):
            raise InputError(f"{shown(path)}: not a file that can be written")
    if output:
        refuse_overwrite(output, args.paths)
    if args.log:
        _check_log_path(args.log, dict.fromkeys(args.paths, output))
    target = target_of(output, args.to)
    engines = chosen(args.engine, _say)
    pipeline, level = _configured(_job(args))
    done = repaired(read(args.paths, engines, target), pipeline, level, target, args.paths)
    _deliver(done.data, output)
    if args.log:
        save_log(args.log, [done.document], _header(args))
    proposed = len(done.result.suggestions)
    _say(f"{_count(len(done.result.corrections))} applied, {proposed} proposed or noted")
    return EXIT_CLEAN


def _header(args: argparse.Namespace) -> LogHeader:
    from .log import LogHeader, ResourceVersion

    pipeline, level = _configured(_job(args))
    resources = [ResourceVersion(name, __version__, digest) for name, digest in pipeline.resources.digests().items()]
    if pipeline.lexicon:
        resources.append(ResourceVersion("lexicon", "user", pipeline.lexicon.digest))
    return LogHeader(__version__, pipeline.profile, level, tuple(resources))


def _check(args: argparse.Namespace) -> int:
    from .reporters import REPORTERS

    names = [name for name, _ in _inputs(args)]
    found = 0
    failures: list[tuple[str, str]] = []

    def documents() -> Iterator[tuple[str, Result]]:
        nonlocal found
        for outcome in _outcomes(args, names):
            name = "<stdin>" if outcome.name == STDIN else outcome.name
            if isinstance(outcome, Failure):
                failures.append((name, outcome.message))
                _say(f"error: {outcome.message}")
                continue
            result = outcome.undecided
            found += len(result.corrections) + len(result.suggestions)
            yield name, result

    for chunk in _held_back(REPORTERS[args.output_format](documents(), failures), len(names)):
        _write_text(chunk)
    if failures:
        return EXIT_ERROR
    return EXIT_FOUND if found else EXIT_CLEAN


def _held_back(chunks: Iterator[str], documents: int) -> Iterator[str]:
    """`chunks`; for a single document only once it is through, so that an error leaves nothing half written."""
    return iter(list(chunks)) if documents == 1 else chunks


def _diff(args: argparse.Namespace) -> int:
    from .diff import coloured, unified, with_mark

    names = [name for name, _ in _inputs(args)]
    status = EXIT_CLEAN
    for outcome in _outcomes(args, names):
        if isinstance(outcome, Failure):
            _say(f"error: {outcome.message}")
            status = EXIT_ERROR
            continue
        label = "stdin" if outcome.name == STDIN else outcome.name
        if _colour(args.color):
            for chunk in coloured(outcome.result, label):
                _write_text(chunk)
            continue
        # In the file's own encoding, so that the output is a patch of the file. UTF-16 and UTF-32 have no lines
        # of bytes that a patch could hold; their diff is to be looked at only.
        wide = outcome.file.encoding.startswith(("utf-16", "utf-32"))
        result = with_mark(outcome.result) if outcome.file.bom and not wide else outcome.result
        for number, chunk in enumerate(unified(result, label)):
            if number == 0:
                _stdout().write(os.fsencode(chunk))
            elif wide:
                _write_text(chunk)
            else:
                _stdout().write(chunk.encode(outcome.file.encoding, outcome.file.errors))
    return status


def _colour(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _apply(args: argparse.Namespace) -> int:
    from .log import apply_log

    return _rebuild(args, apply_log, "original")


def _revert(args: argparse.Namespace) -> int:
    from .log import revert_log

    return _rebuild(args, revert_log, "repaired")


def _rebuild(args: argparse.Namespace, rebuild: Callable[..., bytes], side: str) -> int:
    from .log import find_document, iter_documents

    output = None if args.output == STDIN else args.output
    if output:
        refuse_overwrite(output, [args.text, args.log])
    data = read_bytes(args.text)
    name = args.id or args.text
    document = find_document(iter_documents(args.log), data, name, side=side, log_name=args.log)  # type: ignore[arg-type]
    out = rebuild(data, document.record, document.entries, log_name=args.log, name=args.text)
    if output:
        write_atomic(output, out)
    else:
        _stdout().write(out)
    return EXIT_CLEAN


def _roots(args: argparse.Namespace) -> list[str]:
    """The folders in which texts and scans are looked for, beside those of the logs."""
    for folder in args.texts:
        if not os.path.isdir(folder):
            raise InputError(f"{shown(folder)}: no such folder")
    return [os.curdir, *args.texts]


def _review(args: argparse.Namespace) -> int:
    from .review.batch import Batch, Board
    from .review.export import export
    from .review.store import Store, beside
    from .review.teach import Teacher

    if args.yes and not args.learn:
        raise InputError("--yes needs --learn")
    batch = Batch(args.logs, _roots(args))
    path = args.decisions or beside(args.logs[0])
    refuse_overwrite(path, args.logs)
    with Store(path, create=not (args.export or args.learn)) as store:

        def written() -> str:
            done = export(args.logs, store, batch.sources)
            for name, reason in done.left:
                _say(f"warning: {shown(name)}: {reason}")
            counts = ", ".join(f"{done.statuses[s]} {s}" for s in ("accepted", "edited", "rejected", "proposed"))
            rest = f"; {done.conflicts} in conflict, left open" if done.conflicts else ""
            rest += f"; {len(done.left)} documents left as they were" if done.left else ""
            return f"{shown(' '.join(args.logs))}: {counts}{rest}"

        if args.export:
            _say(written())
            return EXIT_CLEAN
        reviewer = args.reviewer or _user()
        board = Board(batch, store)
        folder = args.lexicon or _project_lexicon()
        if args.learn:
            if folder is None:
                raise InputError("--learn needs the project's dictionary folder: --lexicon DIR")
            return _learn(Teacher(board, folder), args.yes)
        if args.terminal:
            from .review.terminal import Session, standard_terminal

            with standard_terminal() as terminal:
                Session(board, reviewer, terminal, written).run()
            return EXIT_CLEAN
        from .review.web import serve

        serve(
            board,
            port=args.port,
            reviewer=reviewer,
            open_browser=not args.no_browser,
            say=_say,
            export=written,
            teacher=Teacher(board, folder) if folder is not None else None,
        )
    return EXIT_CLEAN


def _learn(teacher: Teacher, confirmed: bool) -> int:
    """Show, and once confirmed write, the dictionary lines that follow from decisions."""
    entries = teacher.entries()
    for entry in entries:
        counts = f"{entry.accepted} accepted, {entry.edited} edited, {entry.rejected} rejected"
        line = " -> ".join(_shown_lines(part) for part in entry.line.split("\t"))
        _write_text(f"{entry.file}: {line}  ({counts}; {_shown_lines(entry.reason)})\n")
    if not confirmed:
        _say(f"{len(entries)} lines for {shown(str(teacher.folder))}; --yes writes them")
        return EXIT_CLEAN
    changed = teacher.confirm(entries)
    _say(f"{len(entries)} lines written to {', '.join(shown(str(path)) for path in changed) or 'no file'}")
    return EXIT_CLEAN


def _project_lexicon() -> str | None:
    """The dictionary folder that ``[tool.repair]`` names."""
    from .profiles import project_settings

    path, project = project_settings(Path.cwd())
    return str(path.parent / project["lexicon"]) if path is not None and "lexicon" in project else None


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "reviewer"


def _report(args: argparse.Namespace) -> int:
    from .review.batch import Batch, Board
    from .review.report import language_of, report, save
    from .review.store import Store, beside

    batch = Batch(args.logs, _roots(args))
    path = args.decisions or beside(args.logs[0])
    missing: list[ReviewDocument] = []
    with contextlib.ExitStack() as stack:
        board = None
        if args.decisions or os.path.isfile(path):
            board = Board(batch, stack.enter_context(Store(path, create=False)))
        language = args.language or language_of(os.environ)
        if args.output == STDIN:
            for chunk in report(batch, board, language=language, missing=missing):
                _write_text(chunk)
        else:
            save(args.output, batch, board, language=language, missing=missing)
    if missing:
        _say(f"warning: {len(missing)} texts were not found (--texts DIR says where they are)")
    return EXIT_CLEAN


def _rules(args: argparse.Namespace) -> int:
    from .filters import all_rules, installed
    from .profiles import OPTIONAL

    rules = all_rules(others=True)
    if args.rule is None:
        width = max(map(len, rules))
        for name, (filter_, rule) in rules.items():
            extra = " (profile typography)" if filter_.name in OPTIONAL else ""
            if point := installed().get(filter_.name.replace("-", "_")):
                extra = f" (filter {filter_.name} of {point.dist.name if point.dist else 'another package'})"
            _write_text(f"{name:{width}}  {rule.ceiling:6}  {rule.summary}{extra}\n")
        return EXIT_CLEAN
    wanted = args.rule if args.rule in rules else args.rule.lower().replace("_", "-")
    if wanted not in rules:
        raise InputError(f"no rule called {args.rule!r} (there are: {', '.join(rules)})")
    filter_, rule = rules[wanted]
    module = sys.modules[filter_.propose.__module__]
    _write_text(f"{rule.name}: {rule.summary}\n\n{(module.__doc__ or '').strip()}\n")
    _write_text(f"\nHighest level: {rule.ceiling}")
    if rule.ceiling == "safe":
        _write_text(f" (from confidence {rule.safe_at} on; {rule.review_at} for review)")
    _write_text("\n")
    for before, after in rule.examples:
        _write_text(f"\n  {_shown_lines(before)}\n  -> {_shown_lines(after)}\n")
    return EXIT_CLEAN


def _shown_lines(text: str) -> str:
    from .diff import visible

    return visible(text)


def _eval(args: argparse.Namespace) -> int:
    from .evaluate import DIMENSIONS, text_report

    by = DIMENSIONS if args.by is None else tuple(name.strip() for name in args.by.split(",") if name.strip())
    for name in by:
        if name not in DIMENSIONS:
            raise InputError(f"--by {shown(name)}: not one of {', '.join(DIMENSIONS)}")
    if args.lines and not args.clean:
        raise InputError("--lines needs --clean")
    pipeline, level = _configured(_job(args))
    report: dict[str, object] = {"profile": pipeline.profile, "level": level}
    folders = [] if args.clean else [name for name in args.paths if os.path.isdir(name)]
    files = [name for name in args.paths if name not in folders]
    if args.part and (args.clean or files):
        raise InputError("--part needs pages: nothing else has units")
    if args.witness and (args.clean or files):
        raise InputError("--witness needs pages: nothing else has other readings")
    if args.clean:
        report["clean"] = _eval_clean(args)
    if folders:
        report["pages"] = _eval_pages(args, folders, by)
    if files and not args.clean:
        report["pairs"] = _eval_pairs(args, files, by)
    if args.json:
        import json

        _write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    else:
        _write_text(f"profile {pipeline.profile}, level {level}\n\n{text_report(report)}")
    return EXIT_CLEAN


def _eval_pages(args: argparse.Namespace, folders: Sequence[str], by: Sequence[str]) -> dict[str, object]:
    from .evaluate import PageEvaluation, spread

    pages: dict[str, PageInfo] = {}
    others = 0
    for folder in folders:
        found = sorted(Path(folder).rglob("raw.txt"))
        if not found:
            raise InputError(f"{shown(folder)}: holds no pages (folders with raw.txt and truth.txt)")
        for raw in found:
            info = _page_info(raw.parent)
            if args.part and (info.unit is None or info.unit % args.part[1] != args.part[0]):
                others += 1
            else:
                pages[str(raw)] = info
    if args.witness:
        args.beside = _same_page(pages)
        pages = {raw: pages[raw] for raw in args.beside}
        if not pages:
            raise InputError("--witness: no page was read by two engines")
    evaluation = PageEvaluation(by, calibration=args.calibration)
    chosen = spread(list(pages), args.limit)
    names = [name for name in chosen if pages[name].order_ok]
    evaluation.left_out["order"] = len(chosen) - len(names)
    truths = (_decoded(Path(name).with_name("truth.txt"), args.encoding) for name in names)
    for outcome, truth in zip(_outcomes(args, names), truths, strict=True):
        if isinstance(outcome, Failure):
            raise InputError(outcome.message)
        info = pages[outcome.name]
        evaluation.add(outcome.result, truth, info.engine, info.severity)
    figures = evaluation.figures()
    figures["left_out"]["part"] = others
    return figures


def _same_page(pages: Mapping[str, PageInfo]) -> dict[str, tuple[str, ...]]:
    """The pages whose path differs from another's only in the name of the engine, each with those others."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for raw, info in pages.items():
        key = tuple("" if part == info.engine else part for part in Path(raw).parts)
        groups.setdefault(key, []).append(raw)
    return {raw: tuple(o for o in same if o != raw) for same in groups.values() if len(same) > 1 for raw in same}


def _page_info(folder: Path) -> PageInfo:
    from .evaluate import PageInfo, read_page_info

    truth, meta = folder / "truth.txt", folder / "meta.json"
    if not truth.is_file():
        raise InputError(f"{shown(str(truth))}: no such file, though there is a raw.txt beside it")
    return read_page_info(_decoded(meta, "utf-8"), str(meta)) if meta.exists() else PageInfo()


def _decoded(path: str | Path, encoding: str | None) -> str:
    name = "<stdin>" if path == STDIN else str(path)
    return decode(read_bytes(path), encoding=encoding, name=name).text


def _eval_pairs(args: argparse.Namespace, files: Sequence[str], by: Sequence[str]) -> dict[str, object]:
    from .evaluate import PairEvaluation, read_pairs, spread

    pairs = [(name, pair) for name in files for pair in read_pairs(_decoded(name, args.encoding), name)]
    evaluation = PairEvaluation(by, calibration=args.calibration)
    repaired = _repairing(args)
    for name, pair in spread(pairs, args.limit):
        evaluation.add(repaired(pair.source, f"{name}:{pair.line}"), pair.target, pair.engine, pair.severity)
    return evaluation.figures()


def _eval_clean(args: argparse.Namespace) -> dict[str, object]:
    from .evaluate import CleanEvaluation, spread

    evaluation = CleanEvaluation()
    names = [name for name, _ in _inputs(args)]
    if args.lines:
        texts = [
            (line.removesuffix("\r"), f"{name}:{number}")
            for name in names
            for number, line in enumerate(_decoded(name, args.encoding).split("\n"), 1)
            if line.strip()
        ]
        repaired = _repairing(args)
        for text, where in spread(texts, args.limit):
            evaluation.add(repaired(text, where))
        return evaluation.figures()
    for outcome in _outcomes(args, spread(names, args.limit)):
        if isinstance(outcome, Failure):
            raise InputError(outcome.message)
        evaluation.add(outcome.result)
    return evaluation.figures()


def _repairing(args: argparse.Namespace) -> Callable[[str, str], Result]:
    """Repairs text by text in this process; the second argument says in messages where a text comes from."""
    _start_worker(_job(args))
    assert _WORKER is not None
    pipeline, level, _ = _WORKER

    def repaired(text: str, where: str) -> Result:
        try:
            return pipeline(text, level=level)
        except Exception as error:
            raise InputError(_unrepairable(where, error)) from None

    return repaired


def _train(args: argparse.Namespace) -> int:
    from lzma import LZMAError

    from .language.train import train_ngram

    for source in (*args.corpus, *args.focus):
        if os.path.isdir(source):
            raise InputError(f"{shown(source)}: is a directory")
        with open(source, "rb"):
            pass  # a missing file shows before the long work starts
    refuse_overwrite(args.output, [*args.corpus, *args.focus])
    folder = os.path.dirname(args.output) or os.curdir
    if os.path.isdir(args.output) or not os.path.isdir(folder):
        raise InputError(f"{shown(args.output)}: not a file that can be written")
    try:
        model = train_ngram(
            args.corpus,
            args.output,
            order=args.order,
            prune=args.prune,
            focus=args.focus,
            focus_weight=args.focus_weight,
            progress=_say,
        )
    except (ImportError, LZMAError, EOFError) as error:
        raise InputError(f"cannot train: {_flat(str(error))}") from None
    finally:
        with contextlib.suppress(OSError):  # what an interrupted or failed run would leave behind
            os.unlink(f"{args.output}.partial")
    _say(f"{args.output}: order {len(model.info['entries'])}, entries {', '.join(map(str, model.info['entries']))}")
    return EXIT_CLEAN


# --- output


def _stdout() -> BinaryIO:
    if sys.stdout is None:
        raise InputError("standard output is closed")
    sys.stdout.flush()
    return sys.stdout.buffer


def _write_text(text: str) -> None:
    _stdout().write(text.encode("utf-8", "backslashreplace"))


def _abandon_stdout() -> None:
    """Write out what can be, and keep the interpreter from trying again, and complaining, at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str) -> None:
    if sys.stderr is not None:  # print would write to stdout then
        with contextlib.suppress(OSError):
            print(f"repair: {message}", file=sys.stderr, flush=True)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{shown(str(error.filename))}: " if error.filename else ""
        return f"{where}{error.strerror[0].lower()}{error.strerror[1:]}"
    return _flat(str(error))


def _flat(text: str) -> str:
    return shown(" ".join(text.split()))


# --- signals


class _Ended(BaseException):
    """The program was told to end (SIGTERM, SIGHUP)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and SIGHUP as exceptions, so that temporary files and workers are cleaned away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        raise _Ended(number)

    old = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            old[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals wait here; a process started meanwhile never gets SIGINT, which a terminal sends to all of a group."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # it unblocks SIGINT when it starts
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


if __name__ == "__main__":
    sys.exit(main())
