"""All engines give the same bars, bit for bit, as gudhi's simplex tree."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from support.job.topology_cases import (
    bars_mod_two,
    bits,
    circle,
    computed,
    filtration,
    integer_grid,
    query,
    sorted_bars,
    sphere,
    torus,
    uniform,
    with_duplicates,
)
from tdajob.topology.flag import engines, graph, redzed, ripser
from tdajob.topology.kernels.loader import load_kernels
from tdajob.topology.values import FloatArray

Cloud = Callable[[int, int], FloatArray]


def tenths(n: int, seed: int) -> FloatArray:
    """Return points rounded like a sensor's: distances that nearly tie and distances that tie."""
    return np.round(circle(n, seed), 1)


CLOUDS: list[Cloud] = [uniform, integer_grid, with_duplicates, sphere, tenths]
NEVER, ALWAYS = 10**9, 0


@pytest.fixture(
    params=[
        "ripser",
        "collapse+ripser",
        "redzed",
        "collapse+redzed",
        "gudhi's collapse+ripser",
        "compiled",
        "matrix",
    ]
)
def _route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the code paths of large clouds for small ones, too."""
    name: str = request.param
    monkeypatch.setattr(engines, "FEW_VERTICES", NEVER if name == "matrix" else -1)
    monkeypatch.setattr(engines, "NEARLY_COMPLETE", 2.0 if "collapse" in name else 0.0)
    for limit in ("FEW_EDGES", "EDGES_PER_VERTEX"):
        monkeypatch.setattr(engines, limit, [ALWAYS if "redzed" in name else NEVER] * 3)
    monkeypatch.setattr(engines, "COMPILED_FROM", ALWAYS if name == "compiled" else NEVER)
    if name.startswith("gudhi"):
        monkeypatch.setattr(engines, "load_kernels", lambda: None)
    monkeypatch.setattr(graph, "ROUND", 2.0)
    monkeypatch.setattr(graph, "REACH", 0.0)
    if "redzed" in name and not redzed.AVAILABLE:
        pytest.skip("redzed-tda is not installed")


@pytest.mark.usefixtures("_route")
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("max_dimension", [0, 1, 2])
def test_every_route_equals_the_simplex_tree(cloud: Cloud, max_dimension: int) -> None:
    for n in (*range(1, 12), 20, 30):
        points = cloud(n, n)
        for cut in (None, 0.0, 0.5, 1.0, 2.0):
            fast = computed(points, query(max_dimension=max_dimension, cut=cut))
            slow = computed(points, query(max_dimension=max_dimension, cut=cut, engine="gudhi"))
            assert bits(fast) == bits(slow), (n, cut)


@pytest.mark.usefixtures("_route")
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("field", [2, 3])
def test_higher_dimensions_and_fields_agree(cloud: Cloud, field: int) -> None:
    for n in (4, 8, 11, 14):
        asked = {"max_dimension": 4, "field": field}
        fast, slow = (computed(cloud(n, n), query(engine=e, **asked)) for e in ("auto", "gudhi"))
        assert bits(fast) == bits(slow), n


@pytest.mark.usefixtures("_route")
@pytest.mark.parametrize("seed", range(10))
def test_distances_that_are_no_metric_and_tie_often(seed: int) -> None:
    """Neither the triangle inequality nor an order of equal lengths may be assumed."""
    rng = np.random.default_rng(seed)
    for n in (3, 6, 12, 20):
        lengths = np.tril(rng.integers(0, 2 + 5 * seed, (n, n)).astype(float), -1)
        lengths += np.tril(rng.integers(0, 3, (n, n)) * 2.0**-45, -1)
        distances = lengths + lengths.T
        for asked in (query(max_dimension=2), query(max_dimension=2, cut=2.0)):
            cut = asked.max_persistence
            slow = engines.intervals(distances, cut, 2, 2, "gudhi")[1]
            fast = engines.intervals(distances, cut, 2, 2, "auto")[1]
            assert [ended(bars, cut) for bars in fast] == [ended(bars, cut) for bars in slow]


def ended(bars: FloatArray, cut: float | None) -> list[tuple[float, float]]:
    """Return the bars of positive length, with deaths beyond the cut made infinite."""
    limit = np.inf if cut is None else cut
    return sorted((b, d if d <= limit else np.inf) for b, d in bars.tolist() if b < d and b <= limit)


@pytest.mark.usefixtures("_route")
def test_a_loop_of_zeros() -> None:
    """Return distances without a triangle inequality: a 4-cycle of zeros with longer diagonals."""
    across = np.array([[0.0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]])
    assert ended(engines.intervals(across, None, 1, 2, "auto")[1][1], None) == [(0.0, 1.0)]


@pytest.mark.parametrize(
    ("cloud", "n", "max_dimension"), [(uniform, 300, 1), (integer_grid, 60, 2), (tenths, 90, 1)]
)
def test_larger_clouds_agree_below_a_cut(cloud: Cloud, n: int, max_dimension: int) -> None:
    points = cloud(n, 5)
    for cut in (0.2, 0.3) if cloud is uniform else (1.0, 2.0):
        fast, slow = (
            computed(points, query(max_dimension=max_dimension, cut=cut, engine=e)) for e in ("auto", "gudhi")
        )
        assert bits(fast) == bits(slow)


@pytest.mark.parametrize("cloud", [uniform, circle, torus, sphere, tenths])
def test_large_clouds_agree_with_ripser_on_the_whole_matrix(cloud: Cloud) -> None:
    points = cloud(400, 6)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    fast = engines.intervals(distances, None, 1, 2, "auto")[1]
    whole = ripser.from_matrix(distances, 1, 2)
    assert [ended(bars, None) for bars in fast] == [ended(bars, None) for bars in whole]


@pytest.mark.parametrize("cloud", [uniform, circle, torus, integer_grid, with_duplicates, tenths])
def test_collapsed_clouds_of_several_words_agree_with_ripser_on_the_whole_matrix(cloud: Cloud) -> None:
    for n in (63, 64, 65, 130):
        points = cloud(n, n)
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        engine, fast = engines.intervals(distances, None, 2, 2, "auto")
        assert engine.startswith("tdaflink:collapse+")
        whole = ripser.from_matrix(distances, 2, 2)
        assert [ended(bars, None) for bars in fast] == [ended(bars, None) for bars in whole], n


@pytest.mark.parametrize("cloud", CLOUDS)
def test_both_equal_the_definition(cloud: Cloud) -> None:
    for n in range(1, 10):
        points = cloud(n, n)
        distance = np.linalg.norm(points[:, None] - points[None], axis=2)
        diameters = filtration(
            n, 3, lambda simplex, d=distance: max((d[i, j] for i, j in combinations(simplex, 2)), default=0.0)
        )
        found = computed(points, query(max_dimension=2)).bars
        for ours, defined in zip(found, bars_mod_two(diameters, 2), strict=True):
            np.testing.assert_allclose(sorted_bars(map(tuple, ours)), defined, atol=1e-12)


@pytest.mark.parametrize("cloud", [*CLOUDS, circle, torus])
def test_no_edge_beyond_the_last_empty_lune_has_one(cloud: Cloud) -> None:
    compiled = load_kernels()
    assert compiled is not None
    for n in (1, 2, 3, 5, 40):
        points = cloud(n, n)
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        for radius in (np.inf, 0.7):
            with_empty_lune = [
                length
                for (one, other), length in np.ndenumerate(distances)
                if one != other
                and length <= radius
                and (np.maximum(distances[one], distances[other]) >= length).all()
            ]
            assert compiled.full_matrix.last_empty_lune(distances, radius) == max(
                with_empty_lune, default=0.0
            )


def test_two_vertices_do_not_both_leave_the_third_to_the_other() -> None:
    """Each vertex dominates the other; without the long edges of both, the third point is disconnected."""
    distances = np.array([[0.0, 1.0, 20.0], [1.0, 0.0, 20.0], [20.0, 20.0, 0.0]])
    assert graph.graph_of(distances, None).lengths.max() == 20.0


def test_a_dominated_vertex_loses_its_long_edges() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [11.0, 0.0], [5.0, 0.0]])
    distances = np.abs(points[:, :1] - points[:, 0])
    assert len(graph.graph_of(distances, None).lengths) < (distances[np.tril_indices(5, -1)] <= 6).sum()


@pytest.mark.skipif(not redzed.AVAILABLE, reason="redzed-tda is not installed")
def test_each_question_takes_its_route() -> None:
    assert computed(uniform(20, 0), query()).engine == "gudhi:ripser"
    assert computed(uniform(200, 0), query()).engine == "redzed"
    assert computed(uniform(200, 0), query(field=3)).engine == "gudhi:ripser"
    assert computed(uniform(300, 0), query()).engine == "tdaflink:reduced"
    assert computed(uniform(300, 0), query(field=3)).engine == "tdaflink:reduced"
    assert computed(uniform(200, 0), query(cut=0.01)).engine == "gudhi:ripser"
    assert computed(uniform(40, 0), query(max_dimension=2)).engine == "tdaflink:collapse+ripser"
    assert computed(sphere(100, 0), query(max_dimension=2)).engine == "redzed"
    assert computed(sphere(100, 0), query(max_dimension=2, cut=0.8)).engine == "tdaflink:collapse+ripser"
    assert computed(uniform(20, 0), query(engine="gudhi")).engine == "gudhi:simplex_tree"


def test_without_redzed_ripser_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    points = uniform(120, 0)
    with_it = computed(points, query())
    monkeypatch.setattr(redzed, "AVAILABLE", False)
    without = computed(points, query())
    assert (without.engine, bits(without)) == ("gudhi:ripser", bits(with_it))


def test_without_the_private_names_the_public_way_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = computed(uniform(20, 0), query(max_dimension=2))
    monkeypatch.setattr(ripser, "AVAILABLE", False)
    slow = computed(uniform(20, 0), query(max_dimension=2))
    assert (slow.engine, bits(slow)) == ("gudhi:simplex_tree", bits(fast))


def test_where_ripser_cannot_number_the_simplices_the_simplex_tree_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ripser has 128-bit indices, which 3,600 points in dimension 10 over Z/46337 exceed."""

    def too_many(*_: object, **__: object) -> None:
        raise OverflowError

    expected = bits(computed(uniform(12, 0), query()))
    monkeypatch.setattr(ripser, "_full", too_many)
    diagram = computed(uniform(12, 0), query())
    assert (diagram.engine, bits(diagram)) == ("gudhi:simplex_tree", expected)
