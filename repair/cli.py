"""The command line. Data goes to stdout, messages to stderr.

Exit status: 0 done (for ``check``: nothing found), 1 damage found by ``check``, or some of what ``clean`` was given
could not be repaired, 2 bad input or usage, 130 interrupted. Where one of several texts cannot be repaired, the others
are still done; the bad one gets its line on stderr. Every file is written whole or not at all.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from . import __version__
from .formats.files import (
    PATTERNS,
    RECORDS,
    STDIN,
    flat,
    located,
    one_line,
    read_bytes,
    refuse_overwrite,
    write_atomic,
)
from .formats.plain import InputError, decode, shown
from .ingest.work import Failure, Job

if TYPE_CHECKING:
    from .evaluate import PageInfo
    from .ingest.work import Outcome
    from .review.batch import ReviewDocument
    from .review.teach import Teacher
    from .text import Result

EXIT_CLEAN, EXIT_FOUND, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130
EXIT_PIPE = 141
"""Nobody reads our output any more: what a program that the signal SIGPIPE ends leaves as its status."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _say(f"error: {flat(message)} (see {self.prog} --help)")
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
            _say(f"error: {one_line(error)}")
            return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="repair",
        description="Repairs Chinese text that came out of OCR; every change is on record.",
        epilog="Exit status: 0 done, 1 damage found (check) or some of several texts failed (clean), 2 error. "
        "'repair COMMAND --help' explains a command.",
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
    options.add_argument(
        "--neural", metavar="DIR", help="neural model to ask for a second opinion (extra neural); see repair train"
    )
    options.add_argument("--encoding", help="encoding of the input (default: found out)")
    options.add_argument(
        "--workers", type=_count_of_workers, default=1, metavar="N", help="processes, 0 for one a core (default: 1)"
    )
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
    sub.add_argument("--column", metavar="NAME", help="field with the text of JSONL and Parquet (default: found out)")
    sub.add_argument(
        "--failures", metavar="FILE", help="list of what was not repaired (default: failures.jsonl in the folder OUT)"
    )
    sub.add_argument("--fail-fast", action="store_true", help="stop at the first text that cannot be repaired")
    sub.add_argument("-q", "--quiet", action="store_true", help="no summary and no progress")

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
    sub.set_defaults(profile=None, lexicon=None, dictionaries=None, neural=None, encoding=None)

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

    sub = command("train", _train, "rebuild the language model from text, or train a neural model")
    sub.add_argument(
        "corpus",
        nargs="+",
        metavar="CORPUS",
        help="text, a paragraph a line (.txt or .txt.xz); with --calibrate folders of pages with raw.txt and truth.txt",
    )
    sub.add_argument("-o", "--output", metavar="FILE", help="model file (default: zh.ngram), or with --neural a folder")
    sub.add_argument(
        "--neural",
        action="store_true",
        help="train the neural model for second opinions (extra neural-train), or go on training it",
    )
    sub.add_argument("--steps", type=_positive, metavar="N", help="steps of that training (default: 32000)")
    sub.add_argument("--device", default="cpu", help="what it runs on: cpu or cuda (default: cpu)")
    sub.add_argument(
        "--calibrate", metavar="MODEL", help="find out on pages with their truth what a neural model is worth"
    )
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


def _count_of_workers(value: str) -> int:
    if value == "auto":
        return 0
    if not value.isascii() or not value.isdigit() or int(value) > 1024:
        raise argparse.ArgumentTypeError(f"must be a whole number up to 1024, 0 or auto for one a core, not {value!r}")
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


def _outcomes(args: argparse.Namespace, names: Sequence[str]) -> Iterator[Outcome | Failure]:
    """Every file's outcome, in order."""
    from .ingest.pool import outcomes

    return outcomes(_job(args), list(names), _workers(args))


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
        args.neural,
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


def _inputs(args: argparse.Namespace, patterns: Sequence[str] = PATTERNS) -> list[tuple[str, str | None]]:
    """The input files with their folders; their witnesses are found as well, and those without one named on stderr."""
    from .formats.beside import witnesses_of

    found = list(located(args.paths, patterns))
    if args.witness:
        args.beside, missing = witnesses_of(found, args.witness)
        for message in missing:
            _say(f"warning: {message}")
    return found


def _clean(args: argparse.Namespace) -> int:
    from .ingest.batch import Order, clean, inputs_of

    found = inputs_of(_inputs(args, PATTERNS + RECORDS))
    if not found:
        raise InputError("nothing to repair: logs of this program are all there is")
    order = Order(
        _job(args),
        found,
        output=None if args.output == STDIN else args.output,
        log=args.log,
        failures=args.failures,
        column=args.column,
        workers=_workers(args),
        as_text=args.to is not None,
        fail_fast=args.fail_fast,
        quiet=args.quiet,
    )
    return clean(order, _say, _stdout)


