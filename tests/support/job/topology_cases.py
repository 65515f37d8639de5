"""Point clouds, queries and a slow, independent persistence algorithm for tests of the mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist
from tdajob.topology import registry
from tdajob.topology.diagrams.distances import bottleneck
from tdajob.topology.engine import Engine
from tdajob.topology.geometry.distances import sorted_points
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.values import Diagram, FloatArray, Limits, Query

LIMITS = Limits(max_points=5000, max_predicted_bytes=2 << 30, compute_timeout=60.0, max_ambient_dimension=5)
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])

Simplex = tuple[int, ...]
MakeEngine = Callable[..., Engine]


def query(
    algorithm: str = "vietoris_rips",
    *,
    max_dimension: int = 1,
    cut: float | None = None,
    min_persistence: float = 0.0,
    field: int = 2,
    engine: str = "auto",
    **params: object,
) -> Query:
    return Query(algorithm, max_dimension, cut, min_persistence, field, engine, params)


def computed(points: FloatArray, asked: Query) -> Diagram:
    """Compute the diagram in this process."""
    algorithm = registry.get(asked.algorithm)
    params = resolved_parameters(asked.algorithm, algorithm.parameters(), asked.params)
    resolved = Query(**{**vars(asked), "params": params})
    return algorithm.compute(sorted_points(np.asarray(points, dtype=np.float64)), resolved)


def bits(diagram: Diagram) -> list[bytes]:
    """Return the bars as bits."""
    return [bars.tobytes() for bars in diagram.bars]


def infinite_bars(diagram: Diagram) -> list[int]:
    return [int(np.isinf(bars[:, 1]).sum()) for bars in diagram.bars]


def longest(bars: FloatArray) -> float:
    return float((bars[:, 1] - bars[:, 0]).max(initial=0.0))


def circle(n: int, seed: int, noise: float = 0.05) -> FloatArray:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack((np.cos(angle), np.sin(angle))) + rng.normal(0, noise, (n, 2))


def sphere(n: int, seed: int, coordinates: int = 3) -> FloatArray:
    directions = np.random.default_rng(seed).normal(size=(n, coordinates))
    return directions / np.linalg.norm(directions, axis=1)[:, None]


def torus(n: int, seed: int) -> FloatArray:
    """Return points uniform by area on the torus with radii 2 and 1, by rejection sampling."""
    rng = np.random.default_rng(seed)
    tube = rng.uniform(0, 2 * np.pi, 4 * n)
    tube = tube[rng.uniform(0, 3, 4 * n) < 2 + np.cos(tube)][:n]
    around = rng.uniform(0, 2 * np.pi, n)
    reach = 2 + np.cos(tube)
    return np.column_stack((reach * np.cos(around), reach * np.sin(around), np.sin(tube)))


def integer_grid(n: int, seed: int) -> FloatArray:
    """Return points with few distinct distances and many duplicates."""
    return np.random.default_rng(seed).integers(0, 4, size=(n, 2)).astype(float)


def with_duplicates(n: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n // 2 + 1, 3))[rng.integers(0, n // 2 + 1, n)]


def uniform(n: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).uniform(size=(n, 3))


def enclosing_radius(simplex: Simplex, points: FloatArray) -> float:
    """Return the radius of the smallest enclosing ball of at most three points."""
    sides = sorted(float(np.linalg.norm(points[i] - points[j])) for i, j in combinations(simplex, 2))
    if len(sides) < 3:
        return sides[0] / 2 if sides else 0.0
    a, b, c = sides
    if a * a + b * b <= c * c:
        return c / 2
    return a * b * c / np.sqrt((a + b + c) * (b + c - a) * (a + c - b) * (a + b - c))


def filtration(vertices: int, top: int, entry: Callable[[Simplex], float]) -> dict[Simplex, float]:
    """Return all simplices up to dimension `top`, entering at their value but not before their faces."""
    values: dict[Simplex, float] = {}
    for size in range(1, top + 2):
        for simplex in combinations(range(vertices), size):
            faces = combinations(simplex, size - 1) if size > 1 else iter(())
            values[simplex] = max([entry(simplex), *(values[face] for face in faces)])
    return values


def bars_mod_two(values: Mapping[Simplex, float], max_dimension: int) -> list[FloatArray]:
    """Compute persistence over Z/2 by the standard column reduction."""
    order = sorted(values, key=lambda simplex: (values[simplex], len(simplex), simplex))
    position = {simplex: index for index, simplex in enumerate(order)}
    reduced: dict[int, set[int]] = {}
    paired: dict[int, int] = {}
    for index, simplex in enumerate(order):
        column = {position[face] for face in combinations(simplex, len(simplex) - 1) if face}
        while column and max(column) in reduced:
            column ^= reduced[max(column)]
        if column:
            reduced[max(column)] = column
            paired[max(column)] = index
    deaths = set(paired.values())
    bars: list[list[tuple[float, float]]] = [[] for _ in range(max_dimension + 1)]
    for index, simplex in enumerate(order):
        if index not in deaths and len(simplex) <= max_dimension + 1:
            death = values[order[paired[index]]] if index in paired else np.inf
            bars[len(simplex) - 1].append((values[simplex], death))
    return [sorted_bars(found) for found in bars]


def sorted_bars(bars: Iterable[tuple[float, float]], shortest: float = 1e-9) -> FloatArray:
    """Return the bars longer than rounding, sorted."""
    kept = sorted((birth, death) for birth, death in bars if death - birth > shortest)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


ROUNDING = 1e-9
"""Tolerance of distances of diagrams beyond a bound."""


def clamped(diagram: Diagram) -> list[FloatArray]:
    """Set infinite deaths to the cut; without a cut there is only the bar of H0, whose birth is fixed."""
    if diagram.cut is None:
        return [bars[np.isfinite(bars[:, 1])] for bars in diagram.bars]
    return [np.minimum(bars, diagram.cut) for bars in diagram.bars]


def apart(first: Diagram, second: Diagram) -> float:
    return max(bottleneck(*bars) for bars in zip(clamped(first), clamped(second), strict=True))


def hausdorff(first: FloatArray, second: FloatArray) -> float:
    distances = cdist(first, second)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))
