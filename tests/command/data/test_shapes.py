"""Known shapes have their documented properties."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import gudhi
import pytest

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.messages.demo import CLOUDS, SEED, DemoCloud
from tdaflink.domain.messages.shapes import SHAPES, Shape, find, sample


def betti_numbers(tree: gudhi.SimplexTree, value: float, highest: int) -> tuple[int, ...]:
    """Return the ranks of H0 … of the complex at one filtration value, over Z/2."""
    tree.compute_persistence(homology_coeff_field=2, persistence_dim_max=True)
    return tuple(
        sum(1 for birth, death in tree.persistence_intervals_in_dimension(d) if birth <= value < death)
        for d in range(highest + 1)
    )


def alpha_betti(points: list[list[float]], radius: float, highest: int) -> tuple[int, ...]:
    tree = gudhi.AlphaComplex(points=points).create_simplex_tree(output_squared_values=False)
    return betti_numbers(tree, radius, highest)


def rips_betti(points: list[list[float]], length: float, highest: int) -> tuple[int, ...]:
    tree = gudhi.RipsComplex(points=points, max_edge_length=length).create_simplex_tree(max_dimension=1)
    tree.collapse_edges()
    tree.expansion(highest + 1)
    return betti_numbers(tree, length, highest)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_cloud_has_the_betti_numbers_of_its_shape(shape: Shape, seed: int) -> None:
    assert alpha_betti(sample(shape, seed=seed), shape.radius, len(shape.betti) - 1) == shape.betti


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda c: f"{c.shape.name}-{c.algorithm}")
def test_the_demo_expects_what_an_independent_computation_gives(cloud: DemoCloud) -> None:
    points = sample(cloud.shape, noise=cloud.noise, seed=SEED)
    betti = rips_betti if cloud.algorithm == "vietoris_rips" else alpha_betti
    assert betti(points, cloud.cut, cloud.max_dimension) == cloud.shape.betti


def test_the_demo_sends_what_was_agreed() -> None:
    told = [(c.shape.name, c.algorithm, c.cut, c.noise, c.shape.points, c.max_dimension) for c in CLOUDS]
    assert told == [
        ("circle", "vietoris_rips", 0.6, 0.05, 500, 1),
        ("sphere", "vietoris_rips", 0.8, 0.0, 500, 2),
        ("torus", "vietoris_rips", 1.2, 0.0, 1000, 2),
        ("circle", "alpha", 0.4, 0.05, 500, 1),
        ("sphere", "alpha", 0.5, 0.0, 500, 2),
        ("torus", "alpha", 0.75, 0.0, 1000, 2),
    ]


def test_points_lie_on_their_shape() -> None:
    assert all(math.isclose(math.hypot(*p), 1.0) for p in sample(find("circle")))
    assert all(math.isclose(math.hypot(*p), 1.0) for p in sample(find("sphere")))
    tube = [math.hypot(math.hypot(x, y) - 2.0, z) for x, y, z in sample(find("torus"))]
    assert all(math.isclose(radius, 1.0) for radius in tube)


def test_the_torus_is_uniform_by_area() -> None:
    outside = sum(1 for x, y, _ in sample(find("torus"), 20_000) if math.hypot(x, y) > 2.0) / 20_000
    assert outside == pytest.approx(0.5 + 1 / (2 * math.pi), abs=0.01)  # (R + 2r/π) / 2R of the area


def test_a_seed_is_one_cloud_in_every_process() -> None:
    code = "from tdaflink.domain.messages.shapes import *; print(sample(find('torus'), 5, noise=0.1, seed=7))"
    clouds = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert clouds == {f"{sample(find('torus'), 5, noise=0.1, seed=7)}\n"}
    assert sample(find("torus"), 5, seed=8) != sample(find("torus"), 5, seed=7)


def test_the_first_point_of_seed_0_never_changes() -> None:
    assert sample(find("circle"), 1)[0] == pytest.approx([0.5590752113944271, -0.8291169447094159])


def test_noise_moves_the_same_points() -> None:
    exact, moved = sample(find("sphere"), 400), sample(find("sphere"), 400, noise=0.05)
    steps = [b - a for p, q in zip(exact, moved, strict=True) for a, b in zip(p, q, strict=True)]
    assert math.sqrt(sum(s * s for s in steps) / len(steps)) == pytest.approx(0.05, rel=0.1)


def test_a_shape_is_found_by_either_spelling_and_a_wrong_name_gets_the_nearest() -> None:
    assert find("figure-eight") is find("figure_eight")
    with pytest.raises(NotFound) as caught:
        find("tours")
    assert caught.value.hint == "did you mean torus?"


@pytest.mark.parametrize(("points", "noise"), [(0, 0.0), (-3, 0.0), (5, -0.1), (5, math.nan)])
def test_impossible_clouds_are_refused(points: int, noise: float) -> None:
    with pytest.raises(UsageError):
        sample(find("circle"), points, noise=noise)
