"""Windows of event time: those of a stream that has a clock of its own."""

from __future__ import annotations

from typing import Any

from tdajob.windows.clock import EventClock
from tdajob.windows.machine import Machine, P
from tdajob.windows.spec import WindowSettings
from tdajob.windows.values import Firing


class EventMachine(Machine[P]):
    """A machine whose windows end by the stream's clock, which goes on when their shape changes."""

    def __init__(self, settings: WindowSettings) -> None:
        super().__init__(settings)
        self.clock = EventClock(settings)

    def take_over(self, old: Machine[Any], left_over: tuple[Firing, ...], dropped: list[int]) -> None:
        super().take_over(old, left_over, dropped)
        if isinstance(old, EventMachine):
            self.clock.load(old.clock.header())
