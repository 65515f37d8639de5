"""Point clouds and whole request messages from files: csv, npy, json and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tdaflink.domain.errors import MissingExtra, NotFound, UsageError

Cloud = list[list[float]]
Message = dict[str, Any]
Payload = Cloud | Message

_NUMPY_MAGIC = b"\x93NUMPY"
_SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".npy": "npy",
    ".json": "json", ".jsonl": "json", ".ndjson": "json",
}  # fmt: skip
_DELIMITERS = (",", ";", "\t", "|", None)  # None: runs of blanks
FORMATS = ("csv", "npy", "json")


def read(source: str, *, form: str | None = None, delimiter: str | None = None) -> list[Payload]:
    """Every cloud (a list of points) and every whole message (a mapping) of a file; `-` is stdin.

    Without `form` the name's ending decides, and where that says nothing, the content.
    """
    name, content = _content(source)
    if form is not None and form not in FORMATS:
        raise UsageError(f"{form!r} is not a format of point files", hint=f"one of {', '.join(FORMATS)}")
    form = form or _SUFFIXES.get(Path(name).suffix.lower()) or _sniffed(content)
    if form == "npy":
        return [_from_npy(name, content)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: byte {error.start} is not UTF-8") from error
    if form == "csv":
        return [_from_csv(name, text, delimiter)]
    return list(_from_json(name, text))


def _content(source: str) -> tuple[str, bytes]:
    if source == "-":
        return "stdin", sys.stdin.buffer.read()
    try:
        return source, Path(source).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {source}") from error
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error


def _sniffed(content: bytes) -> str:
    if content.startswith(_NUMPY_MAGIC):
        return "npy"
    return "json" if content.lstrip()[:1] in (b"[", b"{") else "csv"


# -- csv


def _from_csv(name: str, text: str, delimiter: str | None) -> Cloud:
    rows = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    split = _splitter(delimiter) if delimiter else _sniffed_splitter([line for _, line in rows[:20]])
    cloud: Cloud = []
    for index, (number, line) in enumerate(rows):
        cells = split(line)
        if index == 0 and not any(_is_number(cell) for cell in cells):
            continue
        point = [_number(name, number, column, cell) for column, cell in enumerate(cells, 1)]
        if cloud and len(point) != len(cloud[0]):
            raise UsageError(
                f"{name}, line {number}: {len(point)} coordinates, where earlier lines have {len(cloud[0])}"
            )
        cloud.append(point)
    return _not_empty(name, cloud)


def _splitter(delimiter: str | None) -> Callable[[str], list[str]]:
    if delimiter is None or delimiter == " ":
        return str.split
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if len(delimiter) != 1:
        raise UsageError(f"delimiter {delimiter!r}: it is one character", hint="--delimiter ';'")
    return lambda line: [
        cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    ]


def _sniffed_splitter(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """The first delimiter that cuts the last lines into the most cells that are numbers."""

    def numbers(delimiter: str | None) -> int:
        split = _splitter(delimiter)
        return sum(_is_number(cell) for line in lines for cell in split(line))

    return _splitter(max(_DELIMITERS, key=numbers))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(name: str, line: int, column: int, cell: str) -> float:
    where = f"{name}, line {line}, column {column}"
    try:
        value = float(cell)
    except ValueError as error:
        raise UsageError(f"{where}: {cell!r} is not a number") from error
    if not math.isfinite(value):
        raise UsageError(f"{where}: {cell!r} is not a finite number")
    return value


# -- npy


def _from_npy(name: str, content: bytes) -> Cloud:
    try:
        import numpy as np
    except ImportError as error:
        raise MissingExtra(f"{name}: npy files need numpy", hint="pip install 'tdaflink[plot]'") from error
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UsageError(f"{name} is not an npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{name} is an archive of arrays (npz)", hint="save the one array as .npy")
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise UsageError(
            f"{name} holds {array.dtype} of shape {array.shape}: a cloud is a table of numbers",
            hint="one row per point, one column per coordinate",
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise UsageError(f"{name}, row {row}, column {column}: {array[row, column]} is not a finite number")
    return _not_empty(name, array.astype(float).tolist())


# -- json


def _from_json(name: str, text: str) -> Iterator[Payload]:
    """One JSON value or many, one after the other (JSON lines are such)."""
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    position = _skip_blanks(text, 0)
    if position == len(text):
        raise UsageError(f"{name} is empty")
    while position < len(text):
        where = f"{name}, line {text.count(chr(10), 0, position) + 1}"
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise UsageError(f"{name}, line {error.lineno}, column {error.colno}: {error.msg}") from error
        except (_NotFinite, RecursionError) as error:
            raise UsageError(f"{where}: {error}") from error
        yield from _payloads(where, value)
        position = _skip_blanks(text, position)


class _NotFinite(Exception):
    pass


def _refuse_constant(text: str) -> float:
    raise _NotFinite(f"{text} is not a finite number")


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _payloads(where: str, value: Any) -> Iterator[Payload]:
    if isinstance(value, list) and value and all(isinstance(v, dict) and "point_cloud" in v for v in value):
        for index, message in enumerate(value, 1):
            yield _message(f"{where}, message {index}", message)
    elif isinstance(value, list):
        yield _cloud(where, value)
    elif isinstance(value, dict) and "point_cloud" in value:
        yield _message(where, value)
    elif isinstance(value, dict) and "points" in value:
        yield _cloud(where, value["points"])
    else:
        raise UsageError(
            f"{where}: neither a list of points nor a message with a point_cloud",
            hint='[[0.1, 0.2], [0.3, 0.4]] or {"job_id": "a", "point_cloud": {"points": [[0.1, 0.2]]}}',
        )


def _message(where: str, message: Message) -> Message:
    inner = message["point_cloud"]
    if not isinstance(inner, dict) or "points" not in inner:
        raise UsageError(f"{where}: point_cloud has no points")
    _cloud(where, inner["points"])
    return message


def _cloud(where: str, points: Any) -> Cloud:
    if not isinstance(points, list):
        raise UsageError(f"{where}: the points are not a list")
    cloud = [_json_point(f"{where}, point {index}", point) for index, point in enumerate(points, 1)]
    for index, point in enumerate(cloud, 1):
        if len(point) != len(cloud[0]):
            raise UsageError(
                f"{where}, point {index}: {len(point)} coordinates, where point 1 has {len(cloud[0])}"
            )
    return _not_empty(where, cloud)


def _json_point(where: str, point: Any) -> list[float]:
    values = point.get("coordinates") if isinstance(point, dict) else point
    if not isinstance(values, list):
        raise UsageError(f"{where}: {json.dumps(point)[:40]} is not a list of coordinates")
    for column, value in enumerate(values, 1):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # Above 2^53 a whole number is not the float it would become, and the job refuses it.
        if not number or not abs(value) <= (2**53 if isinstance(value, int) else sys.float_info.max):
            raise UsageError(f"{where}, coordinate {column}: {json.dumps(value)[:40]} is not a finite number")
    return [float(value) for value in values]


def _not_empty(where: str, cloud: Cloud) -> Cloud:
    if not cloud or not cloud[0]:
        raise UsageError(f"{where}: no points")
    return cloud
