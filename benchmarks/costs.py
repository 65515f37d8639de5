"""The cost model of the algorithms: processor seconds by points, measured, and the rule fitted to them.

`python benchmarks/costs.py` prints the rows for `tdajob.topology.costs`. Clouds are uniform in the plane and
in space, a noisy circle, and a noisy torus; seconds of a row are scale · points^exponent, fitted to the
median of the shapes, and the spread is that of the slowest shape over the rule. The sizes end where a
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
from tdajob.topology.geometry import sorted_points
from tdajob.topology.incremental.machine_code import warm_up
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
    """Processor seconds of one computation, the less of two where it is short."""
    known = registry.get(algorithm)
    params = resolved_parameters(algorithm, known.parameters(), {})
    query = Query(algorithm, max_dimension, None, 0.0, 2, "auto", params)
    points, taken = sorted_points(points), []
    for _ in range(2):
        begin = time.process_time()
        known.compute(points, query)
        taken.append(time.process_time() - begin)
        if taken[0] > 1:
            break
    return min(taken)


def row(
    algorithm: str, shapes: Sequence[Callable[[int], FloatArray]], max_dimension: int, limit: float
) -> str:
    """The rule fitted to what was measured, with its measurements."""
    measured: dict[int, list[float]] = {}
    for n in SIZES:
        measured[n] = []
        for shape in shapes:
            measured[n].append(seconds(algorithm, shape(n), max_dimension))
        print(f"  {algorithm} H{max_dimension} {n}: {[f'{one:.4g}' for one in measured[n]]}", file=sys.stderr)
        if max(measured[n]) > limit:
            break
    # Small clouds take what calls take; the rule is for those that take longer.
    fitted = [n for n in measured if n >= 100] or list(measured)
    logs = [(np.log(n), np.log(statistics.median(measured[n]))) for n in fitted]
    exponent, scale = np.polyfit(*zip(*logs, strict=True), 1)
    spread = max(max(measured[n]) / (np.exp(scale) * n**exponent) for n in fitted)
    return f"{np.exp(scale):.2g}, {exponent:.2f}, spread {spread:.1f}, to {max(measured)}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--algorithms", default="")
    chosen = parser.parse_args()
    wanted = chosen.algorithms.split(",") if chosen.algorithms else [*FLAG, "witness", *DELAUNAY]
    warm_up()
    for algorithm in wanted:
        if algorithm in DELAUNAY:
            for dim in (2, 3, 4, 5):
                found = row(algorithm, [lambda n, dim=dim: uniform(n, dim)], dim - 1, chosen.seconds)
                print(algorithm, f"{dim} coordinates:", found, flush=True)
            continue
        for max_dimension in (0, 1, 2):
            found = row(algorithm, SHAPES, max_dimension, chosen.seconds)
            print(algorithm, f"max_dimension {max_dimension}:", found, flush=True)


if __name__ == "__main__":
    main()
