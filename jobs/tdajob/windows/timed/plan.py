"""Effects of a message on tumbling and sliding windows, computed before anything is changed."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tdajob.windows.state.records import Record
from tdajob.windows.values import IntArray


class PendingFiring(NamedTuple):
    """A window to fire, identified by its first pane."""

    window: int
    revision: int
    late: int


class FiringStep(NamedTuple):
    """The windows that fire, in this order, after the points before index `stop` of the message."""

    stop: int
    windows: list[PendingFiring]


@dataclass(frozen=True, eq=False)
class PanePlan:
    """`panes` of the points, indices of the `late` points, and `records` of repeated firings.

    Late points are in no window.
    """

    panes: IntArray
    late: NDArray[np.intp]
    steps: Sequence[FiringStep]
    records: Mapping[int, Record]
    firings: int


def non_empty_windows(alive: Sequence[int], length: int, after: int, upto: int) -> Iterator[int]:
    """Yield the windows of `length` panes, from number `after` + 1 to `upto`, with a pane of `alive`."""
    window = after + 1
    for pane in alive[bisect_left(alive, window) :]:
        first = max(window, pane - length + 1)
        if first > upto:
            return
        window = min(pane, upto) + 1
        yield from range(first, window)


def holds_any(panes: Sequence[int], window: int, length: int) -> bool:
    """Return True if the window contains one of the panes, which are in ascending order."""
    index = bisect_left(panes, window)
    return index < len(panes) and panes[index] < window + length


@dataclass
class FiringSimulation:
    """A simulation of a message, in steps between the points at which the clock closes windows.

    A window fires for the first time right after the point that advances the clock to its end. A repeated
    firing is delayed to the end of the message, or until the window is dropped: so it happens at most once.

    `alive` are the panes with points, in ascending order. `ended` and `gone` are the last windows that have
    ended and that are dropped. `newer` returns the stored panes with points of a running number and above.
    More than `limit` firings stop the simulation: `over` is true then.
    """

    length: int
    limit: int
    alive: list[int]
    ended: int
    gone: int
    next_seq: int
    record_of: Callable[[int], Record | None]
    newer: Callable[[int], Sequence[int]]
    steps: list[FiringStep] = field(default_factory=list)
    records: dict[int, Record] = field(default_factory=dict)
    firings: int = 0
    _added: list[int] = field(default_factory=list)
    _again: dict[int, PendingFiring] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        """The number of firings, including those delayed to the end of the message."""
        return self.firings + len(self._again)

    @property
    def over(self) -> bool:
        return self.expected > self.limit

    def take(self, panes: Sequence[int]) -> None:
        """Add points, none of them late, to these panes; the clock does not advance."""
        counts = Counter(panes)
        for pane, count in counts.items():
            for window in range(max(pane - self.length, self.gone) + 1, min(pane, self.ended) + 1):
                self._again[window] = self._with_late(window, count)
                if self.over:
                    return
        for pane in counts:
            for panes_with_points in (self.alive, self._added):
                if not holds_any(panes_with_points, pane, 1):
                    insort(panes_with_points, pane)

    def move(self, stop: int, ended: int, gone: int) -> None:
        """Advance the clock after the point before index `stop`."""
        due = []
        for window in non_empty_windows(self.alive, self.length, self.ended, ended):
            record = self.record_of(window)
            if record is None:
                due.append(PendingFiring(window, 0, 0))
                self.firings += 1
            elif self._has_newer(window, record):
                self._again[window] = PendingFiring(window, record.revision + 1, record.late)
            if self.over:
                return
        due += [self._again.pop(window) for window in list(self._again) if window <= gone]
        self._fire(stop, due)
        self.ended, self.gone = ended, gone

    def finish(self, stop: int) -> None:
        """Fire the delayed windows at the end of the message."""
        self._fire(stop, list(self._again.values()))
        self._again.clear()

    def _fire(self, stop: int, due: list[PendingFiring]) -> None:
        if not due:
            return
        due.sort()
        self.steps.append(FiringStep(stop, due))
        for window, revision, late in due:
            if revision or late:
                self.firings += 1
                self.records[window] = Record(revision, late, self.next_seq)

    def _with_late(self, window: int, count: int) -> PendingFiring:
        """Return the next firing of a window that has ended and gets `count` further points."""
        if window in self._again:
            _, revision, late = self._again[window]
            return PendingFiring(window, revision, late + count)
        record = self.record_of(window)
        if record is not None:
            return PendingFiring(window, record.revision + 1, record.late + count)
        # Without a record it has fired once, when it ended, unless it was empty then.
        return PendingFiring(window, int(holds_any(self.alive, window, self.length)), count)

    def _has_newer(self, window: int, record: Record) -> bool:
        """Return True if points were added to the window since it fired."""
        return holds_any(self._added, window, self.length) or holds_any(
            self.newer(record.fired_at), window, self.length
        )
