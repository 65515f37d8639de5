"""Čech, weighted and sparse filtrations against their definitions and against each other."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from support.job.topology_cases import (
    SQUARE,
    MakeEngine,
    Simplex,
    bars_mod_two,
    bits,
    circle,
    computed,
    enclosing_radius,
    filtration,
    infinite_bars,
    integer_grid,
    query,
    sorted_bars,
    sphere,
    torus,
    uniform,
    with_duplicates,
)
from tdajob.topology.algorithms.dtm_rips import distance_to_measure
from tdajob.topology.diagrams.distances import bottleneck
from tdajob.topology.flag.components import components
from tdajob.topology.geometry.distances import pairwise_distances, sorted_points
from tdajob.topology.values import ComputationError, Diagram, FloatArray

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(0.75)]])
INFINITE = [0.0, np.inf]


class TestCech:
    def test_an_equilateral_triangle(self) -> None:
        """The loop is born at half a side and dies at the circumradius."""
        components_, loops = computed(TRIANGLE, query("cech")).bars
        np.testing.assert_allclose(components_, [[0, 0.5], [0, 0.5], INFINITE])
        np.testing.assert_allclose(loops, [[0.5, 1 / math.sqrt(3)]])

    def test_a_regular_tetrahedron_has_a_void(self) -> None:
        corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
        side = 2 * math.sqrt(2)
        _, loops, voids = computed(corners, query("cech", max_dimension=2)).bars
        np.testing.assert_allclose(loops, [[side / 2, side / math.sqrt(3)]] * 3)
        np.testing.assert_allclose(voids, [[side / math.sqrt(3), math.sqrt(3)]])

    def test_a_cut_between_leaves_the_loop(self) -> None:
        diagram = computed(TRIANGLE, query("cech", cut=0.55))
        assert (infinite_bars(diagram), diagram.cut) == ([1, 1], 0.55)

    @pytest.mark.parametrize("dim", [1, 2, 3])
    @pytest.mark.parametrize("cloud", [uniform, integer_grid, with_duplicates])
    def test_it_follows_the_definition(self, cloud: object, dim: int) -> None:
        points = cloud(10, dim)[:, :dim]  # type: ignore[operator]
        defined = filtration(10, 2, lambda simplex: smallest_ball(simplex, points))
        found = computed(points, query("cech")).bars
        for ours, theirs in zip(found, bars_mod_two(defined, 1), strict=True):
            np.testing.assert_allclose(sorted_bars(map(tuple, ours)), theirs, atol=1e-7)

    @pytest.mark.parametrize("precision", ["fast", "safe", "exact"])
    def test_the_nerve_theorem(self, precision: str) -> None:
        """Alpha and Čech bars are both those of the union of balls."""
        points = torus(60, 0)
        cech = computed(points, query("cech", max_dimension=2, precision=precision))
        alpha = computed(points, query("alpha", max_dimension=2))
        for ours, theirs in zip(cech.bars, alpha.bars, strict=True):
            assert apart(ours, theirs) < 1e-9

    def test_it_interleaves_with_rips(self) -> None:
        """Diameter / 2 <= radius of the smallest enclosing ball <= diameter / sqrt(2): Jung's theorem."""
        points = circle(40, 1)
        factor = math.log(math.sqrt(2))
        cech, rips = (computed(points, query(name)).bars for name in ("cech", "vietoris_rips"))
        for ours, theirs in zip(cech, rips, strict=True):
            if ours[:, 0].all():
                assert apart(np.log(ours), np.log(theirs / 2)) <= factor + 1e-9

    @pytest.mark.parametrize(
        "points", [[[1.0, 2.0]], [[1.0, 2.0]] * 3, [[0.0], [2.0]], [[0.0] * 3, [2.0] * 3]]
    )
    def test_one_place_or_two(self, points: list[list[float]]) -> None:
        diagram = computed(np.array(points), query("cech", max_dimension=2))
        assert infinite_bars(diagram) == [1, 0, 0]
        finite = diagram.bars[0][:-1]
        half = math.dist(points[0], points[-1]) / 2
        np.testing.assert_allclose(finite, [[0, half]] if half else np.empty((0, 2)))

    def test_many_coordinates_are_refused(self, make_engine: MakeEngine) -> None:
        with pytest.raises(ComputationError, match="max_ambient_dimension"):
            make_engine().compute(np.zeros((3, 6)), query("cech"))


def smallest_ball(simplex: Simplex, points: FloatArray) -> float:
    """The same for three points that coincide or are collinear."""
    sides = sorted(float(np.linalg.norm(points[i] - points[j])) for i, j in combinations(simplex, 2))
    flat = len(sides) == 3 and sides[0] + sides[1] <= sides[2] * (1 + 1e-9)
    return sides[2] / 2 if flat else enclosing_radius(simplex, points)


