"""Diagrams that are known by a theorem or by hand computation."""

from __future__ import annotations

import numpy as np
import pytest
from gudhi import hera
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation
from support.job.topology_cases import SQUARE, circle, computed, infinite_bars, longest, query, sphere, torus
from tdajob.topology.values import FloatArray, Query

RIPS = query(max_dimension=2)
ALPHA = query("alpha", max_dimension=2)
WITNESS = query("witness", max_dimension=2)
INFINITE = [[0.0, np.inf]]


def bars(points: FloatArray, asked: Query) -> list[list[list[float]]]:
    return [found.tolist() for found in computed(points, asked).bars]


def test_a_square_has_one_loop_from_its_side_to_its_diagonal() -> None:
    assert bars(SQUARE, RIPS) == [[[0.0, 1.0]] * 3 + INFINITE, [[1.0, np.sqrt(2)]], []]
    assert bars(SQUARE, ALPHA) == [[[0.0, 0.5]] * 3 + INFINITE, [[0.5, np.sqrt(0.5)]], []]


def test_an_octahedron_has_one_void() -> None:
    octahedron = np.vstack((np.eye(3), -np.eye(3)))
    assert bars(octahedron, RIPS)[1:] == [[], [[np.sqrt(2), 2.0]]]


def test_a_bare_cycle_keeps_its_loop() -> None:
    assert bars(SQUARE, query(max_dimension=1, cut=1.0))[1] == [[1.0, np.inf]]
    assert bars(SQUARE, query(max_dimension=1, cut=1.0, engine="gudhi"))[1] == [[1.0, np.inf]]


@pytest.mark.parametrize("asked", [RIPS, ALPHA, WITNESS, query(max_dimension=2, engine="gudhi")])
@pytest.mark.parametrize("points", [[[3.0, 4.0]], [[3.0, 4.0]] * 7, [[5.0]], [[0.0, -0.0], [-0.0, 0.0]]])
def test_one_place_has_one_component(points: list[list[float]], asked: Query) -> None:
    assert bars(np.array(points), asked) == [INFINITE, [], []]


def test_two_points_join_at_their_distance() -> None:
    points = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert bars(points, RIPS) == [[[0.0, 5.0], *INFINITE], [], []]
    assert bars(points, ALPHA) == [[[0.0, 2.5], *INFINITE], [], []]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_collinear_points_join_at_their_gaps(dim: int) -> None:
    points = np.outer([0.0, 1.0, 3.0, 7.0], np.ones(dim))
    gaps = np.array([1.0, 2.0, 4.0]) * np.sqrt(dim)
    rips, alpha = computed(points, RIPS).bars, computed(points, ALPHA).bars
    np.testing.assert_allclose(rips[0][:-1, 1], gaps)
    np.testing.assert_allclose(alpha[0][:-1, 1], gaps / 2)
    assert [len(found) for found in (*rips[1:], *alpha[1:])] == [0, 0, 0, 0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("cloud", "dimension", "rips_cut", "alpha_cut", "ranks"),
    [
        (circle(500, 0), 1, 0.6, 0.4, [1, 1]),
        (sphere(500, 0), 2, 0.8, 0.5, [1, 0, 1]),
        (torus(1000, 0), 2, 1.2, 0.75, [1, 2, 1]),
    ],
    ids=["circle", "sphere", "torus"],
)
def test_samples_have_the_homology_of_their_surface(
    cloud: FloatArray, dimension: int, rips_cut: float, alpha_cut: float, ranks: list[int], seed: int
) -> None:
    rotated = cloud @ np.linalg.qr(np.random.default_rng(seed).normal(size=(cloud.shape[1],) * 2))[0]
    rips = computed(rotated, query(max_dimension=dimension, cut=rips_cut))
    alpha = computed(rotated, query("alpha", max_dimension=dimension, cut=alpha_cut))
    assert infinite_bars(rips) == infinite_bars(alpha) == ranks


@pytest.mark.parametrize("asked", [query(), query("alpha"), query("witness")])
def test_a_circle_has_one_long_loop(asked: Query) -> None:
    loops = computed(circle(200, 1), Query(**{**vars(asked), "max_persistence": 3.0})).bars[1]
    lengths = np.sort(np.minimum(loops[:, 1], 3.0) - loops[:, 0])
    assert lengths[-1] > 4 * lengths[:-1].max(initial=0.0)


def test_rotations_have_a_long_loop_over_two_and_none_over_three() -> None:
    """The rotations are a real projective space: twice its loop is a boundary."""
    rotations = Rotation.random(200, random_state=0).as_matrix().reshape(200, 9)
    over_two, over_three = (longest(computed(rotations, query(field=field)).bars[1]) for field in (2, 3))
    assert over_two > 1.2
    assert over_three < over_two / 1.8


def test_a_bigger_prime_is_as_exact() -> None:
    points = circle(40, 3)
    fast, slow = (computed(points, query(max_dimension=2, field=46337, engine=e)) for e in ("auto", "gudhi"))
    assert [b.tobytes() for b in fast.bars] == [b.tobytes() for b in slow.bars]


clouds = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-10, 10, width=32))


@settings(max_examples=40, deadline=None)
@given(points=clouds, seed=st.integers(0, 1000), size=st.floats(0, 0.5))
def test_moving_points_moves_bars_no_further(points: FloatArray, seed: int, size: float) -> None:
    """Stability: Rips bars move by at most twice the greatest move of a point, alpha bars by at most that."""
    shift = np.random.default_rng(seed).normal(size=points.shape)
    shift *= size / max(float(np.linalg.norm(shift, axis=1).max()), 1e-9)
    for asked, factor in ((query(), 2), (query("alpha"), 1)):
        before, after = computed(points, asked), computed(points + shift, asked)
        for old, new in zip(before.bars, after.bars, strict=True):
            # Not gudhi.bottleneck_distance, which is sometimes too long for tied bars.
            assert hera.bottleneck_distance(old, new, 0) <= factor * size + 1e-5
