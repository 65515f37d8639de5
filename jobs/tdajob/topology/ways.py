"""What fits where a computation does not: other algorithms, a cut or fewer points, with what they would cost.

Costs come from the rules of `tdajob.topology.costs`, which the command's `advise` and `algorithms` read, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tdajob.topology import metrics, registry
from tdajob.topology.about import Cost, cost_for
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.registry import Algorithm
from tdajob.topology.scales import euclidean_distances
from tdajob.topology.values import ComputationError, FloatArray, Limits, Query

KEPT_EDGES = 0.1
"""The share of all edges that a suggested cut leaves."""
_SAMPLED = 200
"""Points whose distances to a few thousand others tell where that cut is."""
_COMPARED = 5000
_COMFORT = 0.5
"""The share of the time limit that a suggestion may take for the slowest shape measured."""


@dataclass(frozen=True)
class _Given:
    """What was asked for: n points, or the distances between them."""

    points: FloatArray
    query: Query
    limits: Limits

    @property
    def brought(self) -> bool:
        return self.query.params.get("metric") == metrics.PRECOMPUTED

    @property
    def coordinates(self) -> int | None:
        return None if self.brought else self.points.shape[1]


def ways_that_fit(points: FloatArray, query: Query, limits: Limits) -> str:
    """Words that follow a colon: what to ask for instead, each with its predicted seconds where known.

    `query` has every parameter of its algorithm; the points are (n, d), or the distances (n, n) with the
    metric `PRECOMPUTED`.
    """
    given = _Given(points, query, limits)
    found = [*_algorithms(given), *_cuts(given), *_fewer_points(given)]
    if query.max_dimension > 1:
        found.append(f"lower max_dimension, which is {query.max_dimension}{_by_dimension(given)}")
    return ", or ".join(found)


def seconds_in_words(seconds: float) -> str:
    """A predicted time, as coarse as the prediction is."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds >= 90:
        return f"about {_rounded(seconds / 60):g} min"
    return f"about {_rounded(seconds):g} s"


def _algorithms(given: _Given) -> Iterator[str]:
    """The cheapest other algorithm, and the cheapest exact one, of those that answer such a question."""
    suited = {}
    for name in registry.built_in_names():
        seconds = _seconds(registry.get(name), given)
        if seconds is not None:
            suited[name] = seconds
    cheapest = sorted(suited, key=suited.__getitem__)
    for name in [*cheapest[:1], *(one for one in cheapest[1:] if one == "alpha")]:
        about = registry.get(name).about
        instead = "" if about is None else f" ({about.instead})"
        yield f"use algorithm {name}{instead}, {seconds_in_words(suited[name])}"


def _seconds(known: Algorithm, given: _Given) -> float | None:
    """The predicted seconds; None where the algorithm cannot answer, or is not predicted to end in time."""
    if known.about is None or not known.about.instead:
        return None
    n, dim = given.points.shape
    accepted = {parameter.name for parameter in known.parameters()}
    metric = given.query.params.get("metric", "euclidean")
    cost = _cost(known, given.query.max_dimension, given.coordinates)
    if known.name == given.query.algorithm or cost is None or (given.brought and not known.takes_distances):
        return None
    if metric != "euclidean" and not {"metric", "period"} <= accepted:
        return None
    if known.bounds_ambient_dimension and dim > given.limits.max_ambient_dimension:
        return None
    params = resolved_parameters(known.name, known.parameters(), {})
    asked = replace(given.query, algorithm=known.name, params=params)
    if known.predicted_bytes(n, dim, asked) > given.limits.max_predicted_bytes:
        return None
    seconds = cost.seconds(n)
    return seconds if cost.spread * seconds <= _COMFORT * given.limits.compute_timeout else None


def _cuts(given: _Given) -> Iterator[str]:
    """Lengths at which to cut a filtration that is made of distances."""
    if "metric" not in given.query.params:
        yield "set or lower max_persistence"
        return
    cut, metric = given.query.max_persistence, given.query.params["metric"]
    distances = _sampled_distances(given)
    enclosing = float(distances.max(axis=1).min())
    short = float(np.quantile(distances[distances > 0], KEPT_EDGES)) if (distances > 0).any() else 0.0
    # Of some of the points, and of all others, the nearest to its farthest one: no less than the radius.
    seen = given.brought or len(given.points) <= (_COMPARED if metric == "euclidean" else _SAMPLED)
    if given.query.engine == "gudhi" and seen and (cut is None or cut > enclosing):
        yield f"set max_persistence to {enclosing:.2g}, the enclosing radius, beyond which no bar goes"
    if short > 0 and (cut is None or cut > short):
        yield f"set max_persistence to {short:.2g}, which leaves a tenth of the edges"
    elif cut is not None:
        yield f"lower max_persistence, which is {cut:g}"


def _sampled_distances(given: _Given) -> FloatArray:
    """Distances of some points to some others, spread over all of them."""
    n = len(given.points)
    some = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.intp))
    if given.brought:
        rows: FloatArray = given.points[some]
        return rows
    others = np.unique(np.linspace(0, n - 1, min(n, _COMPARED)).astype(np.intp))
    if given.query.params["metric"] == "euclidean":
        return euclidean_distances(given.points[some], given.points[others])
    return metrics.distances_between(given.points[some], given.query.params)


def _fewer_points(given: _Given) -> Iterator[str]:
    """The number of points that fits each limit, by the rules of memory and time."""
    n, dim = given.points.shape
    known = registry.get(given.query.algorithm)
    count = min(n, given.limits.max_points)
    predicted = known.predicted_bytes(count, dim, given.query)
    while count > 1 and predicted > given.limits.max_predicted_bytes:
        count = max(1, int(0.9 * count))
        predicted = known.predicted_bytes(count, dim, given.query)
    cost = _cost(known, given.query.max_dimension, given.coordinates)
    if count == n and (cost is None or cost.seconds(n) <= given.limits.compute_timeout):
        # By the rules it fits, so this cloud is of the slow kind: the exponent alone tells what helps.
        exponent = 2.0 if cost is None else cost.exponent
        yield f"subsample to {_two_digits(int(n * 0.1 ** (1 / exponent)))} points, about a tenth of the time"
        return
    if cost is not None:
        allowed = max(0.0, _COMFORT * given.limits.compute_timeout / cost.spread)
        count = min(count, max(1, int((allowed / cost.scale) ** (1 / cost.exponent))))
    count = _two_digits(count)
    taken = "" if cost is None else f", {seconds_in_words(cost.seconds(count))}"
    yield f"subsample to {count} points{taken}"


def _by_dimension(given: _Given) -> str:
    cost = _cost(registry.get(given.query.algorithm), 1, given.coordinates)
    return "" if cost is None else f" (1 takes {seconds_in_words(cost.seconds(len(given.points)))})"


def _cost(known: Algorithm, max_dimension: int, coordinates: int | None) -> Cost | None:
    return None if known.about is None else cost_for(known.about.costs, max_dimension, coordinates)


def _rounded(value: float) -> float:
    """One digit, as a prediction has no more."""
    return float(f"{value:.1g}")


def _two_digits(count: int) -> int:
    """Rounded down, so that what fits still does."""
    unit: int = 10 ** max(0, math.floor(math.log10(max(1, count))) - 1)
    return max(1, count // unit * unit)


def refusal(
    code: str, what: str, points: FloatArray, query: Query, limits: Limits, knob: str
) -> ComputationError:
    """A refusal that names the ways that fit, and at last the limit that could be raised."""
    return ComputationError(code, f"{what}: {ways_that_fit(points, query, limits)}, or raise {knob}")
