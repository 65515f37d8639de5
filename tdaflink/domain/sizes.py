"""Sizes of memory as Flink's configuration writes them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"\s*(\d+)\s*([kmgt]?)i?b?[a-z]*\s*", re.IGNORECASE)
_MEGABYTES = {"": 1 / 2**20, "k": 1 / 2**10, "m": 1.0, "g": 2.0**10, "t": 2.0**20}


def megabytes(size: object) -> int:
    """The size in MB (2^20 bytes), rounded; 0 where there is none or it cannot be read."""
    found = _SIZE.fullmatch(str(size)) if size is not None else None
    return round(int(found[1]) * _MEGABYTES[found[2].lower()]) if found else 0
