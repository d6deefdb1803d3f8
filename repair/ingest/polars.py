"""polars.

A DataFrame is repaired by ``repairer(frame)``. Here is what works on expressions and on a LazyFrame.
"""

from __future__ import annotations

from typing import Any

from .columns import Repairer
from .extras import needed


def repaired(frame: Any, repairer: Repairer) -> Any:
    """The LazyFrame or DataFrame `frame` with the text repaired; a LazyFrame stays lazy."""
    polars = needed("polars", "polars")
    if isinstance(frame, polars.DataFrame):
        return repairer(frame)
    # The batches that the streaming engine makes may be repaired one by one.
    return frame.map_batches(repairer, schema=schema_of(frame.collect_schema(), repairer), streamable=True)


def expression(column: Any, repairer: Repairer | None = None) -> Any:
    """The texts of `column`, a name or an expression, repaired: for ``select`` and ``with_columns``. Without a log."""
    polars = needed("polars", "polars")
    column = polars.col(column) if isinstance(column, str) else column
    return column.map_batches(repairer or Repairer(), return_dtype=polars.String, is_elementwise=True)


def schema_of(schema: Any, repairer: Repairer) -> Any:
    """The schema of the result, of a frame with this one."""
    polars = needed("polars", "polars")
    # As `Repairer` does it: new texts are no members of an Enum.
    text = schema[repairer.text]
    text = text if text == polars.Categorical else polars.String
    kinds = {"string": polars.String, "count": polars.Int64, "text": text}
    out = dict(schema)
    out.update({name: kinds[kind] for name, kind in {repairer.output: "text", **repairer.added}.items()})
    return polars.Schema(out)
