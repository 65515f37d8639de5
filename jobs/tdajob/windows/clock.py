"""The progress of event time in one stream, by the stream's own points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tdajob.windows.spec import WindowSettings
from tdajob.windows.values import IntArray

_BEGINNING = -(1 << 60)  # ms; before every timestamp, and far enough from the ends of int64 to reckon with


class EventClock:
    """The stream's clock: its greatest event time minus `out_of_orderness`; it never goes back.

    What ends at or before `now` has ended; what ends at or before `horizon` is no longer kept. Both are
    part of the state, so that other settings after a restart cannot open again what was closed.
    """

    def __init__(self, settings: WindowSettings) -> None:
        self.now = _BEGINNING
        self.horizon = _BEGINNING
        self._behind = settings.out_of_orderness_ms
        self._kept = settings.allowed_lateness_ms

    def after(self, event: int) -> tuple[int, int]:
        """Clock and horizon after a point with that event time, of which this clock is not told yet."""
        now = max(self.now, event - self._behind)
        return now, max(self.horizon, now - self._kept)

    def after_each(self, events: IntArray) -> tuple[IntArray, IntArray]:
        """Clocks and horizons after each of several points, in their order."""
        now = np.maximum(np.maximum.accumulate(events) - self._behind, self.now)
        return now, np.maximum(now - self._kept, self.horizon)

    def advance(self, event: int) -> None:
        self.now, self.horizon = self.after(event)

    def header(self) -> dict[str, Any]:
        return {"clock": self.now, "horizon": self.horizon}

    def load(self, header: Mapping[str, Any]) -> None:
        self.now, self.horizon = header["clock"], header["horizon"]
