"""Sessions without their points, and their merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple


class Fired(NamedTuple):
    """The identity of a session's firing."""

    start: int
    end: int
    revision: int
    first_seq: int


@dataclass(frozen=True)
class Bounds:
    """The bounds of sessions; `gap` and `max_duration` in ms."""

    gap: int
    max_duration: int
    max_points: int


@dataclass(frozen=True)
class Session:
    """A session without its points; event times in ms.

    Its points are stored in `bins`; new ones are added to the first bin, whose number identifies the session.
    `late` points arrived after the clock had reached the session's end. `revision` is that of the last
    firing, -1 before the first one; `supersedes` are the firings that the next one replaces. `waiting` is
    true if points are in no firing. `apart` is the bound that prevents a merge with the following points, or
    "".
    """

    bins: tuple[int, ...]
    first: int
    last: int
    count: int
    late: int
    first_seq: int
    revision: int
    supersedes: tuple[Fired, ...]
    waiting: bool
    apart: str

    def with_point(self, time: int, *, late: bool) -> Session:
        """Return the session with a further point of the stream."""
        return replace(
            self,
            first=min(self.first, time),
            last=max(self.last, time),
            count=self.count + 1,
            late=self.late + late,
            waiting=True,
        )

    def fired(self, gap: int) -> Session:
        """Return the session after a firing."""
        revision = self.revision + 1
        firing = Fired(self.first, self.last + gap, revision, self.first_seq)
        return replace(self, revision=revision, supersedes=(firing,), waiting=False)

    def distance(self, time: int) -> int:
        return max(self.first - time, time - self.last, 0)


_FIELDS = tuple(field.name for field in fields(Session))


def open_session(bin_id: int, time: int, sequence: int, *, late: bool) -> Session:
    """Return a session of one point."""
    return Session(
        bins=(bin_id,),
        first=time,
        last=time,
        count=1,
        late=int(late),
        first_seq=sequence,
        revision=-1,
        supersedes=(),
        waiting=True,
        apart="",
    )


def merge_sessions(parts: Sequence[Session]) -> Session:
    """Return the union of sessions, which are given in ascending order of time."""
    if len(parts) == 1:
        return parts[0]
    return Session(
        bins=tuple(bin_id for part in parts for bin_id in part.bins),
        first=parts[0].first,
        last=parts[-1].last,
        count=sum(part.count for part in parts),
        late=sum(part.late for part in parts),
        first_seq=min(part.first_seq for part in parts),
        revision=max(part.revision for part in parts),
        supersedes=tuple(firing for part in parts for firing in part.supersedes),
        waiting=any(part.waiting for part in parts),
        apart=parts[-1].apart,
    )


def joined_by(near: Sequence[Session], time: int, bounds: Bounds) -> tuple[Sequence[Session], str]:
    """Return the sessions of `near` that a point merges, and the bound that prevents a larger merge, or "".

    `near` are the sessions within the gap of the point. All of them are returned if their union is within the
    bounds; else the nearest one that is with the point, the earlier one of two; else none.
    """
    reason = _exceeded_bound(near, time, bounds)
    if not reason:
        return near, ""
    possible = [session for session in near if not _exceeded_bound([session], time, bounds)]
    nearest = min(possible, key=lambda session: session.distance(time), default=None)
    return [] if nearest is None else [nearest], reason


def as_table(session: Session) -> dict[str, Any]:
    """Return the table for the state; the fields are in the order of the class."""
    values = {name: getattr(session, name) for name in _FIELDS}
    values["supersedes"] = [list(firing) for firing in session.supersedes]
    return {"session": list(values.values())}


def from_table(table: dict[str, Any]) -> Session:
    bins, first, last, count, late, first_seq, revision, supersedes, waiting, apart = table["session"]
    earlier = tuple(Fired(*firing) for firing in supersedes)
    return Session(tuple(bins), first, last, count, late, first_seq, revision, earlier, waiting, apart)


def _exceeded_bound(sessions: Sequence[Session], time: int, bounds: Bounds) -> str:
    """Return the bound that the union of the sessions and the point would exceed, or ""."""
    first, last = sessions[0].first, sessions[-1].last
    span = max(last, time) - min(first, time)
    # A point that does not lengthen a session is accepted, even if the bound was lowered since it opened.
    longer = len(sessions) > 1 or span > last - first
    if longer and span > bounds.max_duration:
        return "max_duration"
    if len(sessions) > 1 and sum(session.count for session in sessions) >= bounds.max_points:
        return "max_points"
    return ""
