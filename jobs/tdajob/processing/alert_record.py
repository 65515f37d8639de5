"""Records on the events topic, for people and programs that react to them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import orjson

from tdajob.errors import VERSION
from tdajob.processing.comparison import Comparison
from tdajob.timestamps import format_timestamp


def alert_record(
    stream_id: str, result_id: str, window: Mapping[str, Any], comparison: Comparison
) -> tuple[bytes, bytes]:
    """Return key and value of an alert: a window's distance to the previous diagram is above the threshold.

    `window` is that of the result. The id is derived from the id of the result, so a replay gives the same.
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
