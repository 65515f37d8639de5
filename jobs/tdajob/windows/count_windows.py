"""Count windows: the newest points after every `slide` points, independent of event time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdajob.windows.contents import content
from tdajob.windows.spec import CountWindow, WindowSettings
from tdajob.windows.state.rows import Rows, joined
from tdajob.windows.state_machine import OnTime, WindowStateMachine
from tdajob.windows.values import Firing

_RING = 0  # the one bin


@dataclass(frozen=True)
class _CountPlan(OnTime):
    """The numbers of the points, counted from 1, that complete a window."""

    full_at: range

    @property
    def firings(self) -> int:
        return len(self.full_at)


class CountMachine(WindowStateMachine[_CountPlan]):
    """Keeps the newest `size` points, in whole chunks: at most 1,023 more.

    The timeout counts from the arrival of the first point that is in no fired window. A window that the
    timeout fires does not shift the positions of the others.
    """

    def __init__(self, settings: WindowSettings, window: CountWindow) -> None:
        super().__init__(settings)
        self._window = window
        self._begun = 0  # number of points of the stream before the first one of these windows
        self._fired = 0  # number of the newest point that is in a fired window

    def _plan(self, rows: Rows) -> _CountPlan:
        size, slide = self._window.size, self._window.slide
        seen = int(rows.sequences[0]) - 1 - self._begun
        windows_before = 0 if seen < size else (seen - size) // slide + 1
        return _CountPlan(range(size + windows_before * slide, seen + len(rows) + 1, slide))

    def _apply(self, rows: Rows, plan: _CountPlan) -> list[Firing]:
        size = self._window.size
        begin = int(rows.sequences[0])
        firings = []
        if plan.full_at:
            newest = joined([self.store.rows(_RING), rows]) if _RING in self.store else rows
            shift = len(newest) - len(rows) - begin + self._begun + 1
            for number in plan.full_at:
                full = newest.part(shift + number - size, shift + number)
                firings.append(self._firing(content(full), closed_by="count"))
            self._fired = plan.full_at[-1]
            self.waiting_since = None
        self.store.append(_RING, rows.part(max(0, len(rows) - size), len(rows)))
        self.store.drop_oldest(_RING, keep=size)
        return firings

    def flush(
        self,
        closed_by: str,
        limit: int,  # noqa: ARG002 -- signature of the base class
    ) -> tuple[list[Firing], bool]:
        seen = self._seen()
        if self._fired == seen:
            return [], True
        ring = self.store.rows(_RING)
        newest = ring.part(max(0, len(ring) - self._window.size), len(ring))
        self._fired = seen
        partial = len(newest) < self._window.size
        return [self._firing(content(newest), partial=partial, closed_by=closed_by)], True

    def migrate_from(
        self, old: WindowStateMachine[Any], pending: tuple[Firing, ...], dropped: list[int]
    ) -> None:
        super().migrate_from(old, pending, dropped)
        self._begun = self.next_seq - 1

    def _waits_from(self, now_ms: int) -> int | None:
        if self._fired == self._seen():
            return None
        return now_ms if self.waiting_since is None else self.waiting_since

    def _seen(self) -> int:
        return self.next_seq - 1 - self._begun

    def _own_header(self) -> dict[str, Any]:
        return {"begun": self._begun, "fired": self._fired}

    def _load_own(
        self,
        header: Mapping[str, Any],
        tables: Mapping[int, bytes],  # noqa: ARG002 -- signature of the base class
    ) -> None:
        self._begun, self._fired = header["begun"], header["fired"]
