"""Entry point of all computations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tdajob.topology import registry, wire
from tdajob.topology.about import Cost, cost_for
from tdajob.topology.geometry import point_metrics
from tdajob.topology.geometry.distances import sorted_points
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.registry import Algorithm
from tdajob.topology.run import describe, execute
from tdajob.topology.validation import check_matrix, check_points, check_query
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Limits, Query
from tdajob.topology.ways import refusal, ways_that_fit
from tdajob.worker.client import ProcessEndedError, WorkerProcess

_READ_SECONDS = 10.0
_MAX_CACHED_COSTS = 1000  # entries; a producer may vary the number of coordinates


class OverrunError(Exception):
    """A computation was abandoned before its timeout because its caller would not wait longer."""


class Engine:
    """Checks, limits and runs computations, one at a time; one engine per Flink subtask.

    A computation that may exceed its time or memory, or crash, runs in a child process, which the engine
    keeps between computations.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process = WorkerProcess(f"{__package__}.child", limits.max_predicted_bytes)
        self._last: tuple[Query, Algorithm, Query] | None = None
        self._costs: dict[tuple[str, int, int | None], Cost | None] = {}

    def start(self) -> None:
        """Start the child process, so that no computation waits for its start or for a compiler."""
        self._process.start()

    def compute(self, points: FloatArray, query: Query, patience: float | None = None) -> Diagram:
        """Return the diagram of finite float64 points (n, d), in any order.

        Raises OverrunError if the child process takes more than `patience` seconds and `patience` is less
        than the timeout.

        Raises ComputationError with one of the codes bad_shape, empty_cloud, non_finite,
        too_many_points, bad_parameter, bad_coordinate, unknown_algorithm, ambient_dimension,
        predicted_memory, timeout, engine_crashed, out_of_memory. After any of them the engine is ready
        for the next computation.
        """
        return self._finish(self._begin(*self._checked_points(points, query)), patience)

    def compute_distances(
        self, distances: FloatArray, query: Query, patience: float | None = None
    ) -> Diagram:
        """Return the diagram of points that are given by distances (n, n); `query`'s metric is ignored.

        Raises ComputationError as `compute` does, and with the code bad_matrix.
        """
        return self._finish(self._begin(*self._checked_distances(distances, query)), patience)

    def begin(self, points: FloatArray, query: Query, *, distances: bool) -> Diagram | Computation:
        """Begin the work of `compute` or `compute_distances`; a long computation continues in the child.

        No other computation may begin before this one has its outcome. Raises as they do.
        """
        checked = self._checked_distances if distances else self._checked_points
        return self._begin(*checked(points, query))

    def slowest_seconds(self, points: FloatArray, query: Query, *, distances: bool) -> float | None:
        """Return the predicted seconds of the slowest measured shape; None if no cost rule applies."""
        coordinates = None if distances else points.shape[1]
        key = query.algorithm, query.max_dimension, coordinates
        if key not in self._costs:
            if len(self._costs) > _MAX_CACHED_COSTS:
                self._costs.clear()
            about = registry.get(query.algorithm).about
            self._costs[key] = None if about is None else cost_for(about.costs, *key[1:])
        cost = self._costs[key]
        return None if cost is None else cost.spread * cost.seconds(len(points))

    def _checked_points(self, points: FloatArray, query: Query) -> tuple[Algorithm, FloatArray, Query]:
        try:
            check_points(points, self._limits)
        except ComputationError as error:
            raise self._with_alternatives(error, points, query) from None
        algorithm, query = self._resolved(query)
        algorithm.check(points, query)
        return algorithm, sorted_points(points), query

    def _checked_distances(self, distances: FloatArray, query: Query) -> tuple[Algorithm, FloatArray, Query]:
        check_matrix(distances, self._limits)
        algorithm, query = self._resolved(query)
        if not algorithm.takes_distances:
            raise ComputationError(
                "bad_parameter",
                f"algorithm is '{query.algorithm}', which needs coordinates: "
                "send points, or use vietoris_rips",
            )
        query = replace(query, params={**query.params, "metric": point_metrics.PRECOMPUTED})
        algorithm.check(distances, query)
        return algorithm, distances, query

    def close(self) -> None:
        """End the child process, if it runs."""
        self._process.close()

    def _resolved(self, query: Query) -> tuple[Algorithm, Query]:
        """Return the algorithm, and the query with all parameters of the algorithm."""
        # Windows repeat the same query.
        if self._last is None or self._last[0] is not query:
            check_query(query)
            algorithm = registry.get(query.algorithm)
            params = resolved_parameters(query.algorithm, algorithm.parameters(), query.params)
            self._last = query, algorithm, replace(query, params=params)
        return self._last[1:]

    def _with_alternatives(
        self, error: ComputationError, points: FloatArray, query: Query
    ) -> ComputationError:
        """Add alternatives that fit to the error for too many points, if the query is valid."""
        if error.code != "too_many_points":
            return error
        try:
            _, query = self._resolved(query)
        except ComputationError:
            return error
        return ComputationError(
            error.code, f"{error.reason}; otherwise {ways_that_fit(points, query, self._limits)}"
        )

    def _begin(self, algorithm: Algorithm, points: FloatArray, query: Query) -> Diagram | Computation:
        self._check_cost(algorithm, points, query)
        n, dim = points.shape
        if not algorithm.needs_isolation(n, dim, query):
            return execute(algorithm, points, query)
        timeout = self._limits.compute_timeout
        modules = (*registry.loaded_modules(), type(algorithm).__module__)
        header, payload = wire.packed_request(modules, points, query)
        with _failures_as_errors(points, query, self._limits):
            deadline = self._process.send({**header, "timeout": timeout}, payload, timeout)
        return Computation(self._process, points, query, self._limits, deadline)

    def _finish(self, computation: Diagram | Computation, patience: float | None) -> Diagram:
        if isinstance(computation, Diagram):
            return computation
        if (
            patience is not None
            and patience < self._limits.compute_timeout
            and not computation.is_ready(patience)
        ):
            self._process.close()
            # So that the next computation waits little or not at all.
            self._process.start_soon()
            raise OverrunError
        return computation.wait()

    def _check_cost(self, algorithm: Algorithm, points: FloatArray, query: Query) -> None:
        n, dim = points.shape
        if algorithm.bounds_ambient_dimension and dim > self._limits.max_ambient_dimension:
            raise ComputationError(
                "ambient_dimension",
                f"{query.algorithm} on {dim} coordinates per point, more than max_ambient_dimension "
                f"{self._limits.max_ambient_dimension}: use vietoris_rips, or raise max_ambient_dimension",
            )
        predicted, allowed = algorithm.predicted_bytes(n, dim, query), self._limits.max_predicted_bytes
        if predicted > allowed:
            problem = (
                f"{describe(points, query)} would take about {predicted} bytes, more than "
                f"max_predicted_bytes {allowed}"
            )
            raise refusal("predicted_memory", problem, points, query, self._limits, "max_predicted_bytes")


