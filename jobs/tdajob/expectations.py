"""What the job's settings promise, as metrics of their own, so that alerts fit each job."""

from __future__ import annotations

from collections.abc import Mapping

from tdajob.settings import Settings
from tdajob.windows.spec import CountWindow, NoWindow, SessionWindow, SlidingWindow, TumblingWindow
from tdajob.windows.spec import WindowSettings as Window


def expectations(settings: Settings, checkpoint_interval_ms: int) -> Mapping[str, int]:
    """Metric -> milliseconds; what is promised nowhere is left out.

    `window_slide_ms` is how often the windows of the busiest input end, `window_due_ms` how long the points
    of any input may wait for a result while its stream goes on.
    """
    windows = [one.window for one in settings.inputs if one.window is not None]
    slides = [
        one.window.slide_ms for one in windows if isinstance(one.window, TumblingWindow | SlidingWindow)
    ]
    dues = [_due_ms(one) for one in windows]
    promised = {
        "checkpoint_interval_ms": checkpoint_interval_ms if checkpoint_interval_ms > 0 else None,
        "window_slide_ms": min(slides, default=None),
        "window_due_ms": None
        if None in dues
        else max((due for due in dues if due is not None), default=None),
    }
    return {name: value for name, value in promised.items() if value is not None}


def _due_ms(settings: Window) -> int | None:
    window = settings.window
    if isinstance(window, NoWindow):
        return 0
    if isinstance(window, CountWindow):
        return window.timeout_ms
    if isinstance(window, SessionWindow):
        return None  # a session may go on for as long as it likes
    return window.slide_ms + settings.out_of_orderness_ms
