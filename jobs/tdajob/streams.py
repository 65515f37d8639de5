"""The job's whole work on streams, without Flink: messages into windows, fired windows into answers.

What is kept of a stream are small numbered pieces of bytes in a `Store` (Flink's keyed state). The objects
that are made of them stay in memory while a stream is busy: a cache, which can be made again at any time.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from tdajob.answers import Answer
from tdajob.embedding import Embedder
from tdajob.envelope import Envelope, Refusal, unpacked
from tdajob.errors import KEPT_PLACES, NOTHING_MORE, MessageError, Origin, error_record, stream_error_record
from tdajob.guard import CODE, StateAccessError, internal_error, log_failure
from tdajob.settings import Input, Settings
from tdajob.topology.values import FloatArray
from tdajob.windowanswers import WindowAnswerer
from tdajob.windows.opening import new_window, restored
from tdajob.windows.values import Arrival, Outcome, StreamWindow

_log = logging.getLogger(__name__)

HEADER, EMBEDDING, PREVIOUS = -1, -2, -3
"""Pieces of a stream besides its points; those have numbers from 0 on."""
CACHED_BYTES = 64 << 20
"""Of streams that are kept in memory, as large as their pieces are."""
RETRY_MS = 60_000
"""After a timer that failed; twice as long each further time, up to `MAX_DOUBLINGS` times."""
MAX_DOUBLINGS = 10

COUNTED = (
    "windows",
    "window_results",
    "revisions",
    "windows_closed_by_timeout",
    "late_points",
    "duplicate_messages",
    "expired_streams",
)


class Store(Protocol):
    """The pieces of the stream at hand; all of them raise StateAccessError alone."""

    def pieces(self) -> Mapping[int, bytes]: ...
    def put(self, number: int, content: bytes) -> None: ...
    def drop(self, number: int) -> None: ...
    def clear(self) -> None: ...


class _Stream:
    """One stream in memory: its windows, its embedding, and how large its pieces are."""

    def __init__(
        self,
        source: Input,
        settings: Settings,
        pieces: Mapping[int, bytes],
        check: Callable[[FloatArray], None],
    ) -> None:
        """`check` raises MessageError for points that cannot be used."""
        if source.window is None:
            raise ValueError(f"{source.topic} has no window")
        self.source = source
        self._check = check
        self.previous = pieces.get(PREVIOUS)
        self.armed: int | None = None  # when the earliest timer that was set goes off
        self._embed = settings.stream.preprocess.embed
        self._embedded = pieces.get(EMBEDDING)
        self.embedder = None if self._embed is None else Embedder(self._embed, self._embedded)
        chunks = {number: content for number, content in pieces.items() if number >= 0}
        header = pieces.get(HEADER)
        self.windows: StreamWindow = (
            new_window(source.window) if header is None else restored(source.window, header, chunks)
        )
        self._sizes = {number: len(content) for number, content in pieces.items()}
        self.bytes = sum(self._sizes.values())
        self.panes = self.windows.pending_panes()

    def add(self, envelope: Envelope, now_ms: int) -> Outcome:
        """Apply a message; where it is refused, or was here before, everything stays as it was."""
        message = envelope.message
        points, times = message.points, message.times
        try:
            if self.embedder is not None:
                points, times = self.embedder.embed(points, times)
            self._check(points)
            arrival = Arrival(points, times, message.message_id, envelope.origin.place)
            outcome = self.windows.add(arrival, now_ms)
        except MessageError:
            self._take_back_embedding()
            raise
        if outcome.duplicate:
            self._take_back_embedding()
        return outcome

    def write(self, store: Store) -> None:
        """Bring the store up to date; where anything cannot be packed, nothing is put."""
        changes = self.windows.changes()
        embedded = None if self.embedder is None else self.embedder.state()
        self.panes = self.windows.pending_panes()
        if changes.header is not None:
            self._put(store, HEADER, changes.header)
        for number, content in changes.puts.items():
            self._put(store, number, content)
        for number in changes.drops:
            store.drop(number)
            self.bytes -= self._sizes.pop(number, 0)
        if embedded is not None:
            self._embedded = embedded
            self._put(store, EMBEDDING, embedded)

    def remember(self, store: Store, previous: bytes) -> None:
        """Keep what the next window's diagram is compared with."""
        self.previous = previous
        self._put(store, PREVIOUS, previous)

    def timer_to_set(self) -> int | None:
        """A moment for which a timer is needed and none is set yet."""
        moment = self.windows.next_tick()
        if moment is None or (self.armed is not None and self.armed <= moment):
            return None
        self.armed = moment
        return moment

    def _put(self, store: Store, number: int, content: bytes) -> None:
        store.put(number, content)
        self.bytes += len(content) - self._sizes.get(number, 0)
        self._sizes[number] = len(content)

    def _take_back_embedding(self) -> None:
        if self._embed is not None:
            self.embedder = Embedder(self._embed, self._embedded)


