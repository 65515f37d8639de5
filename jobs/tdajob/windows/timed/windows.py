"""Tumbling and sliding windows of event time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from tdajob.windows.event_time import EventMachine
from tdajob.windows.spec import SlidingWindow, TumblingWindow, WindowSettings
from tdajob.windows.state.codec import RECORDS, TABLE, content_of
from tdajob.windows.state.records import Record, Records
from tdajob.windows.state.rows import Rows, by_key, ends_of_runs
from tdajob.windows.state_machine import NONE_LATE
from tdajob.windows.timed.panes import Panes
from tdajob.windows.timed.plan import (
    FiringSimulation,
    FiringStep,
    PanePlan,
    PendingFiring,
    holds_any,
    non_empty_windows,
)
from tdajob.windows.values import Firing, IntArray

Time = TypeVar("Time", int, IntArray)

_NO_PANE = -(1 << 62)  # of a late point


class TimeMachine(EventMachine[PanePlan]):
    """Windows with a fixed number of panes, numbered by their first pane.

    A window that the timeout has fired remains open: if points are added to it, it fires again, with the
    next revision, when the clock reaches its end or after the next timeout.

    The points that are kept are between the oldest window that is kept and the greatest event time, that is
    in at most (size + out_of_orderness + allowed_lateness) / slide + 2 panes, and a pane keeps at most
    `max_points` of them (see Panes). A window above `max_points` fires without points (`too_large`) or with
    landmarks.
    """

    def __init__(self, settings: WindowSettings, window: TumblingWindow | SlidingWindow) -> None:
        super().__init__(settings)
        self._width, self._offset = window.slide_ms, window.offset_ms
        self._length = window.size_ms // window.slide_ms
        self._panes = Panes(self.store, settings.max_points, settings.overflow)
        self._records = Records()

    def _plan(self, rows: Rows) -> PanePlan:
        panes = (rows.times - self._offset) // self._width
        ended, gone = self._last_window(self.clock.now), self._last_window(self.clock.horizon)
        now, horizon = self.clock.after(int(rows.times.max()))
        quiet = (ended, gone) == (self._last_window(now), self._last_window(horizon))
        if quiet and int(panes.min()) >= ended + self._length:
            return PanePlan(panes, NONE_LATE, (), {}, 0)
        return self._simulate(rows, panes, ended, gone)

    def _simulate(self, rows: Rows, panes: IntArray, ended: int, gone: int) -> PanePlan:
        clocks, horizons = self.clock.after_each(rows.times)
        ended_after, gone_after = self._last_window(clocks), self._last_window(horizons)
        late = panes <= gone_after
        trial = FiringSimulation(
            length=self._length,
            limit=self.settings.max_windows_per_message,
            alive=self._panes.numbers(),
            ended=ended,
            gone=gone,
            next_seq=self.next_seq + len(rows),
            record_of=self._records.get,
            newer=self._newer(),
        )
        any_late = bool(late.any())
        start = 0
        for stop in _moves(ended_after + gone_after, ended + gone):
            chosen = panes[start:stop]
            trial.take((chosen[~late[start:stop]] if any_late else chosen).tolist())
            trial.move(stop, int(ended_after[stop - 1]), int(gone_after[stop - 1]))
            if trial.over:
                break
            start = stop
        else:
            trial.take((panes[start:][~late[start:]] if any_late else panes[start:]).tolist())
            trial.finish(len(rows))
        return PanePlan(panes, late.nonzero()[0], trial.steps, trial.records, trial.expected)

    def _apply(self, rows: Rows, plan: PanePlan) -> list[Firing]:
        panes = plan.panes
        if len(plan.late):
            panes = panes.copy()
            panes[plan.late] = _NO_PANE
        firings: list[Firing] = []
        start = 0
        for stop, windows in [*plan.steps, FiringStep(len(rows), [])]:
            for pane, part in by_key(rows.part(start, stop), panes[start:stop]):
                if pane != _NO_PANE:
                    self._panes.add(pane, part)
            firings += self._fire(windows, "clock")
            start = stop
        gone_before = self._last_window(self.clock.horizon)
        self.clock.advance(int(rows.times.max()))
        for window, record in plan.records.items():
            self._records.put(window, record)
        if self._last_window(self.clock.horizon) > gone_before:
            self._drop_gone()
        return firings

    def flush(self, closed_by: str, limit: int) -> tuple[list[Firing], bool]:
        due: list[PendingFiring] = []
        for window in self._waiting():
            if len(due) == limit:
                return self._fire_early(due, closed_by), False
            record = self._records.get(window)
            due.append(
                PendingFiring(window, record.revision + 1, record.late)
                if record
                else PendingFiring(window, 0, 0)
            )
        return self._fire_early(due, closed_by), True

    def pending_panes(self) -> int:
        # Includes panes of which only the tally is kept.
        return len(self._panes.numbers())

    def _waiting(self) -> Iterator[int]:
        """Yield the open windows with points that are in no firing of the window."""
        alive, newer = self._panes.numbers(), self._newer()
        if not alive:
            return
        for window in non_empty_windows(alive, self._length, self._last_window(self.clock.now), alive[-1]):
            record = self._records.get(window)
            if record is None or holds_any(newer(record.fired_at), window, self._length):
                yield window

    def _fire_early(self, due: list[PendingFiring], closed_by: str) -> list[Firing]:
        for window, revision, late in due:
            self._records.put(window, Record(revision, late, self.next_seq))
        return self._fire(due, closed_by)

    def _fire(self, due: Sequence[PendingFiring], closed_by: str) -> list[Firing]:
        if not due:
            return []
        windows = [window for window, _, _ in due]
        contents = self._panes.contents(windows, self._length, self.dimension or 0)
        return [
            self._firing(
                content,
                start=window * self._width + self._offset,
                end=(window + self._length) * self._width + self._offset,
                late=late,
                revision=revision,
                closed_by=closed_by,
            )
            for (window, revision, late), content in zip(due, contents, strict=True)
        ]

    def _newer(self) -> Callable[[int], Sequence[int]]:
        """Return a function that returns the panes with points of a running number and above."""
        alive = self._panes.numbers()
        return lru_cache(lambda number: [pane for pane in alive if self._panes.newest(pane) >= number])

    def _last_window(self, clock: Time) -> Time:
        """Return the last window that ends at or before a time, or at or before each of an array of times."""
        return (clock - self._offset) // self._width - self._length

    def _drop_gone(self) -> None:
        """Drop the panes and records of windows that are past the horizon."""
        gone = self._last_window(self.clock.horizon)
        for pane in self._panes.numbers():
            if pane > gone:
                break
            self._panes.drop(pane)
        self._records.drop_through(gone)

    def _own_changes(self) -> tuple[dict[int, bytes], list[int]]:
        puts, drops = self._panes.changes()
        more, gone = self._records.changes()
        return {**puts, **more}, drops + gone

    def _own_header(self) -> dict[str, Any]:
        return self.clock.header()

    def _load_own(self, header: Mapping[str, Any], tables: Mapping[int, bytes]) -> None:
        self.clock.load(header)
        self._panes.load({chunk: table for chunk, table in tables.items() if content_of(chunk) == TABLE})
        self._records.load({chunk: table for chunk, table in tables.items() if content_of(chunk) == RECORDS})


def _moves(after: IntArray, before: int) -> list[int]:
    """Return the indices of a message's points before which the window number `after` has increased."""
    moves = [index + 1 for index in ends_of_runs(after)]
    return [1, *moves] if after[0] != before else moves
