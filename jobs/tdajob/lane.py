"""The lane of heavy requests: each subtask computes one at a time beside its light ones, in turn by id.

What waits is in Flink's keyed state, and leaves it when its answer goes out: a checkpoint has every request
that has no answer yet, the one that is being computed included, and that one is begun again after a restore.
A subtask has several keys, its lanes, so that requests follow the state when the parallelism changes. State
and answers belong to a lane and are touched in its turn alone; the memory of what waits, the order and the
child process are the subtask's.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from tdajob.answers import Answer, Replies, checked_question, engine_limits, known_algorithms
from tdajob.errors import Origin, stream_error_record
from tdajob.guard import CODE, internal_error, log_failure
from tdajob.heavyrequests import HeavyRequest, unpacked
from tdajob.inflight import InFlight
from tdajob.messages import Request, Rules, parse_request
from tdajob.settings import Settings
from tdajob.statebytes import StateError
from tdajob.topology.engine import Computation, Engine
from tdajob.topology.values import Diagram
from tdajob.uploads.access import request_of
from tdajob.uploads.message import parse_upload

_log = logging.getLogger(__name__)

MAX_BYTES = 64 << 20
"""Of the requests that wait in one subtask; a single one may have more."""
LEAST_DELAY_MS, MOST_DELAY_MS = 20, 250
"""Between two looks at a computation: a tenth of the time that it has taken, within these."""
IDLE_MS = 60_000
"""After so long without a request the child process ends."""
_WAIT_SECONDS = 1.0


class Store(Protocol):
    """The numbered pieces of the current lane, each a packed request; StateAccessError where it fails."""

    def pieces(self) -> Mapping[int, bytes]: ...
    def put(self, number: int, content: bytes) -> None: ...
    def drop(self, number: int) -> None: ...


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A request of a lane by its number there."""

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
    """What memory has of a lane: how many of its requests have no answer, and the answers not yet sent."""

    next_number: int = 0
    open: int = 0
    answered: list[tuple[int, Answer]] = field(default_factory=list)
    armed: int | None = None


