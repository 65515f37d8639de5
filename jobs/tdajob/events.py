"""Records on the events topic: what a person or a program may want to act on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import orjson

from tdajob.comparison import Comparison
from tdajob.errors import VERSION
from tdajob.times import format_timestamp


def alert_record(
    stream_id: str, result_id: str, window: Mapping[str, Any], comparison: Comparison
) -> tuple[bytes, bytes]:
    """Key and value of the event that a window's diagram lies above the threshold from the one before.

    `window` is that of the result. The id depends on the result's alone, so a replay makes the same one.
    """
    record = {
        "id": hashlib.sha256(orjson.dumps(["alert", result_id])).hexdigest(),
        "kind": "alert",
        "stream_id": stream_id,
        "timestamp": format_timestamp(time.time_ns() // 1_000_000),
        "result_id": result_id,
        "window": dict(window),
        "distance_to_previous": comparison.document(),
        "version": VERSION,
    }
    return stream_id.encode(), orjson.dumps(record)
