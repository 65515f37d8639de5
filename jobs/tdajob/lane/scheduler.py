"""Lanes of heavy requests: each subtask computes one heavy request at a time, concurrently with light ones.

Request ids take turns. Waiting requests are in Flink's keyed state, and are removed from it when their output
record is sent: a checkpoint contains every request without an output record, including the one in progress,
which is computed again after a restore. A subtask has several keys, its lanes, so that requests are
redistributed with the state when the parallelism changes. State and output records belong to a lane and are
accessed only while it is the current key; the queue, its order and the child process belong to the subtask.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tdajob.errors import Origin, stream_error_record
from tdajob.flink.record_in_flight import InFlight
from tdajob.lane.heavy_requests import HeavyRequest, unpacked
from tdajob.messages.requests import Request, Rules, parse_request
from tdajob.processing.guard import CODE, internal_error, log_failure
from tdajob.processing.requests import (
    OutputRecord,
    Replies,
    engine_limits,
    known_algorithms,
    validate_default_query,
)
from tdajob.settings.job import Settings
from tdajob.state_version import StateError
from tdajob.topology.engine import Computation, Engine
from tdajob.topology.values import Diagram
from tdajob.uploads.fetcher import request_of
from tdajob.uploads.message import parse_upload

_log = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
"""Limit of the waiting requests of one subtask; a single request may be larger."""
LEAST_DELAY_MS, MOST_DELAY_MS = 20, 250
"""Bounds of the interval between two polls of a computation, which is a tenth of its running time."""
IDLE_MS = 60_000
"""Idle time after which the child process is stopped."""
_WAIT_SECONDS = 1.0


class LaneStore(Protocol):
    """The state of the current lane: numbered pieces, each a packed request. Raises StateAccessError."""

    def pieces(self) -> Mapping[int, bytes]: ...
    def put(self, number: int, content: bytes) -> None: ...
    def drop(self, number: int) -> None: ...


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A waiting request and its number in its lane."""

    lane: str
    number: int
    size: int
    heavy: HeavyRequest


@dataclass(frozen=True, eq=False)
class _Running:
    waiting: _Waiting
    request: Request
    computation: Computation
    began: float


@dataclass
class _Lane:
    """A lane in memory: the number of its open requests, and the output records that are not sent yet."""

    next_number: int = 0
    open: int = 0
    answered: list[tuple[int, OutputRecord]] = field(default_factory=list)
    armed: int | None = None


