"""Batches: the same outputs and log whoever does the work, however often it is stopped, whatever the input.

``REPAIR_TEST_KILLS`` says how often a run is killed (default: twice).
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_cli import DAMAGED, ENVIRONMENT, REPAIRED, Here, run

from repair.formats import chunks, jsonl, streams
from repair.formats.plain import InputError
from repair.ingest import batch, pool, progress, records
from repair.ingest.journal import Journal
from repair.ingest.work import Failure, Job, Piece, Task, Whole, start_worker
from repair.log import iter_documents

KILLS = int(os.environ.get("REPAIR_TEST_KILLS", "2"))
SMALL = (
    "import sys; from repair.formats import chunks; from repair.ingest import batch, records; "
    "from repair.cli import main; "
    "chunks.LEAST, chunks.MOST, batch.LARGE, records.UNIT = 300, 900, 5000, 3000; sys.exit(main())"
)
"""The program with small parts, so that little text has many of them."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    folder = tmp_path / "here"
    folder.mkdir()
    return Here(folder, monkeypatch)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LEAST", 300)
    monkeypatch.setattr(chunks, "MOST", 900)
    monkeypatch.setattr(batch, "LARGE", 5_000)
    monkeypatch.setattr(records, "UNIT", 3_000)


def line(number: int, text: str, **more: object) -> str:
    return json.dumps({"id": number, "text": text, **more}, ensure_ascii=number % 2 == 0) + "\n"


def library(here: Here, *, parquet: bool = False) -> None:
    """A folder of all kinds of files in ``in``."""
    for number in range(8):
        here.write(f"in/{number}.txt", f"第{number}页\n" + DAMAGED * (1 + number % 3))
    here.write("in/a/deep.md", "# 标题\n\n" + DAMAGED)
    here.write("in/a/gb.txt", DAMAGED.encode("gb18030"))
    here.write("in/big.txt", "".join(f"第{n}段。{DAMAGED}" for n in range(100)))
    rows = [line(n, f"第{n}条。" + DAMAGED * (n % 2), score=1.0) for n in range(60)]
    rows[7:7] = ["\n", '{"text": null}\n', '{"text": ""}\n', "{broken\n"]
    here.write("in/rows.jsonl", "".join(rows))
    here.write("in/zipped.jsonl.gz", gzip.compress("".join(rows[:20]).encode(), mtime=0))
    if parquet:
        import pyarrow as arrow
        from pyarrow import parquet as pq

        texts = [None if n % 9 == 0 else f"第{n}条。" + DAMAGED * (n % 2) for n in range(600)]
        pq.write_table(arrow.table({"n": range(600), "text": texts}), here.folder / "in/t.parquet", row_group_size=250)


def outputs(folder: Path, *names: str) -> dict[str, bytes]:
    """The files of output folders and logs, without journals."""
    found: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and ".repair" not in p.parts]
        found |= {"log" if p == path else str(p.relative_to(path)): p.read_bytes() for p in files}
    return found


