"""What travels from the reading of a message to the operator that holds its stream: one run of bytes.

Between the two lies Flink's shuffle by stream, and a message must be parsed once only. So its points go as
they lie in memory, and the original bytes go along, since an error record keeps them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from tdajob.errors import Origin
from tdajob.streammessages import StreamMessage

# Input, partition, offset, Kafka's time, number and dimension of the points, length of the message id or -1,
# whether the message had times of its own.
_HEAD = struct.Struct("<HiqqIHh?")
_VALUE = np.dtype("<f8")
_TIME = np.dtype("<i8")


@dataclass(frozen=True, eq=False)
class Envelope:
    """A message with where it came from; `input` is its place among the settings' inputs."""

    input: int
    origin: Origin
    message: StreamMessage
    raw: bytes


def packed(envelope: Envelope) -> bytes:
    """The envelope as bytes; the stream's key, and the route and topic of its input, are not in them."""
    origin, message = envelope.origin, envelope.message
    name = None if message.message_id is None else message.message_id.encode()
    count, dimension = message.points.shape
    head = _HEAD.pack(
        envelope.input,
        origin.partition,
        origin.offset,
        origin.timestamp_ms,
        count,
        dimension,
        -1 if name is None else len(name),
        message.own_times,
    )
    times, points = message.times.astype(_TIME), message.points.astype(_VALUE)
    return b"".join((head, times.tobytes(), points.tobytes(), name or b"", envelope.raw))


def unpacked(content: bytes, key: str, places: list[tuple[str, str]]) -> Envelope:
    """The envelope in `content`; `places` has route and topic of each input."""
    number, partition, offset, timestamp, count, dimension, length, own = _HEAD.unpack_from(content)
    position = _HEAD.size
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
