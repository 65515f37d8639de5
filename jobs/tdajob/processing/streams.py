"""Processing of streams, without Flink: messages into windows, fired windows into output records.

The state of a stream is a set of small numbered pieces of bytes in a `StreamStore` (Flink's keyed state). The
objects that are decoded from them are cached in memory while a stream is active, and can be evicted at any
time.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from tdajob.errors import KEPT_PLACES, NOTHING_MORE, MessageError, Origin, error_record, stream_error_record
from tdajob.processing.embedding import Embedder
from tdajob.processing.envelope import Envelope, PackedError, unpacked
from tdajob.processing.guard import CODE, StateAccessError, internal_error, log_failure
from tdajob.processing.requests import OutputRecord
from tdajob.processing.windows import WindowProcessor
from tdajob.settings.job import Input, Settings
from tdajob.topology.values import FloatArray
from tdajob.windows.factory import new_window, restore_window
from tdajob.windows.values import Arrival, Outcome, StreamWindow

_log = logging.getLogger(__name__)

HEADER, EMBEDDING, PREVIOUS = -1, -2, -3
"""Pieces of a stream other than its windows; those have numbers from 0 on."""
CACHED_BYTES = 64 << 20
"""Limit of the streams in memory, measured by the size of their pieces."""
RETRY_MS = 60_000
"""Delay after a failed timer; doubled at each further failure, up to `MAX_DOUBLINGS` times."""
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


class StreamStore(Protocol):
    """The pieces of the current stream. All methods raise only StateAccessError."""

    def pieces(self) -> Mapping[int, bytes]: ...
    def put(self, number: int, content: bytes) -> None: ...
    def drop(self, number: int) -> None: ...
    def clear(self) -> None: ...


class _Stream:
    """One stream in memory: its windows, its embedding, and the sizes of its pieces."""

    def __init__(
        self,
        source: Input,
        settings: Settings,
        pieces: Mapping[int, bytes],
        check: Callable[[FloatArray], None],
    ) -> None:
        """Restore the stream from its pieces; `check` raises MessageError for points that cannot be used."""
        if source.window is None:
            raise ValueError(f"{source.topic} has no window")
        self.source = source
        self._check = check
        self.previous = pieces.get(PREVIOUS)
        self.armed: int | None = None  # time of the earliest timer that is set, epoch ms
        self._embed = settings.stream.preprocess.embed
        self._embedded = pieces.get(EMBEDDING)
        self.embedder = None if self._embed is None else Embedder(self._embed, self._embedded)
        chunks = {number: content for number, content in pieces.items() if number >= 0}
        header = pieces.get(HEADER)
        self.windows: StreamWindow = (
            new_window(source.window) if header is None else restore_window(source.window, header, chunks)
        )
        self._sizes = {number: len(content) for number, content in pieces.items()}
        self.bytes = sum(self._sizes.values())
        self.panes = self.windows.pending_panes()

    def add(self, envelope: Envelope, now_ms: int) -> Outcome:
        """Apply a message. If it is refused or a duplicate, the stream is unchanged."""
        message = envelope.message
        points, times = message.points, message.times
        try:
            if self.embedder is not None:
                points, times = self.embedder.embed(points, times)
            self._check(points)
            arrival = Arrival(points, times, message.message_id, envelope.origin.place)
            outcome = self.windows.add(arrival, now_ms)
        except MessageError:
            self._restore_embedder()
            raise
        if outcome.duplicate:
            self._restore_embedder()
        return outcome

    def write(self, store: StreamStore) -> None:
        """Write the changes to the store; if anything cannot be packed, nothing is written."""
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

    def remember(self, store: StreamStore, previous: bytes) -> None:
        """Store the diagram with which the next window's diagram is compared."""
        self.previous = previous
        self._put(store, PREVIOUS, previous)

    def timer_to_set(self) -> int | None:
        """Return the time (epoch ms) for which a timer must be set; None if an earlier one is set."""
        moment = self.windows.next_tick()
        if moment is None or (self.armed is not None and self.armed <= moment):
            return None
        self.armed = moment
        return moment

    def _put(self, store: StreamStore, number: int, content: bytes) -> None:
        store.put(number, content)
        self.bytes += len(content) - self._sizes.get(number, 0)
        self._sizes[number] = len(content)

    def _restore_embedder(self) -> None:
        if self._embed is not None:
            self.embedder = Embedder(self._embed, self._embedded)


