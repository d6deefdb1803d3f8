"""Witnesses on the command line: which file belongs to which input, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repair.cli import main
from repair.formats.beside import witnesses_of
from repair.formats.plain import InputError

READ = "馆长说，图书馆去年购进新书三千册，读者可以在新建的阅觅室里查阅报刊。\n"
PRINTED = READ.replace("阅觅室", "阅览室")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("a/1.txt", READ),
        ("a/sub/2.txt", READ),
        ("b/1.txt", PRINTED),
        ("b/sub/2.txt", PRINTED),
        ("c/1.md", PRINTED),
        ("d/other.txt", PRINTED),
        ("e/x/1.txt", PRINTED),
        ("e/y/1.txt", PRINTED),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


INPUTS = [("a/1.txt", "a"), ("a/sub/2.txt", "a")]


def test_a_folder_has_files_of_the_same_names(folder: Path) -> None:
    assert witnesses_of(INPUTS, ["b"]) == ({"a/1.txt": ("b/1.txt",), "a/sub/2.txt": ("b/sub/2.txt",)}, [])


def test_an_extension_may_differ_and_a_file_may_be_missing(folder: Path) -> None:
    found, missing = witnesses_of(INPUTS, ["c"])
    assert found == {"a/1.txt": ("c/1.md",)}
    assert missing == ["a/sub/2.txt: no witness in c"]


def test_a_glob_and_a_single_file(folder: Path) -> None:
    assert witnesses_of([("a/1.txt", None)], ["b/*.txt"])[0] == {"a/1.txt": ("b/1.txt",)}
    assert witnesses_of([("-", None)], ["d/other.txt"])[0] == {"-": ("d/other.txt",)}


def test_several_witnesses_keep_their_order(folder: Path) -> None:
    assert witnesses_of([("a/1.txt", None)], ["c", "b/1.txt"])[0] == {"a/1.txt": ("c/1.md", "b/1.txt")}


@pytest.mark.parametrize(
    ("inputs", "witness", "message"),
    [
        (INPUTS, "b/1.txt", "one file for 2 inputs"),
        (INPUTS, "d", "holds no file with the name of any input"),
        (INPUTS[:1], "e", "have the name of a/1.txt"),
        (INPUTS[:1], "-", "a witness is a file"),
        (INPUTS[:1], "a", "is the input itself"),
        (INPUTS[:1], "nothing", "nothing"),
        (INPUTS[:1], "b/*.pdf", "no file matches"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, inputs: list[tuple[str, str]], witness: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("*", ".")):
        witnesses_of(inputs, [witness])


def test_clean_with_two_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "a", "-o", "out", "--witness", "b", "--log", "log.jsonl", "-q"]) == 0
    assert (folder / "out/1.txt").read_text(encoding="utf-8") == PRINTED
    assert (folder / "out/sub/2.txt").read_text(encoding="utf-8") == PRINTED
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    documents = [record for record in records if record["record"] == "document"]
    assert [[w["path"] for w in d["witnesses"]] for d in documents] == [["b/1.txt"], ["b/sub/2.txt"]]
    assert main(["revert", "out/1.txt", "--log", "log.jsonl", "-o", "back.txt"]) == 0
    assert (folder / "back.txt").read_bytes() == (folder / "a/1.txt").read_bytes()


def test_what_has_no_witness_is_repaired_all_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "a", "-o", "out", "--witness", "c", "-q"]) == 0
    assert "warning: a/sub/2.txt: no witness in c" in capsys.readouterr().err
    assert (folder / "out/sub/2.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean", "a/1.txt", "--witness", "b/1.txt", "-o", "b/1.txt"], "would be overwritten"),
        (["clean", "a/1.txt", "--witness", "b/1.txt", "-o", "o.txt", "--log", "b/1.txt"], "would be overwritten"),
        (["eval", "--clean", "a/1.txt", "--witness"], "--witness needs pages"),
    ],
)
def test_bad_usage_changes_nothing(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert (folder / "b/1.txt").read_text(encoding="utf-8") == PRINTED


def test_eval_pairs_pages_by_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for engine, text in (("one", READ), ("two", PRINTED)):
        page = folder / "pages" / engine / "p1"
        page.mkdir(parents=True)
        (page / "raw.txt").write_text(text, encoding="utf-8")
        (page / "truth.txt").write_text(PRINTED, encoding="utf-8")
        (page / "meta.json").write_text(json.dumps({"engine": engine, "level": "light"}), encoding="utf-8")
    assert main(["eval", "pages", "--witness", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["pages"]
    assert "witness" in json.dumps(figures)
