"""Python operators of the dataflow: adapters between Flink and `answers`, `lane`, `streams` and `readers`.

An input row is (value, topic, partition, offset, timestamp in epoch milliseconds) of a record, or a heartbeat
without a topic; an output row is (topic, key, value) of an output record. Rows from the readers to the
streams are (key, content).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyflink.common import Row, Types
from pyflink.datastream import (
    FlatMapFunction,
    KeyedProcessFunction,
    OutputTag,
    ProcessFunction,
    RuntimeContext,
    TimeDomain,
)
from pyflink.datastream.state import MapState, MapStateDescriptor

from tdajob.flink import operator_uids
from tdajob.flink.beam_sampling import stop_sampling
from tdajob.flink.metrics import OperatorMetrics
from tdajob.processing.guard import StateAccessError
from tdajob.settings.job import Settings

if TYPE_CHECKING:
    from tdajob.flink.record_in_flight import InFlight
    from tdajob.lane.scheduler import HeavyAnswerer
    from tdajob.processing.requests import OutputRecord, RequestProcessor
    from tdajob.processing.streams import StreamProcessor

AT_THE_END = 2**63 - 2
"""Event time that no watermark reaches before the one that ends the input."""

# Rows from the requests to the lanes of heavy requests: (lane, packed request).
HEAVY = OutputTag("heavy", Types.ROW([Types.STRING(), Types.PRIMITIVE_ARRAY(Types.BYTE())]))


class AnswerMessages(ProcessFunction):  # type: ignore[misc]  # pyflink ships no types
    """Emits one row (topic, key, value) for each light request; heavy requests go to the output `HEAVY`."""

    _answerer: RequestProcessor

    def __init__(self, settings: Settings, promised: Mapping[str, int], lanes: Sequence[str]) -> None:
        """Report `promised` as gauges (see `expectations`); heavy requests go to the `lanes` in turn."""
        self._settings = settings
        self._expected = promised
        self._lanes = lanes

    def open(self, runtime_context: RuntimeContext) -> None:
        # Imported here, so that main() on the JobManager loads neither numpy nor an engine.
        from tdajob.processing.requests import RequestProcessor

        stop_sampling()
        self._answerer = RequestProcessor(self._settings)
        self._answerer.start()
        self._meters = OperatorMetrics(runtime_context.get_metrics_group())
        self._meters.show(self._answerer.stats)
        self._meters.show(lambda: self._expected)
        self._in_flight = in_flight(self._settings, operator_uids.COMPUTE, runtime_context)
        # Each subtask starts at another lane, so that few requests are distributed evenly, too.
        self._lane = _subtask(runtime_context)
        self._to_wake = self._lanes if self._lane == 0 else ()

    def process_element(self, value: Row, ctx: ProcessFunction.Context) -> Iterable[Any]:  # noqa: ARG002 -- as Flink calls it
        message, topic, partition, offset, timestamp = value
        if topic is None:
            lanes, self._to_wake = self._to_wake, ()
            for lane in lanes:
                yield HEAVY, Row(lane, b"")
            return
        self._in_flight.begin(topic, partition, offset)
        answer = self._answerer.answer_light(message, topic, partition, offset, timestamp)
        if isinstance(answer, bytes):
            self._in_flight.end()
            self._lane = (self._lane + 1) % len(self._lanes)
            yield HEAVY, Row(self._lanes[self._lane], answer)
            return
        self._meters.count(answer)
        self._in_flight.end()
        yield Row(answer.topic, answer.key, answer.value)

    def close(self) -> None:
        _close(self, "_answerer", "_in_flight")


class AnswerHeavy(KeyedProcessFunction):  # type: ignore[misc]
    """Processes heavy requests; its keys are the lanes.

    After each start every lane gets one record without content, at which it loads its state: with PyFlink's
    own operator a timer that was set in the last bundle before a checkpoint may be missing after a restore.
    """

    _answerer: HeavyAnswerer

    def __init__(self, settings: Settings, *, threads: bool) -> None:
        """Create the operator; `threads` is true if it runs in a thread of the JVM."""
        self._settings = settings
        self._pieces = _pieces(threads=threads)

    def open(self, runtime_context: RuntimeContext) -> None:
        from tdajob.lane.scheduler import HeavyAnswerer

        stop_sampling()
        self._in_flight = in_flight(self._settings, operator_uids.HEAVY, runtime_context)
        self._answerer = HeavyAnswerer(self._settings, in_flight=self._in_flight)
        self._meters = OperatorMetrics(runtime_context.get_metrics_group(), always_open=False)
        self._meters.show(self._answerer.stats)
        descriptor = MapStateDescriptor("heavy", Types.LONG(), self._pieces)
        self._store = KeyedStore(runtime_context.get_map_state(descriptor))

    def process_element(self, content: bytes, ctx: KeyedProcessFunction.Context) -> Iterable[Row]:
        lane = ctx.get_current_key()
        # The timestamp is constant, so a lane has one such timer; it fires at the end of the input.
        ctx.timer_service().register_event_time_timer(AT_THE_END)
        if content:
            yield from _rows(self._answerer.add(lane, content, self._store, now_ms()), self._meters)
        else:
            yield from _rows(self._answerer.tick(lane, self._store, now_ms()), self._meters)
        self._set_timer(lane, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Row]:
        lane = ctx.get_current_key()
        if ctx.time_domain() == TimeDomain.EVENT_TIME:
            yield from _rows(self._answerer.drain(lane, self._store, now_ms()), self._meters)
            return
        yield from _rows(self._answerer.tick(lane, self._store, max(timestamp, now_ms())), self._meters)
        self._set_timer(lane, ctx)

    def close(self) -> None:
        _close(self, "_answerer", "_in_flight")

    def _set_timer(self, lane: str, ctx: KeyedProcessFunction.Context) -> None:
        moment = self._answerer.timer_to_set(lane, now_ms())
        if moment is not None:
            ctx.timer_service().register_processing_time_timer(moment)


class ReadStreamMessages(FlatMapFunction):  # type: ignore[misc]  # pyflink ships no types
    """Parses the messages of one windowed input and keys them by stream."""

    def __init__(self, settings: Settings, number: int, beats: Sequence[str]) -> None:
        """Read the input with index `number`; `beats` has a heartbeat key for each subtask of the streams."""
        self._settings = settings
        self._number = number
        self._beats = beats

    def open(self, runtime_context: RuntimeContext) -> None:
        from tdajob.processing.stream_reader import StreamReader

        stop_sampling()
        self._reader = StreamReader(self._settings, self._number)
        self._in_flight = in_flight(
            self._settings, operator_uids.READERS[self._settings.inputs[self._number].route], runtime_context
        )

    def flat_map(self, value: Row) -> Iterable[Row]:
        message, topic, partition, offset, timestamp = value
        if topic is None:
            return [Row(key, b"") for key in self._beats]
        self._in_flight.begin(topic, partition, offset)
        row = Row(*self._reader.read(message, partition, offset, timestamp))
        self._in_flight.end()
        return [row]

    def close(self) -> None:
        _close(self, "_in_flight")


class AnswerStreams(KeyedProcessFunction):  # type: ignore[misc]
    """Windows the points of each stream and emits the output records of each window."""

    _answerer: StreamProcessor

    def __init__(self, settings: Settings, promised: Mapping[str, int], *, threads: bool) -> None:
        """Report `promised` as gauges; `threads` is true if the operator runs in a thread of the JVM."""
        self._settings = settings
        self._expected = promised
        self._pieces = _pieces(threads=threads)

    def open(self, runtime_context: RuntimeContext) -> None:
        from tdajob.processing.envelope import record_of
        from tdajob.processing.streams import StreamProcessor

        stop_sampling()
        self._answerer = StreamProcessor(self._settings, now_ms())
        self._meters = OperatorMetrics(runtime_context.get_metrics_group())
        self._meters.show(self._answerer.stats)
        self._meters.show(lambda: self._expected)
        descriptor = MapStateDescriptor("stream", Types.LONG(), self._pieces)
        self._store = KeyedStore(runtime_context.get_map_state(descriptor))
        self._record_of, self._topics = record_of, [source.topic for source in self._settings.inputs]
        self._in_flight = in_flight(self._settings, operator_uids.STREAMS, runtime_context)

    def process_element(self, content: bytes, ctx: KeyedProcessFunction.Context) -> Iterable[Row]:
        if not content:
            return
        key = ctx.get_current_key()
        record = self._record_of(content, self._topics)
        if record is not None:
            self._in_flight.begin(*record)
        yield from _rows(self._answerer.message(key, content, self._store, now_ms()), self._meters)
        self._set_timer(key, ctx)
        if record is not None:
            self._in_flight.end()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Row]:
        key = ctx.get_current_key()
        yield from _rows(self._answerer.tick(key, self._store, max(timestamp, now_ms())), self._meters)
        self._set_timer(key, ctx)

    def close(self) -> None:
        _close(self, "_answerer", "_in_flight")

    def _set_timer(self, key: str, ctx: KeyedProcessFunction.Context) -> None:
        moment = self._answerer.timer_to_set(key)
        if moment is not None:
            ctx.timer_service().register_processing_time_timer(moment)


def _rows(answers: Iterable[OutputRecord], meters: OperatorMetrics) -> Iterator[Row]:
    """Count each output record and yield it as a row (topic, key, value)."""
    for answer in answers:
        meters.count(answer)
        yield Row(answer.topic, answer.key, answer.value)


def _close(function: object, *names: str) -> None:
    """Close the attributes that `open` has set; it may have failed before all were set."""
    for name in names:
        if hasattr(function, name):
            getattr(function, name).close()


def _pieces(*, threads: bool) -> Any:
    """Return the type of bytes in keyed state."""
    # In a thread PyFlink passes bytes of the other type to Java as an array of objects, which fails.
    return Types.PICKLED_BYTE_ARRAY() if threads else Types.PRIMITIVE_ARRAY(Types.BYTE())


class KeyedStore:
    """The pieces of the current stream or lane in Flink's keyed state. Raises StateAccessError."""

    def __init__(self, state: MapState) -> None:
        self._state = state

    def pieces(self) -> Mapping[int, bytes]:
        try:
            return {int(number): bytes(content) for number, content in self._state.items()}
        except Exception as error:
            raise StateAccessError("cannot read the state of a stream") from error

    def put(self, number: int, content: bytes) -> None:
        try:
            self._state.put(number, content)
        except Exception as error:
            raise StateAccessError("cannot write the state of a stream") from error

    def drop(self, number: int) -> None:
        try:
            self._state.remove(number)
        except Exception as error:
            raise StateAccessError("cannot write the state of a stream") from error

    def clear(self) -> None:
        try:
            self._state.clear()
        except Exception as error:
            raise StateAccessError("cannot write the state of a stream") from error


