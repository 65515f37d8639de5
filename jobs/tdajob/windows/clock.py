"""The event-time clock of one stream, advanced by the stream's own points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tdajob.windows.spec import WindowSettings
from tdajob.windows.values import IntArray

_BEGINNING = -(1 << 60)  # ms; before every timestamp, and small enough that sums do not overflow int64


class EventClock:
    """The stream's clock: its greatest event time minus `out_of_orderness`; it never decreases.

    Windows that end at or before `now` have ended; those that end at or before `horizon` are dropped. Both
    values are part of the state, so that changed settings after a restart cannot reopen closed windows.
    """

    def __init__(self, settings: WindowSettings) -> None:
        self.now = _BEGINNING
        self.horizon = _BEGINNING
        self._behind = settings.out_of_orderness_ms
        self._kept = settings.allowed_lateness_ms

    def after(self, event: int) -> tuple[int, int]:
        """Return clock and horizon after a further point with that event time, without advancing."""
        now = max(self.now, event - self._behind)
        return now, max(self.horizon, now - self._kept)

    def after_each(self, events: IntArray) -> tuple[IntArray, IntArray]:
        """Return clocks and horizons after each of several further points (n,), without advancing."""
        now = np.maximum(np.maximum.accumulate(events) - self._behind, self.now)
        return now, np.maximum(now - self._kept, self.horizon)

    def advance(self, event: int) -> None:
        self.now, self.horizon = self.after(event)

    def header(self) -> dict[str, Any]:
        return {"clock": self.now, "horizon": self.horizon}

    def load(self, header: Mapping[str, Any]) -> None:
        self.now, self.horizon = header["clock"], header["horizon"]
