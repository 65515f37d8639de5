"""Checks of a message before it is sent: the rules of the job's readers, without numpy.

A test compares the verdicts of both. Limits of a job's config, such as `max_points`, are checked by the job.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from tdaformats.algorithms import ALGORITHMS, METRIC, check_algorithm, check_parameters
from tdaformats.errors import MessageError
from tdaformats.limits import MAX_COORDINATE, MAX_ID, MAX_MESSAGE_ID_BYTES, MAX_POINT_DIMENSION
from tdaformats.strict_json import MAX_INTEGER
from tdaformats.tables import ENDINGS, FORMATS, OPTIONS_OF
from tdaformats.timestamps import parse_timestamp
from tdaformats.upload_uris import parse_uri, shown

FIELDS: Mapping[str, tuple[str, ...]] = {
    "requests": (
        "job_id", "timestamp", "algorithm", "point_cloud", "parameters", "timestamps", "message_id",
    ),
    "uploads": (
        "job_id", "file_id", "timestamp", "uri", "format", "columns", "key", "delimiter", "header",
        "algorithm", "parameters",
    ),
    "streams": ("stream_id", "timestamp", "points", "timestamps", "dimension", "message_id"),
}  # fmt: skip
"""Route -> the fields of its messages that the job reads."""
_NAMES = {"requests": "a request", "uploads": "an upload", "streams": "a message of a stream"}
_CLOUD = ("points", "distances", "dimension")
_POINT = ("coordinates", "timestamp")


def check_fields(route: str, message: Mapping[str, Any], *, own_algorithm: bool = False) -> None:
    """Raise MessageError for wrong ids, options and parameters; `check_points` checks the points.

    `own_algorithm`: the algorithm and its parameters belong to a plug-in, which only the job has.
    """
    _check_keys(message, FIELDS[route], "", _NAMES[route])
    if route == "streams":
        _check_id(message, "stream_id")
    else:
        _check_id(message, _id_field(route, message))
        _check_computation(message, own_algorithm=own_algorithm)
    if message.get("timestamp") is not None:
        _time(message["timestamp"], "timestamp")
    if route == "uploads":
        _check_upload(message)
    else:
        _check_message_id(message.get("message_id"))


def check_points(route: str, message: Mapping[str, Any]) -> None:
    """Raise MessageError for wrong points, timestamps or distances."""
    if route == "streams":
        _check_timed_points(message, message, "")
    elif route == "requests":
        cloud = message.get("point_cloud")
        if cloud is None:
            raise MessageError("missing_field", "point_cloud: is missing")
        if not isinstance(cloud, dict):
            raise MessageError("bad_field", f"point_cloud: must be an object, not {kind_of(cloud)}")
        _check_keys(cloud, _CLOUD, "point_cloud.", "a point cloud")
        if cloud.get("distances") is None:
            _check_timed_points(message, cloud, "point_cloud.")
            return
        for other in ("points", "dimension"):
            if cloud.get(other) is not None:
                raise MessageError(
                    "bad_field", f"point_cloud.{other}: does not go with point_cloud.distances"
                )
        _check_matrix(cloud["distances"], "point_cloud.distances")


def _check_timed_points(message: Mapping[str, Any], cloud: Mapping[str, Any], path: str) -> None:
    points = cloud.get("points")
    width = check_cloud(points, f"{path}points")
    stated = cloud.get("dimension")
    if stated is not None and (isinstance(stated, bool) or not isinstance(stated, int)):
        raise MessageError("bad_number", f"{path}dimension: must be an integer, not {kind_of(stated)}")
    if stated is not None and stated != width:
        raise MessageError(
            "wrong_dimension", f"{path}dimension: is {stated}, but the points have {width} coordinates"
        )
    _check_times(message.get("timestamps"), len(points or ()))


def check_cloud(points: Any, path: str) -> int:
    """Return the number of coordinates of each point; raise MessageError unless this is a list of points."""
    if points is None:
        raise MessageError("missing_field", f"{path}: is missing")
    if not isinstance(points, list):
        raise MessageError("bad_points", f"{path}: must be a list, not {kind_of(points)}")
    if not points:
        raise MessageError("empty_cloud", f"{path}: holds no points")
    width = 0
    for index, point in enumerate(points):
        count = _coordinates(point, f"{path}[{index}]")
        width = width or count
        if count != width:
            raise MessageError(
                "ragged_points", f"{path}[{index}]: has {count} coordinates, the first point has {width}"
            )
    if width > MAX_POINT_DIMENSION:
        raise MessageError(
            "dimension_too_large", f"{path}: point dimension {width} is above {MAX_POINT_DIMENSION}"
        )
    return width


def _coordinates(point: Any, path: str) -> int:
    if isinstance(point, dict):
        _check_keys(point, _POINT, f"{path}.", "a point")
        if point.get("timestamp") is not None:
            _time(point["timestamp"], f"{path}.timestamp")
        point, path = point.get("coordinates"), f"{path}.coordinates"
    if not isinstance(point, list):
        raise MessageError("bad_points", f"{path}: must be a list of coordinates, not {kind_of(point)}")
    if not point:
        raise MessageError("bad_points", f"{path}: has no coordinates")
    for axis, number in enumerate(point):
        _check_number(number, f"{path}[{axis}]")
    return len(point)


def _check_number(number: Any, path: str) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise MessageError("bad_number", f"{path}: must be a number, not {kind_of(number)}")
    if isinstance(number, int) and abs(number) > MAX_INTEGER:
        raise MessageError("integer_too_large", f"{path}: the integer is beyond 2^53: write it as a float")
    if not abs(number) <= MAX_COORDINATE:
        finite = math.isfinite(number)
        problem = f"is {number:g}" if finite else "is not a finite number"
        raise MessageError("non_finite", f"{path}: {problem}: send numbers up to {MAX_COORDINATE:g} in size")


def _check_matrix(rows: Any, path: str) -> None:
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
            _check_number(number, f"{path}[{index}][{column}]")
    for index, row in enumerate(rows):
        for column, number in enumerate(row):
            where = f"{path}[{index}][{column}] is {number}"
            if number < 0:
                raise MessageError("bad_matrix", f"{where}: send numbers of at least 0")
            if number != rows[column][index]:
                raise MessageError("bad_matrix", f"{where}: differs from the one across the diagonal")
        if row[index] != 0:
            raise MessageError(
                "bad_matrix", f"{path}[{index}][{index}] is {row[index]}: a point has distance 0"
            )


def _check_times(listed: Any, count: int) -> None:
    if listed is None:
        return
    if not isinstance(listed, list):
        raise MessageError("bad_timestamp", f"timestamps: must be a list, not {kind_of(listed)}")
    if len(listed) != count:
        raise MessageError(
            "bad_timestamp", f"timestamps: has {len(listed)} entries for {count} points; give one for each"
        )
    for index, value in enumerate(listed):
        _time(value, f"timestamps[{index}]")


def _time(value: Any, path: str) -> None:
    try:
        parse_timestamp(value)
    except ValueError as error:
        quoted = f" ({value[:60]!r})" if isinstance(value, str) else ""
        raise MessageError("bad_timestamp", f"{path}: {error}{quoted}") from None


def _id_field(route: str, message: Mapping[str, Any]) -> str:
    other = route == "uploads" and message.get("job_id") is None and "file_id" in message
    return "file_id" if other else "job_id"


def _check_id(message: Mapping[str, Any], field: str) -> None:
    value = message.get(field)
    if value is None:
        given = "is null: give a text, or leave it out" if field in message else "is missing"
        raise MessageError("missing_field", f"{field}: {given}")
    check_id(value, field)


def check_id(value: Any, field: str) -> None:
    """Raise MessageError unless the value is usable as a request id or a stream id."""
    if not isinstance(value, str):
        raise MessageError(f"bad_{field}", f"{field}: must be a text, not {kind_of(value)}")
    if not value.strip():
        raise MessageError(f"bad_{field}", f"{field}: is blank")
    if len(value) > MAX_ID:
        raise MessageError(f"bad_{field}", f"{field}: has {len(value)} characters, more than {MAX_ID}")
    _check_text(value, field)


def _check_message_id(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value:
        raise MessageError("bad_field", f"message_id: must be a text that is not empty, not {value!r:.60}")
    _check_text(value, "message_id")
    if len(value.encode()) > MAX_MESSAGE_ID_BYTES:
        raise MessageError("bad_field", f"message_id: is longer than {MAX_MESSAGE_ID_BYTES} bytes")


def _check_text(value: str, field: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MessageError("bad_field", f"{field}: is not text that UTF-8 can write") from None


def _check_computation(message: Mapping[str, Any], *, own_algorithm: bool) -> None:
    algorithm, given = message.get("algorithm"), message.get("parameters")
    if given is not None and not isinstance(given, dict):
        raise MessageError("bad_field", f"parameters: must be an object, not {kind_of(given)}")
    if own_algorithm:
        if algorithm is not None:
            check_id(algorithm, "algorithm")
        return
    if algorithm is not None:
        check_algorithm(algorithm)
    check_parameters(algorithm, given or {}, "parameters.")
    cloud = message.get("point_cloud")
    if not isinstance(cloud, dict) or cloud.get("distances") is None:
        return
    for parameter in METRIC:
        if parameter.name in (given or {}):
            raise MessageError(
                "bad_parameter",
                f"parameters.{parameter.name}: does not go with point_cloud.distances; leave it out",
            )
    if algorithm is not None and not ALGORITHMS[algorithm].takes_distances:
        takers = ", ".join(name for name, shipped in ALGORITHMS.items() if shipped.takes_distances)
        raise MessageError(
            "bad_field",
            f"algorithm: {algorithm} needs points, not point_cloud.distances: use one of {takers}",
        )


def _check_upload(message: Mapping[str, Any]) -> None:
    uri = message.get("uri")
    if uri is None:
        raise MessageError("missing_field", "uri: is missing")
    if not isinstance(uri, str):
        raise MessageError("bad_uri", f"uri: must be a text, not {kind_of(uri)}")
    form = _upload_format(message.get("format"), uri)
    for field, forms in OPTIONS_OF.items():
        if message.get(field) is not None and form not in forms:
            raise MessageError("bad_field", f"{field}: belongs to {' and '.join(forms)}, not to {form}")
    for field in ("key", "delimiter"):
        value = message.get(field)
        if value is not None and (not isinstance(value, str) or not value):
            raise MessageError("bad_field", f"{field}: must be a text that is not empty, not {value!r:.60}")
    delimiter = message.get("delimiter")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise MessageError(
            "bad_field", f"delimiter: must be one ASCII character, no quote and no newline, not {delimiter!r}"
        )
    if message.get("header") is not None and not isinstance(message["header"], bool):
        raise MessageError("bad_field", f"header: must be true or false, not {message['header']!r:.60}")
    check_columns(message.get("columns"))


def check_columns(value: Any) -> None:
    """Raise MessageError unless the value is a list of different names, or None."""
    if value is None:
        return
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise MessageError("bad_field", f"columns: must be a list of names, not {value!r:.60}")
    if len(set(value)) < len(value):
        raise MessageError("bad_field", f"columns: names one of them twice: {value!r:.60}")


def _upload_format(value: Any, uri: str) -> str:
    place = parse_uri(uri)
    if value is not None:
        if not isinstance(value, str) or value not in FORMATS:
            raise MessageError("unknown_format", f"format: {value!r:.60} is none of {', '.join(FORMATS)}")
        return value
    dot = place.path.rpartition("/")[2].rpartition(".")
    ending = f".{dot[2]}".lower() if dot[0] and dot[2] else ""
    if ending not in ENDINGS:
        raise MessageError(
            "unknown_format",
            f"uri: {shown(uri)}: its ending {ending[:20]!r} names no format: add the field format,"
            f" one of {', '.join(FORMATS)}",
        )
    return ENDINGS[ending]


def _check_keys(given: Mapping[str, Any], known: Collection[str], path: str, of: str) -> None:
    for key in given:
        if key not in known:
            near = get_close_matches(key[:60], sorted(known), n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"its fields are {', '.join(known)}"
            raise MessageError("unknown_field", f"{path}{key[:60]}: is no field of {of}; {hint}")


def kind_of(value: object) -> str:
    """Return the name of a value's JSON type, with its article."""
    names = {bool: "a boolean", str: "a text", list: "a list", dict: "an object"}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number"
    return names.get(type(value), "null")
