"""Alpha and witness diagrams against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from support.job.topology_cases import (
    SQUARE,
    Simplex,
    bars_mod_two,
    circle,
    computed,
    enclosing_radius,
    filtration,
    integer_grid,
    query,
    sorted_bars,
    uniform,
)
from tdajob.topology.geometry.distances import farthest_points, sorted_points
from tdajob.topology.values import FloatArray


def close(ours: FloatArray, defined: FloatArray) -> None:
    np.testing.assert_allclose(sorted_bars(map(tuple, ours)), defined, atol=1e-7)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_alpha_has_the_homology_of_the_cech_filtration(seed: int, dim: int) -> None:
    """Nerve theorem: both filtrations have the homology of the union of balls."""
    points = uniform(11, seed)[:, :dim]
    cech = filtration(len(points), 2, lambda simplex: enclosing_radius(simplex, points))
    for ours, defined in zip(computed(points, query("alpha")).bars, bars_mod_two(cech, 1), strict=True):
        close(ours, defined)


@pytest.mark.parametrize("precision", ["fast", "safe", "exact"])
def test_alpha_components_join_at_half_the_distances_of_rips(precision: str) -> None:
    points = circle(80, 2)
    rips = computed(points, query(max_dimension=0)).bars[0]
    alpha = computed(points, query("alpha", max_dimension=0, precision=precision)).bars[0]
    np.testing.assert_allclose(alpha, rips / 2, atol=1e-12)


def test_alpha_has_nothing_above_its_space() -> None:
    diagram = computed(uniform(30, 0)[:, :2], query("alpha", max_dimension=4))
    assert [len(bars) for bars in diagram.bars[2:]] == [0, 0, 0]


def test_alpha_on_a_grid_with_duplicates() -> None:
    grid = np.array([[float(x), float(y)] for x in range(3) for y in range(3)])
    diagram = computed(np.vstack((grid, grid)), query("alpha"))
    assert diagram.bars[0].tolist() == [[0.0, 0.5]] * 8 + [[0.0, np.inf]]
    np.testing.assert_allclose(diagram.bars[1], [[0.5, np.sqrt(0.5)]] * 4)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_witness_follows_its_definition(seed: int, strong: bool) -> None:
    points = sorted_points(integer_grid(14, seed) if seed % 2 else uniform(14, seed)[:, :2])
    chosen, _ = farthest_points(points, 6)
    squared = ((points[:, None] - points[chosen][None]) ** 2).sum(axis=2)

    def entry(simplex: Simplex) -> float:
        others = [vertex for vertex in range(len(chosen)) if strong or vertex not in simplex]
        nearest = squared[:, others].min(axis=1) if others else np.full(len(points), np.inf)
        return float(np.sqrt(max(0.0, (squared[:, simplex].max(axis=1) - nearest).min())))

    asked = query("witness", cut=100.0, landmarks=6, strong=strong)
    defined = bars_mod_two(filtration(len(chosen), 2, entry), 1)
    for ours, expected in zip(computed(points, asked).bars, defined, strict=True):
        close(ours, expected)


def test_witness_cuts_itself_at_twice_the_covering_radius() -> None:
    points = circle(400, 4)
    _, radius = farthest_points(sorted_points(points), 50)
    diagram = computed(points, query("witness"))
    assert diagram.cut == 2 * radius
    assert computed(points, query("witness", cut=0.7)).cut == 0.7


def test_landmarks_are_farthest_points_from_the_first() -> None:
    line = np.array([[0.0], [1.0], [4.0], [9.0], [10.0]])
    chosen, radius = farthest_points(line, 3)
    assert (chosen.tolist(), radius) == ([0, 4, 2], 1.0)


def test_landmarks_are_never_more_than_the_places() -> None:
    chosen, radius = farthest_points(np.vstack((SQUARE, SQUARE)), 8)
    assert (len(chosen), radius) == (4, 0.0)
    # The covering radius is 0, so the cut is the longest edge of the landmarks' spanning tree.
    assert computed(np.vstack((SQUARE, SQUARE)), query("witness", landmarks=8)).cut == 1.0
