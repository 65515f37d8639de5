"""The windows of an input, read from the resolved settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tdajob.reading import Reader, SettingsError
from tdajob.windows.spec import (
    OVERFLOWS,
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    WindowSettings,
    WindowSpec,
)


def read_window_bounds(reader: Reader) -> dict[str, Any]:
    """What all windows of a job share, as keywords of `WindowSettings`."""
    bounds = {
        "out_of_orderness_ms": reader.integer("out_of_orderness_ms"),
        "allowed_lateness_ms": reader.integer("allowed_lateness_ms"),
        "max_windows_per_message": reader.integer("max_windows_per_message", least=1),
        "max_duration_ms": reader.integer("max_duration_ms", least=1),
        "state_ttl_ms": reader.integer("state_ttl_ms", least=1),
        "dedup_ids": reader.integer("dedup_ids"),
        "overflow": reader.choice("overflow", OVERFLOWS),
    }
    reader.finish()
    return bounds


def read_window(reader: Reader, bounds: dict[str, Any], max_points: int) -> WindowSettings:
    """One input's windows. Raises SettingsError."""
    kind = reader.choice("kind", tuple(_KINDS))
    try:
        spec = _KINDS[kind](reader)
    except ValueError as error:
        raise SettingsError(f"inputs: window: {error}") from None
    ttl = reader.integer("state_ttl_ms", least=1)
    reader.finish()
    return WindowSettings(window=spec, max_points=max_points, **{**bounds, "state_ttl_ms": ttl})


def _count(reader: Reader) -> WindowSpec:
    size, slide = reader.integer("size", least=1), reader.integer("slide", least=1)
    return CountWindow(size, slide, reader.integer_or_none("timeout_ms", least=1))


def _tumbling(reader: Reader) -> WindowSpec:
    size, offset = reader.integer("size_ms", least=1), reader.integer("offset_ms")
    return TumblingWindow(size, offset, reader.integer_or_none("timeout_ms", least=1))


def _sliding(reader: Reader) -> WindowSpec:
    size, slide = reader.integer("size_ms", least=1), reader.integer("slide_ms", least=1)
    offset = reader.integer("offset_ms")
    return SlidingWindow(size, slide, offset, reader.integer_or_none("timeout_ms", least=1))


def _session(reader: Reader) -> WindowSpec:
    return SessionWindow(reader.integer("gap_ms", least=1), reader.integer_or_none("timeout_ms", least=1))


def _none(_reader: Reader) -> WindowSpec:
    return NoWindow()


_KINDS: dict[str, Callable[[Reader], WindowSpec]] = {
    "count": _count,
    "tumbling": _tumbling,
    "sliding": _sliding,
    "session": _session,
    "none": _none,
}