class HeavyAnswerer:
    """Processes heavy requests in a child process: close it.

    Raises only StateAccessError; any other exception becomes an error record.
    """

    def __init__(
        self, settings: Settings, engine: Engine | None = None, in_flight: InFlight | None = None
    ) -> None:
        """Use `engine` if given, which must not be shared; `in_flight` notes the record in progress."""
        validate_default_query(settings)
        self._rules = Rules(settings.query, settings.limits, known_algorithms())
        self._skip = settings.skip
        self._queue = settings.heavy.queue
        self._errors_topic = settings.errors_topic
        self._outputs = {source.topic: source.output_topic for source in settings.inputs}
        self._other_output = settings.inputs[0].output_topic
        self._replies = Replies(settings)
        self._engine = engine or Engine(engine_limits(settings.limits))
        self._in_flight = in_flight
        self._lanes: dict[str, _Lane] = {}
        self._by_id: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._waiting = self._bytes = 0
        self._running: _Running | None = None
        self._idle_since_ms = 0

    def close(self) -> None:
        self._engine.close()

    def stats(self) -> dict[str, int]:
        """Return the current sizes, for the metrics."""
        running = int(self._running is not None)
        return {"heavy_waiting": self._waiting, "heavy_running": running, "heavy_waiting_bytes": self._bytes}

    def add(self, lane: str, content: bytes, store: LaneStore, now_ms: int) -> Iterator[OutputRecord]:
        """Put a request into the lane. Blocks while the queue of the subtask is full."""
        current = yield from self._load_lane(lane, store, now_ms)
        while self._waiting and (self._waiting >= self._queue or self._bytes + len(content) > MAX_BYTES):
            self._advance(_WAIT_SECONDS)
        number, current.next_number = current.next_number, current.next_number + 1
        store.put(number, content)
        self._enqueue(_Waiting(lane, number, len(content), unpacked(content)))
        yield from self._send(lane, store, now_ms)

    def tick(self, lane: str, store: LaneStore, now_ms: int) -> Iterator[OutputRecord]:
        """Send the lane's completed output records, start the next request, and stop an idle child."""
        current = yield from self._load_lane(lane, store, now_ms)
        if current.armed is not None and now_ms >= current.armed:
            current.armed = None
        yield from self._send(lane, store, now_ms)
        if self.is_idle and now_ms >= self._idle_since_ms + IDLE_MS:
            self._engine.close()

    def drain(self, lane: str, store: LaneStore, now_ms: int) -> Iterator[OutputRecord]:
        """Compute all requests of the lane: at the end of the input no processing-time timer fires."""
        current = yield from self._load_lane(lane, store, now_ms)
        while current.open:
            self._advance(_WAIT_SECONDS)
            yield from self._send(lane, store, now_ms)

    def timer_to_set(self, lane: str, now_ms: int) -> int | None:
        """Return the time (epoch ms) for which a timer must be set; None if an earlier one is set."""
        current = self._lanes.get(lane)
        if current is None:
            return None
        if current.open:
            moment = now_ms + self._delay_ms(lane)
        elif self.is_idle and now_ms < self._idle_since_ms + IDLE_MS:
            moment = self._idle_since_ms + IDLE_MS
        else:
            return None
        if current.armed is not None and current.armed <= moment:
            return None
        current.armed = moment
        return moment

    def _delay_ms(self, lane: str) -> int:
        running = self._running
        if running is None or running.waiting.lane != lane:
            return MOST_DELAY_MS
        taken = (time.monotonic() - running.began) * 1000
        return round(min(max(taken / 10, LEAST_DELAY_MS), MOST_DELAY_MS))

    @property
    def is_idle(self) -> bool:
        """Return True if no request is computed or waits."""
        return self._running is None and not self._waiting

    def _load_lane(self, lane: str, store: LaneStore, now_ms: int) -> Generator[OutputRecord, None, _Lane]:
        """Return the lane, loaded from its state on first use; yield error records of unreadable requests."""
        current = self._lanes.get(lane)
        if current is not None:
            return current
        current = self._lanes[lane] = _Lane()
        for number, content in sorted(store.pieces().items()):
            current.next_number = max(current.next_number, number + 1)
            try:
                request = _Waiting(lane, number, len(content), unpacked(content))
            except StateError as error:
                # The request stays in the state: a later release may be able to read it.
                log_failure(_log, error, "cannot read the heavy request %d of %s", number, lane)
                record = stream_error_record("requests", lane, now_ms, CODE, *internal_error(error))
                yield OutputRecord(self._errors_topic, *record, None, CODE)
            else:
                self._enqueue(request)
        return current

    def _enqueue(self, request: _Waiting) -> None:
        self._lanes[request.lane].open += 1
        self._by_id.setdefault(request.heavy.job_id, deque()).append(request)
        self._waiting += 1
        self._bytes += request.size

    def _send(self, lane: str, store: LaneStore, now_ms: int) -> Iterator[OutputRecord]:
        """Yield the lane's completed output records, and remove each from the state when it is sent."""
        busy = not self.is_idle
        self._advance(0.0)
        if busy and self.is_idle:
            self._idle_since_ms = now_ms
        current = self._lanes[lane]
        answered, current.answered = current.answered, []
        for number, answer in answered:
            store.drop(number)
            current.open -= 1
            yield answer

    def _advance(self, seconds: float) -> None:
        """Finish the running computation if it is ready within `seconds`, and start the next request."""
        running = self._running
        if running is not None:
            if not running.computation.is_ready(seconds):
                return
            self._running = None
            with self._note_record(running.waiting.heavy.origin):
                self._finish(running)
        while self._running is None and self._by_id:
            self._start(self._dequeue())

    def _dequeue(self) -> _Waiting:
        """Remove and return the oldest request of the request id whose turn it is."""
        job_id, queued = self._by_id.popitem(last=False)
        waiting = queued.popleft()
        if queued:
            self._by_id[job_id] = queued
        self._waiting -= 1
        self._bytes -= waiting.size
        return waiting

    def _start(self, waiting: _Waiting) -> None:
        heavy = waiting.heavy
        origin = heavy.origin
        if (origin.topic, origin.partition, origin.offset) in self._skip:
            self._complete(waiting, self._replies.skipped(heavy.message, origin))
            return
        began = time.monotonic()
        with self._note_record(origin):
            self._start_computation(waiting, began)

    def _start_computation(self, waiting: _Waiting, began: float) -> None:
        heavy = waiting.heavy
        try:
            request = self._request(heavy)
            started = self._engine.begin(request.points, request.question.query, distances=request.distances)
            if isinstance(started, Computation):
                self._running = _Running(waiting, request, started, time.monotonic())
            else:
                self._complete(waiting, self._result(waiting, request, started, began))
        except Exception as error:
            self._complete(waiting, self._replies.failure(heavy.message, heavy.origin, error, heavy.job_id))

    @contextmanager
    def _note_record(self, origin: Origin) -> Iterator[None]:
        """Note the record while this process works on it; not while the child process computes."""
        note = self._in_flight if origin.topic in self._outputs else None
        if note is not None:
            note.begin(origin.topic, origin.partition, origin.offset)
        yield
        if note is not None:
            note.end()

    def _request(self, heavy: HeavyRequest) -> Request:
        if heavy.file is None:
            return parse_request(heavy.message, heavy.origin, self._rules)
        points, facts = heavy.file
        return request_of(parse_upload(heavy.message, heavy.origin, self._rules), points, facts)

    def _finish(self, running: _Running) -> None:
        waiting, heavy = running.waiting, running.waiting.heavy
        try:
            diagram = running.computation.wait()
            answer = self._result(waiting, running.request, diagram, running.began)
        except Exception as error:
            answer = self._replies.failure(heavy.message, heavy.origin, error, heavy.job_id)
        self._complete(waiting, answer)

    def _result(self, waiting: _Waiting, request: Request, diagram: Diagram, began: float) -> OutputRecord:
        origin = waiting.heavy.origin
        topic = self._outputs.get(origin.topic, self._other_output)
        return self._replies.result(request, origin, topic, diagram, time.monotonic() - began)

    def _complete(self, waiting: _Waiting, answer: OutputRecord) -> None:
        self._lanes[waiting.lane].answered.append((waiting.number, answer))
