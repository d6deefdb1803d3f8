"""The command line as its users meet it: real processes in real folders, and `main` where a process adds nothing."""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from test_diff import patched
from test_reporters import check_sarif

from repair.cli import main
from repair.language.resources import dictionary_folder

ROOT = Path(__file__).resolve().parent.parent
DAMAGED = "提供了政策支持 and 体制保障。\n明确主导产业发展目\n\n标，鼓励\n"
REPAIRED = "提供了政策支持和体制保障。\n明确主导产业发展目标，鼓励\n"
CLEAN = "提供了政策支持和体制保障。\n"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def start(*arguments: str | Path, cwd: Path, **options: object) -> subprocess.Popen[bytes]:
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [sys.executable, "-m", "repair", *map(str, arguments)],
        cwd=cwd, **{"env": ENVIRONMENT, **streams, **options},  # type: ignore[call-overload]
    )


def run(*arguments: str | Path, cwd: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with start(*arguments, cwd=cwd) as process:
        out, err = process.communicate(given, timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


class Ran(NamedTuple):
    status: int
    out: bytes
    err: str


class Here:
    """`main` in a folder of its own, with its streams caught."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        patch.chdir(folder)

    def __call__(self, *arguments: str | Path, given: bytes = b"") -> Ran:
        out, err = io.BytesIO(), io.StringIO()
        with self.patch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
            patch.setattr(sys, "stderr", err)
            status = main([str(a) for a in arguments])
            sys.stdout.flush()
            return Ran(status, out.getvalue(), err.getvalue())

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self) -> dict[str, bytes | None]:
        """Everything in the folder but journals of batches, with the content of files."""
        found = [p for p in self.folder.rglob("*") if ".repair" not in p.parts]
        return {str(p.relative_to(self.folder)): p.read_bytes() if p.is_file() else None for p in found}

    def refused(self, *arguments: str | Path, given: bytes = b"") -> str:
        """The one line with which `arguments` are refused; nothing else may happen."""
        before = self.files()
        ran = self(*arguments, given=given)
        assert ran.status == 2
        assert ran.out == b""
        assert re.fullmatch(r"repair: error: [^\n]+\n", ran.err), ran.err
        assert self.files() == before
        return ran.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    folder = tmp_path / "here"
    folder.mkdir()
    return Here(folder, monkeypatch)


# --- clean


def test_program(here: Here) -> None:
    """One file, as a process: data on stdout, one line of summary on stderr."""
    here.write("a.txt", DAMAGED)
    ran = run("clean", "a.txt", cwd=here.folder)
    assert (ran.returncode, ran.stdout.decode()) == (0, REPAIRED)
    assert ran.stderr.decode() == "repair: a.txt: 2 corrections applied, 0 proposed, 0 noted\n"
    assert list(here.files()) == ["a.txt"]


def test_stdin_and_stdout(here: Here) -> None:
    for arguments in (["clean"], ["clean", "-"], ["clean", "-", "-o", "-"], ["clean", "--workers", "2"]):
        ran = here(*arguments, given=DAMAGED.encode())
        assert (ran.status, ran.out.decode()) == (0, REPAIRED)
        assert ran.err.startswith("repair: <stdin>: 2 corrections applied")
    assert here("clean", "-q", given=DAMAGED.encode()).err == ""
    assert here.files() == {}


def test_to_a_file_or_folder(here: Here) -> None:
    here.write("a.txt", DAMAGED)
    assert here("clean", "a.txt", "-o", "b.txt")[:2] == (0, b"")
    (here.folder / "out").mkdir()
    assert here("clean", "a.txt", "-o", "out")[:2] == (0, b"")
    assert here("clean", "a.txt", "-o", "new/")[:2] == (0, b"")
    files = here.files()
    assert {files[name] for name in ("b.txt", "out/a.txt", "new/a.txt")} == {REPAIRED.encode()}
    assert files["a.txt"] == DAMAGED.encode()


def test_folder_is_mirrored(here: Here) -> None:
    for name in ("d/1.txt", "d/e/2.md", "d/e/1.txt", "d/.hidden/3.txt", "d/e/picture.png"):
        here.write(name, DAMAGED)
    assert here("clean", "d", "-o", "out").status == 0
    out = {name for name, data in here.files().items() if name.startswith("out/") and data is not None}
    assert out == {"out/1.txt", "out/e/2.md", "out/e/1.txt"}
    # An output folder inside the input folder is none of the input the next time.
    assert here("clean", "d", "-o", "d/out").err.startswith("repair: 3 files, 102 characters: 6 corrections")
    assert here("clean", "d", "-o", "d/out").err.startswith("repair: nothing to do; 3 files, 102")
    # With several folders each keeps its name.
    assert here("clean", "d/e", "d/out", "-o", "both").status == 0
    assert {"both/e/1.txt", "both/out/1.txt"} <= here.files().keys()


def test_several_inputs_and_globs(here: Here) -> None:
    for name in ("a.txt", "b.txt", "2019/p.txt", "2020/p.txt"):
        here.write(name, DAMAGED)
    assert here("clean", "a.txt", "b.txt", "-", "-o", "o1", given=DAMAGED.encode()).status == 0
    assert here("clean", "?.txt", "-o", "o2").status == 0
    assert here("clean", "*/p.txt", "-o", "o3").status == 0
    assert here("clean", "a*.txt", "-o", "o4").status == 0  # a glob needs a folder, however much it matches
    out = {name for name, data in here.files().items() if name.startswith("o") and data == REPAIRED.encode()}
    expected = {"o1/a.txt", "o1/b.txt", "o1/stdin.txt", "o2/a.txt", "o2/b.txt", "o4/a.txt"}
    assert out == expected | {"o3/2019/p.txt", "o3/2020/p.txt"}
    assert "would both be written" in here.refused("clean", "2019/p.txt", "2020/p.txt", "-o", "o5")
    assert "output folder" in here.refused("clean", "a.txt", "b.txt")


def test_level_lexicon_profile_and_encoding(here: Here) -> None:
    here.write("words/replace.txt", "最路下\t最底层\n")
    here.write("words/never.txt", "政策支持 and 体制\n")
    text = "政策支持 and 体制保障，支付市场最路下的领域(试行)。\n"
    assert here("clean", "--lexicon", "words", given=text.encode()).out.decode() == text.replace("最路下", "最底层")
    assert "（试行）" in here("clean", "--profile", "typography", given=text.encode()).out.decode()
    gb = DAMAGED.encode("gb18030")
    assert here("clean", "--encoding", "gbk", given=gb).out == REPAIRED.encode("gb18030")
    headers = []
    for level in ("safe", "review"):
        assert here("clean", "--level", level, "--log", level, "-o", f"{level}.txt", given=gb).status == 0
        headers.append(json.loads((here.folder / level).read_text("utf-8").split("\n")[0]))
    assert [header["level"] for header in headers] == ["safe", "review"]


def test_two_workers_do_what_one_does(here: Here) -> None:
    for number in range(11):
        here.write(f"d/{number}.txt", f"第{number}页\n" + DAMAGED * (number + 1))
    here.write("d/e/x.txt", b"PK\3\4\0\0\0")
    one = here("clean", "d", "-o", "one", "--log", "log1")
    two = run("clean", "d", "-o", "two", "--log", "log2", "--workers", "2", cwd=here.folder)
    assert (one.status, one.out) == (two.returncode, two.stdout) == (1, b"")
    assert one.err == two.stderr.decode().replace("two/", "one/")
    files = here.files()
    assert files["log1"] == files["log2"]
    made = {name[4:]: data for name, data in files.items() if name.startswith("one/")}
    assert made == {name[4:]: data for name, data in files.items() if name.startswith("two/")}
    assert len(made) == 12
    check = run("check", "d", "--workers", "2", cwd=here.folder)
    again = here("check", "d")
    assert (check.returncode, check.stdout, check.stderr.decode()) == again


def test_pipes_reach_the_workers(here: Here) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes")
    here.write("a.txt", CLEAN)
    os.mkfifo(here.folder / "pipe")
    with start("clean", "a.txt", "pipe", "-", "-o", "out", "--workers", "2", cwd=here.folder) as process:
        (here.folder / "pipe").write_bytes(DAMAGED.encode())
        process.communicate(DAMAGED.encode(), timeout=60)
    assert process.returncode == 0
    assert {p.name: p.read_text() for p in (here.folder / "out").glob("[!.]*")} == {
        "a.txt": CLEAN, "pipe": REPAIRED, "stdin.txt": REPAIRED
    }


# --- every kind of file, and back

TRADITIONAL = "政府提供政策支持 and 體制保障，明確主導產業發展目\n\n標，鼓勵創新。\n"
FILES = {
    "utf-8": DAMAGED.encode(),
    "bom": codecs.BOM_UTF8 + DAMAGED.encode(),
    "gb18030": DAMAGED.encode("gb18030"),
    "gb18030 with mark": b"\x84\x31\x95\x33" + DAMAGED.encode("gb18030"),
    "big5": TRADITIONAL.encode("cp950"),
    "utf-16-le": codecs.BOM_UTF16_LE + DAMAGED.encode("utf-16-le"),
    "utf-16-be": codecs.BOM_UTF16_BE + DAMAGED.encode("utf-16-be"),
    "utf-32": codecs.BOM_UTF32_LE + DAMAGED.encode("utf-32-le"),
    "crlf": DAMAGED.replace("\n", "\r\n").encode(),
    "cr": DAMAGED.replace("\n", "\r").encode(),
    "mixed": (DAMAGED + DAMAGED.replace("\n", "\r\n")).encode(),
    "form feed": (DAMAGED + "\f" + DAMAGED).encode(),
    "no final newline": DAMAGED.rstrip("\n").encode(),
    "empty": b"",
    "mark only": codecs.BOM_UTF8,
    "newline only": b"\n",
    "astral": ("𠀀𠀁" + DAMAGED).encode(),
    "bad byte": DAMAGED.encode() * 3 + b"\xff" + DAMAGED.encode() * 3,
    "bad gb byte": DAMAGED.encode("gb18030") * 3 + b"\xff\n" + DAMAGED.encode("gb18030") * 3,
    "cut off": DAMAGED.encode()[:-2],
    "lone surrogate": codecs.BOM_UTF16_LE + (DAMAGED + "\ud800" + DAMAGED).encode("utf-16-le", "surrogatepass"),
}


class Library(NamedTuple):
    folder: Path
    log: Path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """All kinds of files, cleaned into ``out`` with one log, twice."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "in").mkdir()
    for name, data in FILES.items():
        (folder / "in" / f"{name}.txt").write_bytes(data)
    for out, log in (("out", "log.jsonl"), ("out2", "log2.jsonl")):
        ran = run("clean", "in", "-o", out, "--log", log, cwd=folder)
        assert ran.returncode == 0, ran.stderr.decode()
        assert ran.stdout == b""
        assert ran.stderr.count(b"warning") == 3  # the bad bytes
    return Library(folder, folder / "log.jsonl")


def test_logs_are_deterministic(library: Library) -> None:
    assert library.log.read_bytes() == (library.folder / "log2.jsonl").read_bytes()
    assert [p.name for p in library.folder.glob(".repair*")] == []


@pytest.mark.parametrize("name", FILES)
def test_log_rebuilds_both(name: str, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Here(library.folder, monkeypatch)
    original, repaired = Path("in") / f"{name}.txt", Path("out") / f"{name}.txt"
    assert original.read_bytes() == FILES[name]
    if name not in ("empty", "mark only", "newline only"):
        assert repaired.read_bytes() != FILES[name]
    assert here("apply", original, "--log", library.log) == (0, repaired.read_bytes(), "")
    assert here("revert", repaired, "--log", library.log) == (0, FILES[name], "")
    assert here("revert", "-", "--log", library.log, given=repaired.read_bytes()).out == FILES[name]
    assert here("clean", repaired, "-q").out == repaired.read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_diff_is_a_patch_of_the_file(
    name: str, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Here(library.folder, monkeypatch)
    original, repaired = Path("in") / f"{name}.txt", Path("out") / f"{name}.txt"
    status, diff, err = here("diff", original)
    assert (status, err) == (0, "")
    if original.read_bytes() == repaired.read_bytes():
        assert diff == b""
        return
    if name.startswith(("utf-16", "utf-32", "lone surrogate")):
        diff.decode("utf-8", "surrogatepass")  # to be looked at
        return
    old, new = (path.read_bytes().decode("latin-1") for path in (original, repaired))
    assert patched(old, diff.decode("latin-1")) == new
    program = shutil.which("patch")
    if program:
        (tmp_path / "in").mkdir()
        (tmp_path / original).write_bytes(FILES[name])
        subprocess.run([program, "-p1", "-s", "--fuzz=0"], input=diff, cwd=tmp_path, check=True)
        assert (tmp_path / original).read_bytes() == repaired.read_bytes()


def test_what_the_encoding_cannot_hold_is_only_proposed(here: Here) -> None:
    here.write("words/replace.txt", "發展目標\t𠮷展目標\n政府\t當局\n")
    text = TRADITIONAL.replace("\n\n", "")
    here.write("c.txt", text.encode("cp950"))
    ran = here("clean", "c.txt", "-o", "d.txt", "--log", "log", "--lexicon", "words")
    assert ran.status == 0
    assert "repair: warning: c.txt: 1 correction only proposed: cp950 cannot hold the outcome\n" in ran.err
    out = (here.folder / "d.txt").read_bytes()
    assert out.decode("cp950") == text.replace("政府", "當局").replace(" and ", "和")
    rows = [json.loads(line) for line in (here.folder / "log").read_text("utf-8").splitlines()]
    (row,) = (row for row in rows if "𠮷" in row.get("after", ""))
    assert (row["status"], row["level"]) == ("proposed", "safe")
    assert "cp950 has no code for it" in row["reason"]
    assert here("revert", "d.txt", "--log", "log").out == text.encode("cp950")


def test_bytes_that_would_come_together_stay_apart(here: Here) -> None:
    """A deletion between a lone high and a lone low surrogate would make one character of them."""
    here.write("words/replace.txt", "甲甲\t\n")
    text = DAMAGED + "\ud840甲甲\udc00" + DAMAGED
    here.write("a.txt", codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass"))
    ran = here("clean", "a.txt", "-o", "b.txt", "--log", "log", "--lexicon", "words")
    assert ran.status == 0 and "only proposed" in ran.err
    out = (here.folder / "b.txt").read_bytes()[2:].decode("utf-16-le", "surrogatepass")
    assert "\ud840甲甲\udc00" in out and " and " not in out
    assert here("revert", "b.txt", "--log", "log").out == (here.folder / "a.txt").read_bytes()


# --- bad input


def test_bad_file_among_good_ones(here: Here) -> None:
    """The others are done; the bad one has its line, no output and no place in the log."""
    for name in ("d/1.txt", "d/3.txt"):
        here.write(name, DAMAGED)
    here.write("d/2.txt", b"\x7fELF\0\0\1\2")
    ran = here("clean", "d", "-o", "out", "--log", "log")
    assert ran.status == 1
    first, second, *rest = ran.err.splitlines()
    assert re.fullmatch(r"repair: error: d/2\.txt: looks like a binary file .*", first)
    counts = "4 corrections applied, 0 proposed, 0 noted; 1 failed, see out/failures.jsonl"
    assert second == f"repair: 2 files, 68 characters: {counts}"
    assert rest == ["repair:   broken-join  2 applied safe", "repair:   stray-word   2 applied safe"]
    assert sorted(p.name for p in (here.folder / "out").iterdir()) == [".repair", "1.txt", "3.txt", "failures.jsonl"]
    (row,) = (json.loads(line) for line in (here.folder / "out" / "failures.jsonl").read_text("utf-8").splitlines())
    assert row["document"] == "d/2.txt" and f"repair: error: {row['reason']}" == first
    rows = [json.loads(line) for line in (here.folder / "log").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows if row["record"] == "document"] == ["d/1.txt", "d/3.txt"]
    assert here("revert", "out/3.txt", "--log", "log").out.decode() == DAMAGED
    check = here("check", "d", "--output-format", "sarif")
    assert check.status == 2
    log = json.loads(check.out)
    assert len(check_sarif(log)) == 4
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False
    diff = here("diff", "d")
    assert (diff.status, diff.err) == (2, first + "\n")
    assert diff.out.count(b"\n--- ") == 1  # and one at the start


def test_nothing_but_bad_files(here: Here) -> None:
    for name in ("1.txt", "2.txt"):
        here.write(f"d/{name}", b"\0\1\2")
    before = here.files()
    ran = here("clean", "d", "-o", "out", "--log", "log")
    assert ran.status == 1
    assert ran.err.count("\n") - 1 == ran.err.count("repair: error: d/") == 2
    assert here.files().keys() - before.keys() == {"out", "out/failures.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("clean missing.txt", "missing.txt: no such file or folder"),
        ("clean missing*.txt", "no file matches"),
        ("clean empty", "no file matches"),
        ("clean binary.txt", "looks like a binary file"),
        ("clean binary.txt -o out.txt --log log", "looks like a binary file"),
        ("clean binary.txt -o out/ --log log", "looks like a binary file"),
        ("check binary.txt", "looks like a binary file"),
        ("check binary.txt --output-format jsonl", "looks like a binary file"),
        ("diff binary.txt", "looks like a binary file"),
        ("clean noise.txt", "cannot tell the encoding"),
        ("clean a.txt --encoding klingon", "unknown encoding 'klingon'"),
        ("clean d --encoding klingon -o out", "unknown encoding 'klingon'"),
        ("clean a.txt --encoding big5", "not valid"),
        ("clean a.txt -o a.txt", "would be overwritten"),
        ("clean a.txt -o link.txt", "would be overwritten"),
        ("clean d -o d", "would be overwritten"),
        ("clean d -o a.txt", "not a folder"),
        ("clean a.txt d -o a.txt", "not a folder"),
        ("clean a.txt -o missing/b.txt", "no such folder"),
        ("clean a.txt -o b.txt --log a.txt", "the log would overwrite an input"),
        ("clean a.txt -o b.txt --log ./b.txt", "would be one file"),
        ("clean a.txt -o b.txt --log d", "is a directory"),
        ("clean a.txt -o b.txt --log missing/log", "no such file or folder"),
        ("clean a.txt --log -", "needs the name of a file"),
        ("clean a.txt --level high", "invalid choice: 'high'"),
        ("clean a.txt --profile nope", "no profile called 'nope'"),
        ("clean a.txt --workers -1", "whole number up to 1024"),
        ("clean a.txt --workers two", "whole number up to 1024"),
        ("clean a.txt --nope", "--nope"),
        ("clean a.txt --lexicon nope", "no such lexicon folder"),
        ("clean a.txt --lexicon empty", "holds none of"),
        ("clean a.txt --lexicon words -o b.txt", "replace.txt:2: expected wrong<TAB>right"),
        ("clean a.txt --dictionaries nope", "no such dictionary folder"),
        ("clean a.txt --dictionaries empty -o b.txt --log log", "missing dictionary file"),
        ("apply a.txt --log missing", "missing: no such file"),
        ("apply a.txt --log a.txt", "a.txt:1: bad JSON"),
        ("apply a.txt --log empty.log", "is empty"),
        ("apply a.txt", "--log"),
        ("revert d --log a.txt", "is a directory"),
        ("rules nope", "no rule called 'nope'"),
        ("eval missing.tsv", "missing.tsv: no such file or folder"),
        ("eval empty", "empty: holds no pages"),
        ("eval pages", "pages/1/truth.txt: no such file"),
        ("eval broken", "broken/1/meta.json:1:2: not JSON"),
        ("eval broken --part 0/2", "broken/1/meta.json:1:2: not JSON"),
        ("eval a.txt", "a.txt:1: expected source<TAB>target"),
        ("eval words/replace.txt", "words/replace.txt:2: expected source<TAB>target"),
        ("eval binary.txt", "binary.txt: looks like a binary file"),
        ("eval --clean missing.txt", "missing.txt: no such file or folder"),
        ("eval --clean binary.txt", "binary.txt: looks like a binary file"),
        ("eval --clean binary.txt --lines", "binary.txt: looks like a binary file"),
        ("eval a.txt --lines", "--lines needs --clean"),
        ("eval a.txt --part 1/2", "--part needs pages"),
        ("eval a.txt --part 2/2", "must be like 3/4"),
        ("eval a.txt --by rule,colour", "--by colour: not one of engine, severity, rule"),
        ("eval a.txt --limit 0", "whole number from 1"),
        ("eval a.txt --profile nope", "no profile called 'nope'"),
        ("eval", "PATH"),
        ("train missing.txt -o m.ngram", "missing.txt: no such file"),
        ("train d -o m.ngram", "is a directory"),
        ("train a.txt -o a.txt", "would be overwritten"),
        ("train a.txt -o missing/m.ngram", "not a file that can be written"),
        ("train a.txt --focus missing.txt -o m.ngram", "missing.txt: no such file"),
        ("train a.txt --order 1 -o m.ngram", "order must be at least 2"),
        ("train bad.txt.xz -o m.ngram", "cannot train"),
        ("nope", "invalid choice: 'nope'"),
        ("", "COMMAND"),
    ],
)
def test_bad_input(arguments: str, message: str, here: Here) -> None:
    here.write("a.txt", DAMAGED)
    here.write("d/b.txt", DAMAGED)
    here.write("binary.txt", b"\x7fELF\0\0\1\2\3")
    here.write("noise.txt", bytes(range(128, 256)) * 4)
    here.write("words/replace.txt", "甲\t乙\n丙\n")
    here.write("empty.log", "")
    here.write("pages/1/raw.txt", DAMAGED)
    for file, content in (("raw.txt", DAMAGED), ("truth.txt", REPAIRED), ("meta.json", "{")):
        here.write(f"broken/1/{file}", content)
    here.write("bad.txt.xz", "not xz")
    (here.folder / "empty").mkdir()
    (here.folder / "link.txt").symlink_to("a.txt")
    assert message in here.refused(*arguments.split())


def test_bad_input_as_a_process(here: Here) -> None:
    here.write("binary.txt", b"\x7fELF\0\0\1\2\3")
    for arguments in (["clean", "binary.txt", "-o", "out.txt", "--log", "log"], ["clean", "x", "--level", "high"]):
        ran = run(*arguments, cwd=here.folder)
        assert (ran.returncode, ran.stdout) == (2, b"")
        assert re.fullmatch(rb"repair: error: [^\n]+\n", ran.stderr)
    assert list(here.files()) == ["binary.txt"]


def test_no_permission(here: Here) -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("no user ids")
    here.write("a.txt", DAMAGED)
    here.write("secret.txt", DAMAGED).chmod(0)
    (here.folder / "fixed").mkdir(mode=0o555)
    before = here.files()
    assert here("clean", "a.txt", "-o", "warm.txt", "--log", "warm.log").status == 0  # imports everything
    (here.folder / "warm.txt").unlink()
    (here.folder / "warm.log").unlink()
    user = os.geteuid()
    if user == 0:  # permissions do not bind root
        for folder in (here.folder, *here.folder.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(folder.stat().st_mode | 0o055)
        here.folder.chmod(0o777)
        os.seteuid(65534)
    try:
        if not os.access(dictionary_folder() / "zh.ngram", os.R_OK, effective_ids=True):
            pytest.skip("the package lies where another user cannot read it")
        for arguments, name in (
            (["clean", "secret.txt"], "secret.txt"),
            (["clean", "a.txt", "-o", "fixed/b.txt", "--log", "log"], "fixed/b.txt"),
            (["clean", "a.txt", "-o", "b.txt", "--log", "fixed/log"], "fixed/log"),
        ):
            ran = here(*arguments)
            assert ran == (2, b"", f"repair: error: {name}: permission denied\n")
    finally:
        if user == 0:
            os.seteuid(user)
    assert here.files() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.repair\n", "not valid TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[tool.repair]\nlevel = 'all'\n", "level must be"),
        (b"[tool.repair]\nprofile = 'nope'\n", "no profile called 'nope'"),
        (b"[tool.repair]\nprofile = 'p'\n[tool.repair.profiles.p]\nfilters = ['nope']\n", "no filter called 'nope'"),
        (b"[tool.repair]\nlexicon = 'nope'\n", "no such lexicon folder"),
    ],
)
def test_broken_project(content: bytes, message: str, here: Here) -> None:
    here.write("a.txt", DAMAGED)
    here.write("pyproject.toml", content)
    err = here.refused("clean", "a.txt", "-o", "b.txt", "--log", "log")
    assert message in err
    assert "lexicon" in err or "pyproject.toml" in err


def test_project_settings(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("words/replace.txt", "最路下\t最底层\n")
    here.write("a/b/c.txt", "政策支持 and 体制保障，最路下的领域(试行)。\n")
    here.write(
        "pyproject.toml",
        '[tool.repair]\nprofile = "house"\nlevel = "review"\nlexicon = "words"\n'
        '[tool.repair.profiles.house]\nenable = ["typography"]\ndisable = ["stray-word"]\n',
    )
    monkeypatch.chdir(here.folder / "a" / "b")
    ran = here("clean", "c.txt", "-o", "d.txt", "--log", "log")
    assert ran.status == 0
    assert "支持 and 体制保障，最底层的领域（试行）" in Path("d.txt").read_text("utf-8")
    header = json.loads(Path("log").read_text("utf-8").split("\n")[0])
    assert (header["profile"], header["level"]) == ("house", "review")
    assert "lexicon" in [r["name"] for r in header["resources"]]
    # The command line has the last word.
    assert "支持和体制" in here("clean", "c.txt", "--profile", "default", "--level", "safe").out.decode()


def some_dictionaries(here: Here, **replaced: bytes | None) -> Path:
    folder = here.folder / "dictionaries"
    folder.mkdir()
    for path in (ROOT / "dictionaries").iterdir():
        if path.suffix != ".md":
            (folder / path.name).symlink_to(path)
    for name, data in replaced.items():
        path = folder / name.replace("__", ".")
        path.unlink()
        if data is not None:
            path.write_bytes(data)
    return folder


def beginning(name: str, size: int) -> bytes:
    with open(ROOT / "dictionaries" / name, "rb") as file:
        return file.read(size)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("zh__ngram", None),
        ("zh__ngram", b""),
        ("zh__ngram", b"junk" * 1000),
        ("zh__ngram", beginning("zh.ngram", 100_000)),
        ("confusions__tsv", b"junk\n"),
        ("shapes__bin", b"junk"),
        ("weights__json", b"{"),
        ("stray_words__tsv", b"and\n"),
    ],
)
def test_broken_dictionaries(name: str, data: bytes | None, here: Here) -> None:
    here.write("d/a.txt", "")  # needs no model: is not to be written before the damage shows
    here.write("d/b.txt", DAMAGED)
    folder = some_dictionaries(here, **{name: data})
    err = here.refused("clean", "d", "-o", "out", "--log", "log", "--dictionaries", folder)
    assert name.replace("__", ".") in err


def test_wrong_and_damaged_logs(here: Here) -> None:
    here.write("a.txt", DAMAGED)
    here.write("other.txt", DAMAGED + "别的\n")
    assert here("clean", "a.txt", "-o", "b.txt", "--log", "log").status == 0
    log = (here.folder / "log").read_bytes()
    here.write("cut1", log[:-5])
    here.write("cut2", log[: log.rindex(b"\n", 0, -1) + 1])
    here.write("cut3", log.replace("政策".encode(), b"\xff"))
    assert "does not belong to other.txt" in here.refused("apply", "other.txt", "--log", "log")
    assert "does not belong to other.txt" in here.refused("revert", "other.txt", "--log", "log", "-o", "x.txt")
    assert "original text already" in here.refused("revert", "a.txt", "--log", "log")
    assert "repaired text already" in here.refused("apply", "b.txt", "--log", "log", "-o", "x.txt")
    assert "cut1:4: the last line is cut off" in here.refused("revert", "b.txt", "--log", "cut1", "-o", "x.txt")
    assert "cut off or was edited" in here.refused("revert", "b.txt", "--log", "cut2", "-o", "x.txt")
    assert "would be overwritten" in here.refused("revert", "b.txt", "--log", "log", "-o", "log")
    assert "would be overwritten" in here.refused("revert", "b.txt", "--log", "log", "-o", "b.txt")
    assert here("revert", "b.txt", "--log", "log", "-o", "back.txt") == (0, b"", "")
    assert (here.folder / "back.txt").read_text("utf-8") == DAMAGED
    assert here("apply", "a.txt", "--log", "log", "-o", "-") == (0, REPAIRED.encode(), "")


# --- check and diff


def test_check(here: Here) -> None:
    here.write("a.txt", DAMAGED.replace("\n", "\r\n"))
    here.write("clean.txt", CLEAN)
    text = here("check", "a.txt")
    assert (text.status, text.err) == (1, "")
    assert [line.split(": ")[0] for line in text.out.decode().splitlines()] == ["a.txt:1:8", "a.txt:2:10"]
    assert here("check", "clean.txt") == (0, b"", "")
    assert here("check", "-", given=DAMAGED.encode()).out.startswith(b"<stdin>:1:8: ")
    rows = [json.loads(line) for line in here("check", "a.txt", "--output-format", "jsonl").out.splitlines()]
    assert [(row["rule"], row["before"]) for row in rows] == [("stray-word", " and "), ("broken-join", "\r\n\r\n")]
    assert len(here("check", "a.txt", "--output-format", "github").out.splitlines()) == 2
    sarif = here("check", "a.txt", "clean.txt", "--output-format", "sarif")
    assert sarif.status == 1
    assert len(check_sarif(json.loads(sarif.out))) == 2
    assert here("check", "clean.txt", "--output-format", "sarif").status == 0
    assert sorted(here.files()) == ["a.txt", "clean.txt"]


def test_check_and_clean_agree(here: Here) -> None:
    here.write("a.txt", "第一页\n\f𠀀𠀁" + DAMAGED)
    assert here("clean", "a.txt", "-o", "b.txt", "--log", "log").status == 0
    logged = [json.loads(line) for line in (here.folder / "log").read_text("utf-8").splitlines()[2:]]
    found = [json.loads(line) for line in here("check", "a.txt", "--output-format", "jsonl").out.splitlines()]
    keys = ("start", "end", "line", "column", "before", "after", "rule", "level", "confidence", "alternatives")
    assert [[row[key] for key in keys] for row in logged] == [[row[key] for key in keys] for row in found]


def test_colour(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("a.txt", DAMAGED)
    assert b"\x1b" not in here("diff", "a.txt").out
    assert b"\x1b" in here("diff", "a.txt", "--color", "always").out
    assert b"\x1b" not in here("diff", "a.txt", "--color", "never").out
    if not hasattr(os, "openpty"):
        return

    def on_a_terminal(**environment: str) -> bytes:
        leader, follower = os.openpty()
        with start("diff", "a.txt", cwd=here.folder, stdout=follower, env={**ENVIRONMENT, **environment}) as process:
            os.close(follower)
            out = b""
            try:
                while piece := os.read(leader, 4096):
                    out += piece
            except OSError:  # how Linux reports the other end's closing
                pass
            process.communicate(timeout=60)
        os.close(leader)
        assert process.returncode == 0
        return out

    assert b"\x1b" in on_a_terminal(TERM="xterm", NO_COLOR="")
    assert b"\x1b" not in on_a_terminal(TERM="xterm", NO_COLOR="1")


# --- the rest


def test_help_version_rules(here: Here) -> None:
    names = ("clean", "check", "diff", "apply", "revert", "rules", "eval", "train")
    for command in ((), *((name,) for name in names)):
        ran = here(*command, "--help")
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.decode().startswith("usage: repair")
    assert re.fullmatch(rb"repair \d+\.\d+\.\d+\n", here("--version").out)
    rules = here("rules").out.decode().splitlines()
    assert len(rules) >= 11
    for line in rules:
        name, level = line.split()[:2]
        assert level in ("safe", "review", "note")
        ran = here("rules", name)
        assert ran.status == 0
        assert ran.out.decode().startswith(f"{name}: ")
        assert f"Highest level: {level}" in ran.out.decode()
    assert here("rules", "stray_word") == here("rules", "stray-word")


def imported(code: str, cwd: Path) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=cwd, env=ENVIRONMENT, capture_output=True, check=True
    )
    return {line.split("|")[-1].strip() for line in ran.stderr.decode().splitlines() if line.startswith("import time:")}


def test_nothing_heavy_is_imported(here: Here) -> None:
    heavy = {"numpy", "jieba", "opencc", "regex", "ftfy", "rapidfuzz"}
    assert not imported("import repair", here.folder) & heavy
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; from repair.cli import main; main(['--help']); main(['rules']);"
         "from repair.language.resources import default_resources as d; print(sorted(vars(d())), *sys.modules)"],
        cwd=here.folder, env=ENVIRONMENT, capture_output=True, check=True, text=True,
    )
    last = ran.stdout.splitlines()[-1]
    assert last.startswith("['folder', 'neural']")  # no model, no table
    assert not {"jieba", "opencc"} & set(last.split())


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no broken pipes")
@pytest.mark.parametrize("arguments", [["check", "a.txt"], ["clean", "a.txt", "-q"], ["rules"], ["--help"]])
def test_broken_pipe_is_silent(arguments: Sequence[str], here: Here) -> None:
    here.write("a.txt", DAMAGED)
    reader, writer = os.pipe()
    os.close(reader)
    with start(*arguments, cwd=here.folder, stdout=writer) as process:
        os.close(writer)
        _, err = process.communicate(timeout=60)
    assert err == b""
    # argparse itself overlooks that a help text could not be written to an unbuffered stream.
    assert process.returncode == 141 or (arguments == ["--help"] and process.returncode == 0)


