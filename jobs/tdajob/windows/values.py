"""Input and output values of a stream's windows, and their common interface."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrival:
    """One accepted message of a stream, with its n points in the message's order; n may be 0.

    `coordinates` (n, d), event `times` (n,) in epoch ms. `place` is the position of the message in Kafka
    (`Origin.place`): unique among the messages of a stream, and the same in a replay.
    """

    coordinates: FloatArray
    times: IntArray
    message_id: str | None
    place: str


@dataclass(frozen=True)
class Identity:
    """The unique identity of a firing among all firings of a stream, before and after a restart.

    `life` is the `place` of the first message since the stream's state was created: numbers and windows may
    be repeated in a later life, with other points. `numbers` are first and last running number of a count
    window, start, end and revision of a time window, and for a session also the first running number, since
    two sessions that a bound separates may begin and end in the same milliseconds.
    """

    life: str
    kind: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class WindowInfo:
    """The metadata of a fired window; times in epoch ms.

    `start` and `end` bound it as [start, end), None where windows do not depend on event time. `first_event`
    and `last_event` are the least and greatest event time of its points, `first_seq` and `last_seq` the least
    and greatest of their running numbers. `num_points` counts all of them, `late` those that arrived after
    the stream's clock had reached the window's end. `partial`: a count window with fewer points than its
    size. `closed_by`: count, clock, message, timeout, max_duration, max_points, state_ttl, or changed (the
    job was restarted with other windows). `supersedes` are the firings of sessions that this one replaces.
    `too_large`: it had more than `max_points` points and contains none. `covering_radius`: every point is
    within that distance of a point of the firing; 0.0 if the firing contains all.
    """

    kind: str
    life: str
    start: int | None
    end: int | None
    first_event: int
    last_event: int
    first_seq: int
    last_seq: int
    num_points: int
    late: int
    revision: int
    partial: bool
    closed_by: str
    supersedes: tuple[Identity, ...]
    too_large: bool
    covering_radius: float

    @property
    def identity(self) -> Identity:
        if self.start is None or self.end is None:
            return Identity(self.life, self.kind, (self.first_seq, self.last_seq))
        span = (self.start, self.end, self.revision)
        if self.kind == "session":
            return Identity(self.life, self.kind, (*span, self.first_seq))
        return Identity(self.life, self.kind, span)


@dataclass(frozen=True, eq=False)
class Firing:
    """The points of a fired window, in unspecified order.

    `sequences` (n,) are the running numbers of the points, unique in a stream, from 1 on: two windows contain
    the same point exactly where they share a number. `coordinates` (n, d), `times` (n,) in epoch ms. The
    arrays are never modified.
    """

    sequences: IntArray
    coordinates: FloatArray
    times: IntArray
    window: WindowInfo


@dataclass(frozen=True, eq=False)
class Outcome:
    """The effects of a message or a tick.

    `late` are the indices of the message's points that are in no window. `duplicate`: a message with this id
    was applied before, so nothing has changed. `expired`: the caller must drop the stream's state and object.
    """

    firings: tuple[Firing, ...]
    late: NDArray[np.intp]
    duplicate: bool
    expired: bool


@dataclass(frozen=True)
class Changes:
    """The changes to write to the state: the header (None: unchanged), chunks to put, and chunks to drop."""

    header: bytes | None
    puts: Mapping[int, bytes]
    drops: tuple[int, ...]


class StreamWindow(ABC):
    """The windows of one stream."""

    @abstractmethod
    def add(self, arrival: Arrival, now_ms: int) -> Outcome:
        """Apply a message, point by point. `now_ms` is processing time.

        Raises MessageError, without changes: `wrong_dimension` for points of another dimension than the
        stream's first ones, `too_many_windows` for a message that would fire more than
        `max_windows_per_message`.
        """

    @abstractmethod
    def tick(self, now_ms: int) -> Outcome:
        """Fire windows whose timeout in processing time has passed, and expire the stream after `state_ttl`.

        Fires up to `max_windows_per_message` windows; if more are due, `next_tick` is not later than
        `now_ms`.
        """

    @abstractmethod
    def floor_timers(self, began_ms: int) -> None:
        """Count timeouts and `state_ttl` not before `began_ms`: the job read no messages before it."""

    @abstractmethod
    def next_tick(self) -> int | None:
        """Return the processing time at which `tick` must be called; None for a stream without messages."""

    @abstractmethod
    def pending_panes(self) -> int:
        """Return the number of bins with points for windows that may still fire.

        These are panes of time windows, parts of sessions, and one bin for all points of a count window.
        """

    @abstractmethod
    def changes(self) -> Changes:
        """Return the changes since the last call. Header and chunks together are the whole state."""


def identity(route: str, key: str, window: Identity) -> str:
    """Return the id of a result: SHA-256 of the route, the stream's key and the identity of the firing."""
    content = orjson.dumps([route, key, window.life, window.kind, *window.numbers])
    return hashlib.sha256(content).hexdigest()