class StreamProcessor:
    """Processes streams into one output record for each window and for each message that cannot be used.

    Holds engines: close it. Raises only StateAccessError: any other exception of a message, a window or a
    timer becomes one error record, and the stream is restored from its store.
    """

    def __init__(self, settings: Settings, began_ms: int = 0) -> None:
        """Count timeouts from `began_ms`, the processing time of the start."""
        self._settings = settings
        self._began_ms = began_ms
        self._places = [(source.route, source.topic) for source in settings.inputs]
        self._by_route = {source.route: source for source in settings.inputs}
        self._windows = WindowProcessor(settings)
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._bytes = self._panes = 0
        self._counts = Counter(dict.fromkeys(COUNTED, 0))
        self._failures = Counter[str]()  # timers that failed in a row, by stream
        self._retries = dict[str, int]()  # time at which a stream's failed timer is retried, until it is set

    def close(self) -> None:
        self._windows.close()

    def message(self, key: str, content: bytes, store: StreamStore, now_ms: int) -> Iterator[OutputRecord]:
        """Apply a message or an error record of a reader to the stream `key`, whose pieces are in `store`."""
        route, _, name = key.partition("/")
        envelope = unpacked(content, name, self._places)
        if isinstance(envelope, PackedError):
            yield OutputRecord(self._settings.errors_topic, envelope.key, envelope.value, None, envelope.code)
            return
        try:
            stream = self._load(key, route, store)
            outcome = stream.add(envelope, now_ms)
            self._write(stream, store)
        except MessageError as error:
            yield self._message_error(envelope, error.code, error.reason)
            return
        except StateAccessError:
            raise
        except Exception as error:
            log_failure(_log, error, "cannot process %s", envelope.origin.place)
            self._reset(key)
            yield self._message_error(envelope, CODE, *internal_error(error))
            return
        if len(outcome.late):
            self._counts["late_points"] += len(outcome.late)
            yield self._late_error(envelope, outcome)
        self._counts["duplicate_messages"] += outcome.duplicate
        yield from self._process_firings(key, name, stream, store, outcome)

    def tick(self, key: str, store: StreamStore, now_ms: int) -> Iterator[OutputRecord]:
        """Fire windows whose timeout has passed, and remove the stream after `state_ttl`."""
        route, _, name = key.partition("/")
        if key not in self._streams and not store.pieces():
            return  # a timer of a removed stream
        try:
            stream = self._load(key, route, store)
            stream.armed = None
            outcome = stream.windows.tick(now_ms)
            self._write(stream, store)
        except StateAccessError:
            raise
        except Exception as error:
            log_failure(_log, error, "cannot process a timer of the stream %s", name)
            self._reset(key)
            yield self._timer_error(key, route, name, now_ms, error)
            return
        self._failures.pop(key, None)
        yield from self._process_firings(key, name, stream, store, outcome)
        if outcome.expired:
            store.clear()
            self._reset(key)
            self._counts["expired_streams"] += 1

    def timer_to_set(self, key: str) -> int | None:
        """Return the time (epoch ms) for which the stream needs a timer; None if an earlier one is set."""
        stream = self._streams.get(key)
        return self._retries.pop(key, None) if stream is None else stream.timer_to_set()

    def stats(self) -> dict[str, int]:
        """Return counts since the start and current sizes, for the metrics."""
        sizes = {
            "streams_in_memory": len(self._streams),
            "window_cache_bytes": self._bytes,
            "pending_panes": self._panes,
        }
        return {**self._counts, **sizes, **self._windows.stats()}

    def _load(self, key: str, route: str, store: StreamStore) -> _Stream:
        stream = self._streams.get(key)
        if stream is None:
            source, check = self._by_route[route], self._windows.check_coordinates
            stream = _Stream(source, self._settings, store.pieces(), check)
            stream.windows.floor_timers(self._began_ms)
            self._streams[key] = stream
            self._bytes += stream.bytes
            self._panes += stream.panes
        self._streams.move_to_end(key)
        while self._bytes > CACHED_BYTES and len(self._streams) > 1:
            self._evict(next(iter(self._streams)))
        return stream

    def _evict(self, key: str) -> None:
        stream = self._streams.pop(key, None)
        if stream is not None:
            self._bytes -= stream.bytes
            self._panes -= stream.panes

    def _reset(self, key: str) -> None:
        """Remove a stream from memory; it is loaded again from its store."""
        self._evict(key)
        self._windows.forget(key)

    def _write(self, stream: _Stream, store: StreamStore) -> None:
        bytes_before, panes_before = stream.bytes, stream.panes
        stream.write(store)
        self._bytes += stream.bytes - bytes_before
        self._panes += stream.panes - panes_before

    def _process_firings(
        self, key: str, name: str, stream: _Stream, store: StreamStore, outcome: Outcome
    ) -> Iterator[OutputRecord]:
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

    def _timer_error(self, key: str, route: str, name: str, now_ms: int, error: Exception) -> OutputRecord:
        """Return the error record of a failed timer and schedule a retry; the state still has the windows."""
        self._retries[key] = now_ms + (RETRY_MS << min(self._failures[key], MAX_DOUBLINGS))
        self._failures[key] += 1
        record = stream_error_record(route, name, now_ms, CODE, *internal_error(error))
        return OutputRecord(self._settings.errors_topic, *record, None, CODE)

    def _message_error(
        self, envelope: Envelope, code: str, reason: str, more: Mapping[str, object] = NOTHING_MORE
    ) -> OutputRecord:
        return self._error(envelope.raw, envelope.origin, code, reason, envelope.message.key, more)

    def _late_error(self, envelope: Envelope, outcome: Outcome) -> OutputRecord:
        late = [int(index) for index in outcome.late]
        count = len(envelope.message.points)
        reason = (
            f"{len(late)} of {count} points arrived after their windows were dropped; the others were used:"
            " raise allowed_lateness or out_of_orderness to use such points"
        )
        more = {"late": {"count": len(late), "points": late[:KEPT_PLACES]}}
        return self._error(envelope.raw, envelope.origin, "late", reason, envelope.message.key, more)

    def _error(
        self, raw: bytes, origin: Origin, code: str, reason: str, key: str, more: Mapping[str, object]
    ) -> OutputRecord:
        record = error_record(raw, origin, code, reason, key, more)
        return OutputRecord(self._settings.errors_topic, *record, None, code)
