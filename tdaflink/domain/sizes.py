"""Memory sizes in the format of Flink's configuration."""

from __future__ import annotations

import re

_SIZE = re.compile(r"\s*(\d+)\s*([kmgt]?)i?b?[a-z]*\s*", re.IGNORECASE)
_MEGABYTES = {"": 1 / 2**20, "k": 1 / 2**10, "m": 1.0, "g": 2.0**10, "t": 2.0**20}


def megabytes(size: object) -> int:
    """Return the size in MB (2^20 bytes), rounded; 0 if it is missing or not valid."""
    match = _SIZE.fullmatch(str(size)) if size is not None else None
    return round(int(match[1]) * _MEGABYTES[match[2].lower()]) if match else 0
