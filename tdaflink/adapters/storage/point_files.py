"""Reading files of points and of whole messages: tables (csv, npy, npz, Parquet), JSON and JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.user_files import decoded, read_bytes
from tdaflink.domain.errors import MissingExtra, UsageError
from tdaformats import messages, strict_json, tables
from tdaformats.bounds import Bounds
from tdaformats.errors import MessageError
from tdaformats.limits import MAX_COORDINATE
from tdaformats.table_values import Options

Points = list[Any]
"""Points, each a list of coordinates or an object with coordinates and a time."""
Message = dict[str, Any]
Payload = Points | Message

FORMATS = (*tables.FORMATS, "json")
LARGEST = 512 * 2**20
_BOUNDS = Bounds(LARGEST, 10_000_000, configured=False)
_ENDINGS = {**tables.ENDINGS, ".json": "json", ".jsonl": "json", ".ndjson": "json"}
_MAGIC = {b"\x93NUMPY": "npy", b"PK\x03\x04": "npz", b"PAR1": "parquet"}
_STREAM_FIELDS = ("stream_id", "timestamp", "timestamps", "message_id")
_UNSUPPORTED = {
    b"\x1f\x8b": "compressed with gzip", b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xff\xfe": "text in UTF-16", b"\xfe\xff": "text in UTF-16", b"\x89HDF": "HDF5", b"%PDF": "PDF",
    b"ARROW1": "an Arrow file",
}  # fmt: skip
_HINTS = {
    "header:": "--header or --no-header",
    "or give the delimiter": "--delimiter ,",
    "field key": "--key NAME",
}


@dataclass(frozen=True)
class ReadOptions:
    """A user's options for reading a file; None where an option is not given."""

    form: str | None = None
    delimiter: str | None = None
    columns: tuple[str, ...] | None = None
    key: str | None = None
    header: bool | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class PointFile:
    """The content of a file: clouds (lists of points), and whole messages.

    For a table, `columns` are those of the coordinates and `beside` the values of further columns. `notes`
    describe decisions that the user may have intended differently.
    """

    payloads: Sequence[Payload]
    columns: tuple[str, ...] | None = None
    beside: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def route_of(payload: Payload) -> str | None:
    """Return the route of a message; None for a cloud, which any route accepts."""
    if isinstance(payload, list):
        return None
    if "uri" in payload:
        return "uploads"
    return "requests" if "point_cloud" in payload else "streams"


def read(source: str, reading: ReadOptions = ReadOptions()) -> PointFile:
    """Read every cloud and every whole message of a file; `-` is stdin.

    Without a format, the content's first bytes decide, then the name's ending, then the first character.
    Values that the job would refuse raise `UsageError`, which names the position.
    """
    if reading.form is not None and reading.form not in FORMATS:
        raise UsageError(
            f"{reading.form!r} is not a format of point files", hint=f"one of {', '.join(FORMATS)}"
        )
    name = "stdin" if source == "-" else source
    content = read_bytes(source, "send", limit=LARGEST)
    form = (
        reading.form
        or _format_by_content(name, content)
        or _ENDINGS.get(Path(name).suffix.lower())
        or _guess_format(content)
    )
    _check_options(name, form, reading)
    if form == "json":
        return PointFile(list(_from_json(name, decoded(content, source, "send"))))
    return _from_table(name, content, form, reading)


def _format_by_content(name: str, content: bytes) -> str | None:
    """Return the format that the first bytes identify, whatever the name is; None if they are ambiguous."""
    for magic, description in _UNSUPPORTED.items():
        if content.startswith(magic):
            raise UsageError(
                f"{name} is {description}, which is not supported",
                hint=f"send it as one of {', '.join(FORMATS)}",
            )
    return next((form for magic, form in _MAGIC.items() if content.startswith(magic)), None)


def _guess_format(content: bytes) -> str:
    return "json" if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else "csv"


def _check_options(name: str, form: str, reading: ReadOptions) -> None:
    given = {
        "columns": reading.columns, "key": reading.key,
        "delimiter": reading.delimiter, "header": reading.header,
    }  # fmt: skip
    for option, value in given.items():
        if value is not None and form not in tables.OPTIONS_OF[option]:
            forms = " and ".join(tables.OPTIONS_OF[option])
            raise UsageError(f"--{option}: belongs to {forms}, but {name} is {form}", hint="leave it out")
    if reading.beside and form not in tables.OPTIONS_OF["columns"]:
        raise UsageError(f"--time and --by name columns of csv and parquet, but {name} is {form}")


