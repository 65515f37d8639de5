"""Persistent homology of the Euclidean witness filtration."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import gudhi
import numpy as np

from tdajob.topology import simplex_tree
from tdajob.topology.about import About, Library
from tdajob.topology.bars import finished_bars
from tdajob.topology.costs import WITNESS
from tdajob.topology.geometry import farthest_points
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

DEFAULT_LANDMARKS = 50
BYTES_PER_WITNESS_AND_LANDMARK = 32


@register
class Witness(Algorithm):
    """Few landmarks span the simplices, and all points are witnesses to them.

    A simplex enters at the smallest a for which some point w has every vertex l of it within
    |w - l|² <= |w - m|² + a²; m is the landmark nearest to w among all ("strong"), or among those
    outside the simplex (weak), and all its faces have entered. Landmarks enter at 0. De Silva and Carlsson,
    "Topological estimation using witness complexes", 2004. Births and deaths are values of a.
    Landmarks are farthest points from the first point on. Without `max_persistence` the cut is twice
    their covering radius.
    """

    name = "witness"
    about = About(
        computes="witness filtration: few landmarks span the simplices, all points bear witness to them",
        values="the relaxation a in d(w,l)² <= d(w,nearest)² + a², in the unit of coordinates",
        exactness="for its landmarks up to rounding, which error_bound states and which is greatest"
        " for values near 0, about 1e-7 of the cut; no bound to the Rips or alpha diagram is known",
        memory="32 bytes for each point and landmark",
        reference="de Silva and Carlsson, Topological estimation using witness complexes, 2004",
        libraries=(Library("gudhi (Euclidean witness complex)", "GPL-3.0"),),
        costs=WITNESS,
    )

    def parameters(self) -> Sequence[Parameter]:
        """How many landmarks, and which of the two complexes."""
        return (
            Parameter(
                "landmarks",
                int,
                None,
                f"how many landmarks to choose (default: {DEFAULT_LANDMARKS}, or all points if fewer)",
                minimum=1,
            ),
            Parameter("strong", bool, False, "the strong witness complex instead of the weak one"),
        )

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The table of witnesses and landmarks; how many simplices they support, no count predicts."""
        return n * _landmark_count(n, query) * BYTES_PER_WITNESS_AND_LANDMARK

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The witness diagram of the points (n, d), cut at `query.max_persistence` or its own cut."""
        chosen, covering_radius = farthest_points(points, _landmark_count(len(points), query))
        cut = 2 * covering_radius if query.max_persistence is None else query.max_persistence
        tree = _complex(points[chosen], points, query).create_simplex_tree(
            max_alpha_square=_square_above(cut), limit_dimension=query.max_dimension + 1
        )
        squared = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        raw = [np.sqrt(intervals) for intervals in squared]
        return Diagram(finished_bars(raw, query, cut), "gudhi:witness", cut, 0.0)


def _landmark_count(n: int, query: Query) -> int:
    asked = query.params["landmarks"]
    return min(n, asked if isinstance(asked, int) else DEFAULT_LANDMARKS)


def _complex(
    landmarks: FloatArray, witnesses: FloatArray, query: Query
) -> gudhi.EuclideanWitnessComplex | gudhi.EuclideanStrongWitnessComplex:
    kind = gudhi.EuclideanStrongWitnessComplex if query.params["strong"] else gudhi.EuclideanWitnessComplex
    return kind(landmarks=landmarks, witnesses=witnesses)


def _square_above(cut: float) -> float:
    """A square not below the true one, so that a simplex exactly at the cut is kept despite rounding."""
    return cut * cut * (1 + 4 * sys.float_info.epsilon)
