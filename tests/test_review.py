"""Decisions on corrections: what they do to a result, where they are kept, how they come back into logs and texts."""

from __future__ import annotations

import hashlib
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_cli import ENVIRONMENT, Here, here, run  # noqa: F401 (a fixture)
from test_log import HEADER, as_file, logged, results

from repair.formats.plain import InputError, decode, encode
from repair.log import (
    LoggedDocument,
    apply_log,
    document_record,
    entries_of,
    iter_documents,
    read_log,
    revert_log,
    write_log,
)
from repair.review.batch import Batch, Board, sentence
from repair.review.decisions import Decision, decide, decided, opinion, opinions, settled, standing
from repair.review.export import under
from repair.review.sources import Sources
from repair.review.store import Store
from repair.text import Correction, Result, apply

TEXT = (
    "提供了政策支持 and 体制保障。\n从支付市场最路下的商业领域着手。\n"
    "期待更多的《云川市古村落活化利用三年行动方案等文件，累计投入资金4.6亿元。\n"
)
DIGEST = "0" * 64


def decision(
    c: Correction, text: str | None = None, who: str = "甲", *, settles: bool = False, id: int = 0
) -> Decision:
    return replace(decide(DIGEST, c, text, who, settles=settles), id=id)


# --- what decisions do


def real(result: Result) -> bool:
    """Whether its corrections change something, and something different each."""
    found = [*result.corrections, *result.suggestions]
    return len({(c.start, c.end, c.after) for c in found if c.before != c.after}) == len(found)


CHOICES = st.lists(st.tuples(st.sampled_from(["accept", "reject", "edit", "none"]), st.text("中的x，\n", max_size=3)))


@given(results().filter(real), CHOICES)
def test_decided_results_hold_and_rebuild(result: Result, choices: list[tuple[str, str]]) -> None:
    found = [*result.corrections, *result.suggestions]
    decisions = []
    for number, (c, (what, text)) in enumerate(zip(found, choices, strict=False), 1):
        if what != "none":
            wanted = {"accept": c.after, "reject": c.before, "edit": text}[what]
            decisions.append(decision(c, wanted, id=number))
    new, items = decided(result, decisions)
    assert apply(result.original, new.corrections) == new.text
    done = [i.correction for i in items if i.status in ("applied", "accepted", "edited")]
    assert done == list(new.corrections)
    if not decisions:
        assert (new.text, new.corrections) == (result.text, result.corrections)
    # The last word on a place is carried out, whatever was applied there.
    last = [d for d in decisions if d.verdict != "rejected"][-1:]
    for d in last:
        assert any((c.start, c.end, c.after) == (d.start, d.end, d.text) for c in new.corrections)
    for d in decisions:
        if d.verdict == "rejected" and not any(o.place[:4] == d.place[:4] and o is not d for o in decisions):
            assert not any((c.start, c.end, c.after) == (d.start, d.end, d.after) for c in new.corrections)


@given(results().filter(real), CHOICES)
def test_a_log_under_decisions_applies_and_reverts(result: Result, choices: list[tuple[str, str]]) -> None:
    result = replace(
        result,
        corrections=tuple(replace(c, level="safe") for c in result.corrections),
        suggestions=tuple(replace(c, level="review") for c in result.suggestions),
    )
    data, file = as_file(result.original)
    document = LoggedDocument(logged(data, file, result), entries_of(result))
    found = [*result.corrections, *result.suggestions]
    decisions = [
        decision(c, {"accept": c.after, "reject": c.before, "edit": text}[what], id=number)
        for number, (c, (what, text)) in enumerate(zip(found, choices, strict=False), 1)
        if what != "none"
    ]
    done = under(document, HEADER, decisions, lambda: None)
    (again,) = iter_documents("".join(write_log([done], HEADER)).encode().splitlines(keepends=True))
    wanted, _ = decided(result, decisions)
    repaired = apply_log(data, again.record, again.entries)
    assert repaired == encode(wanted.text, file)
    assert revert_log(repaired, again.record, again.entries) == data
    assert under(again, HEADER, decisions, lambda: None).entries == again.entries  # as often as one likes


A = Correction(3, 5, "环研", "科研", "misread", 0.9, "safe")
B = Correction(3, 5, "环研", "教研", "misread", 0.6, "review")