class StreamAnswerer:
    """Answers streams by one record for each window and for each message that cannot be used.

    Holds engines, so it must be closed. Whatever is wrong with a message, a window or a timer, only
    StateAccessError is raised: anything else is one error record, and the stream stays as its store has it.
    """

    def __init__(self, settings: Settings, began_ms: int = 0) -> None:
        """`began_ms`: the processing time from which messages are read; a stop before it was no silence."""
        self._settings = settings
        self._began_ms = began_ms
        self._places = [(one.route, one.topic) for one in settings.inputs]
        self._by_route = {one.route: one for one in settings.inputs}
        self._windows = WindowAnswerer(settings)
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._bytes = self._panes = 0
        self._counts = Counter(dict.fromkeys(COUNTED, 0))
        self._failures = Counter[str]()  # timers that failed in a row, by stream
        self._retries = dict[str, int]()  # when a stream's failed timer is due again, until it is set

    def close(self) -> None:
        self._windows.close()

    def message(self, key: str, content: bytes, store: Store, now_ms: int) -> Iterator[Answer]:
        """Apply what a reader has sent for the stream `key`, whose pieces are in `store`."""
        route, _, name = key.partition("/")
        found = unpacked(content, name, self._places)
        if isinstance(found, Refusal):
            yield Answer(self._settings.errors_topic, found.key, found.value, None, found.code)
            return
        try:
            stream = self._stream(key, route, store)
            outcome = stream.add(found, now_ms)
            self._written(stream, store)
        except MessageError as error:
            yield self._refused(found, error.code, error.reason)
            return
        except StateAccessError:
            raise
        except Exception as error:
            log_failure(_log, error, "cannot use %s", found.origin.place)
            self._reset(key)
            yield self._refused(found, CODE, *internal_error(error))
            return
        if len(outcome.late):
            self._counts["late_points"] += len(outcome.late)
            yield self._late(found, outcome)
        self._counts["duplicate_messages"] += outcome.duplicate
        yield from self._fired(key, name, stream, store, outcome)

    def tick(self, key: str, store: Store, now_ms: int) -> Iterator[Answer]:
        """Fire what has waited for too long, and forget the stream where its time is over."""
        route, _, name = key.partition("/")
        if key not in self._streams and not store.pieces():
            return  # a timer of a stream that is forgotten
        try:
            stream = self._stream(key, route, store)
            stream.armed = None
            outcome = stream.windows.tick(now_ms)
            self._written(stream, store)
        except StateAccessError:
            raise
        except Exception as error:
            log_failure(_log, error, "a timer of the stream %s fails", name)
            self._reset(key)
            yield self._timer_failed(key, route, name, now_ms, error)
            return
        self._failures.pop(key, None)
        yield from self._fired(key, name, stream, store, outcome)
        if outcome.expired:
            store.clear()
            self._reset(key)
            self._counts["expired_streams"] += 1

    def timer_to_set(self, key: str) -> int | None:
        """The moment for which the stream needs a timer, if it has none that goes off before."""
        stream = self._streams.get(key)
        return self._retries.pop(key, None) if stream is None else stream.timer_to_set()

    def stats(self) -> dict[str, int]:
        """Counts since the start and sizes now, for the metrics."""
        sizes = {
            "streams_in_memory": len(self._streams),
            "window_cache_bytes": self._bytes,
            "pending_panes": self._panes,
        }
        return {**self._counts, **sizes, **self._windows.stats()}

    def _stream(self, key: str, route: str, store: Store) -> _Stream:
        stream = self._streams.get(key)
        if stream is None:
            source, check = self._by_route[route], self._windows.check_coordinates
            stream = _Stream(source, self._settings, store.pieces(), check)
            stream.windows.count_from(self._began_ms)
            self._streams[key] = stream
            self._bytes += stream.bytes
            self._panes += stream.panes
        self._streams.move_to_end(key)
        while self._bytes > CACHED_BYTES and len(self._streams) > 1:
            self._let_go(next(iter(self._streams)))
        return stream

    def _let_go(self, key: str) -> None:
        stream = self._streams.pop(key, None)
        if stream is not None:
            self._bytes -= stream.bytes
            self._panes -= stream.panes

    def _reset(self, key: str) -> None:
        """Drop all that memory has of a stream: what its store has counts."""
        self._let_go(key)
        self._windows.forget(key)

    def _written(self, stream: _Stream, store: Store) -> None:
        bytes_before, panes_before = stream.bytes, stream.panes
        stream.write(store)
        self._bytes += stream.bytes - bytes_before
        self._panes += stream.panes - panes_before

    def _fired(
        self, key: str, name: str, stream: _Stream, store: Store, outcome: Outcome
    ) -> Iterator[Answer]:
        for firing in outcome.firings:
            self._counts["windows"] += 1
            self._counts["revisions"] += firing.window.revision > 0
            self._counts["windows_closed_by_timeout"] += firing.window.closed_by == "timeout"
            answers, previous = self._windows.answers(key, name, stream.source, firing, stream.previous)
            if previous is not None:
                before = stream.bytes
                stream.remember(store, previous)
                self._bytes += stream.bytes - before
            self._counts["window_results"] += sum(answer.done is not None for answer in answers)
            yield from answers

    def _timer_failed(self, key: str, route: str, name: str, now_ms: int, error: Exception) -> Answer:
        """The record of a timer that failed; it is tried again later: what waits is still in the state."""
        self._retries[key] = now_ms + (RETRY_MS << min(self._failures[key], MAX_DOUBLINGS))
        self._failures[key] += 1
        record = stream_error_record(route, name, now_ms, CODE, *internal_error(error))
        return Answer(self._settings.errors_topic, *record, None, CODE)

    def _refused(
        self, envelope: Envelope, code: str, reason: str, more: Mapping[str, object] = NOTHING_MORE
    ) -> Answer:
        return self._error(envelope.raw, envelope.origin, code, reason, envelope.message.key, more)

    def _late(self, envelope: Envelope, outcome: Outcome) -> Answer:
        late = [int(index) for index in outcome.late]
        count = len(envelope.message.points)
        reason = (
            f"{len(late)} of {count} points came after their windows had been given up; the others were used:"
            " raise allowed_lateness or out_of_orderness if such points matter"
        )
        more = {"late": {"count": len(late), "points": late[:KEPT_PLACES]}}
        return self._error(envelope.raw, envelope.origin, "late", reason, envelope.message.key, more)

    def _error(
        self, raw: bytes, origin: Origin, code: str, reason: str, key: str, more: Mapping[str, object]
    ) -> Answer:
        record = error_record(raw, origin, code, reason, key, more)
        return Answer(self._settings.errors_topic, *record, None, code)
