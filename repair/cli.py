"""The command line. Data goes to stdout, messages to stderr.

Exit status: 0 done (for ``check``: nothing found), 1 damage found by ``check`` or documents that failed,
2 bad input or usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import __version__
from .formats.files import expand, read_bytes, refuse_overwrite, same_file, write_atomic
from .formats.plain import InputError, TextFile, decode, encode, shown

if TYPE_CHECKING:
    from .log import DocumentRecord, LogHeader
    from .pipeline import Pipeline
    from .text import Level, Result

EXIT_CLEAN, EXIT_FOUND, EXIT_ERROR = 0, 1, 2


@dataclass(frozen=True)
class Job:
    """What a worker process needs to repair a file."""

    profile: str
    level: Level
    lexicon: str | None
    dictionaries: str | None
    encoding: str | None
    start: str


@dataclass(frozen=True)
class Outcome:
    """One repaired file: its bytes before and after, how it was decoded, what was found."""

    name: str
    file: TextFile
    original: bytes
    repaired: bytes
    result: Result

    @property
    def record(self) -> DocumentRecord:
        from .log import document_record

        path = None if self.name == "-" else self.name
        return document_record(self.name, self.file, self.original, self.repaired, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(arguments)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of our output has gone (head, less): not an error worth a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLEAN
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except (ValueError, OSError) as error:
        # InputError, LogError, LexiconError, ResourceError and ModelError are ValueErrors that say what is
        # wrong with which file; anything else of that kind is a bad argument.
        _say(f"error: {_one_line(error)}")
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repair", description="Repairs Chinese text that came out of OCR; every change is on record."
    )
    parser.add_argument("--version", action="version", version=f"repair {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        sub.set_defaults(run=run)
        return sub

    inputs = argparse.ArgumentParser(add_help=False)
    inputs.add_argument("paths", nargs="*", default=["-"], metavar="PATH", help="file, folder, glob, or - for stdin")
    inputs.add_argument("--level", choices=("safe", "review"), default=None, help="what is applied (default: safe)")
    inputs.add_argument("--profile", default=None, help="filters to run (default: default)")
    inputs.add_argument("--lexicon", metavar="DIR", help="folder with trust.txt, never.txt, replace.txt")
    inputs.add_argument("--dictionaries", metavar="DIR", help="models and tables to use instead of the shipped ones")
    inputs.add_argument("--encoding", help="encoding of the input (default: found out)")
    inputs.add_argument("--workers", type=_positive, default=1, metavar="N", help="processes (default: 1)")

    sub = command("clean", _clean, "repair files")
    _adopt(sub, inputs)
    sub.add_argument("-o", "--output", metavar="OUT", help="file, or folder for several files (default: stdout)")
    sub.add_argument("--log", metavar="LOG.jsonl", help="write the diff log here")
    sub.add_argument("-q", "--quiet", action="store_true", help="no summary")

    sub = command("check", _check, "report damage and change nothing")
    _adopt(sub, inputs)
    sub.add_argument("--output-format", choices=("text", "jsonl", "sarif", "github"), default="text")

    sub = command("diff", _diff, "show what clean would change, as a unified diff")
    _adopt(sub, inputs)
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

    sub = command("rules", _rules, "explain the rules")
    sub.add_argument("rule", nargs="?", metavar="RULE")

    sub = command("train", _train, "rebuild the language model from text")
    sub.add_argument("corpus", nargs="+", metavar="CORPUS", help="text, a paragraph a line (.txt or .txt.xz)")
    sub.add_argument("-o", "--output", default="zh.ngram", metavar="FILE", help="model file (default: zh.ngram)")
    sub.add_argument("--order", type=int, default=5, help="longest n-gram (default: 5)")
    sub.add_argument("--prune", type=int, nargs="+", default=None, metavar="N", help="count thresholds by order")
    return parser


def _adopt(sub: argparse.ArgumentParser, parent: argparse.ArgumentParser) -> None:
    for action in parent._actions:
        sub._add_action(action)


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


# --- running the pipeline over files


def _job(args: argparse.Namespace) -> Job:
    return Job(
        args.profile or "", args.level or "", args.lexicon, args.dictionaries, args.encoding, os.getcwd()  # type: ignore[arg-type]
    )


def _configured(job: Job) -> tuple[Pipeline, Level]:
    """The pipeline and level of the arguments, completed by ``[tool.repair]`` of the project."""
    from .pipeline import Pipeline
    from .profiles import filters_of, project_settings

    path, project = project_settings(Path(job.start))
    unknown = project.keys() - {"profile", "level", "lexicon", "profiles"}
    if unknown:
        raise InputError(f"{path}: [tool.repair] has no key {sorted(unknown)[0]!r}")
    profile = job.profile or str(project.get("profile", "default"))
    level = job.level or str(project.get("level", "safe"))
    if level not in ("safe", "review"):
        raise InputError(f"{path}: level must be 'safe' or 'review', not {level!r}")
    lexicon = job.lexicon
    if lexicon is None and "lexicon" in project and path is not None:
        lexicon = str(path.parent / str(project["lexicon"]))
    pipeline = Pipeline(filters_of(profile, project), lexicon=lexicon, resources=job.dictionaries, profile=profile)
    return pipeline, level  # type: ignore[return-value]


_WORKER: tuple[Pipeline, Level, str | None] | None = None


def _start_worker(job: Job) -> None:
    global _WORKER
    _WORKER = (*_configured(job), job.encoding)


def _work(name: str) -> Outcome:
    assert _WORKER is not None
    pipeline, level, encoding = _WORKER
    data = read_bytes(name)
    label = "<stdin>" if name == "-" else name
    file = decode(data, encoding=encoding, name=label)
    result = pipeline(file.text, level=level)
    return Outcome(name, file, data, encode(result.text, file), result)


def _outcomes(args: argparse.Namespace, names: Iterable[str]) -> Iterator[Outcome]:
    """Every file's outcome, in order."""
    job = _job(args)
    if args.workers == 1:
        _start_worker(job)
        yield from map(_work, names)
        return
    from multiprocessing import get_context

    _configured(job)  # bad options are reported here, once, not by every worker
    with get_context("spawn").Pool(args.workers, _start_worker, (job,)) as pool:
        yield from pool.imap(_work, names)


