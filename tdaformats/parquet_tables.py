"""Points from Parquet: the named columns, or all if each is numeric and none is an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdaformats.bounds import Bounds
from tdaformats.columns import ask_for_columns, is_index, listed, places_of, refuse_index
from tdaformats.errors import MessageError
from tdaformats.floats import FloatArray, float_table
from tdaformats.table_values import Options, Table


def read_parquet(content: bytes, options: Options, bounds: Bounds) -> Table:
    """Return the rows of a Parquet file: all its columns, or the named ones in the order of the names.

    The file's metadata is checked first; if it is wrong, the memory limit of this process is the bound.
    """
    import pyarrow as pa

    try:
        return _read(content, options, bounds)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, MemoryError):
            raise
        raise MessageError("bad_file", f"is no sound Parquet file: {str(error)[:200]}") from None


def _read(content: bytes, options: Options, bounds: Bounds) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(content))
    names = _chosen(file.schema_arrow, options)
    columns = list(dict.fromkeys((*names, *options.beside)))
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    rows = sum(group.num_rows for group in groups)
    bounds.check_shape(rows, len(names))
    bounds.check_unpacked(sum(_unpacked(group, columns) for group in groups))
    table = file.read(columns=columns, use_threads=False)
    if table.num_rows != rows or sorted(table.column_names) != sorted(columns):
        raise MessageError("bad_file", "contains another table than its metadata describes: write it again")
    points = np.hstack([_floats(table.column(name), name) for name in names])
    beside = {name: _values(table.column(name), name) for name in options.beside}
    return Table(len(names), points.reshape(-1), names, beside)


def _chosen(schema: Any, options: Options) -> tuple[str, ...]:
    numeric = [field.name for field in schema if _is_numeric(field.type)]
    index = _pandas_index(schema)
    beside = [schema.names[place] for place in places_of(options.beside, schema.names, "the file")]
    usable = [name for name in numeric if name not in beside and name not in index and not is_index(name)]
    if options.columns is None:
        return _all_columns(schema, beside, index, usable)
    places_of(options.columns, schema.names, "the file")
    for name in options.columns:
        if name not in numeric:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} is of {schema.field(name).type}: name columns of integers or floats",
            )
    return options.columns


def _all_columns(
    schema: Any, beside: Sequence[str], index: Sequence[str], usable: Sequence[str]
) -> tuple[str, ...]:
    names = [name for name in schema.names if name not in beside]
    if not any(_is_numeric(field.type) for field in schema if field.name in names):
        raise MessageError("bad_file", f"has no numeric column; it has {listed(schema.names)}")
    for place, name in enumerate(schema.names):
        if name in beside:
            continue
        if names.count(name) > 1:
            raise ask_for_columns("bad_file", f"has the column {name[:60]!r} twice", usable)
        if name in index or is_index(name):
            raise refuse_index(name, place, usable)
        if not _is_numeric(schema.field(name).type):
            problem = f"column {name[:60]!r} is of {schema.field(name).type}, not of integers or floats"
            raise ask_for_columns("bad_file", problem, usable)
    return tuple(names)


def _pandas_index(schema: Any) -> list[str]:
    """Return the index columns that pandas recorded in the schema."""
    try:
        described = schema.pandas_metadata
        return [name for name in (described or {})["index_columns"] if isinstance(name, str)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []  # metadata of another program


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _unpacked(group: Any, names: Sequence[str]) -> int:
    """Return the unpacked bytes of a row group's columns, as declared by the file."""
    chunks = (group.column(number) for number in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in names)


def _floats(column: Any, name: str) -> FloatArray:
    """Return a column as (n, 1) float64."""
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise MessageError(
            "bad_number", f"row {row} (the first is 0), column {name[:60]!r}: is empty: leave the point out"
        )
    return float_table(column.to_numpy().reshape(-1, 1), (name,))


def _values(column: Any, name: str) -> list[Any]:
    """Return a column as Python values; times as integer epoch milliseconds, in UTC if they have no zone."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_text(kind)):
        raise MessageError(
            "bad_field", f"column {name[:60]!r} is of {kind}: use one of text, numbers or times"
        )
    values: list[Any] = column.to_pylist()
    return values


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