def same_as(expected: dict[str, bytes], found: dict[str, bytes]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


# --- what comes out


@pytest.mark.usefixtures("small")
def test_everything_at_once(here: Here) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        parquet = False
    else:
        parquet = True
    library(here, parquet=parquet)
    ran = here("clean", "in", "-o", "out", "--log", "log")
    assert ran.status == 1 and ran.out == b""
    first, second, third, *_ = ran.err.splitlines()
    assert first == "repair: in/rows.jsonl: the text is taken from text (--column names another one)"
    assert second.startswith("repair: error: in/rows.jsonl#11: bad JSON")
    assert third.startswith("repair: error: in/zipped.jsonl.gz#11: bad JSON")
    # By two processes: the same.
    two = here("clean", "in", "-o", "two", "--log", "log2", "--workers", "2")
    assert (two.status, two.err.replace("two/", "out/")) == (1, ran.err)
    same_as(outputs(here.folder, "out"), outputs(here.folder, "two"))
    assert (here.folder / "log").read_bytes() == (here.folder / "log2").read_bytes()
    # The records: only texts have changed, and what has none or is broken stands as it was.
    before = (here.folder / "in/rows.jsonl").read_text().split("\n")
    after = (here.folder / "out/rows.jsonl").read_text().split("\n")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if DAMAGED.split("\n")[0] not in json.dumps(old, ensure_ascii=False) and "\\u653f" not in old:
            assert old == new
        elif old != new:
            assert json.loads(new) == {**json.loads(old), "text": json.loads(old)["text"].replace(DAMAGED, REPAIRED)}
            assert new.isascii() == old.isascii() and '"score": 1.0' in new
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 30
    assert gzip.decompress((here.folder / "out/zipped.jsonl.gz").read_bytes()).decode() == "\n".join(after[:20]) + "\n"
    # All of it back, and forth again.
    names = [str(p.relative_to(here.folder / "in")) for p in (here.folder / "in").rglob("*") if p.is_file()]
    for name in names:
        if name.endswith(".parquet"):
            continue
        for command, source, wanted in (("apply", "in", "out"), ("revert", "out", "in")):
            back = here(command, f"{source}/{name}", "--log", "log", "-o", f"x-{Path(name).name}")
            assert back == (0, b"", "")
            made, other = (
                (here.folder / f"x-{Path(name).name}").read_bytes(),
                (here.folder / wanted / name).read_bytes(),
            )
            assert made == other or gzip.decompress(made) == gzip.decompress(other)
        if name.endswith("rows.jsonl"):
            assert here("revert", f"out/{name}", "--log", "log").out == (here.folder / "in" / name).read_bytes()
            assert "original file already" in here.refused("revert", f"in/{name}", "--log", "log")
    if parquet:
        from pyarrow import parquet as pq

        assert here("revert", "out/t.parquet", "--log", "log", "-o", "back.parquet")[:2] == (0, b"")
        assert pq.read_table("back.parquet").equals(pq.read_table("in/t.parquet"))
        assert here("apply", "back.parquet", "--log", "log", "-o", "forth.parquet")[:2] == (0, b"")
        assert pq.read_table("forth.parquet").equals(pq.read_table("out/t.parquet"))
        texts = pq.read_table("out/t.parquet").column("text").to_pylist()
        assert texts[:3] == [None, "第1条。" + REPAIRED, "第2条。"]
    # Positions in a large file are those of the file.
    (big,) = (d for d in iter_documents("log") if d.record.id == "in/big.txt")
    text = (here.folder / "in/big.txt").read_text()
    assert len(big.entries) >= 200 and big.record.length == len(text)
    for e in big.entries:
        c = e.correction
        assert text[c.start : c.end] == c.before
        assert (e.line, e.column) == (text.count("\n", 0, c.start) + 1, c.start - text.rfind("\n", 0, c.start))


def test_one_file_of_records(here: Here) -> None:
    here.write("a.jsonl", "".join(line(n, DAMAGED) for n in range(5)))
    for arguments in (["a.jsonl"], ["a.jsonl", "-o", "b.jsonl", "--log", "log"], ["a.jsonl", "-o", "b.jsonl.gz"]):
        assert here("clean", *arguments).status == 0
    assert sorted(here.files()) == ["a.jsonl", "b.jsonl", "b.jsonl.gz", "log"]
    assert sorted(os.listdir(here.folder)) == ["a.jsonl", "b.jsonl", "b.jsonl.gz", "log"]  # and no journal
    new = (here.folder / "b.jsonl").read_bytes()
    assert gzip.decompress((here.folder / "b.jsonl.gz").read_bytes()) == new == here("clean", "a.jsonl", "-q").out
    assert [json.loads(row)["text"] for row in new.splitlines()] == [REPAIRED] * 5
    rows = [json.loads(row) for row in (here.folder / "log").read_text().splitlines()]
    assert [row["id"] for row in rows if row["record"] == "document"] == [
        "a.jsonl", "a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "a.jsonl#4", "a.jsonl#5"
    ]  # fmt: skip


def test_column(here: Here) -> None:
    here.write("a.jsonl", json.dumps({"text": "x", "a": {"b": DAMAGED}}) + "\n")
    ran = here("clean", "a.jsonl", "--column", "a.b", "-q")
    assert json.loads(ran.out) == {"text": "x", "a": {"b": REPAIRED}}
    assert ran.err == ""
    here.write("b.jsonl", '{"n": 1}\n')
    assert "name one with --column" in here.refused("clean", "b.jsonl")


# --- stopped and gone on


def start(here: Here, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SMALL, "clean", "in", *arguments], cwd=here.folder, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # type: ignore[call-overload, no-any-return]  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9")
def test_killed_at_any_moment(here: Here) -> None:
    library(here)
    with start(here, "-o", "whole", "--log", "log0", "--workers", "2") as process:
        began = time.monotonic()
        process.communicate(timeout=120)
        took = time.monotonic() - began
    assert process.returncode == 1
    expected = outputs(here.folder, "whole") | outputs(here.folder, "log0")
    chance = random.Random(KILLS)
    kept = 0
    for number in range(KILLS):
        if number % 5 == 0:
            shutil.rmtree(here.folder / "out", ignore_errors=True)
            (here.folder / "log").unlink(missing_ok=True)
            kept = 0
        with start(here, "-o", "out", "--log", "log", "--workers", str(1 + number % 2)) as process:
            try:
                process.communicate(timeout=0.4 + chance.random() * took)
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
        # Whatever is there is whole, and nothing that was finished is lost.
        made = outputs(here.folder, "out")
        assert [name for name, data in made.items() if data != expected[name]] == []
        done = finished(here.folder / "out")
        assert done >= kept
        kept = done
    with start(here, "-o", "out", "--log", "log", "--workers", "2") as process:
        process.communicate(timeout=120)
    assert process.returncode == 1
    same_as(expected, outputs(here.folder, "out") | outputs(here.folder, "log"))
    assert list(here.folder.rglob(".repair-*.tmp")) == []
    with start(here, "-o", "out", "--log", "log") as process:
        _, err = process.communicate(timeout=120)
    assert b"repair: nothing to do; " in err


def finished(folder: Path) -> int:
    """Pieces in the journal."""
    state = folder / batch.FOLDER
    if not (state / "journal.sqlite").exists():
        return 0
    try:
        with Journal(str(state)) as journal:
            rows = journal._base.execute("SELECT count(*) FROM piece").fetchone()
    except InputError:
        return 0
    return int(rows[0])


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="mounting needs root on Linux")
def test_full_disk(here: Here) -> None:
    library(here)
    with start(here, "-o", "whole", "--log", "log0") as process:
        process.communicate(timeout=120)
    disk = here.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted")
    try:
        for free in (40, 110):  # KiB
            shutil.rmtree(disk / "out", ignore_errors=True)
            (disk / "filler").write_bytes(bytes((1024 - free) * 1024))
            with start(here, "-o", "disk/out", "--log", "disk/log", "--workers", "2") as process:
                _, err = process.communicate(timeout=120)
            assert process.returncode == 2, err
            assert err.splitlines()[-1].endswith(b"no space left on the disk")
            (disk / "filler").unlink()
            with start(here, "-o", "disk/out", "--log", "disk/log", "--workers", "2") as process:
                _, err = process.communicate(timeout=120)
            assert process.returncode == 1
            same_as(
                outputs(here.folder, "whole") | outputs(here.folder, "log0"),
                outputs(disk, "out") | outputs(disk, "log"),
            )
            (disk / "log").unlink()
    finally:
        subprocess.run(["umount", disk], check=True)


