"""Times as ISO 8601 texts in UTC, as messages, events and Flink's values have them."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def format_timestamp(epoch_s: float, timespec: str = "milliseconds") -> str:
    """Write epoch seconds as UTC with Z."""
    moment = datetime.fromtimestamp(epoch_s, tz=timezone.utc)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def timestamp_now(timespec: str = "milliseconds") -> str:
    """Write the current time as UTC with Z."""
    return format_timestamp(time.time(), timespec)


def parse_timestamp(text: str) -> datetime:
    """Read an ISO 8601 time. Raises `ValueError`."""
    # Python 3.10 does not read the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
