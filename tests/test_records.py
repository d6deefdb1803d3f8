"""Files of records and large files: what is not text keeps its bytes, and parts make the whole again."""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.formats import chunks, jsonl, streams
from repair.formats.ocr import spliced, unspliced
from repair.formats.plain import InputError
from repair.text import Correction, apply

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
MARKS = st.sampled_from('中国，。"\\/\n\t\u2028\x7f𠀀')
TEXTS = st.text(st.characters(codec="utf-8") | MARKS, min_size=1, max_size=40)


@st.composite
def corrections(draw: st.DrawFn, text: str) -> list[Correction]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    found: list[Correction] = []
    for start, end in pairs:
        if found and start <= found[-1].end:
            continue
        found.append(Correction(start, end, text[start:end], draw(TEXTS | st.just("")), "r", 1.0, "safe"))
    return found


@given(st.data(), st.dictionaries(st.text(max_size=5), VALUES, max_size=4), TEXTS, st.booleans(), st.booleans())
def test_only_the_text_changes(
    data: st.DataObject, others: dict[str, Any], text: str, ascii_: bool, wide: bool
) -> None:
    others.pop("t", None)
    items = [*others.items()]
    items.insert(data.draw(st.integers(0, len(items))), ("t", {"u.v": 1, "u": text}))
    separators = (" ,\t", "  :") if wide else (",", ":")
    line = json.dumps(dict(items), ensure_ascii=ascii_, separators=separators).encode() + b"\r\n"
    found = jsonl.field_of(line, "t.u")
    assert found is not None and found.text == text
    chosen = data.draw(corrections(text))
    splices = [s for each in found.all_splices(chosen).values() for s in each]
    new = spliced(line, splices)
    assert unspliced(new, splices) == line
    again = jsonl.field_of(new, "t.u")
    assert again is not None and again.text == apply(text, chosen)
    if chosen:
        first, last = splices[0], splices[-1]
        assert new.startswith(line[: first.offset])
        assert new.endswith(line[last.offset + len(last.before) :])
    assert all(found.splices(c) == found.all_splices(chosen)[c] for c in chosen)


def test_bytes_of_other_fields_stay() -> None:
    line = '{ "n":1e400,"m" : 1.0,"big":%s,\t"text" :"\\u4e00\\/二", "z":[{"text":"三"}], "e": "\\u00e9"}' % (
        "9" * 5000
    )
    found = jsonl.field_of(line.encode(), "text")
    assert found is not None and found.text == "一/二"
    new = spliced(line.encode(), found.splices(Correction(2, 3, "二", "叁", "r", 1.0, "safe"))).decode()
    assert new == line.replace("二", "叁")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"text":"甲"}', "甲"),
        ('\ufeff{"text":"甲"}', "甲"),
        ('{"text":"甲","text":"乙"}', "乙"),
        ('{"text":"甲","text":1}', None),
        ('{"text":null}', None),
        ('{"text":{"text":"甲"}}', None),
        ("{}", None),
        ('["text"]', None),
        ("  \n", None),
        ("", None),
        ('{"text":"a\tb"}', "a\tb"),  # not allowed, but written by many
        ('{"text":"\\ud83d\\ude00\\ud83d"}', "\U0001f600\ud83d"),
    ],
)
def test_field(line: str, text: str | None) -> None:
    found = jsonl.field_of(line.encode(), "text", first=True)
    assert (found.text if found else None) == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text":"\xff"}', "not UTF-8"),
        (b'{"text":"a"', "a comma is missing"),
        (b'{"text":"a"} {}', "more after the value"),
        (b"{text:1}", "a name in quotation marks"),
        (b'{"text" "a"}', "a colon is missing"),
        (b'{"text":', "no value"),
        (b'{"text":"a', "unterminated string"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        ("\ufeff{}".encode(), "no value"),  # a mark in the middle of the file
    ],
)
def test_bad_records(line: bytes, message: str) -> None:
    with pytest.raises(jsonl.RecordError, match=message):
        jsonl.field_of(line, "text")


