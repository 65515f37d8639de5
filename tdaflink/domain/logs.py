"""What a call of `logs` asks for, and what it gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tdaflink.domain.environment import LogLine
from tdaflink.domain.errors import UsageError
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.domain.units import seconds


@dataclass(frozen=True)
class LogRequest:
    """`components` empty means all; `last` bounds the lines of each that were there before the call."""

    components: tuple[str, ...] = ()
    since: datetime | None = None
    last: int | None = None
    pattern: re.Pattern[str] | None = None
    follow: bool = False


@dataclass(frozen=True)
class Entry:
    """A line of one component's log."""

    component: str
    line: LogLine


def moment(text: str) -> datetime:
    """A time to look back to: a duration before now ("5m") or an RFC 3339 time, without a zone in local time.

    Raises `UsageError`.
    """
    try:
        return datetime.now(timezone.utc) - timedelta(seconds=float(seconds(text)))
    except (ValueError, OverflowError):
        pass
    try:
        return parse_timestamp(text).astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {text!r} is neither a duration nor a time",
            hint='a duration such as "5m" or "2h", or a time such as "2026-01-31T03:00:00Z"',
        ) from None


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression that is looked for anywhere in a line. Raises `UsageError`."""
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"--grep {text!r} is not a regular expression: {error}", hint="a backslash quotes a sign"
        ) from None
