"""The one Python operator, Flink's side of it: a message in, its one answer out. `answers` does the work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pyflink.common import Row
from pyflink.datastream import FlatMapFunction, RuntimeContext

from tdajob.settings import Settings

if TYPE_CHECKING:
    from tdajob.answers import Answer, Answerer, Done


class AnswerMessages(FlatMapFunction):  # type: ignore[misc]  # pyflink ships no types
    """Answers each message by one row (topic, key, value), and a heartbeat by none."""

    _answerer: Answerer
    _meters: Meters

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self, runtime_context: RuntimeContext) -> None:
        # Here, so that main() on the JobManager loads neither numpy nor an engine.
        from tdajob.answers import Answerer

        self._answerer = Answerer(self._settings)
        self._meters = Meters(runtime_context.get_metrics_group())

    def flat_map(self, value: Row) -> Iterable[Row]:
        message, topic, partition, offset, timestamp = value
        if topic is None:
            return
        milliseconds = timestamp.seconds * 1000 + timestamp.nanos // 1_000_000
        answer = self._answerer.answer(message, topic, partition, offset, milliseconds)
        self._meters.count(answer)
        yield Row(answer.topic, answer.key, answer.value)

    def close(self) -> None:
        if hasattr(self, "_answerer"):
            self._answerer.close()


class Meters:
    """The job's metrics, all integers, since Flink keeps no others of Python's.

    `tda_ready` is 1 as soon as the operator is open. The gauges of a computation are registered by the first
    one: before it there is no value to show, and 0 would be a lie.
    """

    def __init__(self, group: Any) -> None:
        self._group = group
        self._last: Done | None = None
        self._answered = group.counter("tda_requests_answered")
        self._refused = group.counter("tda_errors")
        self._points = group.counter("tda_points_processed")
        self._pairs = group.counter("tda_persistence_pairs")
        group.gauge("tda_ready", lambda: 1)

    def count(self, answer: Answer) -> None:
        if answer.done is None:
            self._refused.inc()
            return
        if self._last is None:
            self._group.gauge("tda_computation_time_us", self._computation_time)
            self._group.gauge("tda_memory_usage_bytes", self._memory_usage)
        self._last = answer.done
        self._answered.inc()
        self._points.inc(answer.done.points)
        self._pairs.inc(answer.done.pairs)

    def _computation_time(self) -> int:
        return round(self._last.effort.seconds * 1_000_000) if self._last else 0

    def _memory_usage(self) -> int:
        return self._last.effort.memory_bytes if self._last else 0
