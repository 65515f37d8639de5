"""Effects of a message on the sessions of a stream, computed before anything is changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tdajob.windows.sessions.session import Bounds, Session, joined_by, merge_sessions, open_session
from tdajob.windows.values import IntArray

LATE = -1  # instead of a bin


class PendingSession(NamedTuple):
    """A session that fires, in its state before the firing, and the cause."""

    session: Session
    closed_by: str


class SessionStep(NamedTuple):
    """The sessions that fire, in this order, after the points before index `stop` of the message."""

    stop: int
    due: list[PendingSession]


@dataclass(frozen=True, eq=False)
class SessionPlan:
    """`bins` of the points, LATE for those that are in no session; `sessions` after the message."""

    bins: IntArray
    late: NDArray[np.intp]
    steps: Sequence[SessionStep]
    sessions: list[Session]
    next_bin: int
    firings: int


@dataclass
class SessionSimulation:
    """A simulation of a message, point by point.

    `sessions` are those that are kept, in ascending order of time; they do not overlap. `now` is the stream's
    clock; sessions that end at or before `horizon` are dropped. The caller advances both after each point. A
    session fires for the first time right after the point that advances the clock to its end, or that fills
    it. A repeated firing is delayed to the end of the message, or until the session is dropped: so it happens
    at most once.
    """

    bounds: Bounds
    sessions: list[Session]
    now: int
    horizon: int
    next_bin: int
    steps: list[SessionStep] = field(default_factory=list)
    firings: int = 0
    _due: list[PendingSession] = field(default_factory=list)

    def take(self, time: int, sequence: int) -> int:
        """Add a point and return its bin, or LATE."""
        begin, end = near(self.sessions, time, time, self.bounds.gap)
        nearby = self.sessions[begin:end]
        parts, apart = joined_by(nearby, time, self.bounds) if nearby else ([], "")
        if parts:
            late = any(self._ended(part) for part in parts)
            taken = merge_sessions(parts).with_point(time, late=late)
        elif time + self.bounds.gap > self.horizon:
            taken = open_session(self.next_bin, time, sequence, late=time + self.bounds.gap <= self.now)
            self.next_bin += 1
        else:
            return LATE
        after = [session for session in nearby if all(session is not part for part in parts)]
        after = sorted([*after, taken], key=_first)
        if apart:
            # All but the last would continue without the bound.
            after[:-1] = [replace(session, apart=apart) for session in after[:-1]]
        self.sessions[begin:end] = [session for session in after if not self._fire_if_full(session)]
        return taken.bins[0]

    def move(self, stop: int, now: int, horizon: int) -> None:
        """Set the clock, which may be unchanged, after the point before index `stop`."""
        index = bisect_right(self.sessions, self.now, key=self._end)
        while index < len(self.sessions) and self._end(self.sessions[index]) <= now:
            session = self.sessions[index]
            if session.revision < 0:
                self.sessions[index] = self._fire(session)
            index += 1
        gone = bisect_right(self.sessions, horizon, key=self._end)
        for session in self.sessions[:gone]:
            if session.waiting:
                self._fire(session)
        del self.sessions[:gone]
        self.now, self.horizon = now, horizon
        self._close_step(stop)

    def finish(self, stop: int) -> None:
        """Fire the delayed sessions at the end of the message."""
        ended = bisect_right(self.sessions, self.now, key=self._end)
        for index, session in enumerate(self.sessions[:ended]):
            if session.waiting:
                self.sessions[index] = self._fire(session)
        self._close_step(stop)

    def _fire(self, session: Session, closed_by: str = "") -> Session:
        self._due.append(PendingSession(session, closed_by or session.apart or "clock"))
        self.firings += 1
        return session.fired(self.bounds.gap)

    def _close_step(self, stop: int) -> None:
        if self._due:
            self._due.sort(key=lambda due: (due.session.last, due.session.first))
            self.steps.append(SessionStep(stop, self._due))
            self._due = []

    def _fire_if_full(self, session: Session) -> bool:
        """Fire the session if it has the greatest number of points, and return whether it does."""
        full = session.count >= self.bounds.max_points
        if full:
            self._fire(session, "max_points")
        return full

    def _end(self, session: Session) -> int:
        return session.last + self.bounds.gap

    def _ended(self, session: Session) -> bool:
        return self._end(session) <= self.now


def near(sessions: Sequence[Session], earliest: int, latest: int, gap: int) -> tuple[int, int]:
    """Return begin and end index of the sessions within the gap of a time from `earliest` to `latest`."""
    begin = bisect_left(sessions, earliest - gap, key=_last)
    return begin, max(begin, bisect_right(sessions, latest + gap, key=_first))


def _first(session: Session) -> int:
    return session.first


def _last(session: Session) -> int:
    return session.last
