"""Cost model of the algorithms: measured processor seconds by points, and the rule fitted to them.

`python benchmarks/costs.py` prints the rows for `tdajob.topology.costs`. Clouds are uniform in the plane and
in space, a noisy circle, and a noisy torus; seconds of a row are scale · points^exponent, fitted to the
median of the shapes, and the spread is the slowest shape's seconds / the rule's. Sizes grow until a
computation takes longer than `--seconds`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "jobs"))

import numpy as np
from tdajob.topology import registry
from tdajob.topology.geometry.distances import sorted_points
from tdajob.topology.kernels.loader import warm_up
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.values import FloatArray, Query

SIZES = (50, 100, 200, 500, 1000, 2000, 5000)
FLAG = ("vietoris_rips", "dtm_rips", "sparse_rips")
DELAUNAY = ("alpha", "cech")


def uniform(n: int, dim: int) -> FloatArray:
    return np.random.default_rng(n).uniform(size=(n, dim))


def circle(n: int) -> FloatArray:
    rng = np.random.default_rng(n)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack((np.cos(angle), np.sin(angle))) + rng.normal(0, 0.05, (n, 2))


def torus(n: int) -> FloatArray:
    rng = np.random.default_rng(n)
    tube, around = rng.uniform(0, 2 * np.pi, (2, n))
    reach = 2 + np.cos(tube)
    points = np.column_stack((reach * np.cos(around), reach * np.sin(around), np.sin(tube)))
    return points + rng.normal(0, 0.02, points.shape)


SHAPES: tuple[Callable[[int], FloatArray], ...] = (
    lambda n: uniform(n, 2),
    lambda n: uniform(n, 3),
    circle,
    torus,
)


def seconds(algorithm: str, points: FloatArray, max_dimension: int) -> float:
    """Return the processor seconds of a computation: the minimum of two if it is short."""
    known = registry.get(algorithm)
    params = resolved_parameters(algorithm, known.parameters(), {})
    query = Query(algorithm, max_dimension, None, 0.0, 2, "auto", params)
    points, timings = sorted_points(points), []
    for _ in range(2):
        begin = time.process_time()
        known.compute(points, query)
        timings.append(time.process_time() - begin)
        if timings[0] > 1:
            break
    return min(timings)


def row(
    algorithm: str, shapes: Sequence[Callable[[int], FloatArray]], max_dimension: int, limit: float
) -> str:
    """Measure an algorithm and return the fitted rule as text."""
    measured: dict[int, list[float]] = {}
    for n in SIZES:
        measured[n] = []
        for shape in shapes:
            measured[n].append(seconds(algorithm, shape(n), max_dimension))
        print(
            f"  {algorithm} H{max_dimension} {n}: {[f'{value:.4g}' for value in measured[n]]}",
            file=sys.stderr,
        )
        if max(measured[n]) > limit:
            break
    # The time of small clouds is mostly call overhead, which the rule should not model.
    fitted = [n for n in measured if n >= 100] or list(measured)
    logs = [(np.log(n), np.log(statistics.median(measured[n]))) for n in fitted]
    exponent, scale = np.polyfit(*zip(*logs, strict=True), 1)
    spread = max(max(measured[n]) / (np.exp(scale) * n**exponent) for n in fitted)
    return f"{np.exp(scale):.2g}, {exponent:.2f}, spread {spread:.1f}, to {max(measured)}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--algorithms", default="")
    args = parser.parse_args()
    selected = args.algorithms.split(",") if args.algorithms else [*FLAG, "witness", *DELAUNAY]
    warm_up()
    for algorithm in selected:
        if algorithm in DELAUNAY:
            for dim in (2, 3, 4, 5):
                rule = row(algorithm, [lambda n, dim=dim: uniform(n, dim)], dim - 1, args.seconds)
                print(algorithm, f"{dim} coordinates:", rule, flush=True)
            continue
        for max_dimension in (0, 1, 2):
            rule = row(algorithm, SHAPES, max_dimension, args.seconds)
            print(algorithm, f"max_dimension {max_dimension}:", rule, flush=True)


if __name__ == "__main__":
    main()
