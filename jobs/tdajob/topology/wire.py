"""Frames between an engine and its child process, length-prefixed, over pipes.

A frame consists of the length of its header, the length of its payload, the header (JSON) and the payload
(float64 numbers). JSON round-trips every float exactly.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from tdajob.topology.values import Diagram, FloatArray, Query

Header = dict[str, Any]

_LENGTHS = struct.Struct(">QQ")
_CHUNK = 1 << 20


def send(fd: int, header: Mapping[str, object], payload: bytes = b"", deadline: float | None = None) -> None:
    """Write a frame; TimeoutError after `deadline` (time.monotonic), BrokenPipeError without a reader."""
    encoded = json.dumps(header).encode()
    left = memoryview(_LENGTHS.pack(len(encoded), len(payload)) + encoded + payload)
    while left:
        _wait(fd, select.POLLOUT, deadline)
        left = left[os.write(fd, left[:_CHUNK]) :]


def receive(fd: int, deadline: float | None = None) -> tuple[Header, bytearray]:
    """Read a frame; TimeoutError after `deadline` (time.monotonic), EOFError without a writer.

    The payload is a bytearray, so that arrays from it are writable, which the compiled kernels require.
    """
    header_length, payload_length = _LENGTHS.unpack(_read(fd, _LENGTHS.size, deadline))
    header: Header = json.loads(_read(fd, header_length, deadline))
    return header, _read(fd, payload_length, deadline)


def packed_request(modules: Sequence[str], points: FloatArray, query: Query) -> tuple[Header, bytes]:
    """Encode a request as header and payload; `modules` register the algorithm of `query`."""
    header = {"modules": modules, "query": asdict(query), "shape": points.shape}
    return header, np.ascontiguousarray(points).tobytes()


def unpacked_request(header: Header, payload: bytearray) -> tuple[list[str], FloatArray, Query]:
    """Decode the modules, the points and the query of a request."""
    points = np.frombuffer(payload, dtype=np.float64).reshape(header["shape"])
    return header["modules"], points, Query(**header["query"])


def packed_diagram(diagram: Diagram) -> tuple[Header, bytes]:
    """Encode a diagram as header and payload."""
    header = {
        "counts": [len(bars) for bars in diagram.bars],
        "engine": diagram.engine,
        "cut": diagram.cut,
        "error_bound": diagram.error_bound,
    }
    return header, np.concatenate(diagram.bars).astype(np.float64).tobytes()


def unpacked_diagram(header: Header, payload: bytearray) -> Diagram:
    """Decode the diagram of a reply."""
    bars = np.frombuffer(payload, dtype=np.float64).reshape(-1, 2)
    per_dimension = np.split(bars, np.cumsum(header["counts"])[:-1])
    return Diagram(tuple(per_dimension), header["engine"], header["cut"], header["error_bound"])


def _read(fd: int, length: int, deadline: float | None) -> bytearray:
    received = bytearray()
    while len(received) < length:
        _wait(fd, select.POLLIN, deadline)
        chunk = os.read(fd, min(length - len(received), _CHUNK))
        if not chunk:
            raise EOFError
        received += chunk
    return received


def readable(fd: int, seconds: float) -> bool:
    """Wait up to `seconds` and return whether bytes or the end of the stream can be read."""
    return _ready(fd, select.POLLIN, seconds * 1000)


def _wait(fd: int, event: int, deadline: float | None) -> None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    if not _ready(fd, event, left):
        raise TimeoutError


def _ready(fd: int, event: int, milliseconds: float | None) -> bool:
    # Not select(): it fails on descriptors above 1023, which a busy worker has.
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(milliseconds))
