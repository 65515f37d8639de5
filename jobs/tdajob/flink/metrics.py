"""Metrics of the job in microseconds, bytes and counts: Flink accepts only integers from Python."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tdajob.flink.cgroup_memory import container_memory

if TYPE_CHECKING:
    from tdajob.processing.requests import ComputationStats, OutputRecord

RECENT = 1000  # number of computations of which the quantiles are taken
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class OperatorMetrics:
    """Flink metrics of one subtask.

    `tda_ready` is 1 as soon as the operator is open. The gauges of a computation are registered at the first
    one: before it they have no value, and 0 would be wrong. Flink's own distributions were observed to
    report 0, so the quantiles of the last computations are computed here; aggregate subtasks by the maximum.
    """

    def __init__(self, group: Any, *, always_open: bool = True) -> None:
        """Register the counters; `always_open` is false for an operator that opens at its first record."""
        self._group = group
        self._last: ComputationStats | None = None
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
        """Register a gauge `tda_NAME` for each number that `stats` returns."""
        for name in stats():
            self._group.gauge(f"tda_{name}", functools.partial(_value, stats, name))

    def count(self, answer: OutputRecord) -> None:
        """Count an output record."""
        if answer.code is not None:
            self._refused.inc()
            self._counter_of(answer.code).inc()
        if answer.done is None:
            return
        if self._last is None:
            self._add_computation_gauges()
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

    def _add_computation_gauges(self) -> None:
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
    memory = container_memory()
    return memory.used if memory else 0


def _container_limit() -> int:
    memory = container_memory()
    return memory.limit if memory else 0


def _value(stats: Callable[[], Mapping[str, int]], name: str) -> int:
    return stats().get(name, 0)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
