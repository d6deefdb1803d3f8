"""Each engine over the same records: for the tests and for ``benchmarks/engines.py``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repair.ingest import Repairer

Records = list[dict[str, Any]]
WORKERS = 2


def columns(records: Records) -> dict[str, list[Any]]:
    return {name: [record[name] for record in records] for name in records[0]}


def rows(batch: dict[str, list[Any]]) -> Records:
    return [dict(zip(batch, cells, strict=True)) for cells in zip(*batch.values(), strict=True)]


def plain(records: Records, repairer: Repairer, folder: Path) -> Records:
    return rows(repairer(columns(records)))


def pandas(records: Records, repairer: Repairer, folder: Path) -> Records:
    import pandas

    out = repairer(pandas.DataFrame(records))
    return rows({name: [None if is_nan(v) else v for v in out[name].tolist()] for name in out})


def is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def arrow(records: Records, repairer: Repairer, folder: Path) -> Records:
    import pyarrow

    return list(repairer(pyarrow.Table.from_pylist(records)).to_pylist())


def polars(records: Records, repairer: Repairer, folder: Path) -> Records:
    import polars

    from repair.ingest.polars import repaired

    return list(repaired(polars.DataFrame(records).lazy(), repairer).collect().to_dicts())


def datasets(records: Records, repairer: Repairer, folder: Path) -> Records:
    from datasets import Dataset

    from repair.ingest.hf import repaired

    # From a file, so that results are cached beside it and not in the user's own folder.
    path = folder / "records.parquet"
    Dataset.from_list(records).to_parquet(path)
    source = Dataset.from_parquet(str(path), cache_dir=str(folder / "cache"))
    return list(repaired(source, repairer, num_proc=WORKERS, batch_size=100).to_list())


def ray_session() -> None:
    import ray

    if not ray.is_initialized():
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        env = {"env_vars": {"PYTHONPATH": path}}
        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, runtime_env=env)


def ray(records: Records, repairer: Repairer, folder: Path) -> Records:
    ray_session()
    from ray import data

    from repair.ingest.ray import repaired

    return list(repaired(data.from_items(records), repairer, workers=WORKERS, batch_size=100).take_all())


def spark_session() -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable  # and not the first python3 there is
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return (
        # 4: how often a task may fail. A local Spark gives up at once where that is not said.
        SparkSession.builder.master(f"local[{WORKERS},4]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "100")
        .getOrCreate()
    )


def spark_frame(records: Records) -> Any:
    schema = "id long, text string, big long, score double, meta struct<source: string, tags: array<string>>"
    return spark_session().createDataFrame(records, schema).repartition(2 * WORKERS)


def spark(records: Records, repairer: Repairer, folder: Path) -> Records:
    from repair.ingest.spark import repaired

    return [row.asDict(recursive=True) for row in repaired(spark_frame(records), repairer).collect()]


def spark_pandas(records: Records, repairer: Repairer, folder: Path) -> Records:
    from repair.ingest.spark import schema_of

    frame = spark_frame(records)
    out = frame.mapInPandas(repairer.pandas_iterator, schema_of(frame.schema, repairer))
    return [row.asDict(recursive=True) for row in out.collect()]


def datatrove_input(records: Records, folder: Path, tasks: int) -> None:
    """JSON Lines, one file a task. A document without text is none to datatrove: its readers leave it out."""
    (folder / "in").mkdir(parents=True)
    for task in range(tasks):
        lines = [
            json.dumps({"id": str(r["id"]), "text": r["text"], "metadata": {"big": r["big"], "meta": r["meta"]}})
            for r in records[task::tasks]
            if r["text"]
        ]
        (folder / "in" / f"{task:05}.jsonl").write_text("\n".join(lines), encoding="utf-8")


def datatrove_output(folder: Path) -> Records:
    lines = [
        line for p in sorted((folder / "out").glob("*.jsonl")) for line in p.read_text(encoding="utf-8").split("\n")
    ]
    found = [json.loads(line) for line in lines if line]
    return [{"id": int(r["id"]), "text": r["text"], **r["metadata"]} for r in found]


def datatrove_executor(folder: Path, step: Any, tasks: int) -> Any:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    return LocalPipelineExecutor(
        pipeline=[
            JsonlReader(str(folder / "in"), doc_progress=False),
            step,
            JsonlWriter(str(folder / "out"), output_filename="${rank}.jsonl", compression=None),
        ],
        tasks=tasks,
        workers=WORKERS,
        logging_dir=str(folder / "logs"),
    )


def datatrove(records: Records, repairer: Repairer, folder: Path) -> Records:
    from repair.ingest.datatrove import RepairStep

    datatrove_input(records, folder, tasks=4)
    datatrove_executor(folder, RepairStep(repairer), tasks=4).run()
    return [*datatrove_output(folder), *({**r, "repair_log": None} for r in records if not r["text"])]


ENGINES: dict[str, tuple[Callable[[Records, Repairer, Path], Records], tuple[str, ...]]] = {
    "plain library": (plain, ()),
    "pandas": (pandas, ("pandas",)),
    "pyarrow": (arrow, ("pyarrow",)),
    "polars": (polars, ("polars",)),
    "datasets": (datasets, ("datasets",)),
    "ray": (ray, ("ray", "pyarrow")),
    "spark": (spark, ("pyspark", "pyarrow")),
    "spark, mapInPandas": (spark_pandas, ("pyspark", "pyarrow", "pandas")),
    "datatrove": (datatrove, ("datatrove", "orjson")),
}
"""What runs the engine, and the packages it needs."""


def missing(engine: str) -> str:
    """Why an engine cannot run here, empty where it can."""
    from importlib.util import find_spec

    absent = [name for name in ENGINES[engine][1] if find_spec(name) is None]
    if "pyspark" in ENGINES[engine][1] and not shutil.which("java"):
        absent.append("Java")
    return ", ".join(absent)
