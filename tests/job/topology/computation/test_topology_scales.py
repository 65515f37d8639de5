"""Scaling and translation: diagrams of tiny, huge and distant clouds follow from those of ordinary ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from support.job.topology_cases import (
    LIMITS,
    SQUARE,
    MakeEngine,
    apart,
    bits,
    circle,
    computed,
    infinite_bars,
    longest,
    query,
    torus,
    uniform,
)
from tdajob.processing.preprocess import Preprocessor
from tdajob.settings.streams import PreprocessSettings, ScaleSettings
from tdajob.topology import registry
from tdajob.topology.diagrams.summary import homology_groups
from tdajob.topology.engine import Engine
from tdajob.topology.geometry.distances import farthest_points, sorted_points
from tdajob.topology.geometry.lattice import lattice_net
from tdajob.topology.geometry.point_metrics import distances_between
from tdajob.topology.geometry.scales import euclidean_distances, lost_length, normal
from tdajob.topology.incremental.caches import IncrementalCaches
from tdajob.topology.values import ComputationError, Diagram, FloatArray

EXPONENTS = (-1000, -900, -600, -540, -520, -300, -40, 40, 300, 400, 497)
ALGORITHMS = registry.built_in_names()


def ngon(n: int, centre: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    angles = 2 * np.pi * np.arange(n) / n
    return np.column_stack((np.cos(angles), np.sin(angles))) + np.array(centre)


def scaled(diagram: Diagram, exponent: int) -> list[bytes]:
    return [np.ldexp(bars, exponent).tobytes() for bars in diagram.bars]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_bars_scale_with_the_points(algorithm: str, exponent: int) -> None:
    """Multiplication by a power of two does not round, so the bars are equal bit for bit."""
    points = circle(40, 1) / 4
    for cut in (None, 0.25):
        usual = computed(points, query(algorithm, cut=cut))
        moved = None if cut is None else math.ldexp(cut, exponent)
        ours = computed(np.ldexp(points, exponent), query(algorithm, cut=moved))
        assert bits(ours) == scaled(usual, exponent)
        assert ours.error_bound == math.ldexp(usual.error_bound, exponent)
        assert ours.cut == (None if usual.cut is None else math.ldexp(usual.cut, exponent))


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev", "euclidean", "periodic"])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_distances_scale_with_the_points(metric: str, exponent: int) -> None:
    points = uniform(30, 3)
    params: dict[str, object] = {"metric": metric, "period": None}
    moved = dict(params)
    if metric == "periodic":
        params["period"], moved["period"] = (
            [0.5, 0.0, 3.0],
            [math.ldexp(0.5, exponent), 0.0, math.ldexp(3, exponent)],
        )
    usual = distances_between(points, params)
    assert (np.ldexp(usual, exponent) == distances_between(np.ldexp(points, exponent), moved)).all()


@pytest.mark.parametrize("exponent", [-600, 0, 400])
def test_directions_do_not_scale(exponent: int) -> None:
    points = uniform(20, 3) + 0.1
    usual = computed(points, query(metric="angular"))
    assert bits(computed(np.ldexp(points, exponent), query(metric="angular"))) == bits(usual)


def test_directions_and_places_that_are_very_near_are_kept_apart() -> None:
    directions = np.array([[1.0, 0.0], [1.0, 1e-200], [1.0, 3e-200]])
    bars = computed(directions, query(max_dimension=0, metric="angular")).bars[0]
    np.testing.assert_allclose(bars[:2, 1], [1e-200, 2e-200], rtol=1e-12)
    places = np.array([[0.0, 0.0], [0.0, 1e-200], [3e-200, 1e-200]])
    bars = computed(places, query(max_dimension=0, metric="haversine")).bars[0]
    np.testing.assert_allclose(bars[:2, 1], np.radians([1e-200, 3e-200]), rtol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_points_closer_than_1e_154_do_not_merge(algorithm: str) -> None:
    """The diagram of a square of side 1e-200 has its four components and its loop."""
    bars = computed(SQUARE * 1e-200, query(algorithm)).bars
    usual = computed(SQUARE, query(algorithm)).bars
    for ours, theirs in zip(bars, usual, strict=True):
        np.testing.assert_allclose(ours * 1e200, theirs, rtol=1e-9)


@pytest.mark.parametrize("algorithm", ["vietoris_rips", "sparse_rips", "alpha", "cech"])
def test_a_tiny_cluster_beside_a_far_point_is_seen(algorithm: str) -> None:
    cloud = np.vstack((SQUARE * 1e-250, [[1.0, 1.0]]))
    diagram = computed(cloud, query(algorithm))
    exact = np.sort(diagram.bars[0][:, 1])
    assert (exact[:3] > 0).sum() == 3
    assert diagram.error_bound >= 0


def test_what_is_lost_between_sizes_too_different_is_stated() -> None:
    cloud = np.array([[0.0, 0.0], [1e-300, 0.0], [1e140, 0.0]])
    diagram = computed(cloud, query(max_dimension=0))
    assert 0 < diagram.error_bound < 1e-10
    assert lost_length(np.array([[0.0], [1e-320], [1e140]])) > 0
    assert lost_length(cloud[:2]) == 0.0


@pytest.mark.parametrize("algorithm", ["alpha", "cech", "witness"])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (10.0, -3.0), (1e4, 1e4), (1e8, -1e8)])
def test_regular_polygons_have_one_loop(algorithm: str, centre: tuple[float, float]) -> None:
    """Points on one circle: the only loop lives from half a side to the radius."""
    tolerance = 1e-7 * max(1.0, abs(centre[0]) / 1e2)
    for n in range(3, 25):
        diagram = computed(ngon(n, centre), query(algorithm))
        if algorithm == "witness":
            # Three landmarks have no loop in any witness complex: there is no fourth to exclude the triangle.
            assert len(diagram.bars[1]) == (n > 3), n
            continue
        # The triangle of the alpha complex is born with its longest edge, at half a side.
        assert len(diagram.bars[1]) == 1, n
        np.testing.assert_allclose(diagram.bars[1][0], [math.sin(math.pi / n), 1.0], atol=tolerance)
        np.testing.assert_allclose(diagram.bars[0][:-1, 1], math.sin(math.pi / n), atol=tolerance)


@pytest.mark.parametrize("n", range(4, 25))
def test_regular_polygons_in_the_rips_filtration(n: int) -> None:
    """Adamaszek and Adams, "The Vietoris-Rips complexes of a circle", 2017: until a third of the circle."""
    loops = computed(ngon(n), query()).bars[1]
    born, dies = 2 * math.sin(math.pi / n), 2 * math.sin(math.pi * math.ceil(n / 3) / n)
    kept = loops[loops[:, 1] - loops[:, 0] > 1e-9]
    np.testing.assert_allclose(kept, [[born, dies]], atol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("offset", [1e3, 1e8, -1e8])
def test_a_move_changes_nothing(algorithm: str, offset: float) -> None:
    """Coordinates with 20 fractional bits are translated without rounding, so distances are the same."""
    points = np.round(np.ldexp(circle(40, 2), 20)) * 2.0**-20
    assert ((points + offset) - offset == points).all()
    usual, moved = computed(points, query(algorithm)), computed(points + offset, query(algorithm))
    if algorithm == "witness":
        assert apart(usual, moved) <= usual.error_bound + moved.error_bound
    else:
        for ours, theirs in zip(moved.bars, usual.bars, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-11)


def test_distances_of_far_points_are_those_of_exact_arithmetic() -> None:
    rng = np.random.default_rng(5)
    points = 1e8 + rng.uniform(size=(12, 3))
    distances = distances_between(points, {"metric": "euclidean"})
    with localcontext() as context:
        context.prec = 60
        for i in range(len(points)):
            for j in range(i):
                terms = [
                    (Decimal(float(a)) - Decimal(float(b))) ** 2
                    for a, b in zip(points[i], points[j], strict=True)
                ]
                exact = sum(terms, Decimal(0)).sqrt()
                assert abs(Decimal(float(distances[i, j])) - exact) <= exact * Decimal(2) ** -51


@pytest.mark.parametrize("precision", ["fast", "safe", "exact"])
def test_radii_of_far_triangles_are_those_of_exact_arithmetic(precision: str) -> None:
    """Return the circumradius of an acute triangle by Heron's formula, with 60 digits."""
    triangle = np.array([[1e8, 1e8], [1e8 + 1.0, 1e8 + 0.125], [1e8 + 0.5, 1e8 + 1.0]])
    (loop,) = computed(triangle, query("alpha", precision=precision)).bars[1].tolist()
    with localcontext() as context:
        context.prec = 60
        corners = [[Decimal(float(value)) for value in corner] for corner in triangle]
        a, b, c = (
            sum(((x - y) ** 2 for x, y in zip(one, other, strict=True)), Decimal(0)).sqrt()
            for one, other in ((corners[0], corners[1]), (corners[1], corners[2]), (corners[0], corners[2]))
        )
        half = (a + b + c) / 2
        radius = a * b * c / (4 * (half * (half - a) * (half - b) * (half - c)).sqrt())
    assert loop[1] == pytest.approx(float(radius), rel=1e-11)
    assert loop[0] == pytest.approx(float(max(a, b, c) / 2), rel=1e-11)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [lambda n: torus(n, 1), lambda n: circle(n, 3)])
