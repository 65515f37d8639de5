"""Comparison of consecutive diagrams of a stream: distances, alerts and the stored bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tdajob.processing.alert_record import alert_record
from tdajob.processing.comparison import Comparer, Comparison
from tdajob.settings.streams import ComparisonSettings, PreprocessSettings, ScaleSettings
from tdajob.state_version import StateError
from tdajob.topology.diagrams.distances import bottleneck, wasserstein
from tdajob.topology.values import Diagram, FloatArray, Query

QUERY = Query("vietoris_rips", 1, None, 0.0, 2, "auto", {})
PREPROCESS = PreprocessSettings(None, ScaleSettings("none", (), ()), None, None)
BOTTLENECK = ComparisonSettings("bottleneck", None, (0, 1), 0.5, 1000)
WASSERSTEIN = ComparisonSettings("wasserstein", 1.0, (0, 1), 0.5, 1000)
FIRST_ID, SECOND_ID, THIRD_ID = (hashlib.sha256(name).hexdigest() for name in (b"1", b"2", b"3"))
# Written by the first release: FIRST below, compared by BOTTLENECK, of the result FIRST_ID.
VERSION_1 = (
    "01" "bcc478fb9a55042c3d91a83aa8e6cccc"
    "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" "02"
    "00" "01000000" "00000000" "0000000000000000" "0000000000000000" "000000000000f03f"
    "01" "01000000" "00000000" "0000000000000000" "000000000000f03f" "0000000000000840"
)  # fmt: skip


def diagram(*bars: list[list[float]]) -> Diagram:
    return Diagram(tuple(np.array(found, float).reshape(-1, 2) for found in bars), "test", None, 0.0)


FIRST = diagram([[0.0, 1.0], [0.0, np.inf]], [[1.0, 3.0]])
SECOND = diagram([[0.0, 1.5], [0.0, np.inf]], [[1.0, 3.25], [5.0, 5.25]])


def comparer(chosen: ComparisonSettings, query: Query = QUERY) -> Comparer:
    return Comparer(chosen, query, PREPROCESS)


def after(first: Diagram, second: Diagram, chosen: ComparisonSettings) -> Comparison:
    _, state = comparer(chosen).compare(first, FIRST_ID, None)
    comparison, _ = comparer(chosen).compare(second, SECOND_ID, state)
    assert comparison is not None
    return comparison


def test_the_first_diagram_is_compared_with_nothing() -> None:
    assert comparer(BOTTLENECK).compare(FIRST, FIRST_ID, None)[0] is None


def test_distances_by_dimension_and_the_largest_of_them() -> None:
    assert after(FIRST, SECOND, BOTTLENECK).document() == {
        "metric": "bottleneck",
        "order": None,
        "distance": 0.5,
        "by_dimension": {"0": 0.5, "1": 0.25},
        "threshold": 0.5,
        "alert": False,
        "error_bound": 0.0,
        "bars_left_out": 0,
        "previous_id": FIRST_ID,
    }
    mass = after(FIRST, SECOND, WASSERSTEIN)
    assert (mass.distance, mass.by_dimension) == (0.5, {0: 0.5, 1: 0.375})


@pytest.mark.parametrize(("threshold", "alert"), [(None, False), (0.5, False), (0.49, True), (0.0, True)])
def test_an_alert_is_a_distance_above_the_threshold(threshold: float | None, alert: bool) -> None:
    assert after(FIRST, SECOND, replace(BOTTLENECK, threshold=threshold)).alert is alert


def test_only_chosen_dimensions_count() -> None:
    loops = after(FIRST, SECOND, replace(BOTTLENECK, dimensions=(1,)))
    assert (loops.distance, loops.by_dimension) == (0.25, {1: 0.25})


def test_an_alert_is_told_with_its_window() -> None:
    window = {"kind": "count", "first_seq": 0, "last_seq": 99}
    comparison = after(FIRST, SECOND, replace(BOTTLENECK, threshold=0.1))
    key, value = alert_record("sensor-7", SECOND_ID, window, comparison)
    record = json.loads(value)
    assert key == b"sensor-7"
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "id": hashlib.sha256(f'["alert","{SECOND_ID}"]'.encode()).hexdigest(),
        "kind": "alert",
        "stream_id": "sensor-7",
        "result_id": SECOND_ID,
        "window": window,
        "distance_to_previous": comparison.document(),
        "version": 1,
    }
    assert record["distance_to_previous"]["alert"] is True


def random_bars(count: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    births = rng.uniform(size=count)
    return np.column_stack((births, births + rng.exponential(0.3, count)))


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    most=st.integers(1, 30),
    order=st.sampled_from([None, 1.0, 2.0]),
)
def test_short_bars_are_left_out_within_the_bound_that_is_told(
    seed: int, counts: tuple[int, int], most: int, order: float | None
) -> None:
    first, second = (random_bars(count, seed + place) for place, count in enumerate(counts))
    chosen = ComparisonSettings("bottleneck" if order is None else "wasserstein", order, (0,), None, most)
    found = after(diagram(first.tolist()), diagram(second.tolist()), chosen)
    exact = bottleneck(first, second) if order is None else wasserstein(first, second, order)
    assert abs(found.distance - exact) <= found.error_bound + 1e-12
    assert found.bars_left_out == sum(max(0, count - most) for count in counts)
    assert (found.error_bound == 0) == (found.bars_left_out == 0)


def test_the_longest_bars_are_the_ones_that_are_kept() -> None:
    bars = diagram([[0.0, 1.0], [0.0, 9.0], [0.0, 2.0], [0.0, np.inf]])
    chosen = replace(WASSERSTEIN, dimensions=(0,), max_bars=1)
    found = after(bars, diagram([]), chosen)
    assert (found.distance, found.bars_left_out, found.error_bound) == (4.5, 2, 2.0)


def test_state_does_not_grow_with_the_diagram() -> None:
    many = diagram(random_bars(500, 0).tolist(), random_bars(500, 1).tolist())
    _, state = comparer(replace(BOTTLENECK, max_bars=10)).compare(many, FIRST_ID, None)
    assert len(state) == 50 + 2 * (17 + 10 * 16)


@pytest.mark.parametrize(
    "changed",
    [
        {"algorithm": "alpha"},
        {"max_persistence": 2.0},
        {"min_persistence": 0.1},
        {"homology_coeff_field": 3},
        {"params": {"precision": "fast"}},
    ],
)
def test_diagrams_that_were_asked_for_otherwise_are_not_compared(changed: dict[str, object]) -> None:
    _, state = comparer(BOTTLENECK).compare(FIRST, FIRST_ID, None)
    other = comparer(BOTTLENECK, Query(**{**vars(QUERY), **changed}))
    comparison, state = other.compare(SECOND, SECOND_ID, state)
    assert comparison is None
    again, _ = other.compare(SECOND, THIRD_ID, state)
    assert again is not None
    assert (again.distance, again.previous_id) == (0.0, SECOND_ID)


def test_another_preprocessing_or_a_further_dimension_starts_anew() -> None:
    _, state = comparer(replace(BOTTLENECK, dimensions=(1,))).compare(FIRST, FIRST_ID, None)
    assert comparer(BOTTLENECK).compare(SECOND, SECOND_ID, state)[0] is None
    scaled = Comparer(BOTTLENECK, QUERY, replace(PREPROCESS, scale=ScaleSettings("minmax", (), ())))
    _, state = comparer(BOTTLENECK).compare(FIRST, FIRST_ID, None)
    assert scaled.compare(SECOND, SECOND_ID, state)[0] is None


def test_the_first_release_s_state_is_read() -> None:
    _, written = comparer(BOTTLENECK).compare(FIRST, FIRST_ID, None)
    assert written.hex() == VERSION_1
    comparison, _ = comparer(BOTTLENECK).compare(SECOND, SECOND_ID, bytes.fromhex(VERSION_1))
    assert comparison == after(FIRST, SECOND, BOTTLENECK)


@pytest.mark.parametrize("size", range(1, 50, 7))
def test_damaged_state_is_named(size: int) -> None:
    _, state = comparer(BOTTLENECK).compare(FIRST, FIRST_ID, None)
    with pytest.raises(StateError, match="is truncated"):
        comparer(BOTTLENECK).compare(SECOND, SECOND_ID, state[:-size])
    with pytest.raises(StateError, match="version 9; this job reads 1"):
        comparer(BOTTLENECK).compare(SECOND, SECOND_ID, b"\x09" + state[1:])