def test_field_is_guessed() -> None:
    def guess(*records: object) -> str | None:
        return jsonl.guessed(json.dumps(r, ensure_ascii=False).encode() for r in records)

    assert guess({"id": "x" * 50, "text": "短"}) == "text"
    assert guess({"id": "x", "正文": "甲" * 5, "title": "甲" * 50}) == "正文"
    assert guess({"id": "x", "a": {"b": "甲乙丙"}}, {"id": "x"}, [1], "x") == "a.b"
    assert guess({"text": None}, {"id": 1}) is None
    assert guess({"text": "", "id": ""}) == "text"
    assert guess() is None


@given(st.lists(st.binary(max_size=9)), st.integers(2, 6))
def test_lines(blocks: list[bytes], longest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl, "LONGEST", longest)
        found = list(jsonl.lines(blocks))
    data = b"".join(blocks)
    assert b"".join(item if isinstance(item, bytes) else item.data for item in found) == data
    count = sum(isinstance(item, bytes) or item.first for item in found)
    assert count == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


# --- large text files


def cut_up(data: bytes, size: int) -> Iterator[bytes]:
    return (data[k : k + size] for k in range(0, len(data), size))


@given(
    st.text(st.sampled_from("中国，。！\n\r\f\t a’𠀀"), max_size=300),
    st.sampled_from(["utf-8", "gb18030", "utf-16-le", "utf-16-be", "utf-32-le"]),
    st.booleans(),
    st.integers(1, 50),
)
def test_chunks_make_the_whole(text: str, encoding: str, bom: bool, size: int) -> None:
    mark = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding)
    data = (mark or b"" if bom else b"") + text.encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "LEAST", 5)
        patch.setattr(chunks, "MOST", 15)
        large = chunks.probe(lambda: cut_up(data, size), "x", None if bom and mark else encoding)
        found = list(chunks.chunks(cut_up(data, size), large, "x"))
        assert found == list(chunks.chunks([data], large, "x"))  # whatever the blocks
    assert "".join(c.text for c in found) == text
    assert (large.encoding, large.bom, large.size) == (encoding, bool(bom and mark), len(data))
    assert all(5 <= len(c.text) <= 15 for c in found[:-1])
    for c in found:
        before = text[: c.start]
        lines = chunks._LINE_END.split(before)
        assert (c.line, c.column) == (len(lines), len(lines[-1]) + 1)
        assert not (before.endswith("\r") and c.text.startswith("\n"))


def test_borders_come_back() -> None:
    """A change in one place moves few borders."""
    text = "".join(f"第{k}行，说的是第{k * k % 977}件事。\n" for k in range(40_000))
    data = [text.encode(), text.replace("第7行", "在前面加上几个字。第7行").encode()]
    ends = []
    for each in data:
        large = chunks.probe(lambda each=each: [each], "x")  # type: ignore[misc]
        found = list(chunks.chunks([each], large, "x"))
        ends.append([c.text[-30:] for c in found])
    assert len(ends[0]) >= 5
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\0\0" * 100, "looks like a binary file"),
        (b"\1\2\3\4" * 100, "looks like a binary file"),
        ("中国".encode() * 99 + b"\xff\xfe\xfd" * 300, "cannot tell the encoding|not valid"),
        ("中".encode("utf-16-le") * 9 + b"\0", "binary|valid|encoding"),
    ],
)
def test_no_large_text(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        large = chunks.probe(lambda: [data], "x")
        list(chunks.chunks([data], large, "x"))


def test_encoding_that_cannot_be_cut() -> None:
    with pytest.raises(InputError, match="cannot be read in parts"):
        chunks.probe(lambda: ["中国".encode("iso2022_jp")], "x", "iso2022_jp")


def test_cut_off_and_blemished() -> None:
    text = "提供了政策支持和体制保障。\n" * 200
    for data in (text.encode()[:-2], text.encode() + b"\xff\n" + text.encode()):
        large = chunks.probe(lambda data=data: [data], "x")  # type: ignore[misc]
        found = "".join(c.text for c in chunks.chunks([data], large, "x"))
        assert found.encode("utf-8", large.errors) == data


# --- compressed files


@pytest.mark.parametrize("ending", [".gz", ".zst", ""])
def test_streams(ending: str, tmp_path: Path) -> None:
    if ending == ".zst":
        pytest.importorskip("zstandard")
    data = "提供了政策支持和体制保障。\n".encode() * 100_000
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(b"".join(streams.compressed(cut_up(data, 70_000), path)))
    assert b"".join(streams.compressed(cut_up(data, 70_000), path)) == path.read_bytes()
    assert b"".join(streams.blocks(path)) == data
    path.write_bytes(path.read_bytes() * 2)  # several members, several frames
    assert b"".join(streams.blocks(path)) == data * 2
    if ending:
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(InputError, match=r"cut off|damaged"):
            list(streams.blocks(path))
        path.write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match="damaged"):
            list(streams.blocks(path))
    assert streams.bare("A.JSONL.GZ") == "a.jsonl"


