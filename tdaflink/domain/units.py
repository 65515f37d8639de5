"""Durations and sizes as configs, options and Flink's configuration write them."""

from __future__ import annotations

import re
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*$")
_SIZES = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "k": 2**10, "m": 2**20, "g": 2**30}
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|k|m|g)\s*$", re.IGNORECASE)
# As Flink's configuration writes sizes of memory: "2048m", "1 gb", or bytes.
_FLINK_SIZE = re.compile(r"\s*(\d+)\s*([kmgt]?)i?b?[a-z]*\s*", re.IGNORECASE)
_MEGABYTES = {"": 1 / 2**20, "k": 1 / 2**10, "m": 1.0, "g": 2.0**10, "t": 2.0**20}


def seconds(value: Any) -> Any:
    """Convert a duration such as "60s", "5m" or "250ms" to seconds; numbers are seconds already."""
    if isinstance(value, str):
        match = _DURATION.match(value)
        if not match:
            raise ValueError('a duration is a number of seconds or a text such as "60s", "5m", "250ms"')
        return float(match[1]) * _UNITS[match[2]]
    return value


def milliseconds(value: Any) -> Any:
    """Convert a duration text to whole milliseconds; numbers are milliseconds already."""
    return round(seconds(value) * 1000) if isinstance(value, str) else value


def size_in_bytes(value: Any) -> Any:
    """Convert a size such as "16mb" to bytes; numbers are bytes already."""
    if isinstance(value, str):
        match = _SIZE.match(value)
        if not match:
            raise ValueError('a size is a number of bytes or a text such as "512mb"')
        return int(float(match[1]) * _SIZES[match[2].lower()])
    return value


def megabytes(size: object) -> int:
    """Return a size of Flink's configuration in MB (2^20 bytes), rounded; 0 if it is missing or not valid."""
    match = _FLINK_SIZE.fullmatch(str(size)) if size is not None else None
    return round(int(match[1]) * _MEGABYTES[match[2].lower()]) if match else 0
