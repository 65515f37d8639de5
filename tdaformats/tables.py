"""Reading of point tables from the bytes of csv, npy, npz and Parquet files."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tdaformats.bounds import Bounds

FORMATS = ("csv", "npy", "npz", "parquet")
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv",
    ".npy": "npy", ".npz": "npz", ".parquet": "parquet",
}  # fmt: skip
OPTIONS_OF = {"columns": ("csv", "parquet"), "key": ("npz",), "delimiter": ("csv",), "header": ("csv",)}
"""Option -> the formats that have it."""


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


def read_table(content: bytes, form: str, options: Options, bounds: Bounds) -> Table:
    """Read finite points within the bounds from a file's bytes. Raises MessageError."""
    if form == "csv":
        from tdaformats.csv_tables import read_csv

        return read_csv(content, options, bounds)
    if form == "parquet":
        from tdaformats.parquet_tables import read_parquet

        return read_parquet(content, options, bounds)
    from tdaformats.arrays import read_npy, read_npz

    points = read_npy(content, bounds) if form == "npy" else read_npz(content, options.key, bounds)
    return Table(points.shape[1], points.reshape(-1))
