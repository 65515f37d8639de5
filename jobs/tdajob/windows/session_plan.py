"""What a message does to the sessions of a stream, found out before anything is changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tdajob.windows.session import Bounds, Session, joined_by, opened, united
from tdajob.windows.values import IntArray

LATE = -1  # in place of a bin


class Due(NamedTuple):
    """A session that fires, as it is right before, and why."""

    session: Session
    closed_by: str


class Step(NamedTuple):
    """After the points before number `stop` of the message these sessions fire, in this order."""

    stop: int
    due: list[Due]


@dataclass(frozen=True, eq=False)
class SessionPlan:
    """`bins` of the points, LATE for those that no session takes; `sessions` as they are afterwards."""

    bins: IntArray
    late: NDArray[np.intp]
    steps: Sequence[Step]
    sessions: list[Session]
    next_bin: int
    firings: int


@dataclass
class Trial:
    """A message tried out point by point.

    `sessions` are those that are kept, in ascending order of time; no two of them overlap. `now` is the
    stream's clock, `horizon` the time up to which a session's end is no longer kept; the caller moves both
    after each point. A session fires for the first time right after the point that moves the clock to its
    end, or that fills it. What fires again waits until the message is through or the session is no longer
    kept: so it does at most once.
    """

    bounds: Bounds
    sessions: list[Session]
    now: int
    horizon: int
    next_bin: int
    steps: list[Step] = field(default_factory=list)
    firings: int = 0
    _due: list[Due] = field(default_factory=list)

    def take(self, time: int, sequence: int) -> int:
        """A point comes; the bin that it comes into, or LATE."""
        begin, end = near(self.sessions, time, time, self.bounds.gap)
        found = self.sessions[begin:end]
        parts, apart = joined_by(found, time, self.bounds) if found else ([], "")
        if parts:
            late = any(self._ended(part) for part in parts)
            taken = united(parts).with_point(time, late=late)
        elif time + self.bounds.gap > self.horizon:
            taken = opened(self.next_bin, time, sequence, late=time + self.bounds.gap <= self.now)
            self.next_bin += 1
        else:
            return LATE
        after = [session for session in found if all(session is not part for part in parts)]
        after = sorted([*after, taken], key=_first)
        if apart:
            # All but the last would go on if it were not for the bound.
            after[:-1] = [replace(session, apart=apart) for session in after[:-1]]
        self.sessions[begin:end] = [session for session in after if not self._full(session)]
        return taken.bins[0]

    def move(self, stop: int, now: int, horizon: int) -> None:
        """The clock moves, or stays, after the point before number `stop`."""
        place = bisect_right(self.sessions, self.now, key=self._end)
        while place < len(self.sessions) and self._end(self.sessions[place]) <= now:
            session = self.sessions[place]
            if session.revision < 0:
                self.sessions[place] = self._fire(session)
            place += 1
        gone = bisect_right(self.sessions, horizon, key=self._end)
        for session in self.sessions[:gone]:
            if session.waiting:
                self._fire(session)
        del self.sessions[:gone]
        self.now, self.horizon = now, horizon
        self._close_step(stop)

    def finish(self, stop: int) -> None:
        """The message is through."""
        ended = bisect_right(self.sessions, self.now, key=self._end)
        for place, session in enumerate(self.sessions[:ended]):
            if session.waiting:
                self.sessions[place] = self._fire(session)
        self._close_step(stop)

    def _fire(self, session: Session, closed_by: str = "") -> Session:
        self._due.append(Due(session, closed_by or session.apart or "clock"))
        self.firings += 1
        return session.fired(self.bounds.gap)

    def _close_step(self, stop: int) -> None:
        if self._due:
            self._due.sort(key=lambda due: (due.session.last, due.session.first))
            self.steps.append(Step(stop, self._due))
            self._due = []

    def _full(self, session: Session) -> bool:
        """Whether the session has as many points as it may have; it fires then."""
        full = session.count >= self.bounds.max_points
        if full:
            self._fire(session, "max_points")
        return full

    def _end(self, session: Session) -> int:
        return session.last + self.bounds.gap

    def _ended(self, session: Session) -> bool:
        return self._end(session) <= self.now


def near(sessions: Sequence[Session], earliest: int, latest: int, gap: int) -> tuple[int, int]:
    """From which to before which place sessions come within the gap of some time between two."""
    begin = bisect_left(sessions, earliest - gap, key=_last)
    return begin, max(begin, bisect_right(sessions, latest + gap, key=_first))


def _first(session: Session) -> int:
    return session.first


def _last(session: Session) -> int:
    return session.last