def test_what_a_decision_holds_for() -> None:
    text = "推动他环研工作"
    one = replace(A, start=3, end=5)
    result = Result(text, apply(text, [one]), (one,), ())
    rejected, _ = decided(result, [decision(one, "环研")])
    assert rejected.text == text and rejected.suggestions == (one,)
    # Another replacement of the same span is not what was rejected; what was accepted there says what to put.
    other = Result(text, apply(text, [B]), (B,), ())
    assert decided(other, [decision(A, "环研")])[0].text == "推动他教研工作"
    new, items = decided(other, [decision(A)])
    assert new.text == "推动他科研工作" and items[0].status == "edited" and items[0].proposed == "教研"
    # Nothing found any more: it is done all the same.
    assert decided(Result(text, text), [decision(A)])[0].text == "推动他科研工作"
    assert decided(Result("别的文字在此处。", "别的文字在此处。"), [decision(A)])[0].text == "别的文字在此处。"


def test_of_two_that_overlap_the_later_one_is_done() -> None:
    wide = Correction(2, 6, "他环研工", "她科研工", "lexicon", 0.9, "review")
    found = settled([A], [wide], [decision(wide, id=2)])
    assert {(i.correction.after, i.status) for i in found} == {("科研", "rejected"), ("她科研工", "accepted")}
    found = settled([], [A, wide], [decision(A, id=1), decision(wide, id=2)])
    assert {(i.correction.after, i.status) for i in found} == {("科研", "rejected"), ("她科研工", "accepted")}


def test_conflicts_and_who_ends_them() -> None:
    first, second = decision(A, id=1), decision(A, "环研", "乙", id=2)
    assert opinion([first]).decision == first
    assert opinion([first, second]).conflict and len(opinion([second, first]).last) == 2
    assert standing([first, second]) == []
    third = decision(A, "", "丙", settles=True, id=3)
    assert opinion([first, second, third]).decision == third
    changed = decision(A, "环研", id=4)
    assert opinion([first, second, changed]).decision == changed  # they agree now
    assert len(opinions([first, decision(B, id=5)])) == 2


# --- where they are kept


