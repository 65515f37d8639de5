"""Feature vectors of bars: hand-computed values, and equality with gudhi.representations."""

from __future__ import annotations

import json
from dataclasses import replace

import gudhi.representations as peer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.job.topology_cases import circle, computed, query
from tdajob.processing.features import feature_documents, feature_values
from tdajob.settings.streams import BettiCurve, Entropy, Feature, Landscape, PersistenceImage, Silhouette
from tdajob.topology.diagrams import vectors
from tdajob.topology.diagrams.distances import bottleneck
from tdajob.topology.values import ComputationError, Diagram, FloatArray

ROOT2 = np.sqrt(2)
RANGE = (0.0, 4.0)
LANDSCAPE = Landscape(1, RANGE, "clamp", 5, 2)
SILHOUETTE = Silhouette(1, RANGE, "clamp", 5, 1.0)
BETTI = BettiCurve(1, RANGE, "clamp", 5)
ENTROPY = Entropy(1, RANGE, "clamp", 5, False)
IMAGE = PersistenceImage(1, RANGE, "clamp", (0.0, 2.0), (5, 3), 0.5, 1.0)
ALL: list[Feature] = [LANDSCAPE, SILHOUETTE, BETTI, ENTROPY, IMAGE]
TWO_BARS = np.array([[0.0, 4.0], [1.0, 3.0]])
EMPTY = np.empty((0, 2))


def values(feature: Feature, bars: FloatArray) -> list[float]:
    return feature_values(feature, bars).tolist()


def test_two_bars_by_hand() -> None:
    np.testing.assert_allclose(
        feature_values(LANDSCAPE, TWO_BARS), ROOT2 * np.array([[0, 1, 2, 1, 0], [0, 0, 1, 0, 0]])
    )
    # The longer bar has two thirds of the weight.
    np.testing.assert_allclose(values(SILHOUETTE, TWO_BARS), ROOT2 * np.array([0, 2, 5, 2, 0]) / 3)
    assert values(BETTI, TWO_BARS) == [1.0, 2.0, 2.0, 1.0, 0.0]
    long, short = -2 / 3 * np.log(2 / 3), -1 / 3 * np.log(1 / 3)
    np.testing.assert_allclose(values(ENTROPY, TWO_BARS), [long, long + short, long + short, long, 0])


def test_an_image_by_hand() -> None:
    """One bar born at 1 of length 2, so of weight 2: a Gaussian of that volume, with its maximum there."""
    image = feature_values(IMAGE, np.array([[1.0, 3.0]]))
    top = 2 / (2 * np.pi * 0.5**2)
    one_off = np.exp(-(1**2) / (2 * 0.5**2))
    assert image.shape == (3, 5)
    np.testing.assert_allclose(image[2, :3], [top * one_off, top, top * one_off])
    np.testing.assert_allclose(image[:, 1], [top * one_off**4, top * one_off, top])
    fine = feature_values(
        replace(IMAGE, range=(-4.0, 6.0), persistence_range=(-3.0, 7.0), resolution=(101, 101)),
        np.array([[1.0, 3.0]]),
    )
    assert fine.sum() * 0.1**2 == pytest.approx(2.0, rel=1e-6)


bar_lists = st.lists(
    st.tuples(st.integers(-20, 60), st.integers(1, 40)).map(lambda bar: (bar[0] / 8, (bar[0] + bar[1]) / 8)),
    min_size=1,
    max_size=30,
).map(np.array)
# Grids that meet births and deaths exactly and grids that do not.
resolutions = st.sampled_from([2, 5, 33, 50])


@settings(max_examples=60, deadline=None)
@given(
    bars=bar_lists, resolution=resolutions, layers=st.integers(1, 40), power=st.sampled_from([0.0, 1.0, 2.5])
)
def test_equal_to_gudhi_s(bars: FloatArray, resolution: int, layers: int, power: float) -> None:
    sampled = {"resolution": resolution, "sample_range": list(RANGE), "keep_endpoints": True}
    ours = feature_values(replace(LANDSCAPE, resolution=resolution, layers=layers), bars)
    theirs = peer.Landscape(num_landscapes=layers, **sampled)(bars)
    np.testing.assert_allclose(ours.ravel(), theirs, atol=1e-12)
    theirs = peer.Silhouette(weight=lambda bar: (bar[1] - bar[0]) ** power, **sampled)(bars)
    ours = feature_values(replace(SILHOUETTE, resolution=resolution, power=power), bars)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    ours = feature_values(replace(BETTI, resolution=resolution), bars)
    assert ours.tolist() == peer.BettiCurve(**sampled)(bars).tolist()