def _clean(args: argparse.Namespace) -> int:
    names = list(expand(args.paths))
    targets = _targets(args, names)
    if args.log:
        for name in names:
            if same_file(args.log, name) or any(t and same_file(args.log, t) for t in targets.values()):
                raise InputError(f"{shown(args.log)}: the log would overwrite a text")
    totals = {"applied": 0, "review": 0, "note": 0}

    def finished() -> Iterator[tuple[DocumentRecord, Result]]:
        for outcome in _outcomes(args, names):
            target = targets[outcome.name]
            if target is None:
                _stdout().write(outcome.repaired)
            else:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, outcome.repaired)
            if outcome.file.lossy_bytes:
                _say(f"warning: {shown(outcome.file.name)}: {outcome.file.lossy_bytes} bytes are no text; kept as they are")
            totals["applied"] += len(outcome.result.corrections)
            for c in outcome.result.suggestions:
                totals[c.level if c.level != "safe" else "review"] += 1
            yield outcome.record, outcome.result

    if args.log:
        from .log import save_log

        save_log(args.log, finished(), _header(args))
    else:
        for _ in finished():
            pass
    if not args.quiet:
        where = f"{len(names)} files" if len(names) != 1 else shown(names[0] if names[0] != "-" else "<stdin>")
        _say(f"{where}: {totals['applied']} corrections applied, {totals['review']} proposed, {totals['note']} noted")
    return EXIT_CLEAN


def _targets(args: argparse.Namespace, names: Sequence[str]) -> dict[str, str | None]:
    """Input name -> output path (None: stdout). Raises `InputError` where outputs would collide or overwrite inputs."""
    if args.output is None:
        if len(names) > 1:
            raise InputError("several inputs need an output folder (-o DIR)")
        return dict.fromkeys(names)
    single_file = len(names) == 1 and not any(os.path.isdir(p) for p in args.paths)
    if single_file and not (os.path.isdir(args.output) or args.output.endswith(("/", os.sep))):
        refuse_overwrite(args.output, names)
        return {names[0]: args.output}
    if os.path.exists(args.output) and not os.path.isdir(args.output):
        raise InputError(f"{shown(args.output)}: not a folder, and there are several inputs")
    targets: dict[str, str | None] = {}
    taken: dict[str, str] = {}
    roots = [p for p in args.paths if os.path.isdir(p)]
    for name in names:
        root = next((r for r in roots if os.path.realpath(name).startswith(os.path.realpath(r) + os.sep)), None)
        relative = os.path.relpath(name, root) if root else os.path.basename(name) if name != "-" else "stdin.txt"
        if relative.startswith(".."):
            relative = os.path.basename(name)
        target = os.path.join(args.output, relative)
        if target in taken:
            raise InputError(f"{shown(name)} and {shown(taken[target])} would both be written to {shown(target)}")
        refuse_overwrite(target, names)
        taken[target] = name
        targets[name] = target
    return targets


