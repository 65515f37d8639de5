"""The windows of an input, read from the resolved settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tdajob.limits import MAX_DURATION_MS
from tdajob.settings.json_object import JsonObjectReader, SettingsError
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


def read_window_bounds(reader: JsonObjectReader) -> dict[str, Any]:
    """Return the settings that all windows of a job share, as keyword arguments of `WindowSettings`."""
    bounds = {
        "out_of_orderness_ms": _span(reader, "out_of_orderness_ms", least=0),
        "allowed_lateness_ms": _span(reader, "allowed_lateness_ms", least=0),
        "max_windows_per_message": reader.integer("max_windows_per_message", least=1),
        "max_duration_ms": _span(reader, "max_duration_ms"),
        "state_ttl_ms": _span(reader, "state_ttl_ms"),
        "dedup_ids": reader.integer("dedup_ids"),
        "overflow": reader.choice("overflow", OVERFLOWS),
    }
    reader.finish()
    return bounds


def read_window(reader: JsonObjectReader, bounds: dict[str, Any], max_points: int) -> WindowSettings:
    """Return the windows of one input. Raises SettingsError."""
    kind = reader.choice("kind", tuple(_KINDS))
    try:
        spec = _KINDS[kind](reader)
    except ValueError as error:
        raise SettingsError(f"inputs: window: {error}") from None
    ttl = _span(reader, "state_ttl_ms")
    reader.finish()
    return WindowSettings(window=spec, max_points=max_points, **{**bounds, "state_ttl_ms": ttl})


def _count(reader: JsonObjectReader) -> WindowSpec:
    size, slide = reader.integer("size", least=1), reader.integer("slide", least=1)
    return CountWindow(size, slide, _timeout(reader))


def _tumbling(reader: JsonObjectReader) -> WindowSpec:
    size, offset = _span(reader, "size_ms"), _span(reader, "offset_ms", least=0)
    return TumblingWindow(size, offset, _timeout(reader))


def _sliding(reader: JsonObjectReader) -> WindowSpec:
    size, slide = _span(reader, "size_ms"), _span(reader, "slide_ms")
    offset = _span(reader, "offset_ms", least=0)
    return SlidingWindow(size, slide, offset, _timeout(reader))


def _session(reader: JsonObjectReader) -> WindowSpec:
    return SessionWindow(_span(reader, "gap_ms"), _timeout(reader))


def _span(reader: JsonObjectReader, key: str, *, least: int = 1) -> int:
    return reader.integer(key, least=least, most=MAX_DURATION_MS)


def _timeout(reader: JsonObjectReader) -> int | None:
    return reader.integer_or_none("timeout_ms", least=1, most=MAX_DURATION_MS)


def _none(_reader: JsonObjectReader) -> WindowSpec:
    return NoWindow()


_KINDS: dict[str, Callable[[JsonObjectReader], WindowSpec]] = {
    "count": _count,
    "tumbling": _tumbling,
    "sliding": _sliding,
    "session": _session,
    "none": _none,
}
