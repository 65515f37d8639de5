"""Metrics of the latencies that the job's settings imply, so that alert rules fit each job."""

from __future__ import annotations

from collections.abc import Mapping

from tdajob.settings.job import Settings
from tdajob.windows.spec import CountWindow, NoWindow, SessionWindow, SlidingWindow, TumblingWindow
from tdajob.windows.spec import WindowSettings as Window


def expectations(settings: Settings, checkpoint_interval_ms: int) -> Mapping[str, int]:
    """Return metric -> milliseconds, without the metrics that the settings do not bound.

    `window_slide_ms` is the shortest interval between window ends of any input, `window_due_ms` the longest
    time that points of any input wait for a result while their stream continues.
    """
    windows = [source.window for source in settings.inputs if source.window is not None]
    slides = [
        bounds.window.slide_ms
        for bounds in windows
        if isinstance(bounds.window, TumblingWindow | SlidingWindow)
    ]
    dues = [_due_ms(bounds) for bounds in windows]
    expected = {
        "checkpoint_interval_ms": checkpoint_interval_ms if checkpoint_interval_ms > 0 else None,
        "window_slide_ms": min(slides, default=None),
        "window_due_ms": None
        if None in dues
        else max((due for due in dues if due is not None), default=None),
    }
    return {name: value for name, value in expected.items() if value is not None}


def _due_ms(settings: Window) -> int | None:
    window = settings.window
    if isinstance(window, NoWindow):
        return 0
    if isinstance(window, CountWindow):
        return window.timeout_ms
    if isinstance(window, SessionWindow):
        return None  # a session has no greatest length
    return window.slide_ms + settings.out_of_orderness_ms
