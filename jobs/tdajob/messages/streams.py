"""Parsing of messages whose points are windowed: bytes into points with their times, or a `MessageError`.

Such messages arrive on the stream route, keyed by `stream_id`, or on the request route, keyed by `job_id`,
if the config defines windows for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError, Origin
from tdajob.messages import requests
from tdajob.settings.job import LimitSettings
from tdajob.topology.validation import MAX_COORDINATE
from tdajob.topology.values import FloatArray

MAX_MESSAGE_ID_BYTES = 4096


@dataclass(frozen=True, eq=False)
class StreamMessage:
    """Points (n, d) of one stream, each with its event time (n,) in epoch milliseconds.

    `own_times` is false where the message has no times and Kafka's timestamp is used.
    """

    key: str
    points: FloatArray
    times: NDArray[np.int64]
    own_times: bool
    message_id: str | None


def stream_key(
    value: bytes | None, origin: Origin, limits: LimitSettings
) -> tuple[bytes, dict[str, Any], str]:
    """Return the text, the document and the key of a message, without checks of its other fields."""
    raw, document = requests.document_of(value, limits.max_message_bytes, limits.max_predicted_bytes)
    return raw, document, requests.identifier(document, _KEYS[origin.route])


def parse_stream_message(value: bytes | None, origin: Origin, limits: LimitSettings) -> StreamMessage:
    """Parse the points of a message and their times. Raises MessageError: a message is never used in part."""
    raw, document, key = stream_key(value, origin, limits)
    try:
        return _parse(raw, document, key, origin, limits)
    except MessageError as error:
        error.key = key
        raise


_KEYS = {"streams": "stream_id", "requests": "job_id"}


def _parse(
    raw: bytes, document: Mapping[str, Any], key: str, origin: Origin, limits: LimitSettings
) -> StreamMessage:
    for field in ("algorithm", "parameters"):
        if document.get(field) is not None:
            raise MessageError(
                "parameters_not_allowed",
                f"{field}: windowed points are computed with the job's config: leave it out",
            )
    cloud, path = document, ""
    if origin.route == "requests":
        cloud, path = requests.object_of(document, "point_cloud"), "point_cloud."
    listed = cloud.get("points")
    points = requests.read_points(raw, document, listed, f"{path}points")
    requests.check_dimension(cloud.get("dimension"), points, f"{path}dimension")
    _check_size(points, limits, f"{path}points")
    # A point that is an object has the key "coordinates", which only an escape can hide.
    objects = b"coordinates" in raw or b"\\" in raw
    timed = listed if listed and objects else ()
    times, own = _times(document, timed, len(points), origin, limits.max_future_s, path)
    return StreamMessage(key, points, times, own, _message_id(document))


def _check_size(points: FloatArray, limits: LimitSettings, path: str) -> None:
    if len(points) > limits.max_points:
        raise MessageError(
            "too_many_points",
            f"{path}: {len(points)} points are more than max_points {limits.max_points}: send them in parts",
        )
    usable = np.abs(points) <= MAX_COORDINATE
    if not usable.all():
        point, coordinate = (int(index) for index in np.argwhere(~usable)[0])
        raise MessageError(
            "non_finite",
            f"{path}[{point}][{coordinate}]: is {points[point, coordinate]}:"
            f" send finite numbers up to {MAX_COORDINATE:g} in size",
        )


def _times(
    document: Mapping[str, Any],
    listed: Sequence[Any],
    count: int,
    origin: Origin,
    max_future_s: float,
    path: str,
) -> tuple[NDArray[np.int64], bool]:
    """Return the times (n,) of the points: each its own, else the message's, else Kafka's; and if any is own.

    `listed` are points that may be objects.
    """
    common, own = requests.read_timestamp(document.get("timestamp"), origin, max_future_s)
    times = np.full(count, common, dtype=np.int64)
    listed_times = _listed_times(document.get("timestamps"), count)
    if listed_times is not None:
        times, own = listed_times, True
    for index, point in enumerate(listed):
        if isinstance(point, dict) and point.get("timestamp") is not None:
            times[index] = requests.read_time(point["timestamp"], f"{path}points[{index}].timestamp")
            own = True
    latest = int(times.argmax())
    requests.check_future(int(times[latest]), origin, max_future_s, f"the time of point {latest}")
    return times, own


def _listed_times(listed: Any, count: int) -> NDArray[np.int64] | None:
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise MessageError("bad_timestamp", f"timestamps: must be a list, not {requests.kind_of(listed)}")
    if len(listed) != count:
        raise MessageError(
            "bad_timestamp", f"timestamps: has {len(listed)} entries for {count} points; give one for each"
        )
    read = (requests.read_time(value, f"timestamps[{index}]") for index, value in enumerate(listed))
    return np.fromiter(read, dtype=np.int64, count=count)


def _message_id(document: Mapping[str, Any]) -> str | None:
    value = document.get("message_id")
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise MessageError("bad_field", f"message_id: must be a text that is not empty, not {value!r:.60}")
    if len(value.encode()) > MAX_MESSAGE_ID_BYTES:
        raise MessageError("bad_field", f"message_id: is longer than {MAX_MESSAGE_ID_BYTES} bytes")
    return value