def test_a_turn_changes_next_to_nothing(algorithm: str, shape: Callable[[int], FloatArray]) -> None:
    points = shape(60)
    dim = points.shape[1]
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(dim, dim)))[0]
    asked = query(algorithm, landmarks=60, cut=0.5) if algorithm == "witness" else query(algorithm)
    if algorithm == "sparse_rips":
        return  # farthest-point sampling depends on the order of the points
    assert apart(computed(points, asked), computed(points @ turn.T, asked)) < 2e-6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("n", [1, 2, 3, 50, 51])
@pytest.mark.parametrize("place", [0.0, 0.1, 1e-300, -1e140])
def test_equal_points_are_one_component(algorithm: str, n: int, place: float) -> None:
    diagram = computed(np.full((n, 2), place), query(algorithm, max_dimension=2))
    assert (infinite_bars(diagram), [len(bars) for bars in diagram.bars[1:]]) == ([1, 0, 0], [0, 0])


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "witness"])
@pytest.mark.parametrize("n", [2, 3, 50, 51])
@pytest.mark.parametrize("distance", [1.0, 1e-200, 1e100])
def test_two_clusters_of_equal_points_are_two_components(algorithm: str, n: int, distance: float) -> None:
    points = np.zeros((n, 2))
    points[n // 2 :, 0] = distance
    diagram = computed(points, query(algorithm))
    lengths = diagram.bars[0][:, 1] - diagram.bars[0][:, 0]
    assert (np.isinf(lengths).sum(), len(diagram.bars[1])) == (1, 0)
    assert lengths[np.isfinite(lengths)].max(initial=0.0) >= distance / 4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_collinear_points_have_no_loop(algorithm: str) -> None:
    for step in ([1.0, 0.0], [1.0, 3.0], [0.1, 0.7], [1e-180, 3e-180]):
        points = np.outer(np.arange(20.0), step)
        diagram = computed(points, query(algorithm))
        kept = diagram.bars[1][diagram.bars[1][:, 1] - diagram.bars[1][:, 0] > 1e-9 * np.hypot(*step)]
        assert (len(kept), infinite_bars(diagram)[0]) == (0, 1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("n", [20, 50, 51, 200])
def test_the_defaults_see_the_loop_of_a_circle(algorithm: str, n: int) -> None:
    angles = np.random.default_rng(n).uniform(0, 2 * np.pi, n)
    clouds = (ngon(n), circle(n, 0), np.column_stack((np.cos(angles), np.sin(angles))))
    for points in clouds:
        diagram = computed(points, query(algorithm))
        end = np.inf if diagram.cut is None else diagram.cut
        loops = np.sort(np.minimum(diagram.bars[1], end) @ [-1.0, 1.0])[::-1]
        assert (len(loops) > 0, infinite_bars(diagram)[0]) == (True, 1)
        assert len(loops) == 1 or loops[0] > 2 * loops[1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_points_are_refused(algorithm: str) -> None:

    with pytest.raises(ComputationError, match="empty_cloud"):
        Engine(LIMITS).compute(np.empty((0, 2)), query(algorithm))


def test_witness_with_all_points_as_landmarks_is_cut_where_they_are_joined() -> None:
    for n in (2, 3, 10, 50):
        diagram = computed(ngon(n), query("witness", landmarks=n))
        assert diagram.cut is not None
        assert diagram.cut == pytest.approx(2 * math.sin(math.pi / n))
        assert infinite_bars(diagram)[0] == 1


def test_a_bar_that_is_more_than_rounding_is_kept() -> None:
    """A tiny loop near the origin must be kept, though the far point's rounding is greater."""
    cloud = np.vstack((ngon(6) * 1e-20, [[1.0, 1.0]]))
    diagram = computed(cloud, query("alpha"))
    assert longest(diagram.bars[1]) == pytest.approx(0.5e-20)
    assert len(diagram.bars[0]) == 7


@pytest.mark.parametrize("unit", [1e-200, 1e-160, 1.0, 1e149])
def test_covering_radii_and_nets_have_no_scale(unit: float) -> None:
    points = sorted_points(uniform(40, 1)) * unit
    chosen, radius = farthest_points(points, 8)
    assert len(chosen) == 8
    assert radius == pytest.approx(euclidean_distances(points, points[chosen]).min(axis=1).max(), rel=1e-12)
    net, farthest = lattice_net(points, 0.2 * unit)
    assert 0 < farthest <= 0.2 * unit
    assert euclidean_distances(points, net).min(axis=1).max() <= 0.2 * unit
    settings = PreprocessSettings(None, ScaleSettings("none", (), ()), 8, None)
    prepared = Preprocessor(settings, query()).prepare(points)
    assert (len(prepared.points), prepared.error_bound) == (8, pytest.approx(2 * radius))


@pytest.mark.parametrize("exponent", [-600, -300, 0, 400])
@pytest.mark.usefixtures("incremental_kernels")
def test_windows_that_slide_have_no_scale(exponent: int, make_engine: MakeEngine) -> None:
    cloud = np.ldexp(circle(90, 6), exponent)
    engine = make_engine()
    caches = IncrementalCaches(1 << 26, LIMITS, engine.compute)
    for first in (0, 5, 20):
        window = slice(first, first + 60)
        ours = caches.diagram("stream", np.arange(90)[window], cloud[window], query())
        assert bits(ours) == bits(engine.compute(cloud[window], query()))
        assert longest(ours.bars[1]) > math.ldexp(0.5, exponent)


@pytest.mark.parametrize("length", [5e-324, 1e-200, 1.0, 1e200, 1.7e308])
def test_statistics_of_bars_have_no_scale(length: float) -> None:
    bars = np.array([[0.0, length]] * 4 + [[0.0, np.inf]])
    (group,) = homology_groups(Diagram((bars,), "test", None, 0.0))
    assert (group["mean_persistence"], group["max_persistence"]) == (length, length)
    assert group["entropy"] == pytest.approx(math.log(4))


def test_moving_and_scaling_to_the_origin_is_exact() -> None:
    points = np.array([[1e8, 3.0], [1e8 + 2.0**-20, -5.0]])
    near = normal(points)
    assert (near.points == np.ldexp([[0.0, 3.0], [2.0**-20, -5.0]], -near.exponent)).all()
    assert near.restored(0.5) == math.ldexp(0.5, near.exponent)
