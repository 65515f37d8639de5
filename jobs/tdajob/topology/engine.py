"""The one entrance to all computations."""

from __future__ import annotations

from dataclasses import replace

from tdajob.topology import metrics, registry, wire
from tdajob.topology.execution import described, execute
from tdajob.topology.geometry import sorted_points
from tdajob.topology.isolation import KeptProcess, ProcessEndedError
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.registry import Algorithm
from tdajob.topology.validation import check_matrix, check_points, check_query
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Limits, Query
from tdajob.topology.ways import refusal, ways_that_fit


class Engine:
    """Checks, bounds and runs computations, one at a time; one per Flink subtask.

    What may run away or crash runs in a child process that the engine keeps between computations.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process = KeptProcess(f"{__package__}.child", limits.max_predicted_bytes)
        self._last: tuple[Query, Algorithm, Query] | None = None

    def start(self) -> None:
        """Start the child process, so that no computation waits for it, nor for a compiler."""
        self._process.start()

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The diagram of the finite float64 points (n, d), in any order.

        Raises ComputationError with one of the codes bad_shape, empty_cloud, non_finite,
        too_many_points, bad_parameter, bad_coordinate, unknown_algorithm, ambient_dimension,
        predicted_memory, timeout, engine_crashed, out_of_memory. After any of them the engine is ready
        for the next.
        """
        try:
            check_points(points, self._limits)
        except ComputationError as error:
            raise self._with_ways(error, points, query) from None
        algorithm, query = self._resolved(query)
        algorithm.check(points, query)
        return self._diagram(algorithm, sorted_points(points), query)

    def compute_distances(self, distances: FloatArray, query: Query) -> Diagram:
        """The diagram of points that only their distances (n, n) tell of; the metric asked for is not used.

        Raises ComputationError as `compute` does, and with the code bad_matrix.
        """
        check_matrix(distances, self._limits)
        algorithm, query = self._resolved(query)
        if not algorithm.takes_distances:
            raise ComputationError(
                "bad_parameter",
                f"algorithm is '{query.algorithm}', which needs coordinates: "
                "send points, or use vietoris_rips",
            )
        query = replace(query, params={**query.params, "metric": metrics.PRECOMPUTED})
        algorithm.check(distances, query)
        return self._diagram(algorithm, distances, query)

    def close(self) -> None:
        """End the child process, if there is one."""
        self._process.close()

    def _resolved(self, query: Query) -> tuple[Algorithm, Query]:
        """The algorithm, and the query with every parameter of it."""
        # Windows ask the same question again and again.
        if self._last is None or self._last[0] is not query:
            check_query(query)
            algorithm = registry.get(query.algorithm)
            params = resolved_parameters(query.algorithm, algorithm.parameters(), query.params)
            self._last = query, algorithm, replace(query, params=params)
        return self._last[1:]

    def _with_ways(self, error: ComputationError, points: FloatArray, query: Query) -> ComputationError:
        """The refusal of too many points with what would fit, where the question itself can be read."""
        if error.code != "too_many_points":
            return error
        try:
            _, query = self._resolved(query)
        except ComputationError:
            return error
        return ComputationError(
            error.code, f"{error.reason}; otherwise {ways_that_fit(points, query, self._limits)}"
        )

    def _diagram(self, algorithm: Algorithm, points: FloatArray, query: Query) -> Diagram:
        self._check_cost(algorithm, points, query)
        n, dim = points.shape
        if algorithm.needs_isolation(n, dim, query):
            return self._isolated(algorithm, points, query)
        return execute(algorithm, points, query)

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
            what = (
                f"{described(points, query)} would take about {predicted} bytes, more than "
                f"max_predicted_bytes {allowed}"
            )
            raise refusal("predicted_memory", what, points, query, self._limits, "max_predicted_bytes")

    def _isolated(self, algorithm: Algorithm, points: FloatArray, query: Query) -> Diagram:
        timeout = self._limits.compute_timeout
        modules = (*registry.loaded_modules(), type(algorithm).__module__)
        header, payload = wire.packed_request(modules, points, query)
        try:
            reply, bars = self._process.exchange({**header, "timeout": timeout}, payload, timeout)
        except TimeoutError:
            what = f"{described(points, query)} did not end within compute_timeout {timeout:g} s"
            raise refusal("timeout", what, points, query, self._limits, "compute_timeout") from None
        except ProcessEndedError as error:
            raise ComputationError(
                "engine_crashed",
                f"{described(points, query)}: the child process {error}; "
                f"{ways_that_fit(points, query, self._limits)}",
            ) from None
        if "error" in reply:
            raise self._failure(reply["error"], points, query)
        return wire.unpacked_diagram(reply, bars)

    def _failure(self, error: dict[str, str], points: FloatArray, query: Query) -> ComputationError:
        if error["code"] == "out_of_memory":
            # What such a process still holds would count against the next computation.
            self._process.close()
            what = f"{described(points, query)} ran out of memory"
            return refusal("out_of_memory", what, points, query, self._limits, "max_predicted_bytes")
        return ComputationError(error["code"], error["reason"])
