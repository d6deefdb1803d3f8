"""Spark.

``frame.mapInPandas(repairer.pandas_iterator, schema_of(frame.schema, repairer))`` works as well; `repaired` hands the
columns over as Arrow, since pandas has no whole numbers beside nulls: large ones would come back rounded.
"""

from __future__ import annotations

from typing import Any

from .columns import Repairer
from .extras import needed


def repaired(frame: Any, repairer: Repairer) -> Any:
    """The DataFrame `frame` with the text repaired."""
    return frame.mapInArrow(repairer.arrow_iterator, schema_of(frame.schema, repairer))


def schema_of(schema: Any, repairer: Repairer) -> Any:
    """The schema of the result, of a DataFrame with this one."""
    types = needed("pyspark.sql.types", "spark")
    kinds = {"string": types.StringType(), "text": types.StringType(), "count": types.LongType()}
    added = [types.StructField(name, kinds[kind], True) for name, kind in repairer.added.items()]
    return types.StructType([*schema.fields, *added])
