"""Numbers, times and sizes as tables, sentences and the dashboard show them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone

UNKNOWN = "-"


def format_rate(value: float | None) -> str:
    """Write a rate per second in at most three digits."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return format_count(value) if value >= 100 else f"{value:.1f}"


def format_count(value: float | None) -> str:
    """Write a number in few digits: 950, 12.3k, 4.5M."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:.1f}{unit}" if scaled < 100 else f"{scaled:.0f}{unit}"
    return f"{value:.0f}"


def format_seconds(value: float | None) -> str:
    """Write a short time: 620 us, 62 ms, 1.4 s."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 100 else format_age(value)


def format_age(value: float | None) -> str:
    """Write a long time in its two greatest units: 45s, 3m12s, 2h05m, 4d03h."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    whole = max(0, int(value))
    for size, name, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{name}{whole % size // part:02d}{smaller}"
    return f"{whole}s"


def format_size(value: float | None) -> str:
    """Write bytes in binary units: 512 B, 1.5 MiB, 48 GiB."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.1f} {unit}" if scaled < 10 else f"{scaled:.0f} {unit}"
    return f"{value:.0f} B"


def format_clock(moment: float) -> str:
    """Write the time of day in UTC."""
    return _written(moment, "%H:%M:%S")


def format_day_and_clock(moment: float) -> str:
    """Write date and time of day in UTC."""
    return _written(moment, "%Y-%m-%d %H:%M:%S UTC")


def _written(moment: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(moment, tz=timezone.utc).strftime(form)
    except (ValueError, OverflowError, OSError):
        return UNKNOWN  # the end of a bounded stream is the greatest time of all


def format_duration(ms: int) -> str:
    """Write milliseconds in their two greatest units: 250 ms, 1m 5s."""
    if ms < 1000:
        return f"{max(0, ms)} ms"
    seconds = ms // 1000
    parts: Mapping[str, int] = {
        "d": seconds // 86400,
        "h": seconds // 3600 % 24,
        "m": seconds // 60 % 60,
        "s": seconds % 60,
    }
    shown = [f"{value}{unit}" for unit, value in parts.items() if value]
    return " ".join(shown[:2])


def format_restarts(number: int) -> str:
    """Write a number of restarts: no restart, 1 restart, 3 restarts."""
    return "no restart" if number == 0 else f"{number} restart{'' if number == 1 else 's'}"