def left(err: str) -> str:
    """What the summary says of an earlier run."""
    return next(row for row in err.splitlines() if " characters: " in row).removeprefix("repair: ").split("; ")[0]


@pytest.mark.usefixtures("small")
def test_only_what_changed_is_done_again(here: Here) -> None:
    for number in range(4):
        here.write(f"in/{number}.txt", DAMAGED * (number + 1))
    here.write("in/rows.jsonl", "".join(line(n, DAMAGED) for n in range(60)))
    arguments = ("clean", "in", "-o", "out", "--log", "log")
    assert here(*arguments).status == 0
    expected = here.files()
    assert left(here(*arguments).err) == "nothing to do"
    here.write("in/1.txt", DAMAGED + "新的。\n")
    os.utime(here.folder / "in/2.txt")  # touched only
    assert left(here(*arguments).err) == "4 files as an earlier run left them"
    (here.folder / "in/3.txt").unlink()
    (here.folder / "out/0.txt").unlink()
    (here.folder / "out/rows.jsonl").write_text("{}")
    (here.folder / "log").unlink()
    assert left(here(*arguments).err) == "2 files as an earlier run left them"
    here.write("in/1.txt", DAMAGED * 2)
    here.write("in/3.txt", DAMAGED * 4)
    assert left(here(*arguments).err) == "3 files as an earlier run left them"
    assert here.files() == expected
    # All of it where the settings change, and back.
    here.write("words/never.txt", "政策支持 and 体制\n")
    more = here(*arguments, "--lexicon", "words")
    assert "earlier" not in more.err and "nothing" not in more.err
    assert " and " in (here.folder / "out/0.txt").read_text()
    here.write("words/never.txt", "别的词\n")
    assert "earlier" not in here(*arguments, "--lexicon", "words").err
    assert "earlier" not in here(*arguments, "--level", "review").err
    assert "earlier" not in here(*arguments).err
    (here.folder / "words/never.txt").unlink()
    (here.folder / "words").rmdir()
    assert here.files() == expected
    # Without its journal everything is done again, with the same outcome.
    shutil.rmtree(here.folder / "out" / ".repair")
    assert "earlier" not in here(*arguments).err
    assert here.files() == expected


