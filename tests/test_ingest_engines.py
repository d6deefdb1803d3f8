"""The engines themselves, where they are installed: the same result as the library, also after a worker was killed.

pip install -e '.[test,datasets,ray,spark,polars,datatrove]' && pytest tests/test_ingest_engines.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import engines
import pytest
from documents import Fatal, digest, documents
from engines import ENGINES

import repair
from repair.ingest import Repairer, revert

NUMBER = 240
ROOT = Path(__file__).resolve().parent.parent


def need(engine: str) -> None:
    if absent := engines.missing(engine):
        pytest.skip(f"not installed: {absent}")


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return documents(NUMBER)


@pytest.fixture(scope="module")
def wanted(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return engines.plain(records, Repairer(), Path())


def test_the_library_gives_what_is_wanted(records: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    for before, after in zip(records, wanted, strict=True):
        text = before["text"]
        assert after["text"] == (None if text is None else repair.clean(text).text)
        assert revert(after["text"], after["repair_log"]) == text


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "plain library"])
def test_same_result(engine: str, records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need(engine)
    out = sorted(ENGINES[engine][0](records, Repairer(), tmp_path), key=lambda record: int(record["id"]))
    assert digest(out) == digest(wanted)
    kept = {"pandas": ("score", "meta"), "spark, mapInPandas": ("score",), "datatrove": ("big", "meta")}
    for record, right in zip(out, wanted, strict=True):
        for name in kept.get(engine, ("big", "score", "meta")):
            assert record[name] == right[name]


def test_ray_as_it_is(records: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    need("ray")
    engines.ray_session()
    from ray import data

    source = data.from_items(records)
    assert digest(source.map_batches(Repairer()).take_all()) == digest(wanted)  # numpy arrays
    assert digest(source.map_batches(Repairer(), batch_format="pandas").take_all()) == digest(wanted)
    actors = source.map_batches(Repairer, compute=data.ActorPoolStrategy(size=2), batch_format="pyarrow")
    assert digest(actors.take_all()) == digest(wanted)


def test_ray_worker_killed(records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need("ray")
    engines.ray_session()
    from ray import data

    from repair.ingest.ray import repaired

    marker = tmp_path / "killed"
    fatal: Any = Fatal(Repairer(), marker)
    out = repaired(data.from_items(records), fatal, workers=2, batch_size=20).take_all()
    assert marker.exists()
    assert len(out) == NUMBER
    assert digest(out) == digest(wanted)


def test_spark_worker_killed(records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need("spark")
    from repair.ingest.spark import schema_of

    marker = tmp_path / "killed"
    frame = engines.spark_frame(records * 4).coalesce(2)
    fatal = Fatal(Repairer(), marker)
    out = frame.mapInArrow(fatal.iterate, schema_of(frame.schema, fatal.inner)).collect()
    assert marker.exists()
    assert len(out) == 4 * NUMBER
    assert digest(row.asDict() for row in out) == digest(wanted * 4)


_KILLED = """
import os, signal, sys
from pathlib import Path
import engines
from repair.ingest import Repairer
from repair.ingest.datatrove import RepairStep

class Killed(RepairStep):
    def run(self, data, rank=0, world_size=1):
        for number, document in enumerate(super().run(data, rank, world_size)):
            if rank == 2 and number == 5:
                os.killpg(os.getpgrp(), signal.SIGKILL)
            yield document

if __name__ == "__main__":
    step = {"killed": Killed, "again": RepairStep}[sys.argv[2]]
    engines.datatrove_executor(Path(sys.argv[1]), step(Repairer()), tasks=4).run()
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_datatrove_run_killed(records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need("datatrove")
    script = tmp_path / "run.py"
    script.write_text(_KILLED, encoding="utf-8")
    engines.datatrove_input(records, tmp_path, tasks=4)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}

    def run(how: str) -> int:
        command = [sys.executable, str(script), str(tmp_path), how]
        return subprocess.run(command, env=env, start_new_session=True, capture_output=True).returncode

    def done() -> set[str]:
        return {path.name for path in (tmp_path / "logs" / "completions").glob("*")}

    assert run("killed") != 0
    first = done()
    assert first
    assert "00002" not in first
    times = {path: path.stat().st_mtime_ns for name in first for path in (tmp_path / "out").glob(f"{name}.jsonl")}
    assert run("again") == 0
    assert done() == {f"{rank:05}" for rank in range(4)}
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())  # what was done is not done again
    with_text = [record for record in wanted if record["text"]]
    assert digest(engines.datatrove_output(tmp_path)) == digest(with_text)


