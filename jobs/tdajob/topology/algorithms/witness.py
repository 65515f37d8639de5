"""Persistent homology of the Euclidean witness filtration."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import gudhi
import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from tdajob.topology import simplex_tree
from tdajob.topology.about import About, Library
from tdajob.topology.costs import WITNESS
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.geometry.distances import farthest_points
from tdajob.topology.geometry.scales import Normal, euclidean_distances, normal
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

MOST_LANDMARKS = 50
LEAST_LANDMARKS = 5
POINTS_PER_LANDMARK = 8
"""Measured on circles of 20 to 300 points: with fewer witnesses per landmark a loop is often missed."""
ROUNDING = 8 * 2.0**-52
"""Relative rounding of a squared distance per coordinate: its terms, their sum, rounding by the sender."""
BYTES_PER_WITNESS_AND_LANDMARK = 32


@register
class Witness(Algorithm):
    """A filtration of simplices that few landmarks span and all points witness.

    A simplex enters at the smallest a for which some point w has every vertex l of it within
    |w - l|² <= |w - m|² + a²; m is the landmark nearest to w among all ("strong"), or among those
    outside the simplex (weak), and all its faces have entered. Landmarks enter at 0. De Silva and Carlsson,
    "Topological estimation using witness complexes", 2004. Births and deaths are values of a.
    Landmarks are chosen by farthest-point sampling from the first point. Without `max_persistence` the cut
    is twice their covering radius; if more than half of the points are landmarks, so that this radius is
    small, at least the longest edge of the landmarks' minimum spanning tree.

    Values are roots of differences of squared distances, so rounding affects values near 0 most: bars whose
    squared ends differ by no more than rounding are dropped, and `error_bound` bounds the error of the rest.
    """

    name = "witness"
    about = About(
        computes="witness filtration: few landmarks span the simplices, all points are witnesses",
        unit="relaxation",
        values="the relaxation a in d(w,l)² <= d(w,nearest)² + a², in the unit of coordinates",
        exact="of landmarks",
        exactness="exact for its landmarks up to rounding, which is in error_bound and greatest for values"
        " near 0, about 1e-7 of the cut; no bound to the Rips or alpha diagram is known",
        memory="32 bytes for each point and landmark",
        reference="de Silva and Carlsson, Topological estimation using witness complexes, 2004",
        libraries=(Library("gudhi (Euclidean witness complex)", "GPL-3.0"),),
        costs=WITNESS,
        instead="of landmarks only",
    )

    def parameters(self) -> Sequence[Parameter]:
        """Return the number of landmarks and the kind of complex."""
        return (
            Parameter(
                "landmarks",
                int,
                None,
                f"number of landmarks (default: one per {POINTS_PER_LANDMARK} distinct points, from "
                f"{LEAST_LANDMARKS} to {MOST_LANDMARKS}; at most the number of points)",
                minimum=1,
                unit="points",
            ),
            Parameter("strong", bool, False, "the strong witness complex instead of the weak one"),
        )

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        """Return the bytes of the table of witnesses and landmarks; simplices cannot be predicted."""
        return n * _landmark_count(n, query) * BYTES_PER_WITNESS_AND_LANDMARK

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the witness diagram of the points (n, d), cut at `query.max_persistence` or its default."""
        # Equal witnesses are redundant, so results do not depend on their number.
        near = normal(_distinct(points))
        scaled_query = near.query(query)
        chosen, covering_radius = farthest_points(near.points, _landmark_count(len(near.points), query))
        landmarks = near.points[chosen]
        cut = scaled_query.max_persistence
        if cut is None:
            cut = _default_cut(landmarks, covering_radius, len(near.points))
        tree = _complex(landmarks, near.points, query).create_simplex_tree(
            max_alpha_square=_square_above(cut), limit_dimension=query.max_dimension + 1
        )
        squared = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        rounding = _rounding(near, covering_radius, cut)
        raw = [np.sqrt(bars[bars[:, 1] - bars[:, 0] > rounding]) for bars in squared]
        bars = near.restored_bars(finished_bars(raw, scaled_query, cut))
        reported_cut = near.restored(cut) if query.max_persistence is None else query.max_persistence
        return Diagram(bars, "gudhi:witness", reported_cut, near.restored(math.sqrt(rounding) + near.lost))


def _landmark_count(n: int, query: Query) -> int:
    given = query.params["landmarks"]
    default = min(MOST_LANDMARKS, max(LEAST_LANDMARKS, n // POINTS_PER_LANDMARK))
    return min(n, given if isinstance(given, int) else default)


def _distinct(points: FloatArray) -> FloatArray:
    """Return the sorted points (n, d) without duplicates."""
    differs = np.ones(len(points), dtype=bool)
    differs[1:] = (points[1:] != points[:-1]).any(axis=1)
    distinct: FloatArray = points[differs]
    return distinct


def _default_cut(landmarks: FloatArray, covering_radius: float, n: int) -> float:
    """Return the cut without `max_persistence`; 0 only if all points are equal."""
    cut = 2 * covering_radius
    if 2 * len(landmarks) > n and len(landmarks) > 1:
        tree = minimum_spanning_tree(euclidean_distances(landmarks, landmarks))
        cut = max(cut, float(tree.data.max(initial=0.0)))
    return cut


def _rounding(near: Normal, covering_radius: float, cut: float) -> float:
    """Return the error bound of a squared value, due to the rounding of a witness's squared distances."""
    dim = near.points.shape[1]
    extent = float(np.linalg.norm(np.ptp(near.points, axis=0)))
    # Bounds the distance of an entered simplex's vertex to its witness, by the cut and by the extent.
    farthest = min(math.hypot(extent, covering_radius), 2 * math.hypot(covering_radius, cut))
    moved = math.sqrt(dim) * float(near.magnitudes.max())
    return float(ROUNDING * farthest * (dim * farthest + moved))


def _complex(
    landmarks: FloatArray, witnesses: FloatArray, query: Query
) -> gudhi.EuclideanWitnessComplex | gudhi.EuclideanStrongWitnessComplex:
    kind = gudhi.EuclideanStrongWitnessComplex if query.params["strong"] else gudhi.EuclideanWitnessComplex
    return kind(landmarks=landmarks, witnesses=witnesses)


def _square_above(cut: float) -> float:
    """Return an upper bound of cut², so that rounding does not drop a simplex exactly at the cut."""
    return cut * cut * (1 + 4 * sys.float_info.epsilon)
