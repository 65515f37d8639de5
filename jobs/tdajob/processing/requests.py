"""Processing of requests, without Flink: exactly one result or error record for each message."""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tdajob.errors import NOTHING_MORE, MessageError, Origin, error_record
from tdajob.lane.heavy_requests import HeavyRequest, packed
from tdajob.messages.parameters import RequestedComputation, resolve_request
from tdajob.messages.requests import Request, Rules, parse_request
from tdajob.processing.guard import CODE, SKIPPED, SKIPPED_REASON, internal_error, log_failure
from tdajob.processing.result_record import ComputationCost, ResultSubject, result_record
from tdajob.settings.job import LimitSettings, Settings
from tdajob.timestamps import format_timestamp
from tdajob.topology import registry
from tdajob.topology.engine import Engine, OverrunError
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.validation import check_query
from tdajob.topology.values import ComputationError, Diagram, Limits
from tdajob.uploads.fetcher import UploadAccess, uploaded_request

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComputationStats:
    """The size and cost of the computation behind a result, for the metrics."""

    points: int
    pairs: int
    effort: ComputationCost


@dataclass(frozen=True)
class OutputRecord:
    """An output record: a result with the statistics `done`, an error record with its `code`, or an event."""

    topic: str
    key: bytes
    value: bytes
    done: ComputationStats | None
    code: str | None


class Replies:
    """Builds the output records of requests: results from diagrams, error records from exceptions."""

    def __init__(self, settings: Settings) -> None:
        self._errors_topic = settings.errors_topic
        self._max_bytes = settings.limits.max_message_bytes
        self._memory = memory_meter()

    def result(
        self, request: Request, origin: Origin, topic: str, diagram: Diagram, seconds: float
    ) -> OutputRecord:
        """Return the result of a computation that took `seconds`."""
        effort = ComputationCost(seconds, self._memory())
        subject = _subject(request, origin)
        key, value = result_record(subject, request.question, diagram, effort, self._max_bytes)
        pairs = sum(len(bars) for bars in diagram.bars)
        return OutputRecord(topic, key, value, ComputationStats(len(request.points), pairs, effort), None)

    def failure(
        self, message: bytes | None, origin: Origin, error: Exception, job_id: str | None
    ) -> OutputRecord:
        """Return the error record of an exception that was raised while a message was processed."""
        if isinstance(error, MessageError):
            return self.error(message, origin, error.code, error.reason, error.key or job_id)
        if isinstance(error, ComputationError):
            return self.error(message, origin, error.code, error.reason, job_id)
        log_failure(_log, error, "cannot process %s", origin.place)
        reason, fields = internal_error(error)
        return self.error(message, origin, CODE, reason, job_id, fields)

    def skipped(self, message: bytes | None, origin: Origin) -> OutputRecord:
        """Return the error record of a message that the settings list in `skip`."""
        return self.error(message, origin, SKIPPED, SKIPPED_REASON, None)

    def error(
        self,
        message: bytes | None,
        origin: Origin,
        code: str,
        reason: str,
        job_id: str | None,
        more: Mapping[str, object] = NOTHING_MORE,
    ) -> OutputRecord:
        key, value = error_record(message, origin, code, reason, job_id, more)
        return OutputRecord(self._errors_topic, key, value, None, code)