@pytest.mark.usefixtures("small")
def test_decisions_redo_what_they_are_about(here: Here) -> None:
    from repair.review.batch import Batch, Board
    from repair.review.store import Store

    here.write("in/0.txt", DAMAGED)
    here.write("in/1.txt", "别的。" + DAMAGED)
    here.write("in/big.txt", "".join(f"第{n}段。{DAMAGED}" for n in range(300)))
    here.write("in/rows.jsonl", "".join(line(n, f"第{n}条。" + DAMAGED) for n in range(60)))
    arguments = ("clean", "in", "-o", "out", "--log", "log")
    assert here(*arguments).status == 0
    with Store("decisions.sqlite") as store:
        found = Batch(["log"], ["."])
        assert all(found.source(document) for document in found.documents)
        board = Board(found, store)
        for name in ("in/1.txt", "in/big.txt", "in/rows.jsonl#7"):
            items = [item for item in found.items if found.document(item).name == name]
            board.reject(items[:1], "me")
            board.decide(items[1:2], "〇", "me")
    ran = here(*arguments)
    assert left(ran.err) == "1 file as it was left" and "6 as decided before" in ran.err
    texts = [json.loads(row)["text"] for row in (here.folder / "out/rows.jsonl").read_text().splitlines()]
    assert texts[6] == "第6条。" + DAMAGED.replace("\n\n", "〇")
    assert set(texts[:6] + texts[7:]) == {f"第{n}条。" + REPAIRED for n in range(60) if n != 6}
    assert (here.folder / "out/big.txt").read_text().count(" and ") == 1
    for name in ("in/1.txt", "in/big.txt", "in/rows.jsonl"):
        assert here("apply", name, "--log", "log").out == (here.folder / name.replace("in", "out", 1)).read_bytes()
    assert here("revert", "out/rows.jsonl", "--log", "log").out == (here.folder / "in/rows.jsonl").read_bytes()
    assert left(here(*arguments).err) == "nothing to do"


