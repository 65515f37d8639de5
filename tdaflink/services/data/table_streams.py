"""Event times and stream ids from the columns of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tdaflink.domain.errors import UsageError
from tdaformats.errors import MessageError
from tdaformats.messages import check_id
from tdaformats.timestamps import parse_timestamp

UNITS = ("ms", "s")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?")


def timed_points(values: Sequence[Any], column: str, unit: str) -> list[int | str]:
    """Return the time of each row, RFC 3339 text or epoch milliseconds. Raises `UsageError` with the row."""
    if unit not in UNITS:
        raise UsageError(f"--time-unit {unit}: is none of {', '.join(UNITS)}", hint="--time-unit s")
    return [_time(value, f"row {row} of {column}", unit) for row, value in enumerate(values, 1)]


def _time(value: Any, where: str, unit: str) -> int | str:
    if value is None or value == "":
        raise UsageError(f"{where}: has no time", hint="remove the row")
    text = _digits(value) if isinstance(value, (int, float)) else str(value).strip()
    moment = _milliseconds(text, where, unit) if _NUMBER.fullmatch(text) else text
    try:
        parse_timestamp(moment)
    except ValueError as error:
        hint = (
            "--time-unit s"
            if "looks like seconds" in str(error)
            else "2024-01-01T12:00:00Z, or epoch milliseconds"
        )
        raise UsageError(f"{where}: {text[:60]!r} {error}", hint=hint) from None
    return moment


def _digits(value: float) -> str:
    return format(Decimal(value), "f") if math.isfinite(value) else str(value)


def _milliseconds(text: str, where: str, unit: str) -> int:
    number = Decimal(text)
    if unit == "s":
        return int(number * 1000)
    if number != int(number):
        raise UsageError(
            f"{where}: {text[:60]!r} is not a whole number of milliseconds", hint="--time-unit s"
        )
    return int(number)


def streams_of(values: Sequence[Any], column: str) -> list[str]:
    """Return the stream id of each row. Raises `UsageError` for a value that cannot be one."""
    ids: dict[Any, str] = {}
    for row, value in enumerate(values, 1):
        if value not in ids:
            ids[value] = _stream(value, f"row {row} of {column}")
    return [ids[value] for value in values]


def _stream(value: Any, where: str) -> str:
    if not isinstance(value, (str, int)):
        raise UsageError(f"{where}: {value!r:.60} cannot be a stream id: use a column of text or integers")
    try:
        check_id(str(value), "stream_id")
    except MessageError as error:
        raise UsageError(f"{where}: {error.reason}") from error
    return str(value)
