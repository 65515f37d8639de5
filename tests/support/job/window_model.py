"""A slow model of windows by their definitions: every window is a list of points, checked after each point.

It shares only the input and output values with the job's windows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    WindowSettings,
)
from tdajob.windows.values import Arrival, Identity

from support.job.window_cases import Told


class Point(NamedTuple):
    number: int
    time: int
    coordinates: tuple[float, ...]


@dataclass
class Answer:
    firings: list[Told] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    duplicate: bool = False
    expired: bool = False
    refused: str = ""


@dataclass
class Group:
    """A time window or a session: its points, and their number at its last firing."""

    start: int
    end: int
    points: list[Point] = field(default_factory=list)
    late: int = 0
    firings: int = 0
    told: int = 0
    supersedes: tuple[Identity, ...] = ()
    bound: str = ""


class Model:
    """The model of one stream."""

    def __init__(self, settings: WindowSettings) -> None:
        self.settings = settings
        self.life = ""
        self.dimension = 0
        self.points: list[Point] = []
        self.ids: list[str] = []
        self.clock = -(10**15)
        self.groups: list[Group] = []
        self.fired_through = 0
        self.last_message: int | None = None
        self.waits_from: int | None = None

    def add(self, arrival: Arrival, now: int) -> Answer:
        before = copy.deepcopy(vars(self))
        if arrival.message_id is not None and arrival.message_id in self.ids:
            return Answer(duplicate=True)
        if self.dimension and arrival.coordinates.shape[1] != self.dimension:
            return Answer(refused="wrong_dimension")
        self.life = self.life or arrival.place
        self.dimension = arrival.coordinates.shape[1]
        answer = Answer()
        numbered = enumerate(zip(arrival.times.tolist(), arrival.coordinates.tolist(), strict=True))
        for index, (time, coordinates) in numbered:
            point = Point(len(self.points) + 1, time, tuple(coordinates))
            self.points.append(point)
            self._apply(point, index, answer)
        answer.firings += self._message_through(arrival)
        if len(answer.firings) > self.settings.max_windows_per_message:
            vars(self).update(before)
            return Answer(refused="too_many_windows")
        if arrival.message_id is not None and self.settings.dedup_ids:
            self.ids = [*self.ids, arrival.message_id][-self.settings.dedup_ids :]
        self.last_message = now
        self._restart_timeout(now, answer)
        return answer

    def tick(self, now: int) -> Answer:
        """Return everything that is due at a time."""
        answer = Answer()
        if self.last_message is None:
            return answer
        timeout = self.settings.window.timeout_ms
        timed_out = timeout is not None and self.waits_from is not None and self.waits_from + timeout <= now
        answer.expired = self.last_message + self.settings.state_ttl_ms <= now
        if timed_out or answer.expired:
            answer.firings = self._fire_waiting("timeout" if timed_out else "state_ttl")
            self.waits_from = None
        return answer

    def next_tick(self) -> int | None:
        if self.last_message is None:
            return None
        times = [self.last_message + self.settings.state_ttl_ms]
        if self.settings.window.timeout_ms is not None and self.waits_from is not None:
            times.append(self.waits_from + self.settings.window.timeout_ms)
        return min(times)

    def _restart_timeout(self, now: int, _answer: Answer) -> None:
        self.waits_from = now

    def _apply(self, point: Point, index: int, answer: Answer) -> None:
        raise NotImplementedError

    def _message_through(self, _arrival: Arrival) -> list[Told]:
        return []

    def _fire_waiting(self, _closed_by: str) -> list[Told]:
        return []

    def _tell(self, points: Sequence[Point], closed_by: str, group: Group | None, partial: bool) -> Told:
        too_large = len(points) > self.settings.max_points
        return Told(
            points=() if too_large else tuple(sorted((p.number, p.time, p.coordinates) for p in points)),
            start=group.start if group else None,
            end=group.end if group else None,
            late=group.late if group else 0,
            revision=group.firings if group else 0,
            partial=partial,
            closed_by=closed_by,
            supersedes=group.supersedes if group else (),
            too_large=too_large,
            num_points=len(points),
            first_event=min(point.time for point in points),
            last_event=max(point.time for point in points),
            first_seq=min(point.number for point in points),
            last_seq=max(point.number for point in points),
        )


class NoneModel(Model):
    def _apply(self, _point: Point, _index: int, _answer: Answer) -> None:
        pass

    def _message_through(self, arrival: Arrival) -> list[Told]:
        count = len(arrival.times)
        return [self._tell(self.points[-count:], "message", None, False)] if count else []


class CountModel(Model):
    def _apply(self, _point: Point, _index: int, answer: Answer) -> None:
        window = self.settings.window
        assert isinstance(window, CountWindow)
        seen = len(self.points)
        if seen >= window.size and (seen - window.size) % window.slide == 0:
            answer.firings.append(self._tell(self.points[-window.size :], "count", None, False))
            self.fired_through = seen

    def _restart_timeout(self, now: int, answer: Answer) -> None:
        if self.fired_through == len(self.points):
            self.waits_from = None
        elif answer.firings or self.waits_from is None:
            self.waits_from = now

    def _fire_waiting(self, closed_by: str) -> list[Told]:
        window = self.settings.window
        assert isinstance(window, CountWindow)
        if self.fired_through == len(self.points):
            return []
        self.fired_through = len(self.points)
        partial = len(self.points) < window.size
        return [self._tell(self.points[-window.size :], closed_by, None, partial)]


class EventModel(Model):
    """The common part of tumbling windows, sliding windows and sessions: clock, and firing of groups."""

    def _apply(self, point: Point, index: int, answer: Answer) -> None:
        if not self._take(point):
            answer.late.append(index)
            return
        before = self.clock
        self.clock = max(before, point.time - self.settings.out_of_orderness_ms)
        for group in sorted(self.groups, key=lambda group: (group.end, group.start)):
            first_time = group.firings == 0 and before < group.end <= self.clock
            going = not self._kept(group) and len(group.points) > group.told
            if first_time or going or self._full(group):
                answer.firings.append(self._fire(group, self._reason(group)))
        self.groups = [group for group in self.groups if self._kept(group) and not self._full(group)]

    def _message_through(self, _arrival: Arrival) -> list[Told]:
        ended = [group for group in self.groups if group.end <= self.clock and len(group.points) > group.told]
        ended.sort(key=lambda group: (group.end, group.start))
        return [self._fire(group, self._reason(group)) for group in ended]

    def _fire_waiting(self, closed_by: str) -> list[Told]:
        waiting = [group for group in self.groups if len(group.points) > group.told]
        waiting.sort(key=lambda group: (group.end, group.start))
        return [self._fire(group, closed_by) for group in waiting]

    def _fire(self, group: Group, closed_by: str) -> Told:
        telling = self._tell(group.points, closed_by, group, False)
        group.firings += 1
        group.told = len(group.points)
        return telling

    def _kept(self, group: Group) -> bool:
        return group.end + self.settings.allowed_lateness_ms > self.clock

    def _take(self, point: Point) -> bool:
        raise NotImplementedError

    def _full(self, _group: Group) -> bool:
        return False

    def _reason(self, _group: Group) -> str:
        return "clock"


class TimeModel(EventModel):
    def _take(self, point: Point) -> bool:
        taken = False
        for start, end in self._windows_around(point.time):
            group = next((group for group in self.groups if group.start == start), Group(start, end))
            if self._kept(group):
                if not group.points:
                    self.groups.append(group)
                group.points.append(point)
                group.late += end <= self.clock
                taken = True
        return taken

    def _windows_around(self, time: int) -> Iterator[tuple[int, int]]:
        window = self.settings.window
        assert isinstance(window, TumblingWindow | SlidingWindow)
        for start in range(time - window.size_ms + 1, time + 1):
            if (start - window.offset_ms) % window.slide_ms == 0:
                yield start, start + window.size_ms


class SessionModel(EventModel):
    def _take(self, point: Point) -> bool:
        assert isinstance(self.settings.window, SessionWindow)
        gap = self.settings.window.gap_ms
        near = [
            group
            for group in self.groups
            if any(abs(point.time - other.time) <= gap for other in group.points)
        ]
        alone = Group(point.time, point.time + gap, [point], late=int(point.time + gap <= self.clock))
        reason = self._too_much(near, point) if near else ""
        parts = [] if reason else near
        if reason:
            possible = [group for group in near if not self._too_much([group], point)]
            parts = sorted(possible, key=lambda group: (self._distance(group, point), group.start))[:1]
        if not parts and not self._kept(alone):
            return False
        new = self._as_one(parts, point, gap) if parts else alone
        self.groups = [group for group in self.groups if group not in parts]
        self.groups.append(new)
        close = sorted([new, *(group for group in near if group not in parts)], key=lambda g: g.start)
        for group in close[:-1]:
            group.bound = reason
        return True

    def _as_one(self, parts: list[Group], point: Point, gap: int) -> Group:
        parts = sorted(parts, key=lambda group: group.start)
        points = [*(p for group in parts for p in group.points), point]
        return Group(
            start=min(p.time for p in points),
            end=max(p.time for p in points) + gap,
            points=points,
            late=sum(group.late for group in parts) + any(group.end <= self.clock for group in parts),
            firings=max(group.firings for group in parts),
            told=-1 if len(parts) > 1 else parts[0].told,
            supersedes=tuple(one for group in parts for one in group.supersedes),
            bound=parts[-1].bound,
        )

    def _too_much(self, groups: list[Group], point: Point) -> str:
        points = [point, *(p for group in groups for p in group.points)]
        times = [p.time for p in points]
        if max(times) - min(times) > self.settings.max_duration_ms:
            return "max_duration"
        return "max_points" if len(points) > self.settings.max_points else ""

    def _distance(self, group: Group, point: Point) -> int:
        times = [p.time for p in group.points]
        inside = min(times) <= point.time <= max(times)
        return 0 if inside else min(abs(point.time - time) for time in times)

    def _full(self, group: Group) -> bool:
        return len(group.points) >= self.settings.max_points

    def _reason(self, group: Group) -> str:
        return "max_points" if self._full(group) else group.bound or "clock"

    def _fire(self, group: Group, closed_by: str) -> Told:
        telling = super()._fire(group, closed_by)
        numbers = (group.start, group.end, telling.revision, telling.first_seq)
        group.supersedes = (Identity(self.life, "session", numbers),)
        return telling


def model(settings: WindowSettings) -> Model:
    window = settings.window
    if isinstance(window, NoWindow):
        return NoneModel(settings)
    if isinstance(window, CountWindow):
        return CountModel(settings)
    return SessionModel(settings) if isinstance(window, SessionWindow) else TimeModel(settings)
