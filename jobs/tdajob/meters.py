"""The job's metrics: integers alone, since Flink keeps no others of Python's; microseconds, bytes, counts."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tdajob.container import container_memory

if TYPE_CHECKING:
    from tdajob.answers import Answer, Done

RECENT = 1000  # computations that the quantiles are of
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Meters:
    """What one subtask has done, as Flink's metrics.

    `tda_ready` is 1 as soon as the operator is open. The gauges of a computation are registered by the first
    one: before it there is no value to show, and 0 would be a lie. Flink's own distributions were seen to
    read 0, so the quantiles of the last computations are made here; over subtasks take their maximum.
    """

    def __init__(self, group: Any, *, always_open: bool = True) -> None:
        """`always_open` is false for an operator that opens at its first record: it is ready without that."""
        self._group = group
        self._last: Done | None = None
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._by_code: dict[str, Any] = {}
        self._answered = group.counter("tda_requests_answered")
        self._refused = group.counter("tda_errors")
        self._points = group.counter("tda_points_processed")
        self._pairs = group.counter("tda_persistence_pairs")
        self._computing = group.counter("tda_computing_us")
        if always_open:
            group.gauge("tda_ready", lambda: 1)
        if container_memory() is not None:
            group.gauge("tda_container_memory_bytes", _container_memory)
            group.gauge("tda_container_memory_limit_bytes", _container_limit)

    def show(self, stats: Callable[[], Mapping[str, int]]) -> None:
        """Show each of some numbers as the gauge `tda_` and its name."""
        for name in stats():
            self._group.gauge(f"tda_{name}", functools.partial(_value, stats, name))

    def count(self, answer: Answer) -> None:
        """Take in an answer that goes out."""
        if answer.code is not None:
            self._refused.inc()
            self._counter_of(answer.code).inc()
        if answer.done is None:
            return
        if self._last is None:
            self._show_computations()
        self._last = answer.done
        self._recent.append(answer.done.effort.seconds)
        self._answered.inc()
        self._points.inc(answer.done.points)
        self._pairs.inc(answer.done.pairs)
        self._computing.inc(_microseconds(answer.done.effort.seconds))

    def _counter_of(self, code: str) -> Any:
        if code not in self._by_code:
            self._by_code[code] = self._group.add_group("code", code).counter("tda_errors_by_code")
        return self._by_code[code]

    def _show_computations(self) -> None:
        self._group.gauge("tda_computation_time_us", self._computation_time)
        self._group.gauge("tda_memory_usage_bytes", self._memory_usage)
        for name, share in QUANTILES.items():
            self._group.gauge(f"tda_computation_time_{name}_us", functools.partial(self._quantile, share))

    def _computation_time(self) -> int:
        return _microseconds(self._last.effort.seconds) if self._last else 0

    def _memory_usage(self) -> int:
        return self._last.effort.memory_bytes if self._last else 0

    def _quantile(self, share: float) -> int:
        ordered = sorted(self._recent)
        return _microseconds(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def _container_memory() -> int:
    found = container_memory()
    return found.used if found else 0


def _container_limit() -> int:
    found = container_memory()
    return found.limit if found else 0


def _value(stats: Callable[[], Mapping[str, int]], name: str) -> int:
    return stats().get(name, 0)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