def in_flight(settings: Settings, operator: str, runtime_context: RuntimeContext) -> InFlight:
    """Open the note of the record in progress for this subtask of an operator."""
    from tdajob.flink.record_in_flight import InFlight

    topics = [source.topic for source in settings.inputs]
    owner = f"{settings.kafka.bootstrap_servers} {settings.kafka.group_id} {operator}"
    return InFlight(owner, topics, restarted=_attempt(runtime_context) > 0)


def _subtask(runtime_context: RuntimeContext) -> int:
    """Return the index of the subtask, from 0."""
    try:
        return int(runtime_context.get_index_of_this_subtask())
    except AttributeError:
        return int(_task_info(runtime_context).getIndexOfThisSubtask())


def _attempt(runtime_context: RuntimeContext) -> int:
    """Return the number of earlier starts of the subtask in this run of the job."""
    try:
        return int(runtime_context.get_attempt_number())
    except AttributeError:
        return int(_task_info(runtime_context).getAttemptNumber())


def _task_info(runtime_context: RuntimeContext) -> Any:
    """Return Flink 2's TaskInfo: in threads PyFlink still calls methods that the Java context has no more."""
    return runtime_context._runtime_context.getTaskInfo()


def now_ms() -> int:
    """Return the processing time in epoch milliseconds."""
    return time.time_ns() // 1_000_000
