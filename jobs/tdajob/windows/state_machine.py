"""Base of all kinds of windows: running numbers, timeouts, bounds and state of one stream."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError
from tdajob.windows.contents import Content, limit_points
from tdajob.windows.message_ids import MessageIds
from tdajob.windows.spec import WindowSettings, as_document
from tdajob.windows.state import codec
from tdajob.windows.state.rows import Rows
from tdajob.windows.state.store import PointStore
from tdajob.windows.values import Arrival, Changes, Firing, Identity, Outcome, StreamWindow, WindowInfo

NONE_LATE: NDArray[np.intp] = np.empty(0, dtype=np.intp)
NOTHING = Outcome((), NONE_LATE, duplicate=False, expired=False)
_COMMON = ("life", "dimension", "next_seq", "last_message", "waiting_since", "next_chunk")


class Plan(Protocol):
    """The effects of a message, computed before anything is changed."""

    @property
    def firings(self) -> int: ...

    @property
    def late(self) -> NDArray[np.intp]: ...


class OnTime:
    """A plan for windows without late points."""

    @property
    def late(self) -> NDArray[np.intp]:
        return NONE_LATE


P = TypeVar("P", bound=Plan)


class WindowStateMachine(StreamWindow, Generic[P]):
    """The state machine of one stream's windows, new or restored from its state by `load`.

    The state of a stream: its points, each once, as long as a window that may still fire contains it; up to
    `dedup_ids` ids of messages; and a header of a few hundred bytes.
    """

    def __init__(self, settings: WindowSettings) -> None:
        self.settings = settings
        self.life: str | None = None
        self.dimension: int | None = None
        self.next_seq = 1
        self.last_message: int | None = None  # processing time
        self.waiting_since: int | None = None  # processing time from which the timeout counts
        self.ids = MessageIds(settings.dedup_ids)
        self.store = PointStore()
        self.left_over: tuple[Firing, ...] = ()  # of windows of the former kind; part of the next outcome
        self._dropped: list[int] = []
        self._shape = as_document(settings.window)
        self._saved_header: bytes | None = None

    # Defined by each kind of window

    @abstractmethod
    def _plan(self, rows: Rows) -> P:
        """Return the effects of at least one point, without changes; may stop counting above the limit."""

    @abstractmethod
    def _apply(self, rows: Rows, plan: P) -> list[Firing]:
        """Apply a plan of `_plan`, and return its firings."""

    @abstractmethod
    def flush(self, closed_by: str, limit: int) -> tuple[list[Firing], bool]:
        """Fire up to `limit` windows with points that have not fired; the flag is true if those were all."""

    @abstractmethod
    def _own_header(self) -> dict[str, Any]:
        """Return the header fields of the kind."""

    @abstractmethod
    def _load_own(self, header: Mapping[str, Any], tables: Mapping[int, bytes]) -> None:
        """Restore the header fields of the kind, and its tables."""

    def _own_changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Return the kind's tables to put and to drop since the last call."""
        return {}, []

    # Interface of `StreamWindow`

    def add(self, arrival: Arrival, now_ms: int) -> Outcome:
        if self.ids.holds(arrival.message_id):
            return Outcome((), NONE_LATE, duplicate=True, expired=False)
        self._check_dimension(arrival)
        count = len(arrival.times)
        numbers = np.arange(self.next_seq, self.next_seq + count, dtype=np.int64)
        rows = Rows(numbers, arrival.times, arrival.coordinates)
        plan = self._plan(rows) if count else None
        if plan is not None and plan.firings > self.settings.max_windows_per_message:
            raise self._too_many_windows()
        self.life = self.life or arrival.place
        self.dimension = arrival.coordinates.shape[1]
        self.next_seq += count
        self.ids.remember(arrival.message_id)
        firings = self._apply(rows, plan) if plan is not None else []
        self.last_message = now_ms
        self.waiting_since = self._waits_from(now_ms)
        late = NONE_LATE if plan is None else plan.late
        return Outcome(self._take_pending(firings), late, duplicate=False, expired=False)

    def tick(self, now_ms: int) -> Outcome:
        if self.last_message is None:
            return NOTHING
        timeout_at, expires_at = self._timeout_at(), self.last_message + self.settings.state_ttl_ms
        timed_out = timeout_at is not None and timeout_at <= now_ms
        firings: list[Firing] = []
        all_fired = True
        if timed_out or expires_at <= now_ms:
            closed_by = "timeout" if timed_out else "state_ttl"
            firings, all_fired = self.flush(closed_by, self.settings.max_windows_per_message)
            if all_fired:
                self.waiting_since = None
        expired = all_fired and expires_at <= now_ms
        return Outcome(self._take_pending(firings), NONE_LATE, duplicate=False, expired=expired)

    def floor_timers(self, began_ms: int) -> None:
        if self.last_message is not None:
            self.last_message = max(self.last_message, began_ms)
        if self.waiting_since is not None:
            self.waiting_since = max(self.waiting_since, began_ms)

    def next_tick(self) -> int | None:
        if self.last_message is None or self.left_over:
            return self.last_message
        expires_at = self.last_message + self.settings.state_ttl_ms
        timeout_at = self._timeout_at()
        return expires_at if timeout_at is None else min(timeout_at, expires_at)

    def pending_panes(self) -> int:
        return len(self.store)

    def changes(self) -> Changes:
        if self.last_message is None or self.left_over:
            return Changes(None, {}, ())
        puts, drops = self._own_changes()
        for more, gone in (self.store.changes(), self.ids.changes()):
            puts.update(more)
            drops += gone
        drops += self._dropped
        self._dropped = []
        header = codec.packed_table(self._header())
        unchanged = header == self._saved_header
        self._saved_header = header
        return Changes(None if unchanged else header, puts, tuple(drops))

    # State

    def load(self, header: Mapping[str, Any], chunks: Mapping[int, bytes]) -> None:
        """Restore the state of a machine of the same kind."""
        by_content: list[dict[int, bytes]] = [{}, {}, {}, {}]
        for chunk, value in chunks.items():
            by_content[codec.content_of(chunk)][chunk] = value
        self.life, self.dimension, self.next_seq, self.last_message, self.waiting_since, next_chunk = (
            header[name] for name in _COMMON
        )
        self.store.load(by_content[codec.POINTS], next_chunk)
        self.ids.load(by_content[codec.MESSAGE_IDS])
        self._load_own(header["own"], {**by_content[codec.TABLE], **by_content[codec.RECORDS]})
        self._saved_header = codec.packed_table(self._header())

    def migrate_from(
        self, old: WindowStateMachine[Any], pending: tuple[Firing, ...], dropped: list[int]
    ) -> None:
        """Start new windows on the stream of `old`, whose `pending` firings and `dropped` chunks remain."""
        self.dimension, self.next_seq, self.last_message = old.dimension, old.next_seq, old.last_message
        self.ids = old.ids
        self.store.load({}, old.store.next_chunk)
        self.left_over = pending
        self._dropped = dropped

    def _header(self) -> dict[str, Any]:
        return {
            "window": self._shape,
            "life": self.life,
            "dimension": self.dimension,
            "next_seq": self.next_seq,
            "last_message": self.last_message,
            "waiting_since": self.waiting_since,
            "next_chunk": self.store.next_chunk,
            "own": self._own_header(),
        }

    # Used by the kinds of windows

    def _firing(
        self,
        window: Content,
        *,
        start: int | None = None,
        end: int | None = None,
        late: int = 0,
        revision: int = 0,
        partial: bool = False,
        closed_by: str,
        supersedes: tuple[Identity, ...] = (),
    ) -> Firing:
        """Return the firing of a window, with its points limited to `max_points`."""
        kept = limit_points(window, self.settings.max_points, self.settings.overflow)
        rows, radius = kept or (window.rows.part(0, 0), 0.0)
        info = WindowInfo(
            kind=self.settings.window.kind,
            life=self.life or "",
            start=start,
            end=end,
            first_event=window.tally.first_event,
            last_event=window.tally.last_event,
            first_seq=window.tally.first_seq,
            last_seq=window.tally.last_seq,
            num_points=window.tally.count,
            late=late,
            revision=revision,
            partial=partial,
            closed_by=closed_by,
            supersedes=supersedes,
            too_large=kept is None,
            covering_radius=radius,
        )
        return Firing(rows.sequences, rows.coordinates, rows.times, info)

    def _waits_from(self, now_ms: int) -> int | None:
        """Return the processing time from which the timeout counts after a message: the message's own."""
        return now_ms

    def _timeout_at(self) -> int | None:
        timeout = self.settings.window.timeout_ms
        return None if timeout is None or self.waiting_since is None else self.waiting_since + timeout

    def _take_pending(self, firings: list[Firing]) -> tuple[Firing, ...]:
        pending, self.left_over = self.left_over, ()
        return (*pending, *firings)

    def _check_dimension(self, arrival: Arrival) -> None:
        given = arrival.coordinates.shape[1]
        if self.dimension is not None and given != self.dimension:
            raise MessageError(
                "wrong_dimension",
                f"points: have {given} coordinates, this stream's first message had {self.dimension}: send"
                f" points with {self.dimension}, or use another stream_id",
            )

    def _too_many_windows(self) -> MessageError:
        limit = self.settings.max_windows_per_message
        return MessageError(
            "too_many_windows",
            f"points: would fire more than max_windows_per_message = {limit} windows: send fewer points in a"
            " message, or raise that setting",
        )
