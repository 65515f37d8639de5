"""All engines give the same bars, bit for bit, as gudhi's simplex tree."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from tdajob.topology.algorithms import vietoris_rips
from tdajob.topology.values import FloatArray
from topology_cases import (
    bars_mod_two,
    bits,
    computed,
    filtration,
    integer_grid,
    query,
    sorted_bars,
    sphere,
    uniform,
    with_duplicates,
)

Cloud = Callable[[int, int], FloatArray]
CLOUDS: list[Cloud] = [uniform, integer_grid, with_duplicates, sphere]


@pytest.fixture(params=["graph", "matrix"])
def _route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send small clouds along the routes of large ones as well."""
    graph = request.param == "graph"
    monkeypatch.setattr(vietoris_rips, "SMALL_CLOUD", 0 if graph else 256)
    monkeypatch.setattr(vietoris_rips, "NEARLY_COMPLETE", 2.0 if graph else 0.0)


@pytest.mark.usefixtures("_route")
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("max_dimension", [0, 1, 2])
def test_fast_routes_equal_the_simplex_tree(cloud: Cloud, max_dimension: int) -> None:
    for n in range(1, 31):
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


@pytest.mark.parametrize(("cloud", "n", "max_dimension"), [(uniform, 300, 1), (integer_grid, 60, 2)])
def test_larger_clouds_agree_below_a_cut(cloud: Cloud, n: int, max_dimension: int) -> None:
    points = cloud(n, 5)
    for cut in (0.2, 0.3) if cloud is uniform else (1.0, 2.0):
        fast, slow = (
            computed(points, query(max_dimension=max_dimension, cut=cut, engine=e)) for e in ("auto", "gudhi")
        )
        assert bits(fast) == bits(slow)


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


def test_each_question_takes_its_route() -> None:
    assert computed(uniform(20, 0), query()).engine == "gudhi:ripser"
    assert computed(uniform(40, 0), query(max_dimension=2)).engine == "gudhi:collapse+ripser"
    assert computed(sphere(100, 0), query(max_dimension=2)).engine == "gudhi:ripser"
    assert computed(sphere(100, 0), query(max_dimension=2, cut=0.8)).engine == "gudhi:collapse+ripser"
    assert computed(uniform(20, 0), query(engine="gudhi")).engine == "gudhi:simplex_tree"


def test_without_the_private_names_the_public_way_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = computed(uniform(20, 0), query(max_dimension=2))
    monkeypatch.setattr(vietoris_rips, "FAST_ENGINES", False)
    slow = computed(uniform(20, 0), query(max_dimension=2))
    assert (slow.engine, bits(slow)) == ("gudhi:simplex_tree", bits(fast))


def test_where_ripser_cannot_number_the_simplices_the_simplex_tree_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has 128 bits for them, which 3,600 points in dimension 10 over Z/46337 exceed."""

    def too_many(*_: object, **__: object) -> None:
        raise OverflowError

    expected = bits(computed(uniform(12, 0), query()))
    monkeypatch.setattr(vietoris_rips, "_full", too_many)
    diagram = computed(uniform(12, 0), query())
    assert (diagram.engine, bits(diagram)) == ("gudhi:simplex_tree", expected)
