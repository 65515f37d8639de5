"""Polling with a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator


def poll(seconds: float, *, every: float) -> Iterator[float]:
    """Yield the elapsed seconds, at once and then `every` seconds, until `seconds` have passed."""
    started = time.monotonic()
    while (gone := time.monotonic() - started) < seconds:
        yield gone
        time.sleep(min(every, max(0.0, seconds - gone)))
