"""Alternatives to a refused computation (another algorithm, a cut, fewer points) with their predicted costs.

Costs come from the rules of `tdajob.topology.costs`, which the commands `advise` and `algorithms` use, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tdajob.topology import registry
from tdajob.topology.about import Cost, cost_for
from tdajob.topology.geometry import point_metrics
from tdajob.topology.geometry.scales import euclidean_distances
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.registry import Algorithm
from tdajob.topology.values import ComputationError, FloatArray, Limits, Query

KEPT_EDGES = 0.1
"""Share of all edges below a suggested cut."""
_SAMPLED = 200
"""Sampled points whose distances to a few thousand others estimate that cut."""
_COMPARED = 5000
_COMFORT = 0.5
"""Share of the time limit that a suggestion may take for the slowest measured shape."""


@dataclass(frozen=True)
class _Given:
    """The refused computation of n points, or of the distances between them."""

    points: FloatArray
    query: Query
    limits: Limits

    @property
    def precomputed(self) -> bool:
        return self.query.params.get("metric") == point_metrics.PRECOMPUTED

    @property
    def coordinates(self) -> int | None:
        return None if self.precomputed else self.points.shape[1]


def ways_that_fit(points: FloatArray, query: Query, limits: Limits) -> str:
    """Return alternatives as words that follow a colon, with predicted seconds if a cost rule applies.

    `query` has every parameter of its algorithm; the points are (n, d), or the distances (n, n) with the
    metric `PRECOMPUTED`.
    """
    given = _Given(points, query, limits)
    alternatives = [*_algorithms(given), *_cuts(given), *_fewer_points(given)]
    if query.max_dimension > 1:
        alternatives.append(f"lower max_dimension, which is {query.max_dimension}{_by_dimension(given)}")
    return ", or ".join(alternatives)


def seconds_in_words(seconds: float) -> str:
    """Format a predicted time with one digit, the precision of the prediction."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds >= 90:
        return f"about {_rounded(seconds / 60):g} min"
    return f"about {_rounded(seconds):g} s"


def _algorithms(given: _Given) -> Iterator[str]:
    """Yield the cheapest applicable algorithm, and `alpha`, which is exact, if it applies."""
    applicable = {}
    for name in registry.built_in_names():
        seconds = _seconds(registry.get(name), given)
        if seconds is not None:
            applicable[name] = seconds
    cheapest = sorted(applicable, key=applicable.__getitem__)
    for name in [*cheapest[:1], *(other for other in cheapest[1:] if other == "alpha")]:
        about = registry.get(name).about
        instead = "" if about is None else f" ({about.instead})"
        yield f"use algorithm {name}{instead}, {seconds_in_words(applicable[name])}"


def _seconds(known: Algorithm, given: _Given) -> float | None:
    """Return the predicted seconds; None if the algorithm does not apply or may not end in time."""
    if known.about is None or not known.about.instead:
        return None
    n, dim = given.points.shape
    accepted = {parameter.name for parameter in known.parameters()}
    metric = given.query.params.get("metric", "euclidean")
    cost = _cost(known, given.query.max_dimension, given.coordinates)
    if (
        known.name == given.query.algorithm
        or cost is None
        or (given.precomputed and not known.takes_distances)
    ):
        return None
    if metric != "euclidean" and not {"metric", "period"} <= accepted:
        return None
    if known.bounds_ambient_dimension and dim > given.limits.max_ambient_dimension:
        return None
    params = resolved_parameters(known.name, known.parameters(), {})
    query = replace(given.query, algorithm=known.name, params=params)
    if known.predicted_bytes(n, dim, query) > given.limits.max_predicted_bytes:
        return None
    seconds = cost.seconds(n)
    return seconds if cost.spread * seconds <= _COMFORT * given.limits.compute_timeout else None