@dataclass(frozen=True, eq=False)
class Computation:
    """A computation that runs in an engine's child process."""

    _process: WorkerProcess
    _points: FloatArray
    _query: Query
    _limits: Limits
    _deadline: float

    def is_ready(self, seconds: float = 0.0) -> bool:
        """Wait up to `seconds` and return whether the outcome is available or the timeout has passed."""
        left = self._deadline - time.monotonic()
        return self._process.has_reply(max(0.0, min(seconds, left))) or left <= seconds

    def wait(self) -> Diagram:
        """Wait for the diagram and return it. Raises as `Engine.compute` does."""
        deadline = self._deadline
        if self._process.has_reply():
            # A reply may have arrived in time but be read late, and reading a long one takes a moment.
            deadline = max(deadline, time.monotonic() + _READ_SECONDS)
        with _failures_as_errors(self._points, self._query, self._limits):
            reply, bars = self._process.receive(deadline)
        if "error" in reply:
            raise self._failure(reply["error"])
        return wire.unpacked_diagram(reply, bars)

    def _failure(self, error: dict[str, str]) -> ComputationError:
        if error["code"] == "out_of_memory":
            # Memory that the process has not released would count against the next computation.
            self._process.close()
            problem = f"{describe(self._points, self._query)} ran out of memory"
            limit = "max_predicted_bytes"
            return refusal("out_of_memory", problem, self._points, self._query, self._limits, limit)
        return ComputationError(error["code"], error["reason"])


@contextmanager
def _failures_as_errors(points: FloatArray, query: Query, limits: Limits) -> Iterator[None]:
    """Convert failures of the child process to ComputationErrors that name alternatives that fit."""
    try:
        yield
    except TimeoutError:
        timeout = limits.compute_timeout
        problem = f"{describe(points, query)} did not end within compute_timeout {timeout:g} s"
        raise refusal("timeout", problem, points, query, limits, "compute_timeout") from None
    except ProcessEndedError as error:
        raise ComputationError(
            "engine_crashed",
            f"{describe(points, query)}: the child process {error}; {ways_that_fit(points, query, limits)}",
        ) from None
