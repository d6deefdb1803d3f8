"""The unified diff must be a patch that makes the repaired text of the original, exactly."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repair.diff import coloured, unified, visible, with_mark
from repair.text import Correction, Result, apply

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def correction(text: str, start: int, end: int, after: str) -> Correction:
    return Correction(start, end, text[start:end], after, "test", 1.0, "safe")


def result_of(text: str, *edits: tuple[int, int, str]) -> Result:
    corrections = tuple(correction(text, *edit) for edit in edits)
    return Result(text, apply(text, corrections), corrections)


def patched(old: str, diff: str) -> str:
    """A strict applier: every count, line number and context line must be right."""
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", old)
    rows = diff.split("\n")
    assert rows.pop() == ""
    assert rows[0].startswith("--- a/") and rows[1].startswith("+++ b/")
    out: list[str] = []
    at = 0
    position = 2
    while position < len(rows):
        match = _HUNK.fullmatch(rows[position])
        assert match, rows[position]
        position += 1
        old_start, old_count, new_start, new_count = (1 if g is None else int(g) for g in match.groups())
        begin = old_start - (old_count > 0)
        assert begin >= at, "hunks overlap"
        out += lines[at:begin]
        at = begin
        assert len(out) == new_start - (new_count > 0)
        seen_old = seen_new = 0
        while position < len(rows) and not rows[position].startswith("@@ "):
            mark, line = rows[position][0], rows[position][1:] + "\n"
            position += 1
            if position < len(rows) and rows[position] == "\\ No newline at end of file":
                line = line[:-1]
                position += 1
            if mark in " -":
                assert lines[at] == line
                at += 1
                seen_old += 1
            if mark in " +":
                assert not out or out[-1].endswith("\n"), "a line after one without a line end"
                out.append(line)
                seen_new += 1
        assert (seen_old, seen_new) == (old_count, new_count)
    return "".join([*out, *lines[at:]])


texts = st.text(st.sampled_from("甲乙丙\n\n\n\r\f 𠀀@+-\\"), max_size=60)


@st.composite
def results(draw: st.DrawFn) -> Result:
    text = draw(st.one_of(texts, st.lists(texts, max_size=12).map("\n".join)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=16)))
    edits = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        after = draw(st.text(st.sampled_from("甲丁\n\r "), max_size=4))
        # As the pipeline has it: no overlap, one insertion at a place, no change that is none.
        if text[start:end] != after and not (edits and edits[-1][:2] == (start, end) == (start, start)):
            edits.append((start, end, after))
    return result_of(text, *edits)


@settings(max_examples=400)
@given(results())
@example(result_of("", (0, 0, "甲")))
@example(result_of("甲", (0, 1, "")))
@example(result_of("甲\n", (1, 2, "")))
@example(result_of("甲", (1, 1, "\n")))
@example(result_of("目\n\n标", (1, 3, "")))
@example(result_of("甲\r\n乙\r\n", (1, 3, "")))
def test_applying_the_diff_gives_the_text(result: Result) -> None:
    diff = "".join(unified(result, "a.txt"))
    assert bool(diff) == (result.text != result.original)
    if diff:
        assert patched(result.original, diff) == result.text


@settings(max_examples=40)
@given(results())
def test_marked_texts_differ_by_the_mark_only(result: Result) -> None:
    marked = with_mark(result)
    assert (marked.original, marked.text) == ("\ufeff" + result.original, "\ufeff" + result.text)
    diff = "".join(unified(marked, "a.txt"))
    assert not diff or patched(marked.original, diff) == marked.text


CASES = {
    "first line": result_of("甲乙\n丙\n丁\n", (0, 1, "申")),
    "last line": result_of("甲\n乙\n丙丁\n", (4, 5, "两")),
    "no newline at the end": result_of("甲\n乙", (2, 3, "一")),
    "newline added at the end": result_of("甲\n乙", (3, 3, "\n")),
    "newline taken at the end": result_of("甲\n乙\n", (3, 4, "")),
    "join": result_of("据目\n\n标的\n三\n四\n五\n六\n", (2, 4, "")),
    "lines inserted": result_of("甲乙\n丙\n", (1, 1, "\n\n")),
    "crlf": result_of("甲\r\n乙 \r\n丙\r\n", (4, 5, "")),
    "everything goes": result_of("甲\n乙\n", (0, 4, "")),
    "two hunks": result_of("".join(f"{n}行\n" for n in range(30)), (1, 2, "航"), (70, 71, "航")),
    "hunks that touch": result_of("".join(f"{n}行\n" for n in range(10)), (1, 2, "航"), (22, 23, "航")),
    "lone carriage returns": result_of("甲\r乙\r丙\f丁\n", (2, 3, "一")),
}


@pytest.mark.parametrize("name", CASES)
def test_patch_applies(name: str, tmp_path: Path) -> None:
    result = CASES[name]
    diff = "".join(unified(result, "a b.txt"))
    assert patched(result.original, diff) == result.text
    program = shutil.which("patch")
    if program is None:
        pytest.skip("no patch program")
    target = tmp_path / "a b.txt"
    target.write_bytes(result.original.encode())
    subprocess.run([program, "-p1", "-s", "-E", "--fuzz=0"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (target.read_bytes() if target.exists() else b"") == result.text.encode()


def test_what_goes_stands_before_what_comes() -> None:
    result = result_of("甲1\n乙2\n丙\n", (1, 2, "一"), (4, 5, "二"))
    assert "".join(unified(result, "./a.txt")) == (
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n-甲1\n-乙2\n+甲一\n+乙二\n 丙\n"
    )


def test_many_changed_lines_take_linear_time() -> None:
    text = "甲 乙\n" * 50_000
    result = result_of(text, *((4 * n + 1, 4 * n + 2, "") for n in range(50_000)))
    assert patched(text, "".join(unified(result, "a.txt"))) == result.text


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", "--- a/a.txt\n+++ b/a.txt\n"),
        ("./d/甲.txt", "--- a/d/甲.txt\n+++ b/d/甲.txt\n"),
        ("/tmp/a.txt", "--- a/tmp/a.txt\n+++ b/tmp/a.txt\n"),
        ("a b.txt", "--- a/a b.txt\t\n+++ b/a b.txt\t\n"),
        ('a"\n.txt', '--- "a/a\\"\\012.txt"\n+++ "b/a\\"\\012.txt"\n'),
    ],
)
def test_header(name: str, header: str) -> None:
    assert next(iter(unified(CASES["join"], name))) == header


def test_coloured_shows_each_on_a_line() -> None:
    flag = Correction(0, 1, "据", "据", "test", 0.5, "note")
    result = Result("据目\n\n标", "据目标", (correction("据目\n\n标", 2, 4, ""),), (flag,))
    lines = "".join(coloured(result, "a\n.txt")).splitlines()
    assert len(lines) == 3
    assert "⏎⏎" in lines[2] and "\x1b[31;9m" in lines[2]
    assert list(coloured(result_of("甲"), "a")) == []


@given(st.text())
def test_visible_is_one_printable_line(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert all(ch.isprintable() or ch == "\u3000" for ch in shown)
