"""`repair.ingest.Repairer` on columns of every form that is installed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import documents
from hypothesis import given
from strategies import texts

import repair
from repair.ingest import Failure, Repairer, revert
from repair.language.resources import ResourceError

BAD = "提供了政策支持 and 体制保障。"
GOOD = "提供了政策支持和体制保障。"


def columns(number: int) -> dict[str, list[Any]]:
    records = documents(number)
    return {name: [record[name] for record in records] for name in records[0]}


def pandas_frame(batch: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(batch)


def arrow_table(batch: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pyarrow").table(batch)


def polars_frame(batch: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(batch)


def arrays(batch: dict[str, list[Any]]) -> Any:
    return {name: np.array(values, object) for name, values in batch.items()}


FORMS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "lists": dict,
    "numpy": arrays,
    "pandas": pandas_frame,
    "arrow": arrow_table,
    "polars": polars_frame,
}


def test_same_as_the_library() -> None:
    batch = columns(60)
    out = Repairer(count="n", keep_original=True)(batch)
    assert list(out) == [*batch, "text_original", "repair_log", "n"]
    assert batch == columns(60)  # as it was
    assert out["text_original"] == batch["text"]
    for before, after, log, n in zip(batch["text"], out["text"], out["repair_log"], out["n"], strict=True):
        if before is None:
            assert (after, log, n) == (None, None, 0)
        else:
            result = repair.clean(before)
            assert (after, n) == (result.text, len(result.corrections))
        assert revert(after, log) == before
    assert out["text"] != batch["text"]
    assert all(out[name] is batch[name] for name in batch if name != "text")


@pytest.mark.parametrize("form", FORMS)
def test_same_form_comes_back(form: str) -> None:
    plain = columns(30)
    batch = FORMS[form](plain)
    out = Repairer(count="n")(batch)
    wanted = Repairer(count="n")(plain)
    assert type(out) is type(batch)
    names = list(out.schema.names if form == "arrow" else getattr(out, "columns", out))
    assert names == list(wanted)
    for name in ("id", "text", "repair_log", "n", "score"):
        assert [None if v != v else v for v in values(out[name])] == wanted[name]
    if form == "arrow":
        assert out.schema.types[:5] == batch.schema.types
        assert out.select(["big", "meta"]).equals(batch.select(["big", "meta"]))
    elif form == "polars":
        assert out.schema["big"] == batch.schema["big"]
        assert out.select("big", "meta").equals(batch.select("big", "meta"))
    elif form == "pandas":
        assert out[["big", "meta"]].equals(batch[["big", "meta"]])
        assert out.dtypes["text"] == batch.dtypes["text"]


def values(column: Any) -> list[Any]:
    for name in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, name):
            return list(getattr(column, name)())
    return list(column)


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_and_no_text(form: str) -> None:
    repairer = Repairer()
    out = repairer(FORMS[form]({"text": [], "x": []}))
    assert (out.num_rows if form == "arrow" else len(out["repair_log"])) == 0
    out = repairer(FORMS[form]({"text": [None, None], "x": [1, 2]}))
    assert [None if v != v else v for v in values(out["repair_log"])] == [None, None]


def test_record_and_bare_columns() -> None:
    repairer = Repairer()
    record = repairer({"text": BAD, "x": [1]})
    assert record["text"] == GOOD
    assert record["x"] == [1]
    assert revert(record["text"], record["repair_log"]) == BAD
    assert repairer({"text": None}) == {"text": None, "repair_log": None}
    assert repairer([BAD, None]) == [GOOD, None]
    assert repairer((BAD,)) == (GOOD,)
    widened = Repairer(profile="typography")(np.array(["他说(你好)。", "短"]))
    assert widened.dtype.kind == "U"
    for package in ("pandas", "polars"):
        if package in sys.modules:
            series = sys.modules[package].Series([BAD, None])
            assert type(repairer(series)) is type(series)
            assert values(repairer(series))[0] == GOOD


def test_pandas_types() -> None:
    pandas = pytest.importorskip("pandas")
    for dtype in ("object", "string", "category", "str"):
        frame = pandas.DataFrame({"text": pandas.Series([BAD, None, BAD], [5, 5, 1], dtype=dtype)})
        frame.attrs["from"] = "here"
        out = Repairer()(frame)
        assert list(out.index) == [5, 5, 1]
        assert out.attrs == frame.attrs
        assert out["text"].dtype.name == frame["text"].dtype.name
        assert list(out["text"].isna()) == list(out["repair_log"].isna()) == [False, True, False]
        assert list(out["text"])[::2] == [GOOD, GOOD]
        assert list(frame["text"])[::2] == [BAD, BAD]
    twice = pandas.DataFrame([[BAD, BAD]], columns=["text", "text"])
    with pytest.raises(ValueError, match="several columns"):
        Repairer()(twice)


def test_arrow_types() -> None:
    arrow = pytest.importorskip("pyarrow")
    for type_ in (arrow.string(), arrow.large_string(), arrow.dictionary(arrow.int32(), arrow.string())):
        field = arrow.field("text", type_, metadata={"a": "b"})
        array = arrow.array([BAD, None], arrow.string()).cast(type_)
        table = arrow.table([array], schema=arrow.schema([field], metadata={"c": "d"}))
        for batch in (table, *table.to_batches()):
            out = Repairer()(batch)
            assert type(out) is type(batch)
            assert out.schema.field("text").equals(field, check_metadata=True)
            assert out.schema.metadata == {b"c": b"d"}
            assert out.column("text").to_pylist() == [GOOD, None]
        assert Repairer()(table.to_batches()[0].slice(0, 0)).schema.names == ["text", "repair_log"]
    none = Repairer()(arrow.table({"text": arrow.nulls(2)}))
    assert none.schema.types == [arrow.string(), arrow.string()]


def test_polars_types() -> None:
    polars = pytest.importorskip("polars")
    for dtype, wanted in (
        (polars.String, polars.String),
        (polars.Categorical, polars.Categorical),
        (polars.Enum([BAD]), polars.String),
    ):
        out = Repairer()(polars.DataFrame({"text": polars.Series([BAD, None], dtype=dtype)}))
        assert out["text"].dtype == wanted
        assert out["text"].to_list() == [GOOD, None]
    with pytest.raises(TypeError, match="LazyFrame"):
        Repairer()(polars.LazyFrame({"text": [BAD]}))


def test_settings() -> None:
    assert Repairer(output="clean")({"text": [BAD]})["text"] == [BAD]
    assert list(Repairer(output="clean", log=None)({"text": [BAD]})) == ["text", "clean"]
    assert Repairer("body", log=None)({"body": [BAD]}) == {"body": [GOOD]}
    assert list(Repairer(errors="keep").added) == ["repair_log", "repair_error"]
    with_proposals = Repairer(proposals=True).one("最路下的风景")
    assert '"status":"proposed"' in str(with_proposals.log)
    assert revert(with_proposals.text, with_proposals.log) == "最路下的风景"
    assert '"record":"header"' in Repairer().header()
    for wrong in (
        {"level": "note"},
        {"profile": "nothing"},
        {"errors": "ignore"},
        {"log": "text"},
        {"output": "a", "log": "a"},
        {"lexicon": "/no/such/folder"},
    ):
        with pytest.raises(ValueError):
            Repairer(**wrong)  # type: ignore[arg-type]


def test_witnesses() -> None:
    first, second = "他门在村口等候已久，终于见到了亲人。", "他们在村口等候已久，终于见到了亲人。"
    wanted = repair.clean(first, witnesses=[second]).text
    batch = {"text": [first] * 4, "other": [second, [second, None], np.array([second]), None]}
    out = Repairer(witnesses="other")(batch)
    assert out["text"] == [wanted] * 3 + [repair.clean(first).text]
    assert Repairer(witnesses="other")({"text": first, "other": [second]})["text"] == wanted
    with pytest.raises(KeyError, match="other"):
        Repairer(witnesses="other")({"text": [first]})
    with pytest.raises(ValueError, match="witnesses"):
        Repairer(witnesses="other")([first])


def test_columns_that_are_there_already() -> None:
    once = Repairer()({"text": [BAD]})
    with pytest.raises(ValueError, match="'repair_log' already"):
        Repairer()(once)
    with pytest.raises(KeyError, match="no column 'text'"):
        Repairer()({"body": [BAD]})
    with pytest.raises(TypeError, match="a batch must be"):
        Repairer()(5)


def test_record_that_fails() -> None:
    batch = {"text": [BAD, 5, None]}
    with pytest.raises(Failure, match="record 1 of the batch: TypeError: text must be str, not int"):
        Repairer()(batch)
    out = Repairer(errors="keep")(batch)
    assert out["text"] == [GOOD, 5, None]
    assert out["repair_error"] == [None, "TypeError: text must be str, not int", None]
    assert out["repair_log"][1:] == ["[]", None]
    assert "repair_error" not in Repairer()({"text": [BAD]})


def test_missing_dictionaries_are_no_failure_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ResourceError("zh.ngram: missing dictionary file")

    monkeypatch.setattr("repair.pipeline.Pipeline._run", missing)
    with pytest.raises(ResourceError):
        Repairer(errors="keep")({"text": [BAD]})


def test_pickle_carries_settings_and_no_model(tmp_path: Path) -> None:
    (tmp_path / "replace.txt").write_text("旧词\t新词\n", encoding="utf-8")
    (tmp_path / "trust.txt").write_text("甲\n乙\n丙\n丁\n", encoding="utf-8")
    repairer = Repairer("body", lexicon=tmp_path, count="n")
    data = pickle.dumps(repairer)
    assert len(data) < 1000
    (tmp_path / "replace.txt").unlink()  # another machine has no such folder
    again = pickle.loads(data)
    assert again({"body": ["一个旧词。"]}) == repairer({"body": ["一个旧词。"]})
    assert again({"body": ["一个旧词。"]})["body"] == ["一个新词。"]
    assert again._pipeline is repairer._pipeline
    # The same bytes in every process, or caches that go by them never hit.
    code = "import pickle, sys; from repair.ingest import Repairer; from repair import Lexicon; "
    code += "w = Lexicon(frozenset('甲乙丙丁')); print(pickle.dumps(Repairer(lexicon=w)).hex())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed, "PATH": ""}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_pickle_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(Repairer())
    monkeypatch.setattr(repair, "__version__", "99")
    with pytest.raises(ValueError, match="99 is installed here"):
        pickle.loads(data)


def test_imports_nothing_heavy() -> None:
    code = "import sys, repair.ingest; "
    code += "print([m for m in ('numpy', 'pandas', 'pyarrow', 'polars', 'ray') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("hf", "datasets"), ("ray", "ray"), ("spark", "spark"), ("polars", "polars"), ("datatrove", "datatrove")],
)
def test_missing_engine_is_named(module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    package = "pyspark" if extra == "spark" else extra
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"repair.ingest.{module}", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Without(package), *sys.meta_path])
    with pytest.raises(ImportError, match=rf"pip install 'repair\[{extra}\]'"):
        loaded = import_module(f"repair.ingest.{module}")
        if module == "spark":
            loaded.schema_of(None, Repairer())
        else:
            loaded.repaired(None, Repairer())


class _Without:
    """An importer for which a package is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=self.package)


@given(texts)
def test_log_leads_back_to_any_text(text: str) -> None:
    out = Repairer(count="n").one(text)
    assert revert(out.text, out.log) == text
    assert out.text == repair.clean(text).text


def test_logs_that_are_none() -> None:
    assert revert(None, None) is None
    assert revert("甲", None) == "甲"
    for log in ("", "{}", "[1]", "[{}]", "[" * 100_000):
        with pytest.raises(ValueError):
            revert("甲", log)
    with pytest.raises(repair.MismatchError):
        revert("甲", Repairer().one(BAD).log)