@settings(max_examples=40, deadline=None)
@given(bars=bar_lists, normalized=st.booleans())
def test_entropy_is_equal_to_gudhi_s(bars: FloatArray, normalized: bool) -> None:
    # gudhi divides by the step of the grid, so the step is a power of two, which does not round.
    chosen = replace(ENTROPY, resolution=33, normalized=normalized)
    theirs = peer.Entropy(
        mode="vector", normalized=False, resolution=33, sample_range=list(RANGE), keep_endpoints=True
    )(bars)
    total = theirs.sum()
    expected = theirs / total if normalized and total > 0 else theirs
    np.testing.assert_allclose(feature_values(chosen, bars), expected, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(bars=bar_lists, bandwidth=st.floats(0.05, 3), power=st.sampled_from([0.0, 1.0, 2.0]))
def test_images_are_equal_to_gudhi_s(bars: FloatArray, bandwidth: float, power: float) -> None:
    chosen = replace(IMAGE, resolution=(7, 4), bandwidth=bandwidth, power=power)
    theirs = peer.PersistenceImage(
        bandwidth=bandwidth,
        weight=lambda bar: bar[1] ** power,
        resolution=[7, 4],
        im_range=[*chosen.range, *chosen.persistence_range],
    )(bars)
    np.testing.assert_allclose(feature_values(chosen, bars).ravel(), theirs, rtol=1e-9, atol=1e-12)


def test_many_bars_are_taken_part_by_part_and_none_is_lost() -> None:
    rng = np.random.default_rng(5)
    births = rng.uniform(0, 3, 30_000)
    bars = np.column_stack((births, births + rng.exponential(0.2, 30_000)))
    grid = np.linspace(*RANGE, 200)
    assert len(list(vectors._blocks(len(bars), len(grid)))) > 5
    alive = ((bars[:, 0] <= grid[:, None]) & (grid[:, None] < bars[:, 1])).sum(axis=1)
    assert vectors.betti_curve(bars, grid).tolist() == alive.tolist()
    by_layer = np.sort(np.maximum(np.minimum(grid - bars[:, :1], bars[:, 1:] - grid), 0), axis=0)[::-1]
    np.testing.assert_allclose(vectors.landscape(bars, grid, 3), ROOT2 * by_layer[:3], atol=1e-12)
    thin = bars[:, 1] - bars[:, 0]
    mean = ROOT2 * (np.maximum(np.minimum(grid - bars[:, :1], bars[:, 1:] - grid), 0).T @ thin) / thin.sum()
    np.testing.assert_allclose(vectors.silhouette(bars, grid, 1.0), mean, atol=1e-12)


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.kind)
def test_no_bar_gives_zeros(feature: Feature) -> None:
    for essential, bars in (("clamp", EMPTY), ("drop", EMPTY), ("drop", np.array([[1.0, np.inf]]))):
        assert not feature_values(replace(feature, essential=essential), bars).any()


@pytest.mark.parametrize("feature", [LANDSCAPE, SILHOUETTE, ENTROPY], ids=lambda feature: feature.kind)
def test_an_infinite_bar_is_clamped_to_the_end_of_the_range(feature: Feature) -> None:
    infinite = np.array([[1.0, np.inf], [0.0, 3.0], [9.0, np.inf]])  # the last bar is born beyond the range
    assert values(feature, infinite) == values(feature, np.array([[1.0, 4.0], [0.0, 3.0]]))


def test_an_infinite_bar_never_ends_in_a_betti_curve_and_is_as_long_as_can_be_in_an_image() -> None:
    infinite = np.array([[1.0, np.inf]])
    assert values(BETTI, infinite) == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert values(IMAGE, infinite) == values(IMAGE, np.array([[1.0, 3.0]]))


def test_one_bar_has_no_entropy() -> None:
    for normalized in (True, False):
        found = values(replace(ENTROPY, normalized=normalized), np.array([[0.0, 2.0]]))
        assert str(found) == "[0.0, 0.0, 0.0, 0.0, 0.0]"


def test_a_landscape_moves_no_further_than_the_bars() -> None:
    """Bubenik's stability theorem; with this normalisation the bound is √2 times the bottleneck distance."""
    first, second = (computed(circle(60, seed), query()).bars[1] for seed in (1, 2))
    fine = replace(LANDSCAPE, resolution=300, layers=5)
    between = np.abs(feature_values(fine, first) - feature_values(fine, second)).max()
    assert 0 < between <= ROOT2 * bottleneck(first, second) + 1e-12


def test_the_longest_tent_of_a_circle_is_its_loop() -> None:
    bars = computed(circle(100, 3, noise=0.02), query()).bars[1]
    birth, death = bars[(bars[:, 1] - bars[:, 0]).argmax()]
    layers = feature_values(replace(LANDSCAPE, range=(birth, death), resolution=3), bars)
    assert layers[0, 1] == pytest.approx(ROOT2 * (death - birth) / 2)


def test_documents_are_plain_json_in_the_order_of_the_config() -> None:
    diagram = Diagram((EMPTY, TWO_BARS), "test", None, 0.0)
    documents = feature_documents(ALL, diagram)
    assert json.loads(json.dumps(documents, allow_nan=False)) == documents
    assert [(one["kind"], one["shape"]) for one in documents] == [
        ("landscape", [2, 5]),
        ("silhouette", [5]),
        ("betti_curve", [5]),
        ("entropy", [5]),
        ("persistence_image", [3, 5]),
    ]
    assert documents[2]["values"] == [1.0, 2.0, 2.0, 1.0, 0.0]
    assert len(documents[4]["values"]) == 15


def test_a_dimension_that_was_not_computed_has_no_values() -> None:
    diagram = Diagram((TWO_BARS,), "test", None, 0.0)
    assert feature_documents([BETTI, replace(BETTI, dimension=0)], diagram) == [
        {"kind": "betti_curve", "dimension": 1, "shape": None, "values": None},
        {"kind": "betti_curve", "dimension": 0, "shape": [5], "values": [1.0, 2.0, 2.0, 1.0, 0.0]},
    ]


def test_what_float64_cannot_hold_is_refused() -> None:
    diagram = Diagram((EMPTY, np.array([[0.0, 1e150]])), "test", None, 0.0)
    over = replace(IMAGE, power=3.0)
    with pytest.raises(
        ComputationError, match=r"features\[1\] \(persistence_image\).*scale the points"
    ) as no:
        feature_documents([replace(SILHOUETTE, power=3.0), over], diagram)
    assert no.value.code == "non_finite"
