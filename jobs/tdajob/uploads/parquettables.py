"""Points from Parquet: its numeric columns, or those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdajob.errors import MessageError
from tdajob.topology.values import FloatArray
from tdajob.uploads.bounds import Bounds, float_table


def read_parquet(content: bytes, columns: Sequence[str] | None, bounds: Bounds) -> FloatArray:
    """The rows (n, d) of a Parquet file: all columns of integers and floats, or `columns` in their order.

    What the file says of itself is judged first; where it lies, the memory of this process is the bound.
    """
    import pyarrow as pa

    try:
        return _read(content, columns, bounds)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, MemoryError):
            raise
        raise MessageError("bad_file", f"is no sound Parquet file: {str(error)[:200]}") from None


def _read(content: bytes, columns: Sequence[str] | None, bounds: Bounds) -> FloatArray:
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(content))
    names = _chosen(file.schema_arrow, columns)
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    rows = sum(group.num_rows for group in groups)
    bounds.check_shape(rows, len(names))
    bounds.check_unpacked(sum(_unpacked(group, names) for group in groups))
    table = file.read(columns=list(names), use_threads=False)
    if table.num_rows != rows or sorted(table.column_names) != sorted(names):
        raise MessageError("bad_file", "holds another table than it says: write it again")
    return np.hstack([_floats(table.column(name), name) for name in names])


def _chosen(schema: Any, columns: Sequence[str] | None) -> tuple[str, ...]:
    numeric = [field.name for field in schema if _is_numeric(field.type)]
    if columns is None:
        if not numeric:
            raise MessageError("bad_file", f"has no numeric column; it has {_listed(schema.names)}")
        columns = numeric
    for name in columns:
        if schema.names.count(name) != 1:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} is there {schema.names.count(name)} times; the file has"
                f" {_listed(schema.names)}",
            )
        if name not in numeric:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} is of {schema.field(name).type}: name columns of numbers",
            )
    return tuple(columns)


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _unpacked(group: Any, names: Sequence[str]) -> int:
    """The bytes that the columns of a row group unpack to, as the file says."""
    chunks = (group.column(number) for number in range(group.num_columns))
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in names)


def _floats(column: Any, name: str) -> FloatArray:
    """A column as (n, 1) float64."""
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise MessageError(
            "bad_number", f"row {row} (the first is 0), column {name[:60]!r}: is empty: leave the point out"
        )
    return float_table(column.to_numpy().reshape(-1, 1), (name,))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)[:200] or "none"