def test_store_keeps_and_takes_back(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    odd = Correction(0, 3, "\ud800\0’", "\U00020000\udc00", "x", 0.5, "review")
    with Store(path) as store:
        before = store.revision
        kept = store.add([decision(A), decision(odd, "\ufeff\n")])
        assert [d.id for d in kept] == [1, 2] and all(d.at.endswith("+00:00") for d in kept)
        assert store.revision != before
    with Store(path, create=False) as store:
        assert store.decisions() == kept and store.decisions(DIGEST, after=1) == kept[1:]
        assert store.decisions("1" * 64) == []
        assert store.undo([1, 1, 7]) == 1 and store.undo([1]) == 0
        assert store.decisions() == kept[1:] and store.documents() == {DIGEST}
        with pytest.raises(ValueError):
            store.add([kept[0], replace(kept[1], verdict="maybe")])  # type: ignore[arg-type]
        assert store.decisions() == kept[1:]  # all or none


@pytest.mark.parametrize("content", [b"not a database at all, but text" * 50, b"SQLite format 3\0" + b"\xff" * 200])
def test_what_is_no_store(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"d\.sqlite"):
        Store(path)
    assert path.read_bytes() == content
    with pytest.raises(InputError, match="no such file"):
        Store(tmp_path / "none", create=False)


def test_a_base_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE mine (x)")
    base.commit()
    base.close()
    with pytest.raises(InputError, match="no store of decisions"):
        Store(path)


def test_several_processes_and_threads_at_once(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    program = (
        "import sys; from repair.review.store import Store; from repair.review.decisions import decide\n"
        "from repair.text import Correction\n"
        "store = Store(sys.argv[1])\n"
        "for k in range(40):\n"
        "    c = Correction(k, k + 1, 'a', 'b', 'r', .5, 'review')\n"
        "    store.add([decide('0' * 64, c, None, sys.argv[2])])\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, path, name], env=ENVIRONMENT) for name in "甲乙"]
    store = Store(path)
    threads = [threading.Thread(target=lambda: [store.add([decision(A)]) for _ in range(20)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    found = store.decisions()
    assert len(found) == 120 and len({d.id for d in found}) == 120
    store.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_a_killed_reviewer_loses_nothing_said(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    program = (
        "import sys; from repair.review.store import Store; from repair.review.decisions import decide\n"
        "from repair.text import Correction\n"
        "store = Store(sys.argv[1])\n"
        "for k in range(10**6):\n"
        "    c = Correction(k, k + 1, 'a', 'b', 'r', .5, 'review')\n"
        "    store.add([decide('0' * 64, c, None, 'x')]); print(k, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, path], env=ENVIRONMENT, stdout=subprocess.PIPE)
    assert process.stdout
    for _ in range(25):
        last = process.stdout.readline()
    process.kill()
    last = (last + process.stdout.read()).split(b"\n")[-2]
    process.wait()
    process.stdout.close()
    with Store(path) as store:
        assert len(store.decisions()) >= int(last) + 1


# --- logs and texts


@pytest.fixture
def reviewed(here: Here) -> Here:  # noqa: F811
    (here.folder / "a.txt").write_text(TEXT, encoding="utf-8")
    assert here("clean", "a.txt", "-o", "out.txt", "--log", "log.jsonl").status == 0
    return here


def board(folder: Path) -> Board:
    return Board(Batch([str(folder / "log.jsonl")], [folder]), Store(folder / "decisions.sqlite"))


def test_decisions_reach_log_and_text_and_stay(reviewed: Here) -> None:
    folder = reviewed.folder
    b = board(folder)
    stray = next(i for i in b.batch.items if i.correction.rule == "stray-word")
    title = next(i for i in b.batch.items if i.correction.after == "》")
    note = next(i for i in b.batch.items if i.is_flag)
    assert b.state(stray) == "applied" and b.state(title) == b.state(note) == "open"
    b.reject([stray], "甲")
    b.decide([title], None, "甲")
    b.decide([note], "最底下", "甲")
    with pytest.raises(ValueError):
        b.decide([note], None, "甲")
    wanted = TEXT.replace("三年行动方案", "三年行动方案》").replace("最路下", "最底下")
    if note.correction.before == "最路":
        b.decide([note], "最底", "甲")
    ran = reviewed("review", "log.jsonl", "--export")
    assert ran.status == 0 and "1 accepted, 1 edited, 1 rejected" in ran.err
    assert reviewed("apply", "a.txt", "--log", "log.jsonl").out.decode() == wanted
    (folder / "new.txt").write_text(wanted, encoding="utf-8")
    assert reviewed("revert", "new.txt", "--log", "log.jsonl").out.decode() == TEXT
    # A new run keeps them, and so does a second export.
    ran = reviewed("clean", "a.txt", "-o", "out.txt", "--log", "log.jsonl")
    assert "3 as decided before" in ran.err
    assert (folder / "out.txt").read_text(encoding="utf-8") == wanted
    first = (folder / "log.jsonl").read_bytes()
    assert reviewed("review", "log.jsonl", "--export").status == 0
    assert (folder / "log.jsonl").read_bytes() == first
    assert reviewed("clean", "a.txt", "-o", "out.txt", "--log", "log.jsonl", "--workers", "2").status == 0
    assert (folder / "log.jsonl").read_bytes() == first
    # What was turned down is no finding any more.
    ran = reviewed("check", "a.txt", "--decisions", "decisions.sqlite")
    assert "stray-word" not in ran.out.decode() and "unbalanced" in ran.out.decode()
    # Taken back: as if nobody had said anything.
    b.store.undo([d.id for d in b.store.decisions()])
    assert reviewed("review", "log.jsonl", "--export").status == 0
    assert {e.status for d in read_log(folder / "log.jsonl").documents for e in d.entries} == {"applied", "proposed"}
    assert reviewed("apply", "a.txt", "--log", "log.jsonl").out.decode() == TEXT.replace("支持 and 体", "支持和体")
    b.store.close()


def test_conflicts_stay_as_the_run_left_them(reviewed: Here) -> None:
    b = board(reviewed.folder)
    item = next(i for i in b.batch.items if i.correction.rule == "stray-word")
    b.decide([item], None, "甲")
    b.reject([item], "乙")
    assert b.state(item) == "conflict"
    before = (reviewed.folder / "log.jsonl").read_bytes()
    ran = reviewed("review", "log.jsonl", "--export")
    assert "1 in conflict" in ran.err and (reviewed.folder / "log.jsonl").read_bytes() == before
    b.reject([item], "丙")
    assert b.state(item) == "rejected"
    b.store.close()


def test_pages_take_what_people_write(here: Here) -> None:  # noqa: F811
    page = (
        '<html><head><meta charset="utf-8"/></head><body>'
        '<div class="ocr_page" title="image &quot;p.png&quot;; bbox 0 0 900 300">'
        '<p class="ocr_par"><span class="ocr_line" title="bbox 10 10 800 60">'
        '<span class="ocrx_word" title="bbox 10 10 300 60">提供了政策支持</span> '
        '<span class="ocrx_word" title="bbox 310 10 400 60">and</span> '
        '<span class="ocrx_word" title="bbox 410 10 800 60">体制保障。</span></span></p></div></body></html>'
    )
    (here.folder / "p.hocr").write_text(page, encoding="utf-8")
    assert here("clean", "p.hocr", "-o", "out.hocr", "--log", "log.jsonl").status == 0
    b = board(here.folder)
    (item,) = [i for i in b.batch.items if i.correction.rule == "stray-word"]
    b.decide([item], item.correction.before.replace("and", "与"), "甲")
    source = b.batch.source(b.batch.documents[0])
    assert source and source.page and source.layout
    assert here("review", "log.jsonl", "--export").status == 0
    out = here("apply", "p.hocr", "--log", "log.jsonl").out.decode()
    assert out == page.replace(">and<", ">与<")
    (here.folder / "new.hocr").write_text(out, encoding="utf-8")
    assert here("revert", "new.hocr", "--log", "log.jsonl").out.decode() == page
    assert here("clean", "p.hocr", "-o", "out.hocr", "--log", "log.jsonl").status == 0
    assert (here.folder / "out.hocr").read_text(encoding="utf-8") == out
    b.store.close()


def test_texts_are_looked_for_inside_the_folders_only(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.txt").write_text(TEXT, encoding="utf-8")
    (inside / "link.txt").symlink_to(outside / "secret.txt")
    sources = Sources([inside])
    for name in (
        "../out/secret.txt",
        str(outside / "secret.txt"),
        "link.txt",
        "deep/../../out/secret.txt",
        "a\0b",
        "",
        "/",
    ):
        assert list(sources.inside(name)) == []
    (inside / "deep" / "a.txt").write_text(TEXT, encoding="utf-8")
    assert list(sources.inside("elsewhere/deep/a.txt")) == [(inside / "deep" / "a.txt").resolve()]
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    record = document_record("x", decode(TEXT.encode()), TEXT.encode(), TEXT.encode(), str(outside / "secret.txt"))
    assert record.sha256_original == digest
    assert sources.source(LoggedDocument(record, ())) is None
    (inside / "renamed.txt").write_text(TEXT, encoding="utf-8")
    assert Sources([inside]).source(LoggedDocument(record, ())).text == TEXT  # type: ignore[union-attr]


@given(st.text("中的。\n", max_size=200), st.data())
def test_sentences_hold_their_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    lo, hi = sentence(text, start, end, 20)
    assert 0 <= lo <= start <= end <= hi <= len(text) and start - lo <= 20 and hi - end <= 20


# --- in the terminal


def test_terminal_by_lines(reviewed: Here) -> None:
    keys = "?\nv\no\no\nx\ns\nb\na\nu\nA\nr\ne\n改好\nw\nq\n"
    ran = run("review", "log.jsonl", "--terminal", "--reviewer", "甲", cwd=reviewed.folder, given=keys.encode())
    assert ran.returncode == 0 and b"a accept" in ran.stdout and not ran.stderr
    with Store(reviewed.folder / "decisions.sqlite") as store:
        found = store.decisions()
    assert len(found) == 3 and [d.verdict for d in found[1:]] == ["rejected", "edited"]
    assert found[-1].text == "改好" and {d.reviewer for d in found} == {"甲"}
    # The input ends: so does the review.
    assert run("review", "log.jsonl", "--terminal", cwd=reviewed.folder).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_terminal_by_keys(reviewed: Here) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "repair", "review", "log.jsonl", "--terminal"],
        cwd=reviewed.folder, env={**ENVIRONMENT, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""

    def until(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 30
        while text.encode() not in seen:
            ready, _, _ = select.select([mine], [], [], max(0.0, end - time.monotonic()))
            assert ready, seen.decode(errors="replace")
            seen += os.read(mine, 65536)
        seen = b""

    until("1/")
    os.write(mine, b"e")
    until("text: ")
    os.write(mine, "换\n".encode())
    until("2/2")
    os.write(mine, b"q")
    while True:
        try:
            if not os.read(mine, 65536):
                break
        except OSError:
            break
    assert process.wait(30) == 0
    os.close(mine)
    with Store(reviewed.folder / "decisions.sqlite") as store:
        (found,) = store.decisions()
    assert found.verdict == "edited" and "换" in found.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("none.jsonl", "no such file"),
        ("a.txt", "bad JSON"),
        ("log.jsonl --decisions a.txt --terminal", "not a store"),
        ("log.jsonl --export --decisions none.sqlite", "no such file"),
        ("log.jsonl --texts none", "no such folder"),
        ("log.jsonl --decisions log.jsonl", "would be overwritten"),
        ("log.jsonl --port 99999", "up to 65535"),
    ],
)
def test_bad_input(arguments: str, message: str, reviewed: Here) -> None:
    ran = reviewed("review", *arguments.split())
    assert ran.status == 2 and message in ran.err and ran.err.count("\n") == 1
    assert (reviewed.folder / "a.txt").read_text(encoding="utf-8") == TEXT
