"""What goes into the windows of a stream and what comes out of them."""

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


class UnreadableState(ValueError):
    """State that this version of the job cannot read; the message says what it found."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """One accepted message of a stream, its n points in the message's order; n may be 0.

    `coordinates` has shape (n, d), `times` the n event times in epoch ms. `place` is where the message
    lies in Kafka (`Origin.place`): no two messages of a stream share it, and a replay gives the same.
    """

    coordinates: FloatArray
    times: IntArray
    message_id: str | None
    place: str


@dataclass(frozen=True)
class Identity:
    """What tells one firing of a stream from all its others, before and after a restart.

    `life` is the place of the first message since the stream was last unknown: numbers and windows may
    come again in a later life, with other points. `numbers` are first and last running number of a count
    window, start, end and revision of a time window, and for a session also the first running number,
    since two sessions that a bound keeps apart may begin and end in the same milliseconds.
    """

    life: str
    kind: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class WindowInfo:
    """What is told of a fired window; times in epoch ms.

    `start` and `end` bound it as [start, end), None where event time plays no part. `first_event` and
    `last_event` are the least and greatest event time of its points, `first_seq` and `last_seq` the least
    and greatest of their running numbers. `num_points` counts all of them, `late` those that came when
    the stream's clock had reached the window's end already. `partial`: a count window with fewer points
    than its size. `closed_by`: count, clock, message, timeout, max_duration, max_points, state_ttl, or
    changed (the job came back with other windows). `supersedes` are the firings of sessions that this one
    replaces. `too_large`: it had more than `max_points` points and comes without any. `covering_radius`:
    every point lies at most that far from one of those that are given; 0.0 where all are.
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
    """The points of a fired window, in no order that means anything.

    `sequences` (n,) are the running numbers of the points: each point of a stream has its own, from 1 on,
    so two windows hold the same point exactly where they share a number. `coordinates` (n, d), `times`
    (n,) in epoch ms. The arrays are never written to again.
    """

    sequences: IntArray
    coordinates: FloatArray
    times: IntArray
    window: WindowInfo


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a message or a tick has led to.

    `late` are the indices of the message's points that no window took. `duplicate`: the message's id was
    known, so it has changed nothing. `expired`: the stream is forgotten; drop its state and this object.
    """

    firings: tuple[Firing, ...]
    late: NDArray[np.intp]
    duplicate: bool
    expired: bool


@dataclass(frozen=True)
class Changes:
    """What to write to the state: the header (None: as it was), chunks to put, and chunks to drop."""

    header: bytes | None
    puts: Mapping[int, bytes]
    drops: tuple[int, ...]


class StreamWindow(ABC):
    """The windows of one stream."""

    @abstractmethod
    def add(self, arrival: Arrival, now_ms: int) -> Outcome:
        """Apply a message, point by point. `now_ms` is processing time.

        Raises MessageError and leaves everything as it was: `wrong_dimension` for points of another
        dimension than the stream's first ones, `too_many_windows` for a message that would fire more
        than `max_windows_per_message`.
        """

    @abstractmethod
    def tick(self, now_ms: int) -> Outcome:
        """Fire what has waited for too long by processing time, and forget the stream after `state_ttl`.

        Fires up to `max_windows_per_message` windows; where more are due, `next_tick` is not later than
        `now_ms`.
        """

    @abstractmethod
    def count_from(self, began_ms: int) -> None:
        """Let no wait and no silence count from before `began_ms`, when nobody could have sent anything."""

    @abstractmethod
    def next_tick(self) -> int | None:
        """The processing time at which `tick` has something to do; None for a stream without messages."""

    @abstractmethod
    def pending_panes(self) -> int:
        """The pieces in which points are kept for windows that may still fire.

        That is panes of windows by time, parts of sessions, and of a count window one for all its points.
        """

    @abstractmethod
    def changes(self) -> Changes:
        """What has changed since the last call. Header and chunks together are the whole state."""


def identity(route: str, key: str, window: Identity) -> str:
    """The id of a result: SHA-256 of the route, the stream's key and what tells the firing from others."""
    content = orjson.dumps([route, key, window.life, window.kind, *window.numbers])
    return hashlib.sha256(content).hexdigest()
