"""What a file may hold, checked before it is unpacked, and what its points must be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError
from tdajob.limits import MAX_POINT_DIMENSION
from tdajob.strictjson import MAX_INTEGER
from tdajob.topology.values import FloatArray

FLOAT_BYTES = 8


@dataclass(frozen=True)
class Bounds:
    """`max_bytes` is of a file, of what it unpacks to, and of its points as float64."""

    max_bytes: int
    max_points: int

    def check_file(self, size: int) -> None:
        """Refuse a file by its size in bytes."""
        if size > self.max_bytes:
            raise self.too_large(f"has {size} bytes")

    def check_unpacked(self, size: int) -> None:
        """Refuse what a file says that it unpacks to, in bytes."""
        if size > self.max_bytes:
            raise self.too_large(f"unpacks to {size} bytes")

    def check_shape(self, points: int, coordinates: int) -> None:
        """Refuse a table by its shape, before memory is taken for it."""
        if points == 0:
            raise MessageError("empty_cloud", "holds no points: send at least one")
        if coordinates == 0:
            raise MessageError("bad_file", "has points without coordinates: send at least one for each")
        if points > self.max_points:
            raise MessageError(
                "too_many_points",
                f"{points} points are more than max_points {self.max_points}: subsample the points or raise"
                " max_points",
            )
        if coordinates > MAX_POINT_DIMENSION:
            raise MessageError(
                "dimension_too_large",
                f"point dimension {coordinates} is above {MAX_POINT_DIMENSION}: project the points to fewer"
                " coordinates",
            )
        self.check_unpacked(points * coordinates * FLOAT_BYTES)

    def too_large(self, what: str) -> MessageError:
        """The refusal of something that is larger than a file may be."""
        return MessageError(
            "file_too_large",
            f"{what}, more than uploads.max_bytes = {self.max_bytes}: send less, or raise uploads.max_bytes",
        )


def float_table(table: NDArray[Any], names: tuple[str, ...] | None = None) -> FloatArray:
    """The table (n, d) of integers or floats as finite float64; MessageError names row and column.

    Integers above 2^53 are refused: they would not be the numbers that the file has.
    """
    if table.dtype.kind in "iu":
        # Not by abs(): that of the smallest integer is negative.
        inexact = (table > MAX_INTEGER) | (table < -MAX_INTEGER)
        _refuse_any(inexact, table, names, "integer_too_large", "lies beyond 2^53: save it as a float")
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
