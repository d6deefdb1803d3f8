"""The diff log: deterministic bytes that rebuild either file from the other, and errors that name the line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.formats.plain import InputError, TextFile, decode, decode_as, encode
from repair.log import (
    DocumentRecord,
    LogEntry,
    LogError,
    LoggedDocument,
    LogHeader,
    LogReader,
    ResourceVersion,
    Status,
    apply_log,
    document_lines,
    document_record,
    entries_of,
    find_document,
    header_line,
    iter_documents,
    logged_lines,
    read_log,
    revert_log,
    save_log,
    write_log,
)
from repair.text import Correction, Level, Result, apply

HEADER = LogHeader(
    "0.1.0",
    "default",
    "safe",
    (ResourceVersion("lexicon", "3", "ab" * 32), ResourceVersion("model", "1", "cd" * 32)),
)

# Surrogates often, side by side, and what JSON and line readers treat specially.
awkward = st.text(st.sampled_from('中文a "\\\n\r\f\0\x85\u2028\ufeff𠀀\ud800\udbff\udc00\udfff\udc81/u'), max_size=12)
strings = st.one_of(awkward, st.text(st.characters(exclude_categories=()), max_size=12))
probabilities = st.integers(0, 10_000).map(lambda n: n / 10_000)
levels: st.SearchStrategy[Level] = st.sampled_from(["safe", "review", "note"])


@st.composite
def results(draw: st.DrawFn, text: str | None = None, new: st.SearchStrategy[str] = strings) -> Result:
    """A text with applied corrections that don't overlap and suggestions that may."""
    original = draw(strings) if text is None else text

    def correction(start: int, end: int) -> Correction:
        return Correction(
            start,
            end,
            original[start:end],
            draw(new),
            draw(st.sampled_from(["shape", "标点"])),
            draw(probabilities),
            draw(levels),
            draw(strings),
            tuple(draw(st.lists(st.tuples(strings, probabilities), max_size=2))),
        )

    cuts = sorted(draw(st.lists(st.integers(0, len(original)), max_size=6)))
    applied = tuple(correction(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    spans = draw(st.lists(st.tuples(st.integers(0, len(original)), st.integers(0, len(original))), max_size=2))
    suggested = tuple(correction(min(span), max(span)) for span in spans)
    return Result(original, apply(original, applied), applied, suggested)


def as_file(text: str, codec: str = "utf-32-le", bom: bool = False) -> tuple[bytes, TextFile]:
    """A file that can hold any string."""
    like = TextFile(text, codec, bom, "none", "surrogatepass")
    data = encode(text, like)
    return data, decode_as(data, codec, bom=bom)


def logged(data: bytes, file: TextFile, result: Result, id: str = "page.md") -> DocumentRecord:
    return document_record(id, file, data, encode(result.text, file), path=id)


@settings(max_examples=300, deadline=None)
@given(results(), strings, st.booleans())
def test_log_alone_with_either_text_rebuilds_the_other(result: Result, id: str, bom: bool) -> None:
    data, file = as_file(result.original, bom=bom)
    record = logged(data, file, result, id)
    lines = list(write_log([(record, result)], HEADER))
    written = "".join(lines).encode("utf-8")  # valid UTF-8 whatever the strings
    assert written.count(b"\n") == len(lines)
    log = read_log(written.splitlines(keepends=True))
    assert log.header == HEADER
    (document,) = log.documents
    assert document.record == record
    assert document.entries == entries_of(result)
    assert [entry.correction for entry in document.entries if entry.status == "applied"] == list(result.corrections)
    repaired = encode(result.text, file)
    assert apply_log(data, document.record, document.entries) == repaired
    assert revert_log(repaired, document.record, document.entries) == data
    assert "".join(write_log(log.documents, log.header)).encode() == written  # reading and writing changes nothing


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_files_of_every_encoding(data: st.DataObject) -> None:
    """Damaged bytes, marks and line ends come back, or the writer refuses at once."""
    raw = data.draw(
        st.sampled_from(["utf-8", "gb18030", "cp950", "utf-16-le", "utf-16-be", "utf-8-sig"]).flatmap(
            lambda codec: st.text("中文的是一人，。\r\n\f𠀀a", min_size=1, max_size=30).map(
                lambda text: text.encode(codec, "ignore")
            )
        )
    ) + data.draw(st.sampled_from([b"", b"\xe4", b"\xe4\xb8", b"\x81", b"\xff", b"\xa2\xcc"]))
    try:
        file = decode(raw)
    except InputError:
        return
    result = data.draw(results(file.text, st.text("中国的人，。a\n", max_size=4)))
    try:
        repaired = encode(result.text, file)
    except InputError:
        return
    record = document_record("x", file, raw, repaired)
    (document,) = iter_documents([header_line(HEADER), *document_lines(record, result)])
    assert apply_log(raw, record, document.entries) == repaired
    assert revert_log(repaired, record, document.entries) == raw


@settings(max_examples=100, deadline=None)
@given(results(), st.lists(st.sampled_from(["accepted", "rejected", "edited"]), min_size=9, max_size=9), strings)
def test_decisions(result: Result, statuses: list[Status], new: str) -> None:
    data, file = as_file(result.original)
    record = logged(data, file, result)
    entries = []
    for entry, status in zip(entries_of(result), statuses, strict=False):
        if entry.status == "applied":  # suggestions may overlap them
            c = replace(entry.correction, after=new) if status == "edited" else entry.correction
            entry = LogEntry(c, status, entry.line, entry.column)
        entries.append(entry)
    (document,) = iter_documents([header_line(HEADER), *logged_lines(LoggedDocument(record, tuple(entries)))])
    assert list(document.entries) == entries
    wanted = apply(result.original, [e.correction for e in entries if e.status in ("applied", "accepted", "edited")])
    repaired = apply_log(data, record, document.entries)
    assert repaired == encode(wanted, file)
    assert revert_log(repaired, record, document.entries) == data


def sample() -> tuple[bytes, bytes, DocumentRecord, Result]:
    text = "一行\r\n最路下的环研工作者\f末\ud800"
    applied = (Correction(8, 9, "环", "科", "shape", 0.98765, "safe", "形近", (("科", 0.98765), ("环", -0.0))),)
    proposed = (Correction(4, 7, "最路下", "最路下", "garbled", 1, "note"),)
    result = Result(text, apply(text, applied), applied, proposed)
    data, file = as_file(text, "utf-16-le", bom=True)
    return data, encode(result.text, file), logged(data, file, result), result


def sample_lines() -> list[str]:
    _, _, record, result = sample()
    return list(write_log([(record, result)], HEADER))


def test_the_lines_as_they_are() -> None:
    data, repaired, record, _ = sample()
    lines = sample_lines()
    assert lines == sample_lines()
    assert lines[0] == (
        '{"record":"header","schema":1,"tool":"repair","version":"0.1.0","resources":'
        f'[{{"name":"lexicon","version":"3","sha256":"{"ab" * 32}"}},'
        f'{{"name":"model","version":"1","sha256":"{"cd" * 32}"}}],"profile":"default","level":"safe"}}\n'
    )
    assert lines[1] == (
        '{"record":"document","id":"page.md","path":"page.md","encoding":"utf-16-le","bom":true,"newline":"crlf",'
        f'"length":16,"sha256_original":"{record.sha256_original}","sha256_repaired":"{record.sha256_repaired}",'
        '"corrections":2}\n'
    )
    assert lines[2:] == [
        '{"record":"correction","document":"page.md","start":4,"end":7,"line":2,"column":1,"before":"最路下",'
        '"after":"最路下","rule":"garbled","confidence":1.0,"level":"note","reason":"","alternatives":[],'
        '"status":"proposed"}\n',
        '{"record":"correction","document":"page.md","start":8,"end":9,"line":2,"column":5,"before":"环",'
        '"after":"科","rule":"shape","confidence":0.9877,"level":"safe","reason":"形近",'
        '"alternatives":[["科",0.9877],["环",0.0]],"status":"applied"}\n',
    ]
    (document,) = iter_documents(lines)
    assert apply_log(data, document.record, document.entries) == repaired
    assert document.entries[1].number == 4


def test_resources_are_sorted_and_numbers_checked() -> None:
    assert header_line(replace(HEADER, resources=HEADER.resources[::-1])) == header_line(HEADER)
    _, _, record, result = sample()
    bad = replace(result, corrections=(replace(result.corrections[0], confidence=float("nan")),))
    with pytest.raises(ValueError):
        list(document_lines(record, bad))


def test_surrogates_that_are_no_pair() -> None:
    text = "a\ud800\udc00b\U00010000"
    result = Result(text, "", (Correction(0, 5, text, "", "r", 0.5, "safe", text, ((text, 0.5),)),))
    data, file = as_file(text)
    line = list(document_lines(logged(data, file, result), result))[1]
    assert r'"before":["a\ud800","\udc00b𐀀"]' in line
    (document,) = iter_documents([header_line(HEADER), *document_lines(logged(data, file, result), result)])
    assert document.entries[0].correction == result.corrections[0]


def test_a_log_of_another_text() -> None:
    data, repaired, record, result = sample()
    entries = entries_of(result)
    with pytest.raises(
        LogError, match=r"^L\.jsonl: does not belong to b\.md \(sha256 [0-9a-f]{12}…, the log has .*\)$"
    ):
        apply_log(data + b"\n\0", record, entries, log_name="L.jsonl", name="b.md")
    with pytest.raises(LogError, match="this is the repaired text already"):
        apply_log(repaired, record, entries)
    with pytest.raises(LogError, match="this is the original text already"):
        revert_log(data, record, entries)
    accepted = [replace(entry, status="accepted") for entry in entries]
    for other in (data, b"\xff\xfeab", b"", repaired + b"\n\0", b"odd"):
        with pytest.raises(LogError, match=r"^log: does not"):
            revert_log(other, record, accepted)


def test_corrections_that_do_not_fit() -> None:
    data, repaired, record, result = sample()
    entry = entries_of(result)[1]

    def changed(**fields: Any) -> list[LogEntry]:
        return [replace(entry, correction=replace(entry.correction, **fields), number=7)]

    with pytest.raises(LogError, match=r"^L:7: does not fit page\.md: text at 8 reads"):
        apply_log(data, record, changed(before="坏"), log_name="L")
    with pytest.raises(LogError, match="do not make the repaired page"):
        apply_log(data, record, changed(after="课"))
    with pytest.raises(LogError, match="does not belong to"):
        revert_log(repaired, record, changed(before="坏"))
    with pytest.raises(LogError, match="does not belong to"):
        revert_log(repaired, record, changed(after="课"))
    with pytest.raises(LogError, match="characters, the log says 99"):
        apply_log(data, replace(record, length=99), [entry])
    with pytest.raises(LogError, match="overlap"):
        apply_log(data, record, [replace(entry, status="accepted"), replace(entry, status="accepted")])
    with pytest.raises(LogError, match="unknown encoding"):
        apply_log(data, replace(record, encoding="nonsense"), [entry])
    big5 = decode("這個".encode("big5"))
    record = document_record("t", big5, "這個".encode("big5"), b"")
    simplified = LogEntry(Correction(0, 1, "這", "这", "r", 1.0, "safe"), "edited", 1, 1)
    with pytest.raises(InputError, match="cp950 has no code for 这"):
        apply_log("這個".encode("big5"), record, [simplified])


def broken(number: int, **fields: object) -> list[str]:
    """The sample's lines with fields of line `number` changed, or taken out (...)."""
    lines = sample_lines()
    value = json.loads(lines[number - 1]) | fields
    lines[number - 1] = json.dumps({key: item for key, item in value.items() if item is not ...}) + "\n"
    return lines


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "L.jsonl: is empty"),
        (["\n"], "L.jsonl: is empty"),
        (sample_lines()[1:], "L.jsonl:1: a log starts with a header"),
        (["[" * 100_000], "L.jsonl:1: bad JSON"),
        (["7\n"], "L.jsonl:1: not a JSON object"),
        (broken(1, schema=2), "L.jsonl:1: schema version 2; this program reads version 1"),
        (broken(1, schema=True), "L.jsonl:1: the field 'schema' is not a whole number from 0"),
        (broken(1, resources=[1]), "L.jsonl:1: the field 'resources' is not a list of objects"),
        (broken(1, resources=[{}]), "L.jsonl:1: the field 'name' is missing"),
        (broken(1, level="bold"), "L.jsonl:1: the field 'level' is not one of safe, review, note"),
        (broken(2, sha256_original="ab"), "L.jsonl:2: the field 'sha256_original' is not a SHA-256"),
        (broken(2, sha256_original=7), "L.jsonl:2: the field 'sha256_original' is not a SHA-256"),
        (broken(2, newline=["lf"]), "L.jsonl:2: the field 'newline' is not one of lf,"),
        (broken(2, bom=0), "L.jsonl:2: the field 'bom' is not true or false"),
        (broken(2, encoding=...), "L.jsonl:2: the field 'encoding' is missing"),
        (broken(2, record="page"), "L.jsonl:2: unexpected record 'page'"),
        (broken(2, corrections=3), "L.jsonl:2: document page.md has 2 corrections in place of 3"),
        (sample_lines()[:-1], "L.jsonl:2: document page.md has 1 corrections in place of 2"),
        ([sample_lines()[0], sample_lines()[2]], "L.jsonl:2: the correction does not follow its document"),
        (broken(3, document="other"), "L.jsonl:3: the correction does not follow its document"),
        (broken(3, rule=...), "L.jsonl:3: the field 'rule' is missing"),
        (broken(3, rule=[1]), "L.jsonl:3: the field 'rule' is not a string"),
        (broken(3, start=-1), "L.jsonl:3: the field 'start' is not a whole number from 0"),
        (broken(3, start=9), "L.jsonl:3: the field 'end' is not a whole number from 9"),
        (broken(3, before="x"), "L.jsonl:3: 'before' has 1 characters, the span 3"),
        (broken(3, confidence=1.5), "L.jsonl:3: the field 'confidence' is not a number from 0 to 1"),
        (broken(3, confidence=float("nan")), "L.jsonl:3: the field 'confidence' is not a number from 0 to 1"),
        (broken(3, alternatives=[["x"]]), "L.jsonl:3: the field 'alternatives' is not a list of"),
        (broken(3, alternatives={}), "L.jsonl:3: the field 'alternatives' is not a list of"),
        (broken(3, status="done"), "L.jsonl:3: the field 'status' is not one of applied,"),
        ([*sample_lines()[:3], "{\n"], "L.jsonl:4: bad JSON"),
    ],
)
def test_bad_logs(lines: list[str], message: str) -> None:
    with pytest.raises(LogError) as error:
        read_log(lines, name="L.jsonl")
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_log_files(tmp_path: Path) -> None:
    _, _, record, result = sample()
    path = tmp_path / "L.jsonl"
    save_log(path, [(record, result), (replace(record, id="二", path=None), result)], HEADER)
    written = path.read_bytes()
    log = read_log(path)
    assert [document.record.id for document in log.documents] == ["page.md", "二"]
    path.write_bytes(b"\xef\xbb\xbf" + written.replace(b"\n", b"\r\n") + b"\r\n")  # as some editors leave it
    assert read_log(str(path)) == log
    with LogReader(path) as reader:
        assert reader.header == HEADER
    path.write_bytes(written[:-20])
    with pytest.raises(LogError, match=r"L\.jsonl:7: the last line is cut off$"):
        list(iter_documents(path))
    path.write_bytes(b"\xff" + written)
    with pytest.raises(LogError, match=r"L\.jsonl:1: not UTF-8$"):
        read_log(path)
    for other in (tmp_path / "none", tmp_path, "a\0b"):
        with pytest.raises(LogError):
            read_log(other)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_logs_fail_in_one_way(data: st.DataObject) -> None:
    whole = "".join(sample_lines()).encode()
    at = data.draw(st.integers(0, len(whole)))
    damaged = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        read_log(damaged.splitlines(keepends=True))
    except LogError as error:
        assert "\n" not in str(error)


