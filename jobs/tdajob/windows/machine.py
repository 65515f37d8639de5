"""What the windows of all kinds have in common: one stream's numbers, timers, bounds and state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError
from tdajob.windows import codec
from tdajob.windows.content import Content, within
from tdajob.windows.message_ids import MessageIds
from tdajob.windows.rows import Rows
from tdajob.windows.spec import WindowSettings, as_document
from tdajob.windows.store import PointStore
from tdajob.windows.values import Arrival, Changes, Firing, Identity, Outcome, StreamWindow, WindowInfo

NONE_LATE: NDArray[np.intp] = np.empty(0, dtype=np.intp)
NOTHING = Outcome((), NONE_LATE, duplicate=False, expired=False)
_COMMON = ("life", "dimension", "next_seq", "last_message", "waiting_since", "next_chunk")


class Plan(Protocol):
    """What a message will do, found out before anything is changed."""

    @property
    def firings(self) -> int: ...

    @property
    def late(self) -> NDArray[np.intp]: ...


class OnTime:
    """A plan for windows that no point comes too late for."""

    @property
    def late(self) -> NDArray[np.intp]:
        return NONE_LATE


P = TypeVar("P", bound=Plan)


class Machine(StreamWindow, Generic[P]):
    """A stream that is unknown yet, or one taken up from its state by `load`.

    Kept per stream: its points, each once, as long as a window that may still fire needs it; ids of
    messages, up to `dedup_ids`; and a header of a few hundred bytes.
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
        self.left_over: tuple[Firing, ...] = ()  # of windows of another shape, to be told at the next call
        self._dropped: list[int] = []
        self._shape = as_document(settings.window)
        self._saved_header: bytes | None = None

    # What each kind of window defines

    @abstractmethod
    def _plan(self, rows: Rows) -> P:
        """What at least one point will do; may stop counting firings above the limit. Changes nothing."""

    @abstractmethod
    def _carry_out(self, rows: Rows, plan: P) -> list[Firing]:
        """Do what `_plan` has found."""

    @abstractmethod
    def fire_waiting(self, closed_by: str, limit: int) -> tuple[list[Firing], bool]:
        """Fire up to `limit` windows with points that have not fired; the flag tells whether that was all."""

    @abstractmethod
    def _own_header(self) -> dict[str, Any]:
        """What the kind adds to the header."""

    @abstractmethod
    def _load_own(self, header: Mapping[str, Any], tables: Mapping[int, bytes]) -> None:
        """Take up what the kind has added to the header, and its tables."""

    def _own_changes(self) -> tuple[dict[int, bytes], list[int]]:
        """The kind's tables to put and to drop since the last call."""
        return {}, []

    # What streams do

    def add(self, arrival: Arrival, now_ms: int) -> Outcome:
        if self.ids.holds(arrival.message_id):
            return Outcome((), NONE_LATE, duplicate=True, expired=False)
        self._check_dimension(arrival)
        count = len(arrival.times)
        numbers = np.arange(self.next_seq, self.next_seq + count, dtype=np.int64)
        rows = Rows(numbers, arrival.times, arrival.coordinates)
        plan = self._plan(rows) if count else None
        if plan is not None and plan.firings > self.settings.max_windows_per_message:
            raise self._too_many()
        self.life = self.life or arrival.place
        self.dimension = arrival.coordinates.shape[1]
        self.next_seq += count
        self.ids.remember(arrival.message_id)
        firings = self._carry_out(rows, plan) if plan is not None else []
        self.last_message = now_ms
        self.waiting_since = self._waits_from(now_ms)
        late = NONE_LATE if plan is None else plan.late
        return Outcome(self._with_left_over(firings), late, duplicate=False, expired=False)

    def tick(self, now_ms: int) -> Outcome:
        if self.last_message is None:
            return NOTHING
        timeout_at, expires_at = self._timeout_at(), self.last_message + self.settings.state_ttl_ms
        timed_out = timeout_at is not None and timeout_at <= now_ms
        firings: list[Firing] = []
        all_fired = True
        if timed_out or expires_at <= now_ms:
            closed_by = "timeout" if timed_out else "state_ttl"
            firings, all_fired = self.fire_waiting(closed_by, self.settings.max_windows_per_message)
            if all_fired:
                self.waiting_since = None
        expired = all_fired and expires_at <= now_ms
        return Outcome(self._with_left_over(firings), NONE_LATE, duplicate=False, expired=expired)

    def count_from(self, began_ms: int) -> None:
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

    # What the state holds

    def load(self, header: Mapping[str, Any], chunks: Mapping[int, bytes]) -> None:
        """Take up a state that a machine of the same kind has written."""
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

    def take_over(self, old: Machine[Any], left_over: tuple[Firing, ...], dropped: list[int]) -> None:
        """Begin new windows on a stream that `old` knew in other ones; its chunks are dropped."""
        self.dimension, self.next_seq, self.last_message = old.dimension, old.next_seq, old.last_message
        self.ids = old.ids
        self.store.load({}, old.store.next_chunk)
        self.left_over = left_over
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

    # What kinds of windows use

    def _firing(
        self,
        found: Content,
        *,
        start: int | None = None,
        end: int | None = None,
        late: int = 0,
        revision: int = 0,
        partial: bool = False,
        closed_by: str,
        supersedes: tuple[Identity, ...] = (),
    ) -> Firing:
        """The window as it is told of, with its points kept within `max_points`."""
        kept = within(found, self.settings.max_points, self.settings.overflow)
        rows, radius = kept or (found.rows.part(0, 0), 0.0)
        info = WindowInfo(
            kind=self.settings.window.kind,
            life=self.life or "",
            start=start,
            end=end,
            first_event=found.tally.first_event,
            last_event=found.tally.last_event,
            first_seq=found.tally.first_seq,
            last_seq=found.tally.last_seq,
            num_points=found.tally.count,
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
        """The processing time from which the timeout counts after a message: the message's own."""
        return now_ms

    def _timeout_at(self) -> int | None:
        timeout = self.settings.window.timeout_ms
        return None if timeout is None or self.waiting_since is None else self.waiting_since + timeout

    def _with_left_over(self, firings: list[Firing]) -> tuple[Firing, ...]:
        left_over, self.left_over = self.left_over, ()
        return (*left_over, *firings)

    def _check_dimension(self, arrival: Arrival) -> None:
        given = arrival.coordinates.shape[1]
        if self.dimension is not None and given != self.dimension:
            raise MessageError(
                "wrong_dimension",
                f"points: have {given} coordinates, this stream's first message had {self.dimension}: send"
                f" points with {self.dimension}, or use another stream_id",
            )

    def _too_many(self) -> MessageError:
        limit = self.settings.max_windows_per_message
        return MessageError(
            "too_many_windows",
            f"points: would fire more than max_windows_per_message = {limit} windows: send fewer points in a"
            " message, or raise that setting",
        )
