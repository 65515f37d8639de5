"""Parsing of requests: bytes into a `Request`, or a `MessageError`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError, Origin
from tdajob.limits import MAX_POINT_DIMENSION
from tdajob.messages import strict_json
from tdajob.messages.parameters import RequestedComputation, resolve_request
from tdajob.settings.job import LimitSettings, QueryDefaults
from tdajob.timestamps import is_in_seconds, parse_timestamp
from tdajob.topology.geometry import point_metrics

MAX_JOB_ID = 1024  # characters; it becomes the key of the output record
_CONFLUENT_FRAME = 5  # a zero byte, then a schema id of four
_PREDICTED_FROM = 1 << 20  # bytes of a message; a shorter one takes at most 64 times as much
# Bytes of memory by JSON element: a value with its slot in a list, and the additional bytes of containers.
_VALUE_BYTES, _LIST_BYTES, _OBJECT_BYTES, _KEY_BYTES, _TEXT_BYTES = 32, 56, 64, 104, 56


_NUMBERS = {int, float}


@dataclass(frozen=True)
class Rules:
    """Defaults and limits of the requests of a job; `algorithms` maps each name to its own parameters."""

    defaults: QueryDefaults
    limits: LimitSettings
    algorithms: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Request:
    """A point cloud and the computation that is requested.

    `points` are coordinates (n, d), or, where `distances` is true, the distances (n, n) between points.
    `own_timestamp` is false where Kafka's timestamp is used. `input_metadata` are the fields of the result's
    `input` in addition to the timestamp.
    """

    job_id: str
    points: NDArray[np.float64]
    distances: bool
    question: RequestedComputation
    timestamp_ms: int
    own_timestamp: bool
    input_metadata: Mapping[str, Any] = field(default_factory=dict)


def parse_request(value: bytes | None, origin: Origin, rules: Rules) -> Request:
    """Parse a message of the requests route. Raises MessageError, with the request id as its key."""
    raw, document = document_of(value, rules.limits.max_message_bytes, rules.limits.max_predicted_bytes)
    job_id = identifier(document, "job_id")
    try:
        points, distances = _cloud(raw, document)
        timestamp, own = read_timestamp(document.get("timestamp"), origin, rules.limits.max_future_s)
        requested = resolve_request(
            document.get("algorithm"), document.get("parameters"), rules.defaults, rules.algorithms
        )
        if distances:
            _check_metric_free(document.get("parameters"))
    except MessageError as error:
        error.key = job_id
        raise
    return Request(job_id, points, distances, requested, timestamp, own)


def _cloud(raw: bytes, document: Mapping[str, Any]) -> tuple[NDArray[np.float64], bool]:
    """Return the points of a request and False, or the distances between them and True."""
    cloud = object_of(document, "point_cloud")
    if cloud.get("distances") is None:
        points = read_points(raw, document, cloud.get("points"), "point_cloud.points")
        check_dimension(cloud.get("dimension"), points, "point_cloud.dimension")
        return points, False
    for other in ("points", "dimension"):
        if cloud.get(other) is not None:
            raise MessageError("bad_field", f"point_cloud.{other}: does not go with point_cloud.distances")
    return _read_distances(raw, document, cloud["distances"]), True


def _check_metric_free(parameters: Mapping[str, Any] | None) -> None:
    for name in point_metrics.NAMES:
        if name in (parameters or {}):
            raise MessageError(
                "bad_parameter", f"parameters.{name}: does not go with point_cloud.distances; leave it out"
            )


def document_of(value: bytes | None, max_bytes: int, max_memory: int) -> tuple[bytes, dict[str, Any]]:
    """Return the JSON text of a message and its object. The caller must call `strictjson.check` on them.

    `max_memory` bounds the bytes that parsing is predicted to need.
    """
    raw = unframed(value, max_bytes)
    predicted = predicted_memory(raw)
    if predicted > max_memory:
        raise MessageError(
            "predicted_memory",
            f"needs about {predicted} bytes to be parsed, more than max_predicted_bytes {max_memory}:"
            " send fewer values in one message, or raise max_predicted_bytes",
        )
    document = strict_json.loads(raw)
    if not isinstance(document, dict):
        raise MessageError("not_an_object", f"must be a JSON object, not {kind_of(document)}")
    return raw, document


def unframed(value: bytes | None, max_bytes: int) -> bytes:
    """Return the JSON text of a message, without the five-byte header of Confluent's serializers."""
    if value is not None and len(value) > max_bytes:
        raise MessageError(
            "message_too_large", f"has {len(value)} bytes, more than max_message_bytes = {max_bytes}"
        )
    framed = value is not None and len(value) >= _CONFLUENT_FRAME and value[0] == 0
    raw = value[_CONFLUENT_FRAME:] if value and framed else value
    if not raw or raw.isspace():
        raise MessageError("empty", "has no value")
    return raw