class HeavyAnswerer:
    """Answers heavy requests; holds a child process while there are some, so it must be closed.

    Whatever is wrong with a request, only StateAccessError is raised.
    """

    def __init__(
        self, settings: Settings, engine: Engine | None = None, in_flight: InFlight | None = None
    ) -> None:
        """`engine`: one that nobody else computes with, if there is one; `in_flight` notes records."""
        checked_question(settings)
        self._rules = Rules(settings.query, settings.limits, known_algorithms())
        self._skip = settings.skip
        self._queue = settings.heavy.queue
        self._errors_topic = settings.errors_topic
        self._outputs = {one.topic: one.output_topic for one in settings.inputs}
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
        """Sizes now, for the metrics."""
        running = int(self._running is not None)
        return {"heavy_waiting": self._waiting, "heavy_running": running, "heavy_waiting_bytes": self._bytes}

    def add(self, lane: str, content: bytes, store: Store, now_ms: int) -> Iterator[Answer]:
        """Put a request into the lane. Where the subtask has all that it may, this waits for one to begin."""
        here = yield from self._lane(lane, store, now_ms)
        while self._waiting and (self._waiting >= self._queue or self._bytes + len(content) > MAX_BYTES):
            self._advance(_WAIT_SECONDS)
        number, here.next_number = here.next_number, here.next_number + 1
        store.put(number, content)
        self._enqueue(_Waiting(lane, number, len(content), unpacked(content)))
        yield from self._sent(lane, store, now_ms)

    def tick(self, lane: str, store: Store, now_ms: int) -> Iterator[Answer]:
        """Send the lane's answers that are there, and begin what is next; end an idle child process."""
        here = yield from self._lane(lane, store, now_ms)
        if here.armed is not None and now_ms >= here.armed:
            here.armed = None
        yield from self._sent(lane, store, now_ms)
        if self.is_idle and now_ms >= self._idle_since_ms + IDLE_MS:
            self._engine.close()

    def drain(self, lane: str, store: Store, now_ms: int) -> Iterator[Answer]:
        """Compute all that the lane has: no further record comes, and no timer of processing time."""
        here = yield from self._lane(lane, store, now_ms)
        while here.open:
            self._advance(_WAIT_SECONDS)
            yield from self._sent(lane, store, now_ms)

    def timer_to_set(self, lane: str, now_ms: int) -> int | None:
        """The moment for which the lane needs a timer, if it has none that goes off before."""
        here = self._lanes.get(lane)
        if here is None:
            return None
        if here.open:
            moment = now_ms + self._delay_ms(lane)
        elif self.is_idle and now_ms < self._idle_since_ms + IDLE_MS:
            moment = self._idle_since_ms + IDLE_MS
        else:
            return None
        if here.armed is not None and here.armed <= moment:
            return None
        here.armed = moment
        return moment

    def _delay_ms(self, lane: str) -> int:
        running = self._running
        if running is None or running.waiting.lane != lane:
            return MOST_DELAY_MS
        taken = (time.monotonic() - running.began) * 1000
        return round(min(max(taken / 10, LEAST_DELAY_MS), MOST_DELAY_MS))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is computed and nothing waits."""
        return self._running is None and not self._waiting

    def _lane(self, lane: str, store: Store, now_ms: int) -> Generator[Answer, None, _Lane]:
        """The lane; the first time after a start with what its state has. Yields what that has to report."""
        here = self._lanes.get(lane)
        if here is not None:
            return here
        here = self._lanes[lane] = _Lane()
        for number, content in sorted(store.pieces().items()):
            here.next_number = max(here.next_number, number + 1)
            try:
                found = _Waiting(lane, number, len(content), unpacked(content))
            except StateError as error:
                # It stays in the state: a later release may be able to read it.
                log_failure(_log, error, "cannot read the heavy request %d of %s", number, lane)
                record = stream_error_record("requests", lane, now_ms, CODE, *internal_error(error))
                yield Answer(self._errors_topic, *record, None, CODE)
            else:
                self._enqueue(found)
        return here

    def _enqueue(self, one: _Waiting) -> None:
        self._lanes[one.lane].open += 1
        self._by_id.setdefault(one.heavy.job_id, deque()).append(one)
        self._waiting += 1
        self._bytes += one.size

    def _sent(self, lane: str, store: Store, now_ms: int) -> Iterator[Answer]:
        """The lane's answers; each leaves the state in the same turn as it goes out."""
        busy = not self.is_idle
        self._advance(0.0)
        if busy and self.is_idle:
            self._idle_since_ms = now_ms
        here = self._lanes[lane]
        answered, here.answered = here.answered, []
        for number, answer in answered:
            store.drop(number)
            here.open -= 1
            yield answer

    def _advance(self, seconds: float) -> None:
        """Take the outcome of what is computed, for which this waits so long, and begin what is next."""
        running = self._running
        if running is not None:
            if not running.computation.is_ready(seconds):
                return
            self._running = None
            with self._noted(running.waiting.heavy.origin):
                self._finish(running)
        while self._running is None and self._by_id:
            self._begin(self._next())

    def _next(self) -> _Waiting:
        """The oldest request of the id whose turn it is."""
        job_id, queued = self._by_id.popitem(last=False)
        chosen = queued.popleft()
        if queued:
            self._by_id[job_id] = queued
        self._waiting -= 1
        self._bytes -= chosen.size
        return chosen

    def _begin(self, chosen: _Waiting) -> None:
        heavy = chosen.heavy
        origin = heavy.origin
        if (origin.topic, origin.partition, origin.offset) in self._skip:
            self._answer(chosen, self._replies.skipped(heavy.message, origin))
            return
        began = time.monotonic()
        with self._noted(origin):
            self._computed(chosen, began)

    def _computed(self, chosen: _Waiting, began: float) -> None:
        heavy = chosen.heavy
        try:
            request = self._request(heavy)
            begun = self._engine.begin(request.points, request.question.query, distances=request.distances)
            if isinstance(begun, Computation):
                self._running = _Running(chosen, request, begun, time.monotonic())
            else:
                self._answer(chosen, self._result(chosen, request, begun, began))
        except Exception as error:
            self._answer(chosen, self._replies.failure(heavy.message, heavy.origin, error, heavy.job_id))

    @contextmanager
    def _noted(self, origin: Origin) -> Iterator[None]:
        """Note the record while this process works on it, not while its child does."""
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
        chosen, heavy = running.waiting, running.waiting.heavy
        try:
            diagram = running.computation.wait()
            answer = self._result(chosen, running.request, diagram, running.began)
        except Exception as error:
            answer = self._replies.failure(heavy.message, heavy.origin, error, heavy.job_id)
        self._answer(chosen, answer)

    def _result(self, chosen: _Waiting, request: Request, diagram: Diagram, began: float) -> Answer:
        origin = chosen.heavy.origin
        topic = self._outputs.get(origin.topic, self._other_output)
        return self._replies.result(request, origin, topic, diagram, time.monotonic() - began)

    def _answer(self, chosen: _Waiting, answer: Answer) -> None:
        self._lanes[chosen.lane].answered.append((chosen.number, answer))
