"""Conversion of numpy arrays to finite float64 points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaformats.errors import MessageError
from tdaformats.strict_json import MAX_INTEGER

FloatArray = NDArray[np.float64]


def float_table(table: NDArray[Any], names: tuple[str, ...] | None = None) -> FloatArray:
    """Return a table (n, d) of integers or floats as finite float64; MessageError names row and column.

    Integers above 2^53 are refused: float64 would round them.
    """
    # numpy 2.1 crashes when it compares integers of the other byte order with one beyond their range.
    table = table.astype(table.dtype.newbyteorder("="), copy=False)
    if table.dtype.kind in "iu" and table.dtype.itemsize == 8:
        # Not by abs(): that of the smallest integer is negative.
        inexact = (table > MAX_INTEGER) | (table < -MAX_INTEGER)
        _refuse_any(inexact, table, names, "integer_too_large", "is beyond 2^53: save it as a float")
    points = np.ascontiguousarray(table, dtype=np.float64)
    reason = "is not a finite number: leave the point out"
    _refuse_any(~np.isfinite(points), points, names, "non_finite", reason)
    return points


def _refuse_any(
    wrong: NDArray[np.bool_], table: NDArray[Any], names: tuple[str, ...] | None, code: str, reason: str
) -> None:
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        named = column if names is None else repr(names[column][:60])
        raise MessageError(code, f"row {row} (the first is 0), column {named}: {table[row, column]} {reason}")