class TestDtmRips:
    @pytest.mark.parametrize("cloud", [uniform, integer_grid, with_duplicates, circle])
    def test_with_one_neighbor_it_is_rips(self, cloud: object) -> None:
        points = cloud(40, 2)  # type: ignore[operator]
        weighted = computed(points, query("dtm_rips", max_dimension=2, neighbors=1))
        assert bits(weighted) == bits(computed(points, query(max_dimension=2)))

    def test_two_points_by_hand(self) -> None:
        """The points are 2 apart, so f = sqrt((0 + 4) / 2); they merge at 2 + 2 f."""
        f = math.sqrt(2)
        found = computed(np.array([[0.0], [2.0]]), query("dtm_rips", neighbors=2)).bars
        np.testing.assert_allclose(found[0], [[2 * f, 2 + 2 * f], [2 * f, np.inf]])

    def test_orders_by_hand(self) -> None:
        distances = np.array([[0.0, 3.0, 4.0], [3.0, 0.0, 5.0], [4.0, 5.0, 0.0]])
        assert distance_to_measure(distances, 2, 1.0).tolist() == [1.5, 1.5, 2.0]
        np.testing.assert_allclose(distance_to_measure(distances, 3, 2.0)[0], math.sqrt(25 / 3))
        np.testing.assert_allclose(distance_to_measure(distances * 1e149, 3, 9.0)[0] / 1e149, 3.8, rtol=0.1)
        assert distance_to_measure(np.zeros((3, 3)), 2, 2.0).tolist() == [0.0, 0.0, 0.0]

    @pytest.mark.parametrize("engine", ["auto", "gudhi"])
    @pytest.mark.parametrize("cloud", [uniform, integer_grid, with_duplicates])
    def test_it_follows_the_definition(self, cloud: object, engine: str) -> None:
        points = sorted_points(cloud(10, 4))  # type: ignore[operator]
        distances = pairwise_distances(points)
        f = np.sqrt((np.sort(distances, axis=1)[:, :4] ** 2).mean(axis=1))
        edges = distances + f[:, None] + f
        defined = filtration(
            10,
            3,
            lambda simplex: max(
                (edges[i, j] for i, j in combinations(simplex, 2)), default=2 * f[simplex[0]]
            ),
        )
        found = computed(points, query("dtm_rips", max_dimension=2, neighbors=4, engine=engine)).bars
        for ours, theirs in zip(found, bars_mod_two(defined, 2), strict=True):
            np.testing.assert_allclose(sorted_bars(map(tuple, ours)), theirs, atol=1e-9)

    @pytest.mark.parametrize("n", [1, 2, 3, 30, 100])
    @pytest.mark.parametrize("cut", [None, 0.8])
    def test_engines_agree_bit_for_bit(self, n: int, cut: float | None) -> None:
        points = circle(n, n)
        fast, slow = (computed(points, query("dtm_rips", cut=cut, engine=e)) for e in ("auto", "gudhi"))
        assert bits(fast) == bits(slow)

    def test_it_grows_with_the_cloud(self) -> None:
        points = uniform(25, 3)
        once, fourfold = (computed(size * points, query("dtm_rips")).bars for size in (1.0, 4.0))
        for small, large in zip(once, fourfold, strict=True):
            np.testing.assert_allclose(4 * small, large)

    def test_an_outlier_does_not_close_the_loop(self) -> None:
        """In the Rips filtration a few points inside a circle halve its loop; here they enter too late."""
        ring = circle(200, 0, noise=0.0)
        spoilt = np.vstack((ring, [[0.0, 0.0], [0.1, 0.4], [-0.4, -0.2]]))
        rips, weighted = (computed(spoilt, query(name)).bars[1] for name in ("vietoris_rips", "dtm_rips"))
        shorter, longer = (float((bars[:, 1] - bars[:, 0]).max()) for bars in (rips, weighted))
        assert longer > 1.3 * shorter

    def test_everything_ends_but_one_component(self) -> None:
        assert infinite_bars(computed(sphere(50, 0), query("dtm_rips", max_dimension=2))) == [1, 0, 0]


def test_of_two_components_the_younger_ends() -> None:
    lengths = np.array([[0.0, 5.0, 9.0], [5.0, 0.0, 7.0], [9.0, 7.0, 0.0]])
    found = components(lengths, np.array([1.0, 3.0, 0.0]))
    assert sorted(found.tolist()) == [[0.0, np.inf], [1.0, 7.0], [3.0, 5.0]]


