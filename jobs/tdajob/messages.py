"""What a valid request is: bytes into a `Request`, or a `MessageError` that says what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdajob import strictjson
from tdajob.errors import MessageError, Origin
from tdajob.parameters import Question, question
from tdajob.settings import LimitSettings, QueryDefaults
from tdajob.times import EARLIEST_MS, LATEST_MS, parse_timestamp

MAX_JOB_ID = 1024  # characters; it becomes the key of the answer
_CONFLUENT_FRAME = 5  # a zero byte, then a schema id of four


@dataclass(frozen=True)
class Rules:
    """What holds for every request of a job; `algorithms` maps each name to its own parameters."""

    defaults: QueryDefaults
    limits: LimitSettings
    algorithms: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Request:
    """A point cloud and what is asked of it; `own_timestamp` is false where Kafka's time stands in."""

    job_id: str
    points: NDArray[np.float64]
    question: Question
    timestamp_ms: int
    own_timestamp: bool


def parse_request(value: bytes | None, origin: Origin, rules: Rules) -> Request:
    """The request in a message of the requests route."""
    raw = unframed(value, rules.limits.max_message_bytes)
    document = strictjson.loads(raw)
    if not isinstance(document, dict):
        raise MessageError("not_an_object", f"must be a JSON object, not {_kind(document)}")
    job_id = _job_id(document)
    try:
        cloud = _object(document, "point_cloud")
        points = _points(raw, document, cloud.get("points"))
        _check_dimension(cloud.get("dimension"), points)
        timestamp, own = _timestamp(document.get("timestamp"), origin, rules.limits.max_future_s)
        asked = question(
            document.get("algorithm"), document.get("parameters"), rules.defaults, rules.algorithms
        )
    except MessageError as error:
        error.job_id = job_id
        raise
    return Request(job_id, points, asked, timestamp, own)


def unframed(value: bytes | None, max_bytes: int) -> bytes:
    """The JSON text of a message, without the five-byte frame that Confluent's serializers put before it."""
    if value is not None and len(value) > max_bytes:
        raise MessageError(
            "message_too_large", f"has {len(value)} bytes, more than max_message_bytes = {max_bytes}"
        )
    framed = value is not None and len(value) >= _CONFLUENT_FRAME and value[0] == 0
    raw = value[_CONFLUENT_FRAME:] if value and framed else value
    if not raw or raw.isspace():
        raise MessageError("empty", "has no value")
    return raw


def _points(raw: bytes, document: Any, points: Any) -> NDArray[np.float64]:
    """The points of a cloud, with the whole document checked on the way."""
    array = _fast_array(raw, points)
    strictjson.check(raw, document, skip=None if array is None else points)
    if array is None:
        array = _careful_array(points)
    if float(np.abs(array).max()) >= strictjson.MAX_INTEGER:
        strictjson.recheck(raw)
    return array


def _fast_array(raw: bytes, points: Any) -> NDArray[np.float64] | None:
    """The array if the points are plainly lists of numbers; None asks for the careful way."""
    if not isinstance(points, list):
        return None
    try:
        # Without a dtype: with float64, numpy would convert texts that look like numbers.
        array = np.asarray(points)
    except ValueError:
        return None
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] == 0:
        return None
    if (b"true" in raw or b"false" in raw) and bool in set(map(type, chain.from_iterable(points))):
        return None  # numpy took them for 1 and 0
    return np.ascontiguousarray(array, dtype=np.float64)


def _careful_array(points: Any) -> NDArray[np.float64]:
    if points is None:
        raise MessageError("missing_field", "point_cloud.points: is missing")
    if not isinstance(points, list):
        raise MessageError("bad_points", f"point_cloud.points: must be a list, not {_kind(points)}")
    if not points:
        raise MessageError("empty_cloud", "point_cloud.points: holds no point")
    rows: list[list[float]] = []
    for index, point in enumerate(points):
        row = _coordinates(point, f"point_cloud.points[{index}]")
        if rows and len(row) != len(rows[0]):
            raise MessageError(
                "ragged_points",
                f"point_cloud.points[{index}]: has {len(row)} coordinates, the first has {len(rows[0])}",
            )
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def _coordinates(point: Any, path: str) -> list[Any]:
    if isinstance(point, dict):
        if point.get("timestamp") is not None:
            _read_time(point["timestamp"], f"{path}.timestamp")
        point, path = point.get("coordinates"), f"{path}.coordinates"
    if not isinstance(point, list):
        raise MessageError("bad_points", f"{path}: must be a list of coordinates, not {_kind(point)}")
    if not point:
        raise MessageError("bad_points", f"{path}: has no coordinates")
    for axis, number in enumerate(point):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise MessageError("bad_number", f"{path}[{axis}]: must be a number, not {_kind(number)}")
    return point


def _job_id(document: Mapping[str, Any]) -> str:
    job_id = document.get("job_id")
    if job_id is None:
        raise MessageError("missing_field", "job_id: is missing")
    if not isinstance(job_id, str):
        raise MessageError("bad_job_id", f"job_id: must be a text, not {_kind(job_id)}")
    if not job_id.strip():
        raise MessageError("bad_job_id", "job_id: is blank")
    if len(job_id) > MAX_JOB_ID:
        raise MessageError("bad_job_id", f"job_id: has {len(job_id)} characters, more than {MAX_JOB_ID}")
    return job_id


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        raise MessageError("missing_field", f"{key}: is missing")
    if not isinstance(value, dict):
        raise MessageError("bad_field", f"{key}: must be an object, not {_kind(value)}")
    return value


def _check_dimension(stated: Any, points: NDArray[np.float64]) -> None:
    if stated is None:
        return
    if isinstance(stated, bool) or not isinstance(stated, int):
        raise MessageError("bad_number", f"point_cloud.dimension: must be an integer, not {_kind(stated)}")
    if stated != points.shape[1]:
        raise MessageError(
            "wrong_dimension",
            f"point_cloud.dimension: says {stated}, but the points have {points.shape[1]} coordinates",
        )


def _timestamp(value: Any, origin: Origin, max_future_s: float) -> tuple[int, bool]:
    if value is None:
        if not EARLIEST_MS <= origin.timestamp_ms <= LATEST_MS:
            raise MessageError(
                "bad_timestamp",
                f"timestamp: is missing, and Kafka's own, {origin.timestamp_ms} ms, is no date",
            )
        return origin.timestamp_ms, False
    moment = _read_time(value, "timestamp")
    ahead = moment - origin.timestamp_ms
    if ahead > max_future_s * 1000:
        raise MessageError(
            "future_timestamp",
            f"timestamp: lies {ahead / 1000:.0f} s ahead of Kafka's time of the message"
            f" ({origin.timestamp}); {max_future_s:.0f} s are allowed",
        )
    return moment, True


def _read_time(value: Any, path: str) -> int:
    try:
        return parse_timestamp(value)
    except ValueError as error:
        shown = f" ({value[:60]!r})" if isinstance(value, str) else ""
        raise MessageError("bad_timestamp", f"{path}: {error}{shown}") from None


def _kind(value: object) -> str:
    names = {
        bool: "a boolean",
        str: "a text",
        list: "a list",
        dict: "an object",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
