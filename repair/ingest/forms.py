"""Batches and columns of all engines behind two classes; none of the engines' packages is imported for it.

Who hands over a DataFrame has imported its package, so it is looked up among the loaded modules.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal

Kind = Literal["text", "string", "count"]
"""What a column written holds: text in the type of the column it comes from, strings or null, whole numbers."""


def _is(value: object, package: str, *names: str) -> bool:
    module = sys.modules.get(package)
    classes = tuple(getattr(module, name) for name in names if hasattr(module, name))
    return bool(classes) and isinstance(value, classes)


def is_null(value: object) -> bool:
    """None, NaN and pandas' NA."""
    if value is None or value is getattr(sys.modules.get("pandas"), "NA", None):
        return True
    return isinstance(value, Real) and value != value  # Ray's nulls are of numpy's types


# --- columns


def is_column(value: object) -> bool:
    """Whether `value` is a column by itself: a list or one of the engines' own."""
    return (
        isinstance(value, list | tuple)
        or _is(value, "pandas", "Series")
        or _is(value, "polars", "Series")
        or _is(value, "pyarrow", "Array", "ChunkedArray")
        or _is(value, "numpy", "ndarray")
    )


def values_of(column: Any) -> list[Any]:
    """The column's values as Python's own, nulls as the engine has them."""
    if _is(column, "polars", "Series"):
        return list(column.to_list())
    if _is(column, "pyarrow", "Array", "ChunkedArray"):
        return list(column.to_pylist())
    return list(column)


def column_like(source: Any, values: list[Any], kind: Kind, name: str | None = None) -> Any:
    """A column of `values` of the same engine as `source`, with its type where `kind` is ``text``."""
    if _is(source, "pandas", "Series"):
        return _pandas(source, values, kind, name)
    if _is(source, "polars", "Series"):
        return _polars(source, values, kind, name)
    if _is(source, "pyarrow", "Array", "ChunkedArray"):
        return _arrow(source, values, kind)
    if _is(source, "numpy", "ndarray"):
        return _numpy(source, values, kind)
    return tuple(values) if isinstance(source, tuple) else values


def _pandas(source: Any, values: list[Any], kind: Kind, name: str | None) -> Any:
    pandas = sys.modules["pandas"]
    dtype = source.dtype
    categories = isinstance(dtype, pandas.CategoricalDtype)
    if kind == "count":
        dtype = "int64"
    elif categories:
        dtype = object
    elif not pandas.api.types.is_object_dtype(dtype) and not pandas.api.types.is_string_dtype(dtype):
        dtype = object  # a column without a single text, say: all NaN
    out = pandas.Series(values, index=source.index, dtype=dtype, name=source.name if name is None else name)
    return out.astype("category") if categories and kind == "text" else out


def _polars(source: Any, values: list[Any], kind: Kind, name: str | None) -> Any:
    polars = sys.modules["polars"]
    dtype: Any = polars.Int64 if kind == "count" else polars.String
    out = polars.Series(source.name if name is None else name, values, dtype=dtype)
    # New texts are no members of an Enum.
    return out.cast(source.dtype) if kind == "text" and source.dtype == polars.Categorical else out


def _arrow(source: Any, values: list[Any], kind: Kind) -> Any:
    arrow = sys.modules["pyarrow"]
    if kind == "count":
        return arrow.array(values, arrow.int64())
    if kind == "string":
        return arrow.array(values, arrow.string())
    inner = source.type
    if arrow.types.is_dictionary(inner):
        return arrow.array(values, inner.value_type).cast(inner)
    return arrow.array(values, arrow.string() if arrow.types.is_null(inner) else inner)


def _numpy(source: Any, values: list[Any], kind: Kind) -> Any:
    numpy = sys.modules["numpy"]
    if kind == "count":
        return numpy.array(values, "int64")
    if kind == "text" and source.dtype.kind == "T":
        return numpy.array(values, source.dtype)
    if kind == "text" and source.dtype.kind == "U":
        return numpy.array(values, str)  # as wide as the texts now are
    out = numpy.empty(len(values), object)
    # A column of NaN would be one of numbers to Ray, whose nulls they are.
    out[:] = [None if is_null(value) else value for value in values]
    return out


# --- batches


class Batch:
    """Named columns: a mapping of columns, a pandas or polars DataFrame, a pyarrow Table or RecordBatch."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.names: list[str] = list(_names(data))

    def column(self, name: str) -> Any:
        """Raises `KeyError` where there is no such column, `ValueError` where there are several."""
        if self.names.count(name) != 1:
            if name in self.names:
                raise ValueError(f"several columns are called {name!r}")
            raise KeyError(f"no column {name!r} (there are: {', '.join(map(str, self.names)) or 'none'})")
        return self.data[name] if not _is(self.data, "pyarrow", "Table", "RecordBatch") else self.data.column(name)

    def with_columns(self, columns: Mapping[str, Any]) -> Any:
        """The same form with these columns put in place or at the end; what was handed over stays as it is."""
        data = self.data
        if _is(data, "pyarrow", "Table", "RecordBatch"):
            return self._arrow(columns)
        if _is(data, "polars", "DataFrame"):
            return data.with_columns([column.alias(name) for name, column in columns.items()])
        # A shallow copy also of the lazy batches of `datasets`, so that nobody decodes the columns not looked at.
        out = data.copy(deep=False) if _is(data, "pandas", "DataFrame") else copy.copy(data)
        for name, column in columns.items():
            out[name] = column
        return out

    def _arrow(self, columns: Mapping[str, Any]) -> Any:
        arrow = sys.modules["pyarrow"]
        single = isinstance(self.data, arrow.RecordBatch)
        out = arrow.Table.from_batches([self.data]) if single else self.data
        for name, column in columns.items():
            if name in self.names:
                at = self.names.index(name)
                field = out.schema.field(at).with_type(column.type)
                out = out.set_column(at, field, column)
            else:
                out = out.append_column(arrow.field(name, column.type), column)
        if not single:
            return out
        batches = out.combine_chunks().to_batches()
        return batches[0] if batches else arrow.RecordBatch.from_pylist([], schema=out.schema)


def _names(data: Any) -> Sequence[str]:
    if _is(data, "pyarrow", "Table", "RecordBatch"):
        return list(data.schema.names)
    if _is(data, "pandas", "DataFrame") or _is(data, "polars", "DataFrame"):
        return list(data.columns)
    if isinstance(data, Mapping):
        return list(data)
    if _is(data, "polars", "LazyFrame"):
        raise TypeError("a polars LazyFrame has no rows yet: use repair.ingest.polars.repaired")
    raise TypeError(
        "a batch must be a mapping of columns, a pandas or polars DataFrame, or a pyarrow Table, "
        f"not {type(data).__name__}"
    )