class RequestProcessor:
    """Processes requests into results and error records. Holds child processes: close it."""

    def __init__(self, settings: Settings) -> None:
        validate_default_query(settings)
        self._rules = Rules(settings.query, settings.limits, known_algorithms())
        self._skip = settings.skip
        self._inputs = {source.topic: source for source in settings.inputs}
        self._engine = Engine(engine_limits(settings.limits))
        self._uploads = UploadAccess(settings.uploads, settings.limits.max_points)
        self._replies = Replies(settings)
        self._after_s = settings.heavy.after_s
        self._counts = {"heavy_requests": 0, "heavy_overruns": 0}

    def start(self) -> None:
        """Start the engine, so that the first message does not wait for it."""
        self._engine.start()

    def close(self) -> None:
        self._engine.close()
        self._uploads.close()

    def stats(self) -> dict[str, int]:
        """Return the number of requests passed to the lane, and how many of them had started here first."""
        return self._counts

    def answer(
        self, message: bytes | None, topic: str, partition: int, offset: int, timestamp_ms: int | None
    ) -> OutputRecord:
        """Return the result or error record of one message. Does not raise."""
        record = self._process(message, topic, partition, offset, timestamp_ms, None)
        assert isinstance(record, OutputRecord)  # noqa: S101 - without a time bound no request is heavy
        return record

    def answer_light(
        self, message: bytes | None, topic: str, partition: int, offset: int, timestamp_ms: int | None
    ) -> OutputRecord | bytes:
        """Return the same as `answer`, but a heavy request as the bytes of a HeavyRequest."""
        return self._process(message, topic, partition, offset, timestamp_ms, self._after_s)

    def _process(
        self,
        message: bytes | None,
        topic: str,
        partition: int,
        offset: int,
        timestamp_ms: int | None,
        after_s: float | None,
    ) -> OutputRecord | bytes:
        source = self._inputs[topic]
        origin = Origin(source.route, topic, partition, offset, timestamp_ms)
        job_id: str | None = None
        if self._skip and (topic, partition, offset) in self._skip:
            return self._replies.skipped(message, origin)
        try:
            request = self._request(message, origin)
            job_id = request.job_id
            if after_s is not None and self._is_heavy(request, after_s):
                return self._pack_heavy(message, origin, request)
            begin = time.perf_counter()
            compute = self._engine.compute_distances if request.distances else self._engine.compute
            try:
                diagram = compute(request.points, request.question.query, after_s)
            except OverrunError:
                self._counts["heavy_overruns"] += 1
                return self._pack_heavy(message, origin, request)
            seconds = time.perf_counter() - begin
            return self._replies.result(request, origin, source.output_topic, diagram, seconds)
        except Exception as error:
            return self._replies.failure(message, origin, error, job_id)

    def _request(self, message: bytes | None, origin: Origin) -> Request:
        if origin.route == "uploads":
            return uploaded_request(message, origin, self._rules, self._uploads)
        return parse_request(message, origin, self._rules)

    def _is_heavy(self, request: Request, after_s: float) -> bool:
        query, distances = request.question.query, request.distances
        predicted = self._engine.slowest_seconds(request.points, query, distances=distances)
        return predicted is not None and predicted > after_s

    def _pack_heavy(self, message: bytes | None, origin: Origin, request: Request) -> bytes:
        self._counts["heavy_requests"] += 1
        file = (request.points, request.input_metadata) if origin.route == "uploads" else None
        return packed(HeavyRequest(origin, request.job_id, message or b"", file))


def _subject(request: Request, origin: Origin) -> ResultSubject:
    metadata = {
        "timestamp": format_timestamp(request.timestamp_ms),
        "timestamp_source": "message" if request.own_timestamp else "kafka",
        **request.input_metadata,
    }
    identity = origin.identity(request.job_id)
    return ResultSubject(identity, request.job_id, False, len(request.points), metadata, None)


def known_algorithms() -> dict[str, list[str]]:
    """Return the names of all algorithms, each with the names of its own parameters."""
    return {
        name: [parameter.name for parameter in registry.get(name).parameters()] for name in registry.names()
    }


def validate_default_query(settings: Settings) -> RequestedComputation:
    """Return the computation that the config requests; raise at the start if no message could be computed.

    Loads the plug-in modules of the settings first.
    """
    registry.load_modules(settings.plugins)
    query = settings.query
    accepted = registry.get(query.algorithm).parameters()
    requested = resolve_request(None, None, query, known_algorithms())
    check_query(requested.query)
    resolved_parameters(query.algorithm, accepted, query.algorithm_params)
    return requested


def memory_meter() -> Callable[[], int]:
    """Return a function for this process's resident bytes; without /proc it returns their maximum so far."""
    try:
        statm = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    page = os.sysconf("SC_PAGE_SIZE")
    return lambda: int(os.pread(statm, 128, 0).split()[1]) * page


def engine_limits(limits: LimitSettings) -> Limits:
    return Limits(
        max_points=limits.max_points,
        max_predicted_bytes=limits.max_predicted_bytes,
        compute_timeout=limits.compute_timeout_s,
        max_ambient_dimension=limits.max_ambient_dimension,
    )
