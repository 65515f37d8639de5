"""Nearly valid and invalid messages, mutated from valid ones by a seeded generator."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

KAFKA_TIME = 1_704_110_400_000
EDGES = (
    0, 1, -1, 2, 10, 11, 46_337, 46_339, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**53 + 1,
    2**63 - 1, 2**63, 2**64, 2**200, -(2**53), -(2**63), -(2**63) - 1,
    10**8 - 1, 10**8, 10**11 - 1, 10**11, KAFKA_TIME, KAFKA_TIME + 300_000, KAFKA_TIME + 300_001,
    -62_135_596_800_000, -62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000,
    0.0, -0.0, 0.5, 1.0, 5e-324, 1e-160, 1e-9, 1e149, 1e150, 1.1e150, 1e154, 1.7e308, -1.7e308,
)  # fmt: skip
TEXTS = (
    "", " ", "a", "1", "1.5", "nan", "inf", "null", "true", "all", "top:1", "top:999999999", "top:x", "auto",
    "gudhi", "vietoris_rips", "alpha", "witness", "cech", "sparse_rips", "dtm_rips", "euclidean", "haversine",
    "2024-01-01T12:00:00Z", "2024-13-45T99:99:99Z", "2024-01-01", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "\u0000", "\x1b[2J", "é" * 513, "x" * 1024, "x" * 1025, "m" * 4096, "m" * 4097,
    "é" * 2048, "a:b", "\\", "file:///etc/passwd", "s3://b/k", "\u202e", "\U0001f600", "/../",
    "streams/s", "heartbeat/0", '"',
)  # fmt: skip
KEYS = (
    "job_id", "stream_id", "file_id", "points", "point_cloud", "distances", "dimension", "timestamp",
    "timestamps", "coordinates", "parameters", "algorithm", "message_id", "max_dimension", "max_persistence",
    "min_persistence", "betti_at", "homology_coeff_field", "engine", "pairs", "metric", "landmarks", "uri",
    "format", "columns", "key", "delimiter", "max_alpha_square", "epsilon", "precision", "period", "radius",
    "m",
)  # fmt: skip
KAFKA_TIMES = (
    *[KAFKA_TIME] * 6, None, -1, 0, 1, 1_704_110_400, 2**63 - 1, -(2**63), 253_402_300_799_999,
)  # fmt: skip
TOKENS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"01", b"+1", b".5", b"1.", b"0x10",
    b"1_0", b"9" * 5000, b"0." + b"1" * 5000, b'"\\ud800"', b'"\\u0000"', b"[" * 33 + b"]" * 33, b"[" * 2000,
    b"{}" * 9, b'{"a":1,"a":2}', b"\xff\xfe", b"\xef\xbb\xbf", b"\x00\x00\x00\x00\x01", b"// x\n", b"'a'",
    b"tru", b"\xc3\x28",
)  # fmt: skip


class Mutations:
    """A generator of messages; the same seed gives the same messages."""

    def __init__(self, seed: int, valid: Callable[[random.Random], dict[str, Any]]) -> None:
        """Store `valid`, which returns a message that the job accepts."""
        self.random = random.Random(seed)
        self._valid = valid

    def message(self) -> bytes | None:
        """Return the next message: valid, with one to three wrong parts, with wrong bytes, or no message."""
        kind = self.random.random()
        document = self._valid(self.random)
        if kind < 0.15:
            return _encoded(document)
        if kind < 0.75:
            for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                document = self._changed(document)
            return _encoded(document)
        if kind < 0.97:
            return self._bytes(_encoded(document))
        return self.random.choice((None, b"", b" \n", self.random.randbytes(self.random.randrange(300))))

    def kafka_time(self) -> int | None:
        return self.random.choice(KAFKA_TIMES)

    def value(self, depth: int = 0) -> Any:
        """Return any JSON value."""
        kind = self.random.randrange(9 if depth < 4 else 5)
        if kind < 2:
            return self.random.choice(EDGES)
        if kind == 2:
            return self.random.choice(TEXTS)
        if kind == 3:
            return self.random.choice((None, True, False))
        if kind == 4:
            return self.random.choice(
                ([], {}, [[]], [[[]]], [{}], [None], [[None]], [[True, 1.5]], [["1", 2]])
            )
        if kind < 7:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        names = (self.random.choice(KEYS) for _ in range(self.random.randrange(4)))
        return {name: self.value(depth + 1) for name in names}

    def _changed(self, document: dict[str, Any]) -> dict[str, Any]:
        document = copy.deepcopy(document)
        node, place = self.random.choice(list(_places(document)))
        kind = self.random.randrange(8)
        if kind < 4:
            node[place] = self.value()
        elif kind == 4:
            del node[place]
        elif kind == 5 and isinstance(node, dict):
            node[self.random.choice(KEYS)] = self.value()
        elif kind == 6 and isinstance(node, list):
            node.insert(self.random.randrange(len(node) + 1), self.value())
        else:
            node[place] = self._stretched(node[place])
        return document

    def _stretched(self, value: Any) -> Any:
        """Return the value in a form that is longer, deeper or of another type."""
        depth = self.random.choice((1, 2, 30, 31, 32, 33))
        for _ in range(depth):
            value = [value] if self.random.random() < 0.9 else {"x": value}
        if self.random.random() < 0.7 or len(repr(value)) > 500:
            return value
        return [value] * self.random.choice((2, 51, 52, 500))

    def _bytes(self, raw: bytes) -> bytes:
        kind, at = self.random.randrange(6), self.random.randrange(len(raw) + 1)
        if kind == 0:
            return raw[:at]
        if kind == 1:
            return raw[:at] + self.random.randbytes(self.random.randrange(1, 9)) + raw[at:]
        if kind == 2:
            return raw[:at] + self.random.choice(TOKENS) + raw[at:]
        if kind == 3:
            return self.random.choice(TOKENS) + raw
        if kind == 4:
            return self._with_token(raw)
        return b"\x00\x00\x00\x00\x07" + raw

    def _with_token(self, raw: bytes) -> bytes:
        """Replace a number in the text by an invalid one."""
        places = [index for index, byte in enumerate(raw) if byte in b"0123456789"]
        if not places:
            return raw
        at = self.random.choice(places)
        return raw[:at] + self.random.choice(TOKENS) + raw[at + 1 :]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a document with each of its keys or indices."""
    for place, child in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
        yield node, place
        if isinstance(child, (dict, list)):
            yield from _places(child)


