"""Encoding of a heavy request, for the shuffle to its lane and for the lane's state.

A request is encoded as its message, which is parsed again when its turn comes, with the settings of that
time. An upload also contains the points of its file, since the file may be changed or removed meanwhile.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from tdajob.errors import Origin
from tdajob.state_version import StateError, check_version
from tdajob.topology.values import FloatArray

_VERSION = 1
_LENGTHS = struct.Struct("<BII")  # version, bytes of the head, bytes of the message
_VALUE = np.dtype("<f8")


@dataclass(frozen=True, eq=False)
class HeavyRequest:
    """A message, its origin and its request id; `file` has an upload's points and fields of `input`."""

    origin: Origin
    job_id: str
    message: bytes
    file: tuple[FloatArray, Mapping[str, Any]] | None


def packed(heavy: HeavyRequest) -> bytes:
    origin = heavy.origin
    head: dict[str, Any] = {
        "origin": [origin.route, origin.topic, origin.partition, origin.offset, origin.timestamp_ms],
        "job_id": heavy.job_id,
    }
    numbers = b""
    if heavy.file is not None:
        points, facts = heavy.file
        head |= {"shape": points.shape, "told": dict(facts)}
        numbers = np.ascontiguousarray(points, _VALUE).tobytes()
    encoded = orjson.dumps(head)
    return b"".join(
        (_LENGTHS.pack(_VERSION, len(encoded), len(heavy.message)), encoded, heavy.message, numbers)
    )


def unpacked(content: bytes) -> HeavyRequest:
    """Decode a request. Raises StateError for bytes that this release cannot read."""
    check_version(content, "a heavy request", {_VERSION})
    try:
        _, head_length, message_length = _LENGTHS.unpack_from(content)
        message_start = _LENGTHS.size + head_length
        head = orjson.loads(content[_LENGTHS.size : message_start])
        message = content[message_start : message_start + message_length]
        file = None
        if "shape" in head:
            numbers = np.frombuffer(content, _VALUE, offset=message_start + message_length)
            file = numbers.reshape(head["shape"]).astype(np.float64), head["told"]
        return HeavyRequest(Origin(*head["origin"]), head["job_id"], message, file)
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise StateError(f"the state of a heavy request is damaged: {error}") from error