def test_finding_the_document() -> None:
    data, repaired, record, result = sample()
    entries = entries_of(result)
    other = LoggedDocument(replace(record, id="b.md", path="b.md", sha256_original="0" * 64), entries)
    this = LoggedDocument(record, entries)
    moved = LoggedDocument(replace(record, id="old.md", path=None), entries)
    assert find_document([other, this], data, "page.md", side="original") is this
    assert find_document([moved, this], data, "page.md", side="original") is this
    assert find_document([other, moved], data, "page.md", side="original") is moved  # by its bytes
    assert find_document([other, this], repaired, "elsewhere", side="repaired") is other  # both have these bytes
    assert find_document([this, other], b"changed since", "b.md", side="repaired") is other
    assert find_document([this], b"changed since", "elsewhere", side="repaired") is this
    with pytest.raises(LogError, match=r"^L: has no document elsewhere \(sha256"):
        find_document([this, other], b"changed since", "elsewhere", side="repaired", log_name="L")
    with pytest.raises(LogError):
        find_document([], b"", "a", side="original")


def test_one_document_in_memory_at_a_time() -> None:
    _, _, record, result = sample()
    read = 0

    def documents(count: int) -> Iterator[tuple[DocumentRecord, Result]]:
        nonlocal read
        for number in range(1, count + 1):
            read = number
            yield record, result

    lines = write_log(documents(10**9), HEADER)
    reader = iter_documents(lines)
    next(reader)
    assert read <= 2

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in iter_documents(write_log(documents(count), HEADER))) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(2000) < 200_000  # bytes; the log has 2 MB
