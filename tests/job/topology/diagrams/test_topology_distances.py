"""Distances between diagrams, against all matchings, hand-computed values and the axioms of a metric."""

from __future__ import annotations

from itertools import combinations, permutations

import gudhi.hera
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from tdajob.topology.diagrams.distances import bottleneck, wasserstein
from tdajob.topology.values import FloatArray

EMPTY = np.empty((0, 2))


def diagrams(most: int, value: st.SearchStrategy[float]) -> st.SearchStrategy[FloatArray]:
    bars = st.lists(st.tuples(value, value.map(lambda length: length + 1)), max_size=most)
    return bars.map(lambda found: np.array([(b, b + length) for b, length in found]).reshape(-1, 2))


def tiny() -> st.SearchStrategy[FloatArray]:
    """Return bars of small integers, so that bars tie and repeat."""
    return diagrams(4, st.integers(0, 3).map(float))


def by_trying(first: FloatArray, second: FloatArray, order: float) -> float:
    """Return the minimum over all matchings."""
    costs = []
    for size in range(min(len(first), len(second)) + 1):
        for left in combinations(range(len(first)), size):
            for right in permutations(range(len(second)), size):
                pairs = zip(left, right, strict=True)
                ways = [float(np.abs(first[i] - second[j]).max()) for i, j in pairs]
                ways += ((np.delete(first, left, axis=0) @ [-1, 1]) / 2).tolist()
                ways += ((np.delete(second, right, axis=0) @ [-1, 1]) / 2).tolist()
                longest = max(ways, default=0.0)
                costs.append(longest if order == np.inf else sum(way**order for way in ways) ** (1 / order))
    return min(costs)


@settings(max_examples=200, deadline=None)
@given(first=tiny(), second=tiny())
def test_no_matching_is_better(first: FloatArray, second: FloatArray) -> None:
    assert bottleneck(first, second) == by_trying(first, second, np.inf)
    for order in (1.0, 2.0, 3.5):
        assert wasserstein(first, second, order) == pytest.approx(by_trying(first, second, order), abs=1e-12)


def test_by_hand() -> None:
    long, shifted, short = [[0.0, 10.0]], [[1.0, 12.0]], [5.0, 6.0]
    first, second = np.array(long), np.array([*shifted, short])
    assert bottleneck(first, second) == 2.0
    assert wasserstein(first, second, 1.0) == 2.5
    assert wasserstein(first, second, 2.0) == pytest.approx((2**2 + 0.5**2) ** 0.5)
    # If the bars are far apart, matching both with the diagonal is cheaper.
    far = np.array([[100.0, 104.0]])
    assert bottleneck(first, far) == 5.0
    assert wasserstein(first, far, 1.0) == 7.0


@pytest.mark.parametrize("order", [1.0, 2.0, np.inf])
def test_nothing_is_half_a_bar_from_a_bar(order: float) -> None:
    def distance(first: FloatArray, second: FloatArray) -> float:
        return bottleneck(first, second) if order == np.inf else wasserstein(first, second, order)

    bar = np.array([[1.0, 4.0]])
    assert distance(EMPTY, EMPTY) == 0.0
    assert distance(bar, EMPTY) == distance(EMPTY, bar) == 1.5
    assert distance(bar, bar) == 0.0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_is_a_metric_and_agrees_with_hera(data: st.DataObject) -> None:
    drawn = diagrams(30, st.floats(0, 10, width=32))
    first, second, third = (data.draw(drawn) for _ in range(3))
    for order in (1.0, 2.0):
        there, back = wasserstein(first, second, order), wasserstein(second, first, order)
        assert there == pytest.approx(back, abs=1e-9)
        assert wasserstein(first, first, order) == 0.0
        assert there <= wasserstein(first, third, order) + wasserstein(third, second, order) + 1e-9
        peer = gudhi.hera.wasserstein_distance(first, second, order=order, delta=1e-9)
        assert there == pytest.approx(peer, rel=1e-8, abs=1e-9)
    assert (
        bottleneck(first, second) <= min(there, bottleneck(first, third) + bottleneck(third, second)) + 1e-9
    )


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ([[0, 1], [0, 1], [1, 3]], [[1, 2], [1, 2], [1, 2], [1, 3]], 0.5),
        ([[3, 6], [3, 6], [3, 6], [0, 1]], [[0, 2], [1, 3], [2, 4], [1, 4]], 1.5),
        ([[3, 4], [3, 4], [2, 3], [1, 5]], [[2, 5], [2, 6], [3, 6]], 1.5),
    ],
)
def test_ties_that_gudhi_s_own_bottleneck_distance_gets_wrong(
    first: list[list[int]], second: list[list[int]], distance: float
) -> None:
    assert bottleneck(np.array(first, float), np.array(second, float)) == distance


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["grid", "uniform", "from zero", "far"]))
def test_the_bottleneck_distance_is_the_first_length_that_suffices(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)

    def drawn() -> FloatArray:
        count = int(rng.integers(1, 60))
        births = {
            "grid": rng.integers(0, 12, count) * 1.0,
            "uniform": rng.uniform(size=count),
            "from zero": np.zeros(count),
            "far": rng.uniform(0, 1e-3, count),
        }[kind]
        lengths = rng.integers(1, 9, count) if kind == "grid" else rng.exponential(0.3, count)
        return np.column_stack((births, births + lengths + (100 if kind == "far" else 0)))

    first, second = drawn(), drawn()
    found = bottleneck(first, second)
    assert found == bottleneck(second, first)
    assert suffices(found, first, second)
    assert found == 0 or not suffices(np.nextafter(found, 0), first, second)


def suffices(length: float, first: FloatArray, second: FloatArray) -> bool:
    """Return whether a matching within `length` exists, by an assignment of cost 0."""
    n, m = len(first), len(second)
    ways = np.zeros((n + m, n + m))
    ways[:n, :m] = np.abs(first[:, None] - second[None]).max(axis=2)
    ways[:n, m:] = ((first @ [-1, 1]) / 2)[:, None]
    ways[n:, :m] = (second @ [-1, 1]) / 2
    too_far = (ways > length).astype(float)
    return bool(too_far[linear_sum_assignment(too_far)].sum() == 0)


@pytest.mark.parametrize("order", [1.0, 2.0, 100.0])
def test_values_of_any_size_can_be_compared(order: float) -> None:
    for unit in (1e150, 1e-150):
        assert (
            bottleneck(np.array([[0.0, 10.0]]) * unit, np.array([[1.0, 12.0]]) * unit)
            == 12 * unit - 10 * unit
        )
        first, second = np.array([[0.0, 10.0], [3.0, 4.0]]) * unit, np.array([[0.0, 12.0]]) * unit
        expected = (2**order + 0.5**order) ** (1 / order) * unit
        assert wasserstein(first, second, order) == pytest.approx(expected, rel=1e-9)


def test_common_bars_take_no_part_at_order_one() -> None:
    rng = np.random.default_rng(4)
    births = rng.uniform(size=300)
    common = np.column_stack((births, births + rng.exponential(size=300)))
    first, second = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.2, 1.1]])
    assert wasserstein(np.vstack((common, first)), np.vstack((common, second)), 1.0) == 0.2
    for order in (1.0, 2.0):
        whole = wasserstein(np.vstack((common, first)), np.vstack((second, common)), order)
        peer = gudhi.hera.wasserstein_distance(
            np.vstack((common, first)), np.vstack((common, second)), order=order, delta=1e-9
        )
        assert whole == pytest.approx(peer, rel=1e-7)