class TestSparseRips:
    @pytest.mark.parametrize("cut", [None, 0.7])
    @pytest.mark.parametrize("epsilon", [0.1, 0.5, 0.9])
    @pytest.mark.parametrize("cloud", [uniform, integer_grid, with_duplicates, circle, sphere])
    def test_the_bound_holds(self, cloud: object, epsilon: float, cut: float | None) -> None:
        points = cloud(60, 1)  # type: ignore[operator]
        exact = computed(points, query(cut=cut))
        sparse = computed(points, query("sparse_rips", cut=cut, epsilon=epsilon))
        assert sparse.error_bound > 0.0
        for ours, theirs in zip(sparse.bars, exact.bars, strict=True):
            assert apart(ended(ours, cut), ended(theirs, cut)) <= sparse.error_bound

    @pytest.mark.parametrize("cloud", [circle, sphere, torus])
    def test_every_value_is_within_the_factor(self, cloud: object) -> None:
        points = cloud(80, 2)  # type: ignore[operator]
        exact, sparse = (computed(points, query(name)).bars[1] for name in ("vietoris_rips", "sparse_rips"))
        assert apart(np.log(exact), np.log(sparse)) <= math.log(2)

    def test_a_small_epsilon_is_exact(self) -> None:
        exact = computed(SQUARE, query())
        sparse = computed(SQUARE, query("sparse_rips", epsilon=0.01))
        assert [bars.tolist() for bars in sparse.bars] == [bars.tolist() for bars in exact.bars]

    def test_a_large_epsilon_takes_far_fewer_simplices(self, make_engine: MakeEngine) -> None:
        """The full complex of 400 points would have a billion simplices up to dimension 3."""
        engine = make_engine(max_predicted_bytes=1 << 30)
        diagram = engine.compute(torus(400, 0), query("sparse_rips", max_dimension=2, epsilon=0.9))
        assert infinite_bars(diagram) == [1, 0, 0]

    def test_the_order_of_points_does_not_matter(self) -> None:
        points = circle(50, 3)
        again = np.random.default_rng(0).permutation(points)
        assert bits(computed(points, query("sparse_rips"))) == bits(computed(again, query("sparse_rips")))

    @pytest.mark.parametrize("points", [[[1.0, 2.0]], [[1.0, 2.0]] * 4, [[0.0], [2.0]]])
    def test_one_place_or_two(self, points: list[list[float]]) -> None:
        sparse, exact = (
            computed(np.array(points), query(name, max_dimension=2))
            for name in ("sparse_rips", "vietoris_rips")
        )
        assert [bars.tolist() for bars in sparse.bars] == [bars.tolist() for bars in exact.bars]

    @pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0, -0.5])
    def test_epsilon_has_its_bounds(self, epsilon: float, make_engine: MakeEngine) -> None:
        with pytest.raises(ComputationError, match=r"epsilon is (-0\.5|[013]\.0): use"):
            make_engine().compute(SQUARE, query("sparse_rips", epsilon=epsilon))


def apart(first: FloatArray, second: FloatArray) -> float:
    """Return the bottleneck distance; both diagrams must have the same infinite bars."""
    essential = [np.sort(bars[np.isinf(bars[:, 1])], axis=0) for bars in (first, second)]
    np.testing.assert_array_equal(*essential)
    return bottleneck(*(bars[np.isfinite(bars[:, 1])] for bars in (first, second)))


def ended(bars: FloatArray, cut: float | None) -> FloatArray:
    """Return bars with deaths beyond the cut set to the cut."""
    return bars if cut is None else np.minimum(bars, cut)


def test_other_primes(make_engine: MakeEngine) -> None:
    """A projective plane of ten triangles has a loop over Z/2 and none over Z/3."""
    triangles = ["012", "023", "034", "045", "051", "124", "235", "341", "452", "513"]
    chosen = {frozenset(map(int, triangle)) for triangle in triangles}
    assert len(chosen) == 10
    engine = make_engine()
    by_field: dict[int, Diagram] = {}
    for field in (2, 3):
        by_field[field] = engine.compute_distances(
            subdivided(chosen), query(max_dimension=2, field=field, cut=1.0)
        )
    assert infinite_bars(by_field[2]) == [1, 1, 1]
    assert infinite_bars(by_field[3]) == [1, 0, 0]


def subdivided(triangles: set[frozenset[int]]) -> FloatArray:
    """Return distances of a barycentric subdivision: 1 between nested faces, else 2; flag complex at 1."""
    faces = sorted(
        {frozenset(face) for t in triangles for size in (1, 2, 3) for face in combinations(sorted(t), size)},
        key=sorted,
    )
    within = np.array([[float(a < b or b < a) for b in faces] for a in faces])
    distances = 2 - within
    np.fill_diagonal(distances, 0.0)
    return distances