def test_datasets_worker_killed(records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need("datasets")
    from datasets import Dataset

    path = tmp_path / "records.parquet"
    Dataset.from_list(records).to_parquet(path)
    source = Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    fatal = Fatal(Repairer(), tmp_path / "killed")
    options: dict[str, Any] = {"batched": True, "num_proc": 2, "batch_size": 20, "new_fingerprint": "killed"}
    with pytest.raises(RuntimeError, match="abruptly died"):
        source.map(fatal, **options)
    assert digest(source.map(fatal, **options)) == digest(wanted)


def test_datasets_as_it_is(records: list[dict[str, Any]], wanted: list[dict[str, Any]], tmp_path: Path) -> None:
    need("datasets")
    from datasets import Dataset, DatasetDict, Value

    from repair.ingest.hf import repaired

    source = Dataset.from_list(records)
    assert digest(source.map(Repairer(), batched=True)) == digest(wanted)
    assert digest(source.map(Repairer())) == digest(wanted)  # one by one
    for form in ("numpy", "pandas", "arrow", "polars"):
        if form != "polars" or not engines.missing("polars"):
            mapped = source.with_format(form).map(Repairer(), batched=True).with_format(None)
            assert digest(mapped) == digest(wanted), form
    assert digest(repaired(source.to_iterable_dataset(), Repairer())) == digest(wanted)
    # No text in the first batch, nor anywhere: the types are known all the same.
    empty = Dataset.from_dict({"text": [None, None, "甲"]}, features=None)
    parts = repaired(DatasetDict(a=empty, b=empty.select([0])), Repairer(count="n"), batch_size=1)
    for part in parts.values():
        assert part.features["repair_log"] == Value("string")
        assert part.features["n"] == Value("int64")


def test_datasets_columns_not_looked_at_are_not_decoded() -> None:
    need("datasets")
    from datasets import Dataset

    def seen(batch: Any) -> Any:
        out = Repairer()(batch)
        assert out.keys_to_format == {"other"}
        return out

    Dataset.from_dict({"text": ["甲"], "other": [1]}).map(seen, batched=True)


def test_datasets_fingerprint_is_that_of_the_settings() -> None:
    need("datasets")
    from datasets.fingerprint import Hasher

    first = Repairer()
    before = Hasher.hash(first)
    first({"text": ["甲"]})
    assert Hasher.hash(first) == before == Hasher.hash(Repairer())
    assert Hasher.hash(Repairer(level="review")) != before


def test_polars_expressions(records: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    need("polars")
    import polars

    from repair.ingest.polars import expression, repaired

    frame = polars.DataFrame(records)
    right = [record["text"] for record in wanted]
    assert frame.select(expression("text"))["text"].to_list() == right
    out = frame.lazy().with_columns(clean=expression(polars.col("text"), Repairer(level="safe"))).collect()
    assert out["clean"].to_list() == right
    assert out["text"].to_list() == [record["text"] for record in records]
    lazy = repaired(frame.lazy(), Repairer(count="n"))
    for engine in ("in-memory", "streaming"):
        out = lazy.collect(engine=engine)
        assert out.schema == lazy.collect_schema()
        assert digest(out.to_dicts()) == digest(wanted)
    assert digest(lazy.filter(polars.col("id") < 20).collect().to_dicts()) == digest(wanted[:20])
    assert repaired(frame, Repairer()).columns == [*frame.columns, "repair_log"]


def test_spark_keeps_large_numbers_beside_nulls(records: list[dict[str, Any]]) -> None:
    need("spark")
    from repair.ingest.spark import repaired

    frame = engines.spark_frame(records[:20])
    out = repaired(frame, Repairer(count="n", output="clean", keep_original=True))
    assert [(f.name, f.dataType) for f in out.schema][:5] == [(f.name, f.dataType) for f in frame.schema]
    assert out.columns[5:] == ["clean", "text_original", "repair_log", "n"]
    assert {row["id"]: row["big"] for row in out.collect()} == {r["id"]: r["big"] for r in records[:20]}


def test_datatrove_settings() -> None:
    need("datatrove")
    from datatrove.data import Document

    from repair.ingest.datatrove import RepairStep

    bad = "提供了政策支持 and 体制保障。"
    step = RepairStep(Repairer(output="clean", count="n", errors="keep", witnesses="other"))
    (out,) = step.run([Document(bad, "1", metadata={"text": "of its own", "other": [bad]})])
    assert out.text == bad
    assert out.metadata["text"] == "of its own"
    assert out.metadata["repair_error"] == ""
    assert revert(out.metadata["clean"], out.metadata["repair_log"]) == bad
    assert step.stats["total"].total == 1
    with pytest.raises(ValueError, match="already"):
        list(step.run([out]))
    with pytest.raises(ValueError, match="'text'"):
        RepairStep(Repairer("body"))


_BLOCKS = re.findall(
    r"<!-- needs: (\S+) -->\n```python\n(.*?)```", (ROOT / "docs" / "ingest.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize(("engine", "code"), _BLOCKS, ids=[engine for engine, _ in _BLOCKS])
def test_examples_run(engine: str, code: str, tmp_path: Path) -> None:
    if engine != "nothing":
        need(engine)
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    env = {**os.environ, "HF_HOME": str(tmp_path / "hf")}
    run = subprocess.run([sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    promised = re.findall(r"^\s*print\(.*\)  +# (.+)$", code, re.MULTILINE)
    assert promised
    for line in promised:
        assert line in run.stdout, run.stdout[-3000:]