def predicted_memory(raw: bytes) -> int:
    """Return an approximate upper bound of the bytes that parsing a JSON text needs; 0 for a short text.

    A document may be in memory twice: parsed by orjson, and parsed again by the standard library.
    """
    if len(raw) < _PREDICTED_FROM:
        return 0
    lists, objects, keys = raw.count(b"["), raw.count(b"{"), raw.count(b":")
    values = raw.count(b",") + lists + objects + keys
    document = _VALUE_BYTES * values + _LIST_BYTES * lists + _OBJECT_BYTES * objects + _KEY_BYTES * keys
    return 2 * (document + _TEXT_BYTES * (raw.count(b'"') // 2) + len(raw))


def read_points(raw: bytes, document: Any, points: Any, path: str) -> NDArray[np.float64]:
    """Return the points (n, d) at `path`, and check the whole document for strict JSON."""
    array = _fast_array(points)
    strict_json.check(raw, document, skip=None if array is None else points)
    if array is None:
        array = _careful_array(points, path)
    if array.shape[1] > MAX_POINT_DIMENSION:
        raise MessageError(
            "dimension_too_large",
            f"{path}: point dimension {array.shape[1]} is above {MAX_POINT_DIMENSION}: project the points to"
            " fewer coordinates, or send a request with the distances between them",
        )
    if float(np.abs(array).max()) >= strict_json.MAX_INTEGER:
        strict_json.recheck(raw)
    return array


def _fast_array(points: Any) -> NDArray[np.float64] | None:
    """Return the array if the points are lists of numbers of equal length; None requires `_careful_array`.

    The dtype is given: without it numpy would allocate the size of the longest string for each element. With
    it numpy converts strings, booleans and null to numbers, so the types of the elements are checked as well.
    """
    if type(points) is not list:
        return None
    try:
        array = np.array(points, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    if array.ndim != 2 or array.shape[1] == 0:
        return None
    if not set(map(type, chain.from_iterable(points))) <= _NUMBERS:
        return None
    return array


def _read_distances(raw: bytes, document: Any, rows: Any) -> NDArray[np.float64]:
    """Return a square matrix; its values are checked by the engine."""
    array = _fast_array(rows)
    strict_json.check(raw, document, skip=None if array is None else rows)
    if array is None:
        _check_rows(rows)
        array = np.array(rows, dtype=np.float64)
    if float(array.max()) >= strict_json.MAX_INTEGER:
        strict_json.recheck(raw)
    return array


def _check_rows(rows: Any) -> None:
    path = "point_cloud.distances"
    if not isinstance(rows, list):
        raise MessageError("bad_matrix", f"{path}: must be a list of rows, not {kind_of(rows)}")
    if not rows:
        raise MessageError("empty_cloud", f"{path}: holds no point")
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise MessageError("bad_matrix", f"{path}[{index}]: must be a list, not {kind_of(row)}")
        if len(row) != len(rows):
            raise MessageError(
                "bad_matrix", f"{path}[{index}]: has {len(row)} numbers, but there are {len(rows)} rows"
            )
        for column, number in enumerate(row):
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise MessageError(
                    "bad_matrix", f"{path}[{index}][{column}]: must be a number, not {kind_of(number)}"
                )


def _careful_array(points: Any, path: str) -> NDArray[np.float64]:
    if points is None:
        raise MessageError("missing_field", f"{path}: is missing")
    if not isinstance(points, list):
        raise MessageError("bad_points", f"{path}: must be a list, not {kind_of(points)}")
    if not points:
        raise MessageError("empty_cloud", f"{path}: holds no point")
    rows: list[list[float]] = []
    for index, point in enumerate(points):
        row = _coordinates(point, f"{path}[{index}]")
        if rows and len(row) != len(rows[0]):
            raise MessageError(
                "ragged_points",
                f"{path}[{index}]: has {len(row)} coordinates, the first has {len(rows[0])}",
            )
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def _coordinates(point: Any, path: str) -> list[Any]:
    if isinstance(point, dict):
        if point.get("timestamp") is not None:
            read_time(point["timestamp"], f"{path}.timestamp")
        point, path = point.get("coordinates"), f"{path}.coordinates"
    if not isinstance(point, list):
        raise MessageError("bad_points", f"{path}: must be a list of coordinates, not {kind_of(point)}")
    if not point:
        raise MessageError("bad_points", f"{path}: has no coordinates")
    for axis, number in enumerate(point):
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise MessageError("bad_number", f"{path}[{axis}]: must be a number, not {kind_of(number)}")
    return point


def identifier(document: Mapping[str, Any], field: str) -> str:
    """Return the id in a field, which is the key of the output records."""
    value = document.get(field)
    if value is None:
        raise MessageError("missing_field", f"{field}: is missing")
    if not isinstance(value, str):
        raise MessageError(f"bad_{field}", f"{field}: must be a text, not {kind_of(value)}")
    if not value.strip():
        raise MessageError(f"bad_{field}", f"{field}: is blank")
    if len(value) > MAX_JOB_ID:
        raise MessageError(f"bad_{field}", f"{field}: has {len(value)} characters, more than {MAX_JOB_ID}")
    return value


def object_of(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    if value is None:
        raise MessageError("missing_field", f"{key}: is missing")
    if not isinstance(value, dict):
        raise MessageError("bad_field", f"{key}: must be an object, not {kind_of(value)}")
    return value


def check_dimension(stated: Any, points: NDArray[np.float64], path: str) -> None:
    """Raise MessageError if the points do not have the stated dimension."""
    if stated is None:
        return
    if isinstance(stated, bool) or not isinstance(stated, int):
        raise MessageError("bad_number", f"{path}: must be an integer, not {kind_of(stated)}")
    if stated != points.shape[1]:
        raise MessageError(
            "wrong_dimension",
            f"{path}: is {stated}, but the points have {points.shape[1]} coordinates",
        )


def read_timestamp(value: Any, origin: Origin, max_future_s: float) -> tuple[int, bool]:
    """Return a message's time in epoch milliseconds and True; Kafka's timestamp and False without one."""
    if value is None:
        return _kafka_time_of(origin), False
    moment = read_time(value, "timestamp")
    check_future(moment, origin, max_future_s, "timestamp")
    return moment, True


def _kafka_time_of(origin: Origin) -> int:
    if origin.timestamp_ms is None:
        raise MessageError("bad_timestamp", "timestamp: is missing, and Kafka's is not a date: send one")
    if is_in_seconds(origin.timestamp_ms):
        raise MessageError(
            "bad_timestamp",
            f"timestamp: is missing, and Kafka's, {origin.timestamp_ms} ms ({origin.timestamp}), looks like"
            " epoch seconds: set Kafka's timestamps in milliseconds in the producer, or send a timestamp",
        )
    return origin.timestamp_ms


def check_future(moment: int, origin: Origin, max_future_s: float, path: str) -> None:
    """Raise MessageError for a time that is more than `max_future_s` ahead of Kafka's timestamp.

    The worker's clock is not used, so that a replay gives the same outcome. Nothing is checked where Kafka's
    timestamp is missing or in seconds.
    """
    if origin.timestamp_ms is None or is_in_seconds(origin.timestamp_ms):
        return
    ahead = moment - origin.timestamp_ms
    if ahead > max_future_s * 1000:
        raise MessageError(
            "future_timestamp",
            f"{path}: is {ahead / 1000:.0f} s ahead of Kafka's timestamp of the message"
            f" ({origin.timestamp}); at most {max_future_s:.0f} s are allowed",
        )


def read_time(value: Any, path: str) -> int:
    """Return a timestamp of a message in epoch milliseconds. Raises MessageError."""
    try:
        return parse_timestamp(value)
    except ValueError as error:
        shown = f" ({value[:60]!r})" if isinstance(value, str) else ""
        raise MessageError("bad_timestamp", f"{path}: {error}{shown}") from None


def kind_of(value: object) -> str:
    """Return the JSON type of a value, with its article."""
    names = {
        bool: "a boolean",
        str: "a text",
        list: "a list",
        dict: "an object",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