def test_two_runs_at_once(here: Here) -> None:
    here.write("in/0.txt", DAMAGED)
    here.write("in/1.txt", DAMAGED)
    with Journal("out/.repair"):
        pass
    script = (
        "import sys; from repair.ingest.journal import Journal\nwith Journal('out/.repair'): print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=here.folder, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        ran = here("clean", "in", "-o", "out")
        other.communicate(b"\n")
    assert (ran.status, ran.err) == (2, "repair: error: out/.repair/journal.sqlite: another run is writing there\n")
    here.write("out/.repair/journal.sqlite", b"nothing of the kind" * 100)
    assert "delete it to begin anew" in here("clean", "in", "-o", "out").err


# --- failures


def test_fail_fast(here: Here) -> None:
    for number in range(5):
        here.write(f"in/{number}.txt", b"\0\1" if number == 1 else DAMAGED)
    ran = here("clean", "in", "-o", "out", "--log", "log", "--fail-fast")
    assert ran.status == 1 and ran.err.startswith("repair: error: in/1.txt: looks like a binary file")
    assert sorted(os.listdir("out")) == [".repair", "0.txt", "failures.jsonl"]
    here.write("in/1.txt", DAMAGED)
    ran = here("clean", "in", "-o", "out", "--log", "log", "--fail-fast", "--failures", "bad.jsonl")
    assert (ran.status, left(ran.err)) == (0, "1 file as it was left")
    assert not os.path.exists("bad.jsonl")
    assert here("clean", "in", "-o", "out", "--log", "log").status == 0
    assert not os.path.exists("out/failures.jsonl")  # that there were some once


def test_hostile_names_and_links(here: Here) -> None:
    names = ["a\nb.txt", "-n.txt", "' $(x).txt", "..txt", os.fsdecode(b"\xff\xfe.txt"), "正文.txt"]
    for name in names:
        here.write(f"in/{name}", DAMAGED)
    here.write("secret/s.txt", CLEAN := "不许动。\n")
    (here.folder / "in/loop").symlink_to("..", target_is_directory=True)
    (here.folder / "in/self.txt").symlink_to("self.txt")
    (here.folder / "in/gone.txt").symlink_to("nowhere")
    here.write("in/up.jsonl", '{"id": "../../../x", "text": "' + DAMAGED.replace("\n", "\\n") + '"}\n')
    before = here.files()
    ran = here("clean", "in", "-o", "out", "--log", "log")
    assert ran.status == 0, ran.err
    made = {p.name for p in (here.folder / "out").iterdir()} - {".repair"}
    assert made == {*names, "up.jsonl"} - {"..txt"}  # that one is hidden
    after = {name: data for name, data in here.files().items() if not name.startswith(("out", "log"))}
    assert after == before
    # A link in the output folder does not lead out of it.
    shutil.rmtree(here.folder / "out")
    (here.folder / "out").mkdir()
    (here.folder / "out/up.jsonl").symlink_to("../secret/s.txt")
    assert "leads outside of the output folder" in here.refused("clean", "in", "-o", "out")
    (here.folder / "out/up.jsonl").unlink()
    here.write("in/sub/s.txt", DAMAGED)
    (here.folder / "out/sub").symlink_to("../secret", target_is_directory=True)
    assert "leads outside of the output folder" in here.refused("clean", "in", "-o", "out")
    assert (here.folder / "secret/s.txt").read_text() == CLEAN
    assert "outside" in here.refused("clean", "in/*/../../secret/*.txt", "-o", "out")


def test_hostile_content(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST", 3_000)
    monkeypatch.setattr(streams, "BLOCK", 1_000)
    good = line(1, DAMAGED)
    here.write("in/cut.jsonl.gz", gzip.compress((good * 500).encode())[:-30])
    here.write("in/no.jsonl.gz", b"no gzip")
    here.write("in/bytes.jsonl", good.encode() + b'{"text":"\xff"}\n' + good.encode())
    here.write("in/long.jsonl", good + json.dumps({"text": "长" * 2_000}) + "\n" + good)
    here.write("in/deep.jsonl", good + '{"text":' + "[" * 2_000 + "\n" + good.rstrip("\n"))
    here.write("in/empty.jsonl", "")
    here.write("in/ok.txt", DAMAGED)
    here.write("in/t.parquet", b"PAR1")
    ran = here("clean", "in", "-o", "out", "--log", "log", "--column", "text", "--workers", "2")
    assert ran.status == 1
    errors = [row.removeprefix("repair: error: ") for row in ran.err.splitlines() if "error:" in row]
    expected = [
        "in/bytes.jsonl#2: not UTF-8 (byte 0xff",
        "in/cut.jsonl.gz: the gzip data is cut off",
        "in/deep.jsonl#2: bad JSON",
        "in/long.jsonl#2: a record of more than",
        "in/no.jsonl.gz: the gzip data is damaged",
        "in/t.parquet: ",
    ]
    assert len(errors) == len(expected)
    assert all(error.startswith(start) for error, start in zip(errors, expected, strict=True)), errors
    listed = [json.loads(row) for row in (here.folder / "out/failures.jsonl").read_text().splitlines()]
    assert [row["reason"] for row in listed] == errors
    assert sorted(p.name for p in (here.folder / "out").glob("[!.]*")) == [
        "bytes.jsonl", "deep.jsonl", "empty.jsonl", "failures.jsonl", "long.jsonl", "ok.txt"
    ]  # fmt: skip
    for name in ("bytes", "deep", "long"):
        old = (here.folder / f"in/{name}.jsonl").read_bytes().split(b"\n")
        new = (here.folder / f"out/{name}.jsonl").read_bytes().split(b"\n")
        assert len(old) == len(new) and [o == n for o, n in zip(old, new, strict=True)][:3] == [False, True, False]
        assert here("revert", f"out/{name}.jsonl", "--log", "log").out == b"\n".join(old)


def test_one_long_line_and_many_empty_records(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LARGE", 50_000)
    text = ("今天天气很好，我们去公园散步。" * 9 + DAMAGED.split("\n")[0]) * 400
    here.write("in/one.txt", text)
    here.write("in/none.jsonl", '{"text":""}\n{}\n\n' * 20_000)
    ran = here("clean", "in", "-o", "out", "--log", "log", "--column", "text", "--workers", "2")
    assert ran.status == 0, ran.err
    assert (here.folder / "out/one.txt").read_text() == text.replace(" and ", "和")
    assert (here.folder / "out/none.jsonl").read_bytes() == (here.folder / "in/none.jsonl").read_bytes()


def test_changed_while_it_was_read(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here.write("in/a.jsonl", line(1, DAMAGED))
    here.write("in/b.txt", DAMAGED)
    found = batch.lines

    def lines_(blocks: Iterator[bytes]) -> Iterator[object]:
        with path.open("ab") as file:
            file.write(b"{}\n")
        return found(blocks)

    monkeypatch.setattr(batch, "lines", lines_)
    ran = here("clean", "in", "-o", "out", "--column", "text")
    assert ran.status == 1 and "was changed while it was" in ran.err
    assert sorted(p.name for p in (here.folder / "out").glob("[!.]*")) == ["b.txt", "failures.jsonl"]


# --- processes


JOB = Job(None, None, None, None, None, os.curdir)


def test_process_that_dies_is_replaced(here: Here) -> None:
    for number in range(4):
        here.write(f"{number}.txt", DAMAGED)

    def tasks() -> Iterator[Task]:
        yield Whole("0.txt")
        for child in multiprocessing.active_children():
            child.kill()
        for number in range(1, 4):
            yield Whole(f"{number}.txt")

    start_worker(JOB)
    found = {number: answer for number, _, answer in pool.answers(JOB, tasks(), 2)}
    assert sorted(found) == [0, 1, 2, 3]
    assert all(isinstance(answer, Piece) and answer.data.decode() == REPAIRED for answer in found.values())


def test_task_on_which_processes_die_fails(here: Here) -> None:
    here.write("0.txt", DAMAGED)
    done = threading.Event()

    def reaper() -> None:
        while not done.wait(0.02):
            for child in multiprocessing.active_children():
                child.kill()

    start_worker(JOB)
    thread = threading.Thread(target=reaper)
    thread.start()
    try:
        found = [answer for _, _, answer in pool.answers(JOB, iter([Whole("0.txt")]), 2)]
    finally:
        done.set()
        thread.join()
    assert found == [Failure("0.txt", pool.DIED)]


def test_results_come_in_order_and_not_too_far_ahead(here: Here) -> None:
    for number in range(12):
        here.write(f"{number}.txt", DAMAGED)
    names = [f"{number}.txt" for number in range(12)]
    assert [outcome.name for outcome in pool.outcomes(JOB, names, 2)] == names


def test_workers(here: Here) -> None:
    here.write("a.txt", DAMAGED)
    for workers in ("0", "auto"):
        assert here("clean", "a.txt", "--workers", workers).out.decode() == REPAIRED
    assert pool.cores() >= 1


# --- progress


def test_progress_line() -> None:
    shown = " 25% [#####               ] 1,234 characters/s, 1:01 past, 0:15 left"
    assert progress.line(25, 100, 61, (5, 1234)) == shown
    assert progress.line(0, 100, 0, (0, 0)).endswith("0:00 past, ? left")
    assert "1:00:00 left" in progress.line(1, 3601, 1, (1, 1))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals")
def test_progress_on_a_terminal_only(here: Here) -> None:
    for number in range(30):
        here.write(f"in/{number}.txt", DAMAGED * 5)
    leader, follower = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "repair", "clean", "in", "-o", "out"],
        cwd=here.folder, env=ENVIRONMENT, stderr=follower, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 4096):
                shown += piece
        except OSError:
            pass
        out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0 and out == b""
    assert b"\r" in shown and b"characters/s" in shown and b"left" in shown
    assert b"repair: 30 files, " in shown
    assert b"characters/s" not in run("clean", "in", "-o", "out2", cwd=here.folder).stderr