def _cuts(given: _Given) -> Iterator[str]:
    """Yield suggested cuts of a filtration by distances."""
    if "metric" not in given.query.params:
        yield "set or lower max_persistence"
        return
    cut, metric = given.query.max_persistence, given.query.params["metric"]
    distances = _sampled_distances(given)
    enclosing = float(distances.max(axis=1).min())
    short = float(np.quantile(distances[distances > 0], KEPT_EDGES)) if (distances > 0).any() else 0.0
    # The estimate is valid only from the distances of sampled points to all other points: then it is at
    # least the enclosing radius.
    complete = given.precomputed or len(given.points) <= (_COMPARED if metric == "euclidean" else _SAMPLED)
    if given.query.engine == "gudhi" and complete and (cut is None or cut > enclosing):
        yield f"set max_persistence to {enclosing:.2g}, the enclosing radius, beyond which no bar goes"
    if short > 0 and (cut is None or cut > short):
        yield f"set max_persistence to {short:.2g}, which leaves a tenth of the edges"
    elif cut is not None:
        yield f"lower max_persistence, which is {cut:g}"


def _sampled_distances(given: _Given) -> FloatArray:
    """Return distances between two evenly spaced samples of the points."""
    n = len(given.points)
    sample = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.intp))
    if given.precomputed:
        rows: FloatArray = given.points[sample]
        return rows
    others = np.unique(np.linspace(0, n - 1, min(n, _COMPARED)).astype(np.intp))
    if given.query.params["metric"] == "euclidean":
        return euclidean_distances(given.points[sample], given.points[others])
    return point_metrics.distances_between(given.points[sample], given.query.params)


def _fewer_points(given: _Given) -> Iterator[str]:
    """Yield the number of points that fits the limits, by the memory and cost rules."""
    n, dim = given.points.shape
    known = registry.get(given.query.algorithm)
    count = min(n, given.limits.max_points)
    predicted = known.predicted_bytes(count, dim, given.query)
    while count > 1 and predicted > given.limits.max_predicted_bytes:
        count = max(1, int(0.9 * count))
        predicted = known.predicted_bytes(count, dim, given.query)
    cost = _cost(known, given.query.max_dimension, given.coordinates)
    if count == n and (cost is None or cost.seconds(n) <= given.limits.compute_timeout):
        # It fits by the rules, so this shape is slower than measured: use only the exponent.
        exponent = 2.0 if cost is None else cost.exponent
        yield f"subsample to {_two_digits(int(n * 0.1 ** (1 / exponent)))} points, about a tenth of the time"
        return
    if cost is not None:
        allowed = max(0.0, _COMFORT * given.limits.compute_timeout / cost.spread)
        count = min(count, max(1, int((allowed / cost.scale) ** (1 / cost.exponent))))
    count = _two_digits(count)
    duration = "" if cost is None else f", {seconds_in_words(cost.seconds(count))}"
    yield f"subsample to {count} points{duration}"


def _by_dimension(given: _Given) -> str:
    cost = _cost(registry.get(given.query.algorithm), 1, given.coordinates)
    return "" if cost is None else f" (1 takes {seconds_in_words(cost.seconds(len(given.points)))})"


def _cost(known: Algorithm, max_dimension: int, coordinates: int | None) -> Cost | None:
    return None if known.about is None else cost_for(known.about.costs, max_dimension, coordinates)


def _rounded(value: float) -> float:
    """Round to one digit, the precision of a prediction."""
    return float(f"{value:.1g}")


def _two_digits(count: int) -> int:
    """Round down to two digits, so that the count still fits."""
    unit: int = 10 ** max(0, math.floor(math.log10(max(1, count))) - 1)
    return max(1, count // unit * unit)


def refusal(
    code: str, problem: str, points: FloatArray, query: Query, limits: Limits, limit: str
) -> ComputationError:
    """Return an error that names alternatives that fit, and last the limit that could be raised."""
    return ComputationError(code, f"{problem}: {ways_that_fit(points, query, limits)}, or raise {limit}")
