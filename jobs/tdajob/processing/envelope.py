"""Encoding of a parsed message between the reader and the operator that holds its stream.

Flink shuffles by stream between the two, and a message must be parsed only once. So the encoding contains the
points as binary numbers, and the original bytes, since an error record quotes them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdajob.errors import Origin
from tdajob.messages.streams import StreamMessage

_MESSAGE, _REFUSAL = b"m", b"r"
# Input, partition, offset, Kafka's time or -1, number of the points, their dimension (up to
# MAX_POINT_DIMENSION), length of the message id or -1, whether the message had times of its own.
_HEAD = struct.Struct("<HiqqIHh?")
_NO_TIME = -1
_REFUSAL_HEAD = struct.Struct("<64sI")  # code, length of the key
_VALUE = np.dtype("<f8")
_TIME = np.dtype("<i8")


@dataclass(frozen=True, eq=False)
class Envelope:
    """A message and its origin; `input` is the index of its input in the settings."""

    input: int
    origin: Origin
    message: StreamMessage
    raw: bytes


@dataclass(frozen=True)
class PackedError:
    """A complete error record: its code, key and value."""

    code: str
    key: bytes
    value: bytes


def packed_refusal(code: str, key: bytes, value: bytes) -> bytes:
    """Encode a complete error record."""
    return b"".join((_REFUSAL, _REFUSAL_HEAD.pack(code.encode(), len(key)), key, value))


def packed(envelope: Envelope) -> bytes:
    """Encode an envelope, without the stream's key and the route and topic of its input."""
    origin, message = envelope.origin, envelope.message
    name = None if message.message_id is None else message.message_id.encode()
    count, dimension = message.points.shape
    head = _HEAD.pack(
        envelope.input,
        origin.partition,
        origin.offset,
        _NO_TIME if origin.timestamp_ms is None else origin.timestamp_ms,
        count,
        dimension,
        -1 if name is None else len(name),
        message.own_times,
    )
    times, points = message.times.astype(_TIME), message.points.astype(_VALUE)
    return b"".join((_MESSAGE, head, times.tobytes(), points.tobytes(), name or b"", envelope.raw))


def record_of(content: bytes, topics: Sequence[str]) -> tuple[str, int, int] | None:
    """Return topic, partition and offset of a message; None for a refusal. `topics`: of the inputs."""
    if content[:1] != _MESSAGE:
        return None
    number, partition, offset, *_ = _HEAD.unpack_from(content, 1)
    return topics[number], partition, offset


def unpacked(content: bytes, key: str, places: Sequence[tuple[str, str]]) -> Envelope | PackedError:
    """Decode `content`; `key` is the stream's, and `places` has route and topic of each input."""
    if content[:1] == _REFUSAL:
        code, size = _REFUSAL_HEAD.unpack_from(content, 1)
        position = 1 + _REFUSAL_HEAD.size
        return PackedError(
            code.rstrip(b"\0").decode(), content[position : position + size], content[position + size :]
        )
    number, partition, offset, timestamp, count, dimension, length, own = _HEAD.unpack_from(content, 1)
    position = 1 + _HEAD.size
    times = np.frombuffer(content, _TIME, count, position)
    position += times.nbytes
    points = np.frombuffer(content, _VALUE, count * dimension, position).reshape(count, dimension)
    position += points.nbytes
    name = None if length < 0 else content[position : position + length].decode()
    position += max(0, length)
    route, topic = places[number]
    origin = Origin(route, topic, partition, offset, timestamp)
    message = StreamMessage(key, points.astype(np.float64), times.astype(np.int64), own, name)
    return Envelope(number, origin, message, content[position:])
