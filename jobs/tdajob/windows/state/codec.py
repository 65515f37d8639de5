"""Encoding of the state: a header and small tables as JSON, points as arrays; each contains its version.

State of released versions must stay readable: a change of the format gets a new version number, and the
reader of the old version is kept.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson

from tdajob.state_version import StateError, check_version, require_version
from tdajob.windows.state.rows import Rows

VERSION = 1
_ROWS = struct.Struct("<BqIH")  # version, bin, number of points, dimension

# The last two bits of a chunk's id define its content.
POINTS, TABLE, MESSAGE_IDS, RECORDS = range(4)


def chunk_id(index: int, content: int) -> int:
    return index << 2 | content


def content_of(chunk: int) -> int:
    return chunk & 3


def index_of(chunk: int) -> int:
    return chunk >> 2


def packed_rows(bin_id: int, rows: Rows) -> bytes:
    """Encode the rows of one bin; all numbers are little-endian."""
    count, dimension = rows.coordinates.shape
    return b"".join(
        (
            _ROWS.pack(VERSION, bin_id, count, dimension),
            rows.sequences.astype("<i8", copy=False).tobytes(),
            rows.times.astype("<i8", copy=False).tobytes(),
            rows.coordinates.astype("<f8", copy=False).tobytes(),
        )
    )


def unpacked_rows(chunk: bytes) -> tuple[int, Rows]:
    """Return the bin and its rows, bit-identical to those that were encoded."""
    check_version(chunk, "a window", (VERSION,))
    _, bin_id, count, dimension = _ROWS.unpack_from(chunk)
    times, coordinates = _ROWS.size + 8 * count, _ROWS.size + 16 * count
    return bin_id, Rows(
        np.frombuffer(chunk, "<i8", count, _ROWS.size).astype(np.int64),
        np.frombuffer(chunk, "<i8", count, times).astype(np.int64),
        np.frombuffer(chunk, "<f8", count * dimension, coordinates)
        .astype(np.float64)
        .reshape(count, dimension),
    )


def packed_table(table: dict[str, Any]) -> bytes:
    return orjson.dumps({"version": VERSION, **table})


def unpacked_table(chunk: bytes) -> dict[str, Any]:
    try:
        table: dict[str, Any] = orjson.loads(chunk)
        require_version(table["version"], "a window", (VERSION,))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise StateError(f"the state of a window has a damaged table: {error}") from None
    return table
