"""Session windows: points without a gap between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tdajob.windows.contents import content
from tdajob.windows.event_time import EventMachine
from tdajob.windows.sessions.plan import LATE, SessionPlan, SessionSimulation, SessionStep, near
from tdajob.windows.sessions.session import Bounds, Session, as_table, from_table, open_session
from tdajob.windows.spec import SessionWindow, WindowSettings
from tdajob.windows.state.codec import TABLE, chunk_id, packed_table, unpacked_table
from tdajob.windows.state.rows import Rows, by_key, joined
from tdajob.windows.state.store import MERGED
from tdajob.windows.state_machine import NONE_LATE
from tdajob.windows.values import Firing, Identity


class SessionMachine(EventMachine[SessionPlan]):
    """Sessions of one stream; several may be open, since points arrive out of order.

    A point that would make a session longer than `max_duration` does not join it, and two sessions whose
    union would exceed a bound are not merged: they close when the clock reaches their ends, `closed_by` the
    bound. A session with `max_points` points fires immediately and accepts no more. So a session never has
    more points than that, and the points that are kept are not older than gap + out_of_orderness +
    allowed_lateness + max_duration.

    A session that has fired and gets another point fires again when the clock reaches its end, which may be
    later then; it `supersedes` the firings whose points it contains. A session that the timeout has fired
    remains open in the same way.
    """

    def __init__(self, settings: WindowSettings, window: SessionWindow) -> None:
        super().__init__(settings)
        self._bounds = Bounds(window.gap_ms, settings.max_duration_ms, settings.max_points)
        self._sessions: list[Session] = []  # in ascending order of time; they do not overlap
        self._next_bin = 0
        self._unsaved: set[int] = set()
        self._dropped: list[int] = []

    def _plan(self, rows: Rows) -> SessionPlan:
        return self._plan_one_session(rows) or self._simulate(rows)

    def _simulate(self, rows: Rows) -> SessionPlan:
        trial = SessionSimulation(
            self._bounds, list(self._sessions), self.clock.now, self.clock.horizon, self._next_bin
        )
        clocks, horizons = self.clock.after_each(rows.times)
        bins = np.full(len(rows), LATE)
        moments = zip(
            rows.times.tolist(), rows.sequences.tolist(), clocks.tolist(), horizons.tolist(), strict=True
        )
        for index, (time, sequence, now, horizon) in enumerate(moments):
            bins[index] = trial.take(time, sequence)
            trial.move(index + 1, now, horizon)
            if trial.firings > self.settings.max_windows_per_message:
                break
        else:
            trial.finish(len(rows))
        late = np.flatnonzero(bins == LATE)
        return SessionPlan(bins, late, trial.steps, trial.sessions, trial.next_bin, trial.firings)

    def _plan_one_session(self, rows: Rows) -> SessionPlan | None:
        """Return the plan if all points join one session and nothing fires; None requires a simulation."""
        gap = self._bounds.gap
        first, last, opening_time = int(rows.times.min()), int(rows.times.max()), int(rows.times[0])
        begin, end = near(self._sessions, first, last, gap)
        if end - begin > 1 or self._reaches_an_end(last):
            return None
        if begin == end:
            old = open_session(self._next_bin, opening_time, int(rows.sequences[0]), late=False)
        else:
            old = self._sessions[begin]
        new = replace(
            old,
            first=min(old.first, first),
            last=max(old.last, last),
            count=(old.count if end > begin else 0) + len(rows),
            waiting=True,
        )
        if (
            old.last + gap <= self.clock.now
            or first < old.first - gap
            or last > old.last + gap
            or new.last - new.first > self._bounds.max_duration
            or new.count >= self._bounds.max_points
        ):
            return None
        sessions = [*self._sessions[:begin], new, *self._sessions[end:]]
        bins = np.full(len(rows), new.bins[0])
        return SessionPlan(bins, NONE_LATE, (), sessions, self._next_bin + (begin == end), 0)

    def _reaches_an_end(self, event: int) -> bool:
        """Return True if a point of that time advances the clock to the end or the horizon of a session."""
        now, horizon = self.clock.after(event)
        ended, will_have_ended, will_be_gone = (
            bisect_right(self._sessions, moment - self._bounds.gap, key=lambda session: session.last)
            for moment in (self.clock.now, now, horizon)
        )
        return will_have_ended > ended or will_be_gone > 0

    def _apply(self, rows: Rows, plan: SessionPlan) -> list[Firing]:
        firings: list[Firing] = []
        start = 0
        for stop, due in [*plan.steps, SessionStep(len(rows), [])]:
            bins = plan.bins[start:stop]
            for bin_id, part in by_key(rows.part(start, stop), bins):
                if bin_id != LATE:
                    self.store.append(bin_id, part)
            firings += [self._fire(session, closed_by) for session, closed_by in due]
            start = stop
        self.clock.advance(int(rows.times.max()))
        self._next_bin = plan.next_bin
        self._replace(plan.sessions)
        return firings

    def flush(self, closed_by: str, limit: int) -> tuple[list[Firing], bool]:
        waiting = [index for index, session in enumerate(self._sessions) if session.waiting]
        firings = [self._fire(self._sessions[index], closed_by) for index in waiting[:limit]]
        sessions = list(self._sessions)
        for index in waiting[:limit]:
            sessions[index] = sessions[index].fired(self._bounds.gap)
        self._replace(sessions)
        return firings, len(waiting) <= limit

    def _fire(self, session: Session, closed_by: str) -> Firing:
        return self._firing(
            content(joined([self.store.rows(bin_id) for bin_id in session.bins])),
            start=session.first,
            end=session.last + self._bounds.gap,
            late=session.late,
            revision=session.revision + 1,
            closed_by=closed_by,
            supersedes=tuple(
                Identity(self.life or "", "session", tuple(firing)) for firing in session.supersedes
            ),
        )

    def _replace(self, sessions: Sequence[Session]) -> None:
        """Replace the sessions, and drop the points that are in none of them."""
        before = {session.bins[0]: session for session in self._sessions}
        self._sessions = [self._merge_small_bins(session) for session in sessions]
        after = {session.bins[0]: session for session in self._sessions}
        self._unsaved |= {number for number, session in after.items() if before.get(number) is not session}
        gone = before.keys() - after.keys()
        self._unsaved -= gone
        self._dropped += [chunk_id(number, TABLE) for number in gone]
        used = {bin_id for session in self._sessions for bin_id in session.bins}
        for bin_id in [bin_id for bin_id in self.store.bins() if bin_id not in used]:
            self.store.drop(bin_id)

    def _merge_small_bins(self, session: Session) -> Session:
        """Return the session with its small further bins moved to its first, to avoid small chunks."""
        first, *others = session.bins
        small = [bin_id for bin_id in others if self.store.count(bin_id) < MERGED]
        if not small:
            return session
        for bin_id in small:
            self.store.append(first, self.store.rows(bin_id))
            self.store.drop(bin_id)
        return replace(session, bins=(first, *(bin_id for bin_id in others if bin_id not in small)))

    def _own_changes(self) -> tuple[dict[int, bytes], list[int]]:
        puts = {
            chunk_id(session.bins[0], TABLE): packed_table(as_table(session))
            for session in self._sessions
            if session.bins[0] in self._unsaved
        }
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        return puts, dropped

    def _own_header(self) -> dict[str, Any]:
        return {**self.clock.header(), "next_bin": self._next_bin}

    def _load_own(self, header: Mapping[str, Any], tables: Mapping[int, bytes]) -> None:
        self.clock.load(header)
        self._next_bin = header["next_bin"]
        sessions = [from_table(unpacked_table(table)) for table in tables.values()]
        self._sessions = sorted(sessions, key=lambda session: session.first)