def _header(args: argparse.Namespace) -> LogHeader:
    from .log import LogHeader, ResourceVersion

    pipeline, level = _configured(_job(args))
    resources = [ResourceVersion(name, __version__, digest) for name, digest in pipeline.resources.digests().items()]
    if pipeline.lexicon:
        resources.append(ResourceVersion("lexicon", "user", pipeline.lexicon.digest))
    return LogHeader(__version__, pipeline.profile, level, tuple(resources))


def _check(args: argparse.Namespace) -> int:
    from .reporters import REPORTERS

    names = list(expand(args.paths))
    found = 0

    def documents() -> Iterator[tuple[str, Result]]:
        nonlocal found
        for outcome in _outcomes(args, names):
            found += len(outcome.result.corrections) + len(outcome.result.suggestions)
            yield ("<stdin>" if outcome.name == "-" else outcome.name), outcome.result

    for chunk in REPORTERS[args.output_format](documents()):
        _write_text(chunk)
    return EXIT_FOUND if found else EXIT_CLEAN


def _diff(args: argparse.Namespace) -> int:
    from .diff import coloured, unified

    names = list(expand(args.paths))
    colour = args.color == "always" or (args.color == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    for outcome in _outcomes(args, names):
        label = "stdin" if outcome.name == "-" else outcome.name
        if colour:
            for chunk in coloured(outcome.result, label):
                _write_text(chunk)
        else:
            # In the file's own encoding, so that the output is a patch of the file.
            for chunk in unified(outcome.result, label):
                _stdout().write(chunk.encode(outcome.file.encoding, outcome.file.errors))
    return EXIT_CLEAN


def _apply(args: argparse.Namespace) -> int:
    from .log import apply_log

    return _rebuild(args, apply_log, "original")


def _revert(args: argparse.Namespace) -> int:
    from .log import revert_log

    return _rebuild(args, revert_log, "repaired")


def _rebuild(args: argparse.Namespace, rebuild: Callable[..., bytes], side: str) -> int:
    from .log import find_document, iter_documents

    if args.output:
        refuse_overwrite(args.output, [args.text, args.log])
    data = read_bytes(args.text)
    name = args.id or args.text
    document = find_document(iter_documents(args.log), data, name, side=side, log_name=args.log)  # type: ignore[arg-type]
    out = rebuild(data, document.record, document.entries, log_name=args.log, name=args.text)
    if args.output:
        write_atomic(args.output, out)
    else:
        _stdout().write(out)
    return EXIT_CLEAN


def _rules(args: argparse.Namespace) -> int:
    from .filters import all_rules
    from .profiles import OPTIONAL

    rules = all_rules()
    if args.rule is None:
        width = max(map(len, rules))
        for name, (filter_, rule) in rules.items():
            extra = " (profile typography)" if filter_.name in OPTIONAL else ""
            _write_text(f"{name:{width}}  {rule.ceiling:6}  {rule.summary}{extra}\n")
        return EXIT_CLEAN
    if args.rule not in rules:
        raise InputError(f"no rule called {args.rule!r} (there are: {', '.join(rules)})")
    filter_, rule = rules[args.rule]
    module = sys.modules[filter_.propose.__module__]
    _write_text(f"{rule.name}: {rule.summary}\n\n{(module.__doc__ or '').strip()}\n")
    _write_text(f"\nHighest level: {rule.ceiling}")
    if rule.ceiling == "safe":
        _write_text(f" (from confidence {rule.safe_at} on; {rule.review_at} for review)")
    _write_text("\n")
    for before, after in rule.examples:
        _write_text(f"\n  {before}\n  -> {after}\n")
    return EXIT_CLEAN


def _train(args: argparse.Namespace) -> int:
    from .language.train import main as train

    options = ["-o", args.output, "--order", str(args.order)]
    if args.prune is not None:
        options += ["--prune", *map(str, args.prune)]
    return train([*args.corpus, *options])


# --- output


def _stdout() -> BinaryIO:
    sys.stdout.flush()
    return sys.stdout.buffer


def _write_text(text: str) -> None:
    _stdout().write(text.encode("utf-8", "backslashreplace"))


def _say(message: str) -> None:
    print(f"repair: {message}", file=sys.stderr)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
