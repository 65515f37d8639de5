"""The windows of a config as settings of the job: whole milliseconds, nothing left to a default."""

from __future__ import annotations

from typing import Any

from tdaflink.domain.config import Input, JobConfig
from tdaflink.domain.streams import (
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    Window,
)


def window_bounds(config: JobConfig) -> dict[str, Any]:
    """What all windows of the job share."""
    return {
        "out_of_orderness_ms": _ms(config.out_of_orderness),
        "allowed_lateness_ms": _ms(config.allowed_lateness),
        "max_windows_per_message": config.max_windows_per_message,
        "max_duration_ms": _ms(config.max_duration),
        "state_ttl_ms": _ms(config.state_ttl),
        "dedup_ids": config.dedup_ids,
        "overflow": config.overflow,
    }


def window_settings(config: JobConfig, source: Input) -> dict[str, Any] | None:
    """The windows of one input; None where its messages are answered one by one."""
    window = config.window_of(source)
    if window is None:
        return None
    return {"kind": window.kind, **_shape(window), "state_ttl_ms": _ms(config.state_ttl_of(source))}


def _shape(window: Window) -> dict[str, Any]:
    match window:
        case CountWindow():
            slide = window.size if window.slide is None else window.slide
            return {"size": window.size, "slide": slide, "timeout_ms": _ms_or_none(window.timeout)}
        case TumblingWindow():
            shape = {"size_ms": _ms(window.size), "offset_ms": _ms(window.offset) % _ms(window.size)}
            return {**shape, "timeout_ms": _ms_or_none(window.timeout)}
        case SlidingWindow():
            shape = {"size_ms": _ms(window.size), "slide_ms": _ms(window.slide)}
            offset = _ms(window.offset) % _ms(window.slide)
            return {**shape, "offset_ms": offset, "timeout_ms": _ms_or_none(window.timeout)}
        case SessionWindow():
            return {"gap_ms": _ms(window.gap), "timeout_ms": _ms_or_none(window.timeout)}
        case NoWindow():
            return {}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _ms_or_none(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, _ms(seconds))
