"""Distances between diagrams: by trying every matching, by hand, and by the axioms of a metric."""

from __future__ import annotations

from itertools import combinations, permutations

import gudhi.hera
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tdajob.topology.distances import bottleneck, wasserstein
from tdajob.topology.values import FloatArray

EMPTY = np.empty((0, 2))


def diagrams(most: int, value: st.SearchStrategy[float]) -> st.SearchStrategy[FloatArray]:
    bars = st.lists(st.tuples(value, value.map(lambda length: length + 1)), max_size=most)
    return bars.map(lambda found: np.array([(b, b + length) for b, length in found]).reshape(-1, 2))


def tiny() -> st.SearchStrategy[FloatArray]:
    """Of small integers, so that bars tie and recur."""
    return diagrams(4, st.integers(0, 3).map(float))


def by_trying(first: FloatArray, second: FloatArray, order: float) -> float:
    """The best of all matchings."""
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


@settings(max_examples=100, deadline=None)
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
    # Far apart, both bars rather shrink to nothing.
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


def test_the_bottleneck_distance_is_a_way_of_a_bar_to_the_last_bit() -> None:
    """gudhi's fast form is often off in the last bits, which a threshold would notice."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        births = rng.integers(0, 1000, (2, 40)) / 1000
        first, second = (np.column_stack((b, b + rng.integers(1, 300, 40) / 1000)) for b in births)
        between = np.abs(first[:, None] - second[None]).max(axis=2).ravel().tolist()
        alone = ((np.vstack((first, second)) @ [-1, 1]) / 2).tolist()
        found = bottleneck(first, second)
        assert found in between + alone
        assert found == pytest.approx(gudhi.bottleneck_distance(first, second, 0), rel=1e-14)


@pytest.mark.parametrize("order", [1.0, 2.0, 100.0])
def test_values_of_any_size_can_be_compared(order: float) -> None:
    for unit in (1e150, 1e-150):
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