# -- tables


def _from_table(name: str, content: bytes, form: str, reading: ReadOptions) -> PointFile:
    delimiter = "\t" if reading.delimiter == "\\t" else reading.delimiter
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise UsageError(f"delimiter {delimiter!r}: it must be one character", hint="--delimiter ';'")
    options = Options(reading.columns, reading.key, delimiter, reading.header, reading.beside)
    try:
        table = tables.read_table(content, form, options, _BOUNDS)
    except MessageError as error:
        raise UsageError(f"{name}: {error.reason}", hint=_hint(error)) from error
    except ImportError as error:
        package = "pyarrow" if form == "parquet" else "numpy"
        raise MissingExtra(
            f"{name}: {form} files need {package}, which is not installed here",
            hint=f"pip install {package}, send csv, or name a file that the job reads: file:///… or s3://…",
        ) from error
    except MemoryError as error:
        raise UsageError(f"{name}: reading it needs more memory than is free", hint="send less") from error
    rows = table.rows()
    _check_coordinates(name, rows)
    return PointFile([rows], table.columns, table.beside, table.notes)


def _check_coordinates(name: str, rows: Sequence[Sequence[float]]) -> None:
    for number, row in enumerate(rows, 1):
        for position, value in enumerate(row, 1):
            if abs(value) > MAX_COORDINATE:
                raise UsageError(
                    f"{name}: point {number}, coordinate {position} is {value:g}: send numbers up to"
                    f" {MAX_COORDINATE:g} in size"
                )


def _hint(error: MessageError) -> str | None:
    if error.columns:
        return f"--columns {','.join(error.columns)[:200]}"
    return next((hint for word, hint in _HINTS.items() if word in error.reason), None)


# -- json


def _from_json(name: str, text: str) -> Iterator[Payload]:
    """Yield the payloads of one or more consecutive JSON values, such as JSON lines."""
    try:
        for line, value in strict_json.documents(text):
            yield from _payloads(f"{name}, line {line}", value)
    except strict_json.JsonError as error:
        place = f", {error.place}" if error.place else ""
        raise UsageError(f"{name}{place}: {error.reason}") from error
    if not text.strip():
        raise UsageError(f"{name} is empty")


def _payloads(where: str, value: Any) -> Iterator[Payload]:
    if isinstance(value, list) and value and all(isinstance(v, dict) and _is_message(v) for v in value):
        for index, message in enumerate(value, 1):
            yield _check_message(f"{where}, message {index}", message)
    elif isinstance(value, list):
        yield _check_cloud(where, value)
    elif isinstance(value, dict) and list(value) == ["points"]:
        yield _check_cloud(where, value["points"])
    elif isinstance(value, dict) and _is_message(value):
        yield _check_message(where, value)
    elif isinstance(value, dict) and ("points" in value or "distances" in value):
        yield _check_message(where, {"point_cloud": value})
    else:
        raise UsageError(
            f"{where}: neither a list of points nor a message with a point_cloud",
            hint='[[0.1, 0.2], [0.3, 0.4]] or {"job_id": "a", "point_cloud": {"points": [[0.1, 0.2]]}}',
        )


def _is_message(value: Mapping[str, Any]) -> bool:
    if "point_cloud" in value or "uri" in value:
        return True
    return "points" in value and any(name in value for name in _STREAM_FIELDS)


def _check_message(where: str, message: Message) -> Message:
    """Check a message's points; ids and parameters are checked once options have completed it."""
    try:
        messages.check_points(str(route_of(message)), message)
    except MessageError as error:
        raise UsageError(f"{where}: {error.reason}") from error
    return message


def _check_cloud(where: str, points: Any) -> Points:
    try:
        messages.check_cloud(points, "points")
    except MessageError as error:
        raise UsageError(f"{where}: {error.reason}") from error
    return [point if isinstance(point, dict) else [float(value) for value in point] for point in points]
