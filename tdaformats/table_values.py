"""Options of a file of points, and the table that is read from it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """Options of a file: names of coordinate columns, name of the array (`key`), delimiter, header.

    The last option names further columns, which are read unchanged.
    """

    columns: tuple[str, ...] | None = None
    key: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """Points as `numbers` in row-major order, `width` numbers per point.

    `columns` are the names of the coordinates, if the file has names. Values of further columns are text from
    csv. `notes` describe ambiguities for the user.
    """

    width: int
    numbers: array[float] | Any
    columns: tuple[str, ...] | None = None
    beside: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rows(self) -> list[list[float]]:
        """Return the points as lists."""
        flat = self.numbers.tolist()
        return [flat[start : start + self.width] for start in range(0, len(flat), self.width)]
