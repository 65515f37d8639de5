"""Event-time windows, which end by the stream's own clock."""

from __future__ import annotations

from typing import Any

from tdajob.windows.clock import EventClock
from tdajob.windows.spec import WindowSettings
from tdajob.windows.state_machine import P, WindowStateMachine
from tdajob.windows.values import Firing


class EventMachine(WindowStateMachine[P]):
    """A machine whose windows end by the stream's clock, which continues when the windows change."""

    def __init__(self, settings: WindowSettings) -> None:
        super().__init__(settings)
        self.clock = EventClock(settings)

    def migrate_from(
        self, old: WindowStateMachine[Any], pending: tuple[Firing, ...], dropped: list[int]
    ) -> None:
        super().migrate_from(old, pending, dropped)
        if isinstance(old, EventMachine):
            self.clock.load(old.clock.header())
