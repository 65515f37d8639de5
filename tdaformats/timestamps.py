"""Parsing of timestamps (RFC 3339, epoch milliseconds) and formatting as ISO 8601 UTC with milliseconds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EARLIEST_MS = -62_135_596_800_000  # the first millisecond of year 1
LATEST_MS = 253_402_300_799_999  # the last millisecond of year 9999
SECONDS_FROM, SECONDS_TO = 10**8, 10**11
"""Integers of this size: as seconds the years 1973 to 5138, as milliseconds only 1970 to 1973."""
_MILLISECOND = timedelta(milliseconds=1)
# ASCII digits only: `\d` would also match digits of other scripts, which RFC 3339 does not allow.
_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?"
)


def parse_timestamp(value: object) -> int:
    """Return epoch milliseconds from RFC 3339 text (without a zone: UTC) or integer epoch milliseconds.

    Raises ValueError with the reason. Digits below the millisecond are truncated; a leap second (:60) is
    the start of the next minute. An integer that looks like seconds is refused (see `is_in_seconds`).
    """
    if isinstance(value, str):
        milliseconds = _parse_text(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        milliseconds = _checked_unit(value)
    else:
        raise ValueError(f"must be RFC 3339 text or integer epoch milliseconds, not {_kind(value)}")
    if not EARLIEST_MS <= milliseconds <= LATEST_MS:
        raise ValueError("is outside the years 1 to 9999")
    return milliseconds


def is_in_seconds(number: int) -> bool:
    """Return whether epoch milliseconds are more plausible as epoch seconds; below 10^8 they are not."""
    return SECONDS_FROM <= abs(number) < SECONDS_TO


def _checked_unit(number: int) -> int:
    if is_in_seconds(number):
        raise ValueError(
            f"is {number}, which looks like seconds ({format_timestamp(1000 * number)}); in milliseconds"
            f" it would be {format_timestamp(number)}: send epoch milliseconds, or RFC 3339 text"
        )
    if not EARLIEST_MS <= number <= LATEST_MS:
        size = abs(number)
        unit = "nanoseconds" if size >= 10**17 else "microseconds"
        shown = f"is {number}" if size < 10**20 else "is an integer of more than 20 digits"
        raise ValueError(
            f"{shown}, which is outside the years 1 to 9999 in milliseconds and looks like epoch {unit}:"
            " send milliseconds, or RFC 3339 text"
        )
    return number


def format_timestamp(milliseconds: int) -> str:
    """Format as ISO 8601 in UTC with milliseconds and Z, such as 2024-01-01T12:00:05.250Z."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _parse_text(text: str) -> int:
    parts = _RFC_3339.fullmatch(text)
    if not parts:
        raise ValueError("is not RFC 3339, such as 2024-01-01T12:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in parts.group(1, 2, 3, 4, 5, 6))
    fraction, sign, zone_hours, zone_minutes = parts.group(7, 8, 9, 10)
    leap = second == 60
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=timezone.utc)
    milliseconds = (moment - EPOCH) // _MILLISECOND
    milliseconds += 1000 if leap else int(((fraction or "") + "000")[:3])
    return milliseconds - _zone_offset(sign, zone_hours, zone_minutes)


def _zone_offset(sign: str | None, hours: str | None, minutes: str | None) -> int:
    if sign is None or hours is None or minutes is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(f"has the impossible zone {sign}{hours}:{minutes}")
    offset = (int(hours) * 60 + int(minutes)) * 60_000
    return -offset if sign == "-" else offset


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