def _workers(args: argparse.Namespace) -> int:
    from .ingest.pool import cores

    return int(args.workers) or cores()


def _ocr(args: argparse.Namespace) -> int:
    from .ingest.targets import check_written
    from .ingest.work import configured, header_of
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
        check_written(args.log, "log", dict.fromkeys(args.paths, output))
    target = target_of(output, args.to)
    engines = chosen(args.engine, _say)
    pipeline, level = configured(_job(args))
    done = repaired(read(args.paths, engines, target), pipeline, level, target, args.paths)
    if output:
        write_atomic(output, done.data)
    else:
        _stdout().write(done.data)
    if args.log:
        save_log(args.log, [done.document], header_of(_job(args)))
    proposed = len(done.result.suggestions)
    applied = len(done.result.corrections)
    _say(f"{applied} correction{'s' if applied != 1 else ''} applied, {proposed} proposed or noted")
    return EXIT_CLEAN


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
    from .ingest.records import rebuild as rebuild_records
    from .log import find_document, iter_documents

    output = None if args.output == STDIN else args.output
    if output:
        refuse_overwrite(output, [args.text, args.log])
    if rebuild_records(args.text, args.log, args.id, output, _stdout, back=side == "repaired"):
        return EXIT_CLEAN
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
    from .ingest.work import configured

    pipeline, level = configured(_job(args))
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

    pages = _pages_in(folders)
    others = 0
    if args.part:
        rest, parts = args.part
        listed = len(pages)
        pages = {raw: info for raw, info in pages.items() if info.unit is not None and info.unit % parts == rest}
        others = listed - len(pages)
    if args.witness:
        args.beside = _same_page(pages)
        pages = {raw: pages[raw] for raw in args.beside}
        if not pages:
            raise InputError("--witness: no page was read by two engines")
    evaluation = PageEvaluation(by, calibration=args.calibration)
    chosen = spread(list(pages), args.limit)
    names = [name for name in chosen if pages[name].order_ok]
    evaluation.left_out["order"] = len(chosen) - len(names)
    truths = (_truth(name, args.encoding) for name in names)
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


def _pages_in(folders: Sequence[str]) -> dict[str, PageInfo]:
    """The raw.txt of each page under `folders` in order, with what is known about it. Raises `InputError`."""
    pages = {}
    for folder in folders:
        found = sorted(Path(folder).rglob("raw.txt"))
        if not found:
            raise InputError(f"{shown(folder)}: holds no pages (folders with raw.txt and truth.txt)")
        pages.update({str(raw): _page_info(raw.parent) for raw in found})
    return pages


def _truth(raw: str, encoding: str | None) -> str:
    return _decoded(Path(raw).with_name("truth.txt"), encoding)


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
    from .ingest.work import repaired_text, start_worker

    start_worker(_job(args))
    return repaired_text


def _train(args: argparse.Namespace) -> int:
    from lzma import LZMAError

    if args.calibrate is not None:
        return _calibrate(args)
    for source in (*args.corpus, *args.focus):
        if os.path.isdir(source):
            raise InputError(f"{shown(source)}: is a directory")
        with open(source, "rb"):
            pass  # a missing file shows before the long work starts
    if args.neural:
        return _train_neural(args)
    from .language.train import train_ngram

    args.output = args.output or "zh.ngram"
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
        raise InputError(f"cannot train: {flat(str(error))}") from None
    finally:
        with contextlib.suppress(OSError):  # what an interrupted or failed run would leave behind
            os.unlink(f"{args.output}.partial")
    _say(f"{args.output}: order {len(model.info['entries'])}, entries {', '.join(map(str, model.info['entries']))}")
    return EXIT_CLEAN


def _train_neural(args: argparse.Namespace) -> int:
    if args.output is None or os.path.isfile(args.output):
        raise InputError("--neural needs a folder for the model: -o DIR")
    try:
        from .language.neural_train import Plan, run
    except ImportError as error:
        raise InputError(f"{error.name} is missing: pip install 'repair[neural-train]'") from None
    plan = Plan(device=args.device, **({"steps": args.steps} if args.steps else {}))
    run([Path(source) for source in args.corpus], Path(args.output), plan, _say)
    return EXIT_CLEAN


def _calibrate(args: argparse.Namespace) -> int:
    from .calibrate import calibrate

    names = [raw for raw, info in _pages_in(args.corpus).items() if info.order_ok]
    calibrate(Path(args.calibrate), ((_decoded(raw, None), _truth(raw, None)) for raw in names), _say)
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


if __name__ == "__main__":
    sys.exit(main())
