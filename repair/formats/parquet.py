"""Parquet: one column of text, or a field of a struct column, read in batches and written with everything else kept.

Schema, metadata, other columns, row groups, compression and dictionary encoding of each column stay; the bytes of the
file may differ all the same, as they depend on the program that writes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from repair.formats.files import failure
from repair.formats.jsonl import likeliest
from repair.formats.plain import InputError, shown

EXTENSIONS = (".parquet",)
BATCH = 256
"""Records that are read at a time."""
_WHOLE = 1 << 27  # bytes of a row group, uncompressed, up to which it is copied as one

Texts = list[str | None]


class Table:
    """A Parquet file. Raises `InputError`: pyarrow is missing, no Parquet, damaged."""

    def __init__(self, path: str) -> None:
        try:
            import pyarrow as arrow
            from pyarrow import parquet
        except ImportError:
            raise InputError(f"{shown(path)}: Parquet needs a package more: pip install 'repair[parquet]'") from None
        self._arrow, self._parquet, self.path = arrow, parquet, path
        with self._errors():
            self._file: Any = parquet.ParquetFile(path)
            self.schema: Any = self._file.schema_arrow
            self.rows: int = self._file.metadata.num_rows

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except self._arrow.ArrowException as error:
            raise InputError(f"{shown(self.path)}: {' '.join(str(error).split())[:300]}") from None
        except OSError as error:
            if error.errno is not None:
                raise failure(self.path, error) from None
            raise InputError(f"{shown(self.path)}: {' '.join(str(error).split())[:300]}") from None
        except (UnicodeDecodeError, ValueError, KeyError) as error:
            what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())[:300]
            raise InputError(f"{shown(self.path)}: {what}") from None

    def columns(self) -> dict[str, Any]:
        """Names of all columns, and of fields of structs with a dot between, with their types."""
        found: dict[str, Any] = {}

        def add(fields: Iterable[Any], prefix: str) -> None:
            for field in fields:
                found.setdefault(prefix + field.name, field.type)
                if self._arrow.types.is_struct(field.type):
                    add(field.type, f"{prefix}{field.name}.")

        add(self.schema, "")
        return found

    def _is_text(self, type_: Any) -> bool:
        types = self._arrow.types
        if types.is_dictionary(type_):
            type_ = type_.value_type
        view = getattr(types, "is_string_view", lambda _: False)
        return bool(types.is_string(type_) or types.is_large_string(type_) or view(type_))

    def column(self, named: str | None) -> str:
        """The column with the text: the one named, else by its name, else the longest in the first rows."""
        columns = self.columns()
        texts = [name for name, type_ in columns.items() if self._is_text(type_)]
        choice = f"there are: {', '.join(map(shown, texts))}" if texts else "it has no text at all"
        if named is not None:
            if named not in columns:
                raise InputError(f"{shown(self.path)}: no column {shown(named)} ({choice})")
            if named not in texts:
                raise InputError(f"{shown(self.path)}: column {shown(named)} is {columns[named]}, not text ({choice})")
            return named
        sizes: dict[str, int] = {}
        for name in texts:
            first = next(self.texts(name), [])
            sizes[name] = sum(len(text) for text in first if text)
        found = likeliest(sizes) or (texts[0] if len(texts) == 1 else None)
        if found is None:
            raise InputError(f"{shown(self.path)}: no column of text is known by its first rows ({choice})")
        return found

    def texts(self, column: str) -> Iterator[Texts]:
        """The values of a column, in batches of `BATCH` of which only the last one may be shorter."""
        kept: Texts = []
        with self._errors():
            for batch in self._file.iter_batches(BATCH, columns=[column], use_threads=False):
                kept += self._values(batch, column)
                while len(kept) >= BATCH:
                    yield kept[:BATCH]
                    kept = kept[BATCH:]
        if kept:
            yield kept

    def _values(self, batch: Any, column: str) -> Texts:
        # From plain values: where a struct is null its fields are, too.
        parts = column.split(".") if column not in batch.schema.names else [column]
        values: list[Any] = batch.column(parts[0]).to_pylist()
        for part in parts[1:]:
            values = [value[part] if value is not None else None for value in values]
        return values

    def rewritten(self, column: str, new: Iterable[Mapping[int, str]], path: str) -> None:
        """Write the file to `path` with other texts in `column`.

        `new`: for each batch of `BATCH` records, number in it -> text. Batches are those of `texts`.
        """
        metadata = self._file.metadata
        kept = dict(self.schema.metadata or {})
        options: dict[str, Any] = {"compression": "NONE"}
        if metadata.num_row_groups:
            first = metadata.row_group(0)
            chunks = [first.column(k) for k in range(first.num_columns)]
            codec = {c.path_in_schema: "NONE" if c.compression == "UNCOMPRESSED" else c.compression for c in chunks}
            options["compression"] = next(iter(codec.values())) if len(set(codec.values())) == 1 else codec
            coded = [c.path_in_schema for c in chunks if {"PLAIN_DICTIONARY", "RLE_DICTIONARY"} & set(c.encodings)]
            options["use_dictionary"] = True if len(coded) == len(chunks) else coded
            options["write_statistics"] = any(c.is_stats_set for c in chunks)
        if metadata.format_version in ("1.0", "2.4", "2.6"):
            options["version"] = metadata.format_version
        options["use_compliant_nested_type"] = False  # the names inside of lists are those that were read
        options["store_schema"] = b"ARROW:schema" in (metadata.metadata or {})
        changes = _Changes(new)
        schema = self.schema.with_metadata(kept or None)
        with self._errors(), self._parquet.ParquetWriter(path, schema, **options) as writer:
            for number in range(metadata.num_row_groups):
                group = metadata.row_group(number)
                if group.total_byte_size <= _WHOLE:
                    tables = iter([self._file.read_row_group(number, use_threads=False)])
                else:
                    rows = max(1, group.num_rows * (_WHOLE // 2) // group.total_byte_size)
                    batches = self._file.iter_batches(rows, row_groups=[number], use_threads=False)
                    tables = (self._arrow.Table.from_batches([batch]) for batch in batches)
                for table in tables:
                    table = self._changed(table, column, changes)
                    writer.write_table(table.cast(schema), row_group_size=max(1, table.num_rows))

    def _changed(self, table: Any, column: str, changes: _Changes) -> Any:
        changed = changes.take(table.num_rows)
        if not changed:
            return table
        names = [column] if column in table.schema.names else column.split(".")
        at = table.schema.names.index(names[0])
        array = table.column(at).combine_chunks()
        if isinstance(array, self._arrow.ChunkedArray):
            array = self._arrow.concat_arrays(array.chunks)
        array = self._put(array, names[1:], changed)
        return table.set_column(at, table.schema.field(at), array)

    def _put(self, array: Any, path: list[str], changed: Mapping[int, str]) -> Any:
        arrow = self._arrow
        if path:
            fields = [array.type.field(k) for k in range(array.type.num_fields)]
            parts = [
                self._put(array.field(k), path[1:], changed) if field.name == path[0] else array.field(k)
                for k, field in enumerate(fields)
            ]
            return arrow.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
        values = array.to_pylist()
        for number, text in changed.items():
            values[number] = text
        if arrow.types.is_dictionary(array.type):
            return arrow.array(values, array.type.value_type).dictionary_encode().cast(array.type)
        return arrow.array(values, array.type)


class _Changes:
    """Changes by batch of `BATCH` records, taken by any number of records."""

    def __init__(self, batches: Iterable[Mapping[int, str]]) -> None:
        self._batches = iter(batches)
        self._next = self._read = 0
        self._waiting: dict[int, str] = {}

    def take(self, rows: int) -> dict[int, str]:
        end = self._next + rows
        while self._read < end:
            self._waiting |= {self._read + k: text for k, text in next(self._batches, {}).items()}
            self._read += BATCH
        out = {k - self._next: text for k, text in self._waiting.items() if k < end}
        self._waiting = {k: text for k, text in self._waiting.items() if k >= end}
        self._next = end
        return out


def add_to_digest(digest: hashlib._Hash, text: str | None) -> None:
    """How the values of a column are taken together: each with its length, so that none runs into the next."""
    data = b"" if text is None else text.encode("utf-8", "surrogatepass")
    digest.update(b"-\n" if text is None else b"%d\n" % len(data))
    digest.update(data)
