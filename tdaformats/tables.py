"""Tables of points from the bytes of a file: csv, npy, npz and Parquet."""

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
"""Option -> the formats that it belongs to."""


@dataclass(frozen=True)
class Options:
    """What of a file is meant: its columns by name, its array, the sign between its cells, whether its first
    line is a header. `beside` are columns that are read beside the coordinates, as they are."""

    columns: tuple[str, ...] | None = None
    key: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """Points as `numbers`, row after row, `width` of them each.

    `columns` names the coordinates where the file does; `beside` has the values of further columns, text from
    csv; `notes` say what a person might have meant differently.
    """

    width: int
    numbers: array[float] | Any
    columns: tuple[str, ...] | None = None
    beside: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rows(self) -> list[list[float]]:
        """The points as lists."""
        flat = self.numbers.tolist()
        return [flat[start : start + self.width] for start in range(0, len(flat), self.width)]


def read_table(content: bytes, form: str, options: Options, bounds: Bounds) -> Table:
    """The points of a file's bytes, finite and within the bounds; MessageError says what is wrong."""
    if form == "csv":
        from tdaformats.csvtables import read_csv

        return read_csv(content, options, bounds)
    if form == "parquet":
        from tdaformats.parquettables import read_parquet

        return read_parquet(content, options, bounds)
    from tdaformats.arrays import read_npy, read_npz

    points = read_npy(content, bounds) if form == "npy" else read_npz(content, options.key, bounds)
    return Table(points.shape[1], points.reshape(-1))
