"""Quality, harm, speed and memory of this and of other correctors, side by side on the same inputs in one run.

    python benchmarks/compare.py --pairs FASPELL.tsv --ocr-pairs OCR.tsv --pages PAGES --clean CLEAN.txt \
        [--kenlm MODEL.klm] [--python OTHER/bin/python] [--sample 20000] [--output TABLE.md]

What is compared: this package (safe and review); pycorrector's KenLM corrector; ftfy and autocorrect (the CJK
formatter, autocorrect-py), which do not correct misreadings and show how much harm a clean-up may do; and nothing at
all (identity). Each runs in a process of its own, on one core, with its defaults. The others are looked for in the
interpreter given as `--python`; what is missing there is left out and said to be. pycorrector's package imports torch
for its neural models; where that is missing only the parts that the KenLM corrector needs are imported.

MODEL.klm is a character n-gram model in KenLM's format. To be a match for dictionaries/zh.ngram it should be made of
the same text and as large: characters in lower case with blanks between, ``lmplz -o 5 --prune 0 1 2 3 6
--discount_fallback``, then ``build_binary -q 8 -b 8 -a 22 trie`` (65 MB).

On what: the second half of the rows of FASPELL.tsv (id, source, target); of OCR.tsv (columns id, ocr, truth,
complete) and of PAGES (folders with raw.txt, truth.txt, meta.json) the units whose remainder modulo 4 is 3;
CLEAN.txt, a paragraph a line. No weight of this package was fitted on any of it, as long as CLEAN.txt is none of its
training text. pycorrector gets pages line by line. As it is slow, it gets an evenly spaced sample of each input,
`--sample` characters large; the first tables hold all tools on that sample, the others the fast tools on all of it.

How it is counted: as in `repair eval` (repair/evaluate.py). Speed is characters a processor second, the time to load
apart; memory is the largest resident set of the process, mapped files and Python itself included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

Corrector = Callable[[str], str]

SAMPLE = "\u6587\u5b57"
"""What a tool is warmed up with, so that models that load late are loaded."""


# --- in the process of a tool; nothing but the tool and the standard library


def repair_safe(_: str | None) -> Corrector:
    import repair

    return lambda text: repair.clean(text).text


def repair_review(_: str | None) -> Corrector:
    import repair

    return lambda text: repair.clean(text, level="review").text


def pycorrector(model: str | None) -> Corrector:
    import types

    if model is None:
        raise ImportError("no model given: --kenlm")
    try:
        from pycorrector.corrector import Corrector as Kenlm
    except ImportError:
        spec = find_spec("pycorrector")
        if spec is None:
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "pycorrector"]:
            del sys.modules[name]
        package = types.ModuleType("pycorrector")  # without what its __init__ imports
        package.__path__ = list(spec.submodule_search_locations or [])
        sys.modules["pycorrector"] = package
        from pycorrector.corrector import Corrector as Kenlm
    corrector = Kenlm(language_model_path=model)

    def run(text: str) -> str:
        return "\n".join(corrector.correct(line)["target"] if line.strip() else line for line in text.split("\n"))

    return run


def ftfy(_: str | None) -> Corrector:
    import ftfy as tool

    return lambda text: str(tool.fix_text(text))


def autocorrect(_: str | None) -> Corrector:
    import autocorrect_py as tool

    return lambda text: str(tool.format(text))


def identity(_: str | None) -> Corrector:
    return lambda text: text


class Tool(NamedTuple):
    """`distribution`: what the version is asked of; `ours`: runs in this interpreter; `slow`: gets the sample only."""

    title: str
    make: Callable[[str | None], Corrector]
    distribution: str | None = None
    ours: bool = False
    slow: bool = False


TOOLS = {
    "identity": Tool("identity", identity),
    "repair_safe": Tool("repair, safe", repair_safe, "repair", ours=True),
    "repair_review": Tool("repair, review", repair_review, "repair", ours=True),
    "pycorrector": Tool("pycorrector (KenLM)", pycorrector, "pycorrector", slow=True),
    "ftfy": Tool("ftfy", ftfy, "ftfy"),
    "autocorrect": Tool("autocorrect", autocorrect, "autocorrect-py"),
}


def work(name: str, inputs: Path, outputs: Path, model: str | None) -> None:
    """Run one tool over the inputs; writes texts, processor seconds and peak memory, or why it cannot run."""
    from importlib.metadata import PackageNotFoundError, version

    tasks = json.loads(inputs.read_text(encoding="utf-8"))
    tool = TOOLS[name]
    start = time.process_time()
    try:
        run = tool.make(model)
        run(SAMPLE)
    except ImportError as error:
        outputs.write_text(json.dumps({"missing": str(error)}), encoding="utf-8")
        return
    report: dict[str, Any] = {"load": time.process_time() - start, "texts": {}, "seconds": {}}
    for task, texts in tasks.items():
        start = time.process_time()
        report["texts"][task] = [run(text) for text in texts]
        report["seconds"][task] = time.process_time() - start
    report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    try:
        report["version"] = version(tool.distribution) if tool.distribution else ""
    except PackageNotFoundError:
        report["version"] = ""
    outputs.write_text(json.dumps(report), encoding="utf-8")


# --- the inputs


class Input(NamedTuple):
    """Texts with what was printed; `sample`: the indices of those that the slow tools get too."""

    sources: list[str]
    targets: list[str]
    sample: list[int]


def sampled(items: Sequence[tuple[str, str]], characters: int) -> Input:
    """The items, and an evenly spaced sample of about so many characters."""
    total = sum(len(source) for source, _ in items)
    step = max(1.0, total / characters)
    chosen = [int(k * step) for k in range(len(items)) if int(k * step) < len(items)]
    return Input([source for source, _ in items], [target for _, target in items], chosen)


def second_half(path: Path) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(row[1], row[2]) for row in rows[len(rows) // 2 :]]


def measured_sentences(path: Path) -> list[tuple[str, str]]:
    """Complete sentences of the units that are for measuring; ids are like ``R-h-005_p1-00``: 005 is the unit."""
    first, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    at = {name: first.index(name) for name in ("id", "ocr", "truth", "complete")}
    out = []
    for row in rows:
        unit = re.search(r"-(\d+)", row[at["id"]])
        if unit and int(unit[1]) % 4 == 3 and row[at["complete"]] == "1":
            out.append((row[at["ocr"]], row[at["truth"]]))
    return out


def measured_pages(folder: Path) -> list[tuple[str, str]]:
    from data import pages, part

    from repair.evaluate import Comparison
    from repair.text import Result

    chosen = [(page.raw, page.truth) for page in pages(folder) if part(page.unit) == "measure"]
    return [(raw, truth) for raw, truth in chosen if Comparison(Result(raw, raw), truth).usable]


def clean_paragraphs(path: Path) -> list[tuple[str, str]]:
    return [(line, line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


# --- the tables


def on_pairs(sources: Iterable[str], targets: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    from repair.evaluate import PairFigures, pair_figures

    total = PairFigures()
    for source, target, text in zip(sources, targets, texts, strict=True):
        total += pair_figures(source, target, text)
    f = total.figures()
    out = {}
    for name, outcomes, scores in (("edit", total.edits, f["edit"]), ("sentence", total.strict, f["sentence_strict"])):
        answers = outcomes.true_positives + outcomes.false_positives
        out[f"{name} P"] = number(scores["precision"] if answers else None)
        out |= {f"{name} R": number(scores["recall"]), f"{name} F1": number(scores["f1"])}
    return {**out, "right ones changed": complement(f["clean_unchanged"])}


def on_pages(sources: Iterable[str], targets: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    from repair.evaluate import Comparison, PageFigures
    from repair.text import Result

    total = PageFigures()
    for source, target, text in zip(sources, targets, texts, strict=True):
        total += Comparison(Result(source, text), target).page()
    f = total.figures()
    return {
        "CER": percent(f["cer_after"]),
        "reduction": percent(f["cer_reduction"]),
        "fixed": str(f["fixed"]),
        "harmed": str(f["harmed"]),
        "fix precision": number(f["fix_precision"]),
        "breaks F1": number(f["breaks_after"]["f1"]),
    }


def on_clean(sources: Iterable[str], _: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    from repair.evaluate import CleanEvaluation
    from repair.text import Result

    evaluation = CleanEvaluation()
    for source, text in zip(sources, texts, strict=True):
        evaluation.add(Result(source, text))
    f = evaluation.figures()
    return {
        "paragraphs changed": f"{f['changed']} of {f['documents']}",
        "share": complement(f["unchanged"]),
        "edits per 100,000 characters": str(f["edits_per_100k_chars"]),
    }


class Task(NamedTuple):
    title: str
    unit: str
    figures: Callable[[Iterable[str], Iterable[str], Iterable[str]], dict[str, str]]


TASKS = {
    "pairs": Task("Misread characters in video captions", "sentences", on_pairs),
    "ocr_pairs": Task("Sentences from OCR of books and newspapers", "sentences", on_pairs),
    "pages": Task("OCR pages", "pages", on_pages),
    "clean": Task("Clean news (every change is harm)", "paragraphs", on_clean),
}


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def complement(value: float | None) -> str:
    return percent(None if value is None else 1 - value)


def table(rows: Sequence[dict[str, str]]) -> str:
    """Rows as a Markdown table; the first column is text, the others figures."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---|" + "--:|" * (len(names) - 1)]
    lines += ["| " + " | ".join(row.get(name, "-") for name in names) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def report(inputs: dict[str, Input], done: dict[str, dict[str, Any]], missing: Sequence[str]) -> Iterable[str]:
    def row(name: str, task: str, which: Sequence[int], texts: Sequence[str]) -> dict[str, str]:
        data = inputs[task]
        sources, targets = [data.sources[k] for k in which], [data.targets[k] for k in which]
        return {"tool": TOOLS[name].title, **TASKS[task].figures(sources, targets, texts)}

    if not done:
        yield from missing
        return
    yield "## On the same sample\n"
    for task, data in inputs.items():
        size = sum(len(data.sources[k]) for k in data.sample)
        yield f"**{TASKS[task].title}**: {len(data.sample)} {TASKS[task].unit}, {size:,} characters\n"
        rows = []
        for name, result in done.items():
            texts = result["texts"][task]
            chosen = texts if TOOLS[name].slow else [texts[k] for k in data.sample]
            rows.append(row(name, task, data.sample, chosen))
        yield table(rows)
    yield "## On everything\n"
    for task, data in inputs.items():
        size = sum(map(len, data.sources))
        yield f"**{TASKS[task].title}**: {len(data.sources)} {TASKS[task].unit}, {size:,} characters\n"
        whole = range(len(data.sources))
        fast = [name for name in done if not TOOLS[name].slow or len(data.sample) == len(data.sources)]
        if fast:
            yield table([row(name, task, whole, done[name]["texts"][task]) for name in fast])
    yield "## Speed and memory\n"
    yield "Characters a processor second on one core; loading apart.\n"
    rows = []
    for name, result in done.items():
        cells = {"tool": f"{TOOLS[name].title} {result['version']}".strip()}
        for task, data in inputs.items():
            size = sum(len(data.sources[k]) for k in data.sample) if TOOLS[name].slow else sum(map(len, data.sources))
            seconds = result["seconds"][task]
            cells[task.replace("_", " ")] = f"{size / seconds:,.0f}" if name != "identity" else "-"
        cells |= {"loading, s": f"{result['load']:.2f}", "peak memory, MB": f"{result['peak'] / 1e6:,.0f}"}
        rows.append(cells)
    yield table(rows)
    yield from missing


def run(name: str, a: argparse.Namespace, inputs: dict[str, Input], folder: Path) -> dict[str, Any]:
    """What `work` reports, from a process on one core."""
    tool = TOOLS[name]
    given, answer = folder / "in.json", folder / "out.json"
    which = {t: data.sample if tool.slow else range(len(data.sources)) for t, data in inputs.items()}
    texts = {task: [data.sources[k] for k in which[task]] for task, data in inputs.items()}
    given.write_text(json.dumps(texts), encoding="utf-8")
    answer.unlink(missing_ok=True)
    command = [sys.executable if tool.ours else a.python, __file__, "--work", name, str(given), str(answer)]
    if a.kenlm:
        command += ["--kenlm", str(a.kenlm)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    # PYTHONPATH is this interpreter's; another one would find packages there that were not built for it.
    environment = {k: v for k, v in os.environ.items() if tool.ours or k != "PYTHONPATH"}
    core = {min(os.sched_getaffinity(0))} if hasattr(os, "sched_setaffinity") else None
    subprocess.run(
        command,
        check=True,
        env={**environment, **threads, "PYCORRECTOR_DATA_DIR": str(folder)},  # it would make one at home
        preexec_fn=(lambda: os.sched_setaffinity(0, core)) if core else None,
    )
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, metavar="FASPELL.tsv")
    parser.add_argument("--ocr-pairs", type=Path, metavar="OCR.tsv")
    parser.add_argument("--pages", type=Path, metavar="PAGES")
    parser.add_argument("--clean", type=Path, metavar="CLEAN.txt")
    parser.add_argument("--kenlm", type=Path, metavar="MODEL.klm", help="model for pycorrector")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the other tools")
    parser.add_argument("--sample", type=int, default=20_000, metavar="N", help="characters of each input")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--output", type=Path, metavar="TABLE.md", help="default: standard output")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.work:
        work(a.work[0], Path(a.work[1]), Path(a.work[2]), a.kenlm and str(a.kenlm))
        return
    if find_spec("repair") is None:
        parser.error(f"{sys.executable} has no package repair (pip install .)")
    if a.kenlm and not a.kenlm.is_file():
        parser.error(f"{a.kenlm}: no such file")
    readers = {
        "pairs": second_half, "ocr_pairs": measured_sentences, "pages": measured_pages, "clean": clean_paragraphs
    }  # fmt: skip
    inputs = {task: sampled(read(getattr(a, task)), a.sample) for task, read in readers.items() if getattr(a, task)}
    if not inputs:
        parser.error("nothing to compare on: give --pairs, --ocr-pairs, --pages or --clean")
    done: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in a.tools:
            print(f"{TOOLS[name].title} ...", file=sys.stderr, flush=True)
            result = run(name, a, inputs, Path(folder))
            if "missing" in result:
                missing.append(f"Left out: {TOOLS[name].title} ({result['missing']})\n")
                print(missing[-1], end="", file=sys.stderr)
            else:
                done[name] = result
    text = "\n".join(report(inputs, done, missing))
    if a.kenlm and "pycorrector" in done:
        own = Path(__file__).resolve().parent.parent / "dictionaries" / "zh.ngram"
        sizes = [path.stat().st_size / 1e6 for path in (a.kenlm, own)]
        text += f"\nLanguage models: pycorrector's {sizes[0]:.0f} MB, this package's {sizes[1]:.0f} MB.\n"
    if a.output:
        a.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