def test_full_disk(here: Here) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    here.write("a.txt", DAMAGED)
    with open("/dev/full", "wb") as full, start("clean", "a.txt", "-q", cwd=here.folder, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == b"repair: error: no space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="no such shell")
def test_closed_streams(here: Here) -> None:
    here.write("a.txt", DAMAGED)
    for redirection, status, out, err in (
        ("a.txt >&-", 2, "", "repair: error: standard output is closed\n"),
        ("a.txt 2>&-", 0, REPAIRED, ""),
        ("- <&-", 2, "", "repair: error: <stdin>: is closed\n"),
    ):
        ran = subprocess.run(
            f'"{sys.executable}" -m repair clean {redirection}',
            shell=True, cwd=here.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (status, out, err)


def descendants() -> Iterator[int]:
    """Processes that run this program's workers or it."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"REPAIR_TEST=" in path.read_bytes():
                yield int(path.parent.name)
        except OSError:
            continue


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption(workers: str, number: int, status: int, here: Here) -> None:
    for page in range(400):
        here.write(f"d/{page:03}.txt", DAMAGED * 60)
    environment = {**ENVIRONMENT, "REPAIR_TEST": f"{os.getpid()}"}
    with start(
        "clean", "d", "-o", "out", "--log", "log", "--workers", workers,
        cwd=here.folder, env=environment, start_new_session=True,
    ) as process:
        limit = time.monotonic() + 30
        while not list(here.folder.glob("out/*.txt")):
            assert process.poll() is None and time.monotonic() < limit
            time.sleep(0.01)
        # A terminal sends it to the whole group, kill to the one process.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert (out, err) == (b"", b"repair: interrupted\n" if number == signal.SIGINT else b"")
    assert [name for name in here.files() if not name.startswith(("d", "out"))] == []
    assert list(here.folder.rglob(".repair-*")) == []
    done = list(here.folder.glob("out/*.txt"))
    assert 0 < len(done) < 400
    assert {path.read_bytes() for path in done} == {here("clean", "d/000.txt").out}  # whole ones
    if os.path.isdir("/proc"):
        while list(descendants()) and time.monotonic() < limit:
            time.sleep(0.02)
        assert list(descendants()) == []


def test_train(here: Here) -> None:
    here.write("corpus.txt", "推动科研工作者围绕国家需要开展研究。\n政策支持和体制保障都很重要。\n" * 20)
    here.write("news.txt", "记者从科技局了解到，政策支持和体制保障到位。\n" * 20)
    arguments = ["--focus", "news.txt", "--focus-weight", "5", "--prune", "0", "1", "3", "5", "7"]
    ran = here("train", "corpus.txt", *arguments, "-o", "new.ngram")
    assert (ran.status, ran.out) == (0, b"")
    assert all(line.startswith("repair: ") for line in ran.err.splitlines())
    assert here("train", "corpus.txt", *arguments, "-o", "again.ngram").status == 0
    assert here("train", "corpus.txt", "news.txt", *arguments[4:], "-o", "plain.ngram").status == 0
    files = here.files()
    assert files["new.ngram"] == files["again.ngram"] != files["plain.ngram"]
    assert set(files) == {"corpus.txt", "news.txt", "new.ngram", "again.ngram", "plain.ngram"}
    new = files["new.ngram"]
    assert new is not None
    folder = some_dictionaries(here, zh__ngram=new)
    cleaned = here("clean", "--dictionaries", folder, given=DAMAGED.encode())
    assert cleaned.status == 0
    assert cleaned.err.startswith("repair: <stdin>: ")