def _encoded(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def points(source: random.Random, dimension: int | None = None) -> list[Any]:
    """Return a small cloud; sometimes with equal points, integers, extreme coordinates, or objects."""
    width = dimension or source.choice((1, 2, 2, 2, 3))
    count = source.choice((1, 2, 3, 5, 8))
    scale = source.choice((1.0, 1.0, 1.0, 0.0, 1e149, 1e-200))
    cloud: list[Any] = [
        [source.choice((0, 1, source.random() * scale)) for _ in range(width)] for _ in range(count)
    ]
    if source.random() < 0.2:
        for index in range(source.randrange(count), count):
            cloud[index] = {"coordinates": cloud[index]}
    return cloud


def point_file(source: random.Random, folder: Path, number: int) -> str:
    """Return the URI of a file of points, valid or not, in any format and numpy dtype."""
    form = source.choice(("csv", "npy", "npz", "parquet"))
    content = {"csv": _csv, "npy": _npy, "npz": _npz, "parquet": _parquet}[form](source)
    if source.random() < 0.4 and content:
        at = source.randrange(len(content))
        cut = source.choice(
            (content[:at], content[:at] + source.randbytes(3) + content[at + 3 :], content[at:])
        )
        content = cut
    path = folder / f"{number % 50}.{form}"
    path.write_bytes(content)
    return path.as_uri()


_DTYPES = (
    "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "f16", "c8", "c16", "S3", "U3",
    "V5", "M8[s]", "m8[ms]", ">i2", ">i4", ">i8", ">f4", ">f8", "O",
)  # fmt: skip


def array(source: random.Random) -> np.ndarray[Any, Any]:
    """Return an array of any dtype and shape."""
    shape = source.choice(
        ((4, 2), (4, 2), (1, 1), (0, 2), (2, 0), (), (3,), (2, 2, 2), (1, 65_535), (1, 65_536))
    )
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    dtype = np.dtype(source.choice(_DTYPES))
    if source.random() < 0.1:
        dtype = np.dtype([("x", "f8"), ("y", "i4")])
        return np.zeros(shape, dtype)
    with np.errstate(all="ignore"):
        made = numbers.astype(dtype) if dtype.kind != "V" else np.zeros(shape, dtype)
    if dtype.kind in "fc" and made.size and source.random() < 0.3:
        made.flat[0] = source.choice((np.nan, np.inf, -0.0))
    return np.asfortranarray(made) if source.random() < 0.3 else made


def _npy(source: random.Random) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array(source))
    return stream.getvalue()


def _npz(source: random.Random) -> bytes:
    stream = io.BytesIO()
    named = {name: array(source) for name in source.choice((("a",), ("a", "b"), ()))}
    source.choice((np.savez, np.savez_compressed))(stream, **named)
    return stream.getvalue()


def _parquet(source: random.Random) -> bytes:
    kinds = (
        pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.bool_(),
        pa.binary(), pa.decimal128(9, 2), pa.timestamp("ms"), pa.date32(), pa.list_(pa.float64()), pa.null(),
    )  # fmt: skip
    values: dict[str, Any] = {}
    for name in ("x", "y", "z")[: source.randrange(1, 4)]:
        kind = source.choice(kinds)
        rows: list[Any] = [None] * 3
        if pa.types.is_integer(kind):
            rows = [1, 2, 3]
        elif pa.types.is_floating(kind):
            rows = [np.float16(value) if kind == pa.float16() else value for value in (0.5, 1.5, -2.0)]
        values[name] = pa.array(rows, kind)
    stream = io.BytesIO()
    parquet.write_table(pa.table(values), stream)
    return stream.getvalue()


def _csv(source: random.Random) -> bytes:
    cells = (
        "0",
        "1.5",
        "-2e-3",
        "nan",
        "1e999",
        "1_000",
        "٣",
        "",
        '"',
        '"1"',
        "x",
        "9" * 400,
        "#",
        "\x00",
        " 7 ",
    )
    delimiter = source.choice((",", ";", "\t", " ", "|"))
    plain = source.random() < 0.5
    width = source.randrange(1, 4)
    lines = [
        delimiter.join(str(index + column) if plain else source.choice(cells) for column in range(width))
        for index in range(source.randrange(5))
    ]
    end = source.choice(("\n", "\r\n", "\r"))
    return end.join(lines).encode(source.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
