"""The Python operators, Flink's side of them; `answers`, `streams` and `readers` do the work.

Each row in is (value, topic, partition, offset, timestamp in epoch milliseconds) of a record, or a heartbeat
without a topic; each row out is (topic, key, value) of an answer. What goes from the readers to the streams
is (key, content).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pyflink.common import Row, Types
from pyflink.datastream import FlatMapFunction, KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapState, MapStateDescriptor

from tdajob import uids
from tdajob.guard import StateAccessError
from tdajob.meters import Meters
from tdajob.sampling import stop_sampling
from tdajob.settings import Settings

if TYPE_CHECKING:
    from tdajob.answers import Answerer
    from tdajob.inflight import InFlight
    from tdajob.streams import StreamAnswerer


class AnswerMessages(FlatMapFunction):  # type: ignore[misc]  # pyflink ships no types
    """Answers each message by one row (topic, key, value), and a heartbeat by none."""

    _answerer: Answerer

    def __init__(self, settings: Settings, promised: Mapping[str, int]) -> None:
        """`promised` are numbers to show beside what is measured: see `expectations`."""
        self._settings = settings
        self._promised = promised

    def open(self, runtime_context: RuntimeContext) -> None:
        # Here, so that main() on the JobManager loads neither numpy nor an engine.
        from tdajob.answers import Answerer

        stop_sampling()
        self._answerer = Answerer(self._settings)
        self._answerer.start()
        self._meters = Meters(runtime_context.get_metrics_group())
        self._meters.show(lambda: self._promised)
        self._in_flight = in_flight(self._settings, uids.COMPUTE, runtime_context)

    def flat_map(self, value: Row) -> Iterable[Row]:
        message, topic, partition, offset, timestamp = value
        if topic is None:
            return
        self._in_flight.begin(topic, partition, offset)
        answer = self._answerer.answer(message, topic, partition, offset, timestamp)
        self._meters.count(answer)
        self._in_flight.end()
        yield Row(answer.topic, answer.key, answer.value)

    def close(self) -> None:
        if hasattr(self, "_answerer"):
            self._answerer.close()
        if hasattr(self, "_in_flight"):
            self._in_flight.close()


class ReadStreamMessages(FlatMapFunction):  # type: ignore[misc]  # pyflink ships no types
    """Reads each message of one windowed input, and sends it on to its stream."""

    def __init__(self, settings: Settings, number: int, beats: Sequence[str]) -> None:
        """`number` is the input's; `beats` are keys of which each subtask of the streams has one."""
        self._settings = settings
        self._number = number
        self._beats = beats

    def open(self, runtime_context: RuntimeContext) -> None:
        from tdajob.readers import StreamReader

        stop_sampling()
        self._reader = StreamReader(self._settings, self._number)
        self._in_flight = in_flight(
            self._settings, uids.READERS[self._settings.inputs[self._number].route], runtime_context
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
        if hasattr(self, "_in_flight"):
            self._in_flight.close()


class AnswerStreams(KeyedProcessFunction):  # type: ignore[misc]
    """Windows each stream's points and answers each window."""

    _answerer: StreamAnswerer

    def __init__(self, settings: Settings, promised: Mapping[str, int], *, threads: bool) -> None:
        """`promised` as for AnswerMessages; `threads`: this runs in a thread of the JVM."""
        self._settings = settings
        self._promised = promised
        # From a thread PyFlink hands bytes of the other type to Java as an array of objects, which fails.
        self._pieces = Types.PICKLED_BYTE_ARRAY() if threads else Types.PRIMITIVE_ARRAY(Types.BYTE())

    def open(self, runtime_context: RuntimeContext) -> None:
        from tdajob.envelope import record_of
        from tdajob.streams import StreamAnswerer

        stop_sampling()
        self._answerer = StreamAnswerer(self._settings, now_ms())
        self._meters = Meters(runtime_context.get_metrics_group())
        self._meters.show(self._answerer.stats)
        self._meters.show(lambda: self._promised)
        descriptor = MapStateDescriptor("stream", Types.LONG(), self._pieces)
        self._store = KeyedStore(runtime_context.get_map_state(descriptor))
        self._record_of, self._topics = record_of, [one.topic for one in self._settings.inputs]
        self._in_flight = in_flight(self._settings, uids.STREAMS, runtime_context)

    def process_element(self, content: bytes, ctx: KeyedProcessFunction.Context) -> Iterable[Row]:
        if not content:
            return
        key = ctx.get_current_key()
        record = self._record_of(content, self._topics)
        if record is not None:
            self._in_flight.begin(*record)
        for answer in self._answerer.message(key, content, self._store, now_ms()):
            self._meters.count(answer)
            yield Row(answer.topic, answer.key, answer.value)
        self._arm(key, ctx)
        if record is not None:
            self._in_flight.end()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Row]:
        key = ctx.get_current_key()
        for answer in self._answerer.tick(key, self._store, max(timestamp, now_ms())):
            self._meters.count(answer)
            yield Row(answer.topic, answer.key, answer.value)
        self._arm(key, ctx)

    def close(self) -> None:
        if hasattr(self, "_answerer"):
            self._answerer.close()
        if hasattr(self, "_in_flight"):
            self._in_flight.close()

    def _arm(self, key: str, ctx: KeyedProcessFunction.Context) -> None:
        moment = self._answerer.timer_to_set(key)
        if moment is not None:
            ctx.timer_service().register_processing_time_timer(moment)


class KeyedStore:
    """The pieces of the current stream, in Flink's keyed state; what fails there is a StateAccessError."""

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
    """The note of the record in progress, of the subtask that is opened."""
    from tdajob.inflight import InFlight

    topics = [one.topic for one in settings.inputs]
    owner = f"{settings.kafka.bootstrap_servers} {settings.kafka.group_id} {operator}"
    return InFlight(owner, topics, restarted=runtime_context.get_attempt_number() > 0)


def now_ms() -> int:
    """The processing time that timers go by, in epoch milliseconds."""
    return time.time_ns() // 1_000_000
