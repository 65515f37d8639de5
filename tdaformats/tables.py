"""Reading of point tables from the bytes of csv, npy, npz and Parquet files."""

from __future__ import annotations

from tdaformats.bounds import Bounds
from tdaformats.table_values import Options, Table

FORMATS = ("csv", "npy", "npz", "parquet")
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv",
    ".npy": "npy", ".npz": "npz", ".parquet": "parquet",
}  # fmt: skip
OPTIONS_OF = {"columns": ("csv", "parquet"), "key": ("npz",), "delimiter": ("csv",), "header": ("csv",)}
"""Option -> the formats that have it."""


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