def test_gzip_of_others(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"abc"))
    assert list(streams.blocks(path)) == [b"abc"]


# --- Parquet


def test_parquet_keeps_the_rest(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from repair.formats.parquet import BATCH, Table

    n = 2 * BATCH + 7
    struct = arrow.array(
        [None if k % 5 == 0 else {"k": k, "text": None if k % 7 == 0 else f"第{k}个"} for k in range(n)],
        arrow.struct([("k", arrow.int16()), ("text", arrow.large_string())]),
    )
    table = arrow.table({
        "list": arrow.array([[1, None]] * n, arrow.list_(arrow.int8())),
        "meta": struct,
        "decimal": arrow.array([None] * n, arrow.decimal128(10, 2)),
        "when": arrow.array(range(n), arrow.timestamp("ns", "Asia/Shanghai")),
        "map": arrow.array([[("a", 1)]] * n, arrow.map_(arrow.string(), arrow.int32())),
        "null": arrow.nulls(n),
        "word": arrow.array(["甲", "乙乙", None] * (n // 3) + ["甲"] * (n % 3)).dictionary_encode(),
        "binary": arrow.array([b"\xff\0"] * n, arrow.binary()),
        "a.b": arrow.array([f"x{k}" for k in range(n)]),
    }).replace_schema_metadata({"made": "by hand"})  # fmt: skip
    path, other = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    codecs_ = {"meta.text": "gzip", "word": "snappy"}
    parquet.write_table(table, path, row_group_size=200, compression=codecs_, use_dictionary=["word"])
    for column in ("meta.text", "word", "a.b"):
        with Table(path) as found:
            assert found.column(column) == column
            texts = list(found.texts(column))
            assert [len(batch) for batch in texts] == [BATCH, BATCH, 7]
            new = [{3: "新的"}, {}, {2: "也是新的"}]
            found.rewritten(column, new, other)
        again = parquet.read_table(other)
        assert again.schema.equals(parquet.read_schema(path), check_metadata=True)
        with Table(other) as written:
            flat = [text for batch in written.texts(column) for text in batch]
        expected = [text for batch in texts for text in batch]
        expected[3], expected[2 * BATCH + 2] = "新的", "也是新的"
        assert flat == expected
        rest = [name for name in table.column_names if name != column.split(".")[0] or name == "a.b" != column]
        assert all(again.column(name).equals(table.column(name)) for name in rest if name != column)
        before, after = (parquet.ParquetFile(p).metadata for p in (path, other))
        assert after.num_row_groups == before.num_row_groups
        for k in range(before.num_row_groups):
            b, a = before.row_group(k), after.row_group(k)
            assert a.num_rows == b.num_rows
            assert [a.column(c).compression for c in range(a.num_columns)] == [
                b.column(c).compression for c in range(b.num_columns)
            ]
    with Table(path) as found:
        assert found.column(None) == "meta.text" or found.column(None) in ("word", "a.b")
        for name, message in (("binary", "is binary, not text"), ("nope", "no column nope"), ("list", "not text")):
            with pytest.raises(InputError, match=message):
                found.column(name)


def test_no_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from repair.formats.parquet import Table

    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 nothing of the kind PAR1")
    with pytest.raises(InputError, match=r"a\.parquet: "):
        Table(str(path))
    parquet.write_table(arrow.table({"n": [1, 2]}), path)
    with Table(str(path)) as found, pytest.raises(InputError, match="no text at all"):
        found.column(None)
    empty = arrow.table({"text": arrow.array([], arrow.string())})
    parquet.write_table(empty, path)
    with Table(str(path)) as found:
        assert found.column(None) == "text"
        found.rewritten("text", [], str(tmp_path / "b.parquet"))
    assert parquet.read_table(tmp_path / "b.parquet").equals(empty)
