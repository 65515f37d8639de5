"""Requests and entries of `logs`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tdaflink.domain.environments.environment import LogLine
from tdaflink.domain.errors import UsageError
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.domain.units import seconds


@dataclass(frozen=True)
class LogRequest:
    """Selection of log lines: no `components` means all; `last` limits the existing lines per component."""

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
    """Parse a duration before now ("5m") or an RFC 3339 time; without a zone it is local time.

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
    """Compile a regular expression to search for in lines. Raises `UsageError`."""
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"--grep {text!r} is not a regular expression: {error}",
            hint="escape special characters by a backslash",
        ) from None
