"""Metrics other than Euclidean: hand-computed barcodes, and errors of invalid input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.job.topology_cases import SQUARE, MakeEngine, bits, circle, computed, query, sphere, uniform
from tdajob.topology.geometry import point_metrics
from tdajob.topology.geometry.distances import sorted_points
from tdajob.topology.values import ComputationError, FloatArray

INFINITE = [0.0, np.inf]
RIPS_FAMILY = ["vietoris_rips", "sparse_rips", "dtm_rips"]


def distances(points: Any, metric: str, **params: Any) -> FloatArray:
    known = {parameter.name: parameter.default for parameter in point_metrics.PARAMETERS}
    return point_metrics.distances_between(np.array(points, float), {**known, "metric": metric, **params})


def bars(points: Any, **asked: Any) -> list[list[list[float]]]:
    return [found.tolist() for found in computed(np.array(points, float), query(**asked)).bars]


@pytest.mark.parametrize(
    ("metric", "loops"),
    [
        ("euclidean", [[1.0, math.sqrt(2)]]),
        ("manhattan", [[1.0, 2.0]]),
        ("cityblock", [[1.0, 2.0]]),
        ("chebyshev", []),  # the diagonals are as long as the sides
    ],
)
def test_the_square(metric: str, loops: list[list[float]]) -> None:
    assert bars(SQUARE, metric=metric) == [[[0.0, 1.0]] * 3 + [INFINITE], loops]


def test_a_diamond_is_a_square_to_chebyshev() -> None:
    diamond = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    assert bars(diamond, metric="chebyshev")[1] == [[1.0, 2.0]]
    assert bars(diamond, metric="manhattan")[1] == []


def test_points_meet_across_the_border_of_a_periodic_box() -> None:
    assert bars([[0.25], [9.75]], metric="periodic", period=[10.0]) == [[[0.0, 0.5], INFINITE], []]
    assert bars([[0.25], [9.75]], metric="euclidean") == [[[0.0, 9.5], INFINITE], []]


def test_points_may_lie_in_any_copy_of_the_box() -> None:
    here = [[1.0, 2.0], [7.0, 3.0], [4.0, 9.0]]
    there = [[-9.0, 22.0], [27.0, -7.0], [4.0, 9.0]]
    found, moved = (distances(points, "periodic", period=[10.0, 10.0]) for points in (here, there))
    np.testing.assert_allclose(found, moved)


def test_a_row_around_a_periodic_box_is_a_loop() -> None:
    row = [[float(x)] for x in range(6)]
    assert bars(row, metric="periodic", period=[6.0])[1] == [[1.0, 2.0]]
    assert bars(row)[1] == []


def test_a_period_of_zero_is_a_line() -> None:
    points = [[0.0, 0.0], [9.0, 9.0]]
    assert distances(points, "periodic", period=[10.0, 0.0])[0, 1] == pytest.approx(math.hypot(1, 9))
    assert distances(points, "periodic", period=[0.0, 0.0])[0, 1] == pytest.approx(math.hypot(9, 9))


def test_a_grid_in_a_periodic_square_is_a_torus() -> None:
    grid = [[x, y] for x in range(6) for y in range(6)]
    ranks = computed(np.array(grid, float), query(metric="periodic", period=[6.0, 6.0], cut=1.5))
    assert [int(np.isinf(found[:, 1]).sum()) for found in ranks.bars] == [1, 2]


@pytest.mark.parametrize("radius", [1.0, 6371.0])
def test_a_quarter_of_a_great_circle(radius: float) -> None:
    places = [[0, 0], [0, 90], [90, 17], [0, -90], [-90, 0]]
    found = distances(places, "haversine", sphere_radius=radius)
    quarter = radius * math.pi / 2
    np.testing.assert_allclose(found[0], [0, quarter, quarter, quarter, quarter], rtol=1e-15)
    np.testing.assert_allclose([found[1, 3], found[2, 4]], 2 * quarter, rtol=1e-15)


def test_the_equator_is_a_loop_until_a_third_of_it() -> None:
    places = [[0, longitude] for longitude in range(-180, 180, 30)]
    ((birth, death),) = bars(places, metric="haversine")[1]
    assert (birth, death) == (pytest.approx(math.pi / 6), pytest.approx(2 * math.pi / 3))


def test_the_date_line_parts_nothing() -> None:
    """One degree of longitude on the equator is 111 km in every notation."""
    for other in (-179.5, 180.5):
        found = distances([[0, 179.5], [0, other]], "haversine", sphere_radius=6371.0)[0, 1]
        assert found == pytest.approx(6371.0 * math.pi / 180)


def test_haversine_is_accurate_near_and_far() -> None:
    near = distances([[45, 7], [45, 7 + 1e-9]], "haversine")[0, 1]
    assert near == pytest.approx(math.radians(1e-9) * math.cos(math.radians(45)), rel=1e-6)
    opposite = distances([[45, 7], [-45, -173 + 1e-6]], "haversine")[0, 1]
    assert math.pi - opposite == pytest.approx(math.radians(1e-6) * math.cos(math.radians(45)), rel=1e-6)


def test_haversine_is_the_angle_between_directions() -> None:
    rng = np.random.default_rng(0)
    latitude, longitude = np.degrees(np.arcsin(rng.uniform(-1, 1, 50))), rng.uniform(-180, 180, 50)
    flat, up = np.cos(np.radians(latitude)), np.sin(np.radians(latitude))
    around = np.radians(longitude)
    directions = np.column_stack((flat * np.cos(around), flat * np.sin(around), up))
    on_earth = distances(np.column_stack((latitude, longitude)), "haversine")
    np.testing.assert_allclose(on_earth, distances(directions, "angular"), atol=1e-14)


def test_angular_does_not_see_lengths() -> None:
    found = distances([[1e-200, 0], [0, 7], [-3, 0], [1e100, 1e100]], "angular")
    expected = np.array([0, 2, 4, 1]) * math.pi / 4
    np.testing.assert_allclose(found[0], expected, rtol=1e-15)


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(st.tuples(*[st.floats(-90, 90, width=32)] * 2), min_size=3, max_size=8),
    metric=st.sampled_from(["manhattan", "chebyshev", "haversine", "periodic", "angular"]),
)
def test_each_is_a_metric(points: list[tuple[float, float]], metric: str) -> None:
    """Zero on the diagonal, symmetric to the last bit, and the triangle inequality."""
    moved = np.array(points) + (0 if metric != "angular" else 200)
    found = distances(moved, metric, period=[50.0, 70.0] if metric == "periodic" else None)
    assert np.isfinite(found).all()
    assert (found == found.T).all()
    assert not found.diagonal().any()
    assert (found[:, None, :] <= found[:, :, None] + found[None] + 1e-9).all()


@pytest.mark.parametrize("algorithm", RIPS_FAMILY)
@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "angular", "haversine", "periodic"])
def test_the_whole_family_takes_each(algorithm: str, metric: str, make_engine: MakeEngine) -> None:
    params = {"period": [3.0, 3.0]} if metric == "periodic" else {}
    engine, points = make_engine(), sorted_points(circle(20, 0))
    diagram = engine.compute(points, query(algorithm, metric=metric, **params))
    by_matrix = engine.compute_distances(distances(points, metric, **params), query(algorithm))
    assert len(diagram.bars[0]) == 20
    np.testing.assert_allclose(diagram.bars[0], by_matrix.bars[0], atol=1e-12)


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"metric": "cosine"}, "bad_parameter", "metric is 'cosine': use one of euclidean"),
        ({"metric": "precomputed"}, "bad_parameter", "metric is 'precomputed': use one of euclidean"),
        ({"metric": "periodic"}, "bad_parameter", "period is None: give 2 lengths"),
        ({"metric": "periodic", "period": [1.0]}, "bad_parameter", "period is [1.0]: give 2 lengths"),
        ({"metric": "periodic", "period": [1.0, -1.0]}, "bad_parameter", "use at least 0"),
        ({"metric": "periodic", "period": 2.0}, "bad_parameter", "period is 2.0: give a list of numbers"),
        ({"metric": "periodic", "period": []}, "bad_parameter", "period is []: give a list of numbers"),
        ({"metric": "periodic", "period": [1.0, "2"]}, "bad_parameter", "give a list of numbers"),
        ({"metric": "periodic", "period": [1.0, True]}, "bad_parameter", "give a list of numbers"),
        ({"metric": "periodic", "period": [1.0, math.nan]}, "bad_parameter", "give a list of numbers"),
        ({"period": [1.0, 1.0]}, "bad_parameter", "with metric euclidean: use metric periodic"),
        ({"metric": "haversine", "sphere_radius": 0.0}, "bad_parameter", "sphere_radius is 0.0"),
        ({"metric": "haversine", "sphere_radius": 1e200}, "bad_parameter", "sphere_radius is 1e+200"),
        ({"metric": "angular"}, "bad_coordinate", "point 1 is the origin, which has no direction"),
        ({"precision": "float16"}, "bad_parameter", "use one of float64, float32"),
    ],
)
def test_what_does_not_suit_is_refused(
    params: dict[str, Any], code: str, words: str, make_engine: MakeEngine
) -> None:
    points = np.array([[1.0, 1.0], [0.0, 0.0]])
    with pytest.raises(ComputationError) as caught:
        make_engine().compute(points, query(**params))
    assert (caught.value.code, words in caught.value.reason) == (code, True), caught.value.reason


@pytest.mark.parametrize(
    ("points", "code", "words"),
    [
        (
            [[0.0, 0.0], [95.0, 0.0]],
            "bad_coordinate",
            "latitude of point 1 is 95.0: give degrees from -90 to 90",
        ),
        ([[0.0, -181.0]], "bad_coordinate", "longitude of point 0 is -181.0: give degrees from -180 to 360"),
        ([[0.0, 0.0, 0.0]], "bad_parameter", "with points of 3 coordinates: give 2, latitude and longitude"),
    ],
)
def test_what_is_nowhere_on_earth_is_refused(
    points: list[list[float]], code: str, words: str, make_engine: MakeEngine
) -> None:
    with pytest.raises(ComputationError) as caught:
        make_engine().compute(np.array(points), query(metric="haversine"))
    assert (caught.value.code, words in caught.value.reason) == (code, True), caught.value.reason


@pytest.mark.parametrize("n", [30, 120])
@pytest.mark.parametrize("max_dimension", [1, 2])
def test_float32_is_told_and_within_its_bound(n: int, max_dimension: int) -> None:
    points = sphere(n, 3)
    exact = computed(points, query(max_dimension=max_dimension))
    rounded = computed(points, query(max_dimension=max_dimension, precision="float32"))
    assert exact.error_bound == 0.0
    assert 0 < rounded.error_bound < 2 * 2.0**-24
    for ours, theirs in zip(rounded.bars, exact.bars, strict=True):
        assert len(ours) == len(theirs)
        np.testing.assert_allclose(np.sort(ours, axis=0), np.sort(theirs, axis=0), atol=rounded.error_bound)
        assert (ours.astype(np.float32) == ours).all()


def test_float32_gives_the_same_bits_by_every_engine() -> None:
    points = uniform(100, 1)
    fast, slow = (computed(points, query(precision="float32", engine=e)) for e in ("auto", "gudhi"))
    assert (bits(fast), fast.error_bound) == (bits(slow), slow.error_bound)


def test_float32_cannot_hold_everything(make_engine: MakeEngine) -> None:
    with pytest.raises(ComputationError, match="cannot hold the distance 1e\\+100: use float64"):
        make_engine().compute(np.array([[0.0], [1e100]]), query(precision="float32"))
