"""Limits of points in windows of each kind, and bounds of the state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from support.job.window_cases import (
    Sender,
    State,
    spans,
    stored_points,
    stored_rows,
    told_of,
    window_settings,
)
from tdajob.topology.values import FloatArray
from tdajob.windows.factory import new_window
from tdajob.windows.spec import CountWindow, NoWindow, SessionWindow, SlidingWindow, TumblingWindow
from tdajob.windows.state.rows import Rows
from tdajob.windows.thinning import thinned
from tdajob.windows.values import Arrival, Firing


def cloud(count: int, seed: int, dimension: int = 2) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, dimension))


def covers(firing: Firing, points: FloatArray) -> bool:
    """Return True if every point is within the firing's covering radius of a returned point."""
    nearest = cdist(points, firing.coordinates).min(axis=1).max()
    return bool(nearest <= firing.window.covering_radius * (1 + 1e-12))


def test_a_window_with_more_than_max_points_is_told_of_without_its_points() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None), max_points=3))
    outcome = stream.send(4, 2, 3, 9, 10)
    assert spans(outcome) == [(0, 10, [])]
    assert told_of(
        outcome, "too_large", "num_points", "first_event", "last_event", "first_seq", "last_seq"
    ) == [(True, 4, 2, 9, 1, 4)]
    assert outcome.firings[0].coordinates.shape == (0, 2)
    assert told_of(stream.send(11, 12, 20), "too_large", "num_points") == [(False, 3)]


def test_a_pane_that_is_too_large_keeps_nothing_but_its_count() -> None:
    stream = Sender(window_settings(TumblingWindow(1000, 0, None), max_points=100))
    for _ in range(50):
        stream.send(*range(10))
    assert stored_points(stream.state) == 0
    assert sum(map(len, stream.state.chunks.values())) < 200
    stream.restart()
    assert told_of(stream.send(1000), "num_points", "too_large", "last_seq") == [(500, True, 500)]
    stream.send(2000)
    assert stored_points(stream.state) == 1
    assert len(stream.state.chunks) == 1


def test_panes_that_are_each_small_make_only_the_windows_too_large_that_are() -> None:
    stream = Sender(window_settings(SlidingWindow(20, 10, 0, None), max_points=3))
    outcome = stream.send(1, 2, 11, 12, 21, 31, 32, 50)
    assert told_of(outcome, "start", "num_points", "too_large") == [
        (-10, 2, False),
        (0, 4, True),
        (10, 3, False),
        (20, 3, False),
        (30, 2, False),
    ]


def test_a_count_window_above_max_points_and_a_message_too() -> None:
    assert told_of(
        Sender(window_settings(CountWindow(4, 4, None), max_points=3)).send(1, 2, 3, 4), "too_large"
    ) == [True]
    outcome = Sender(window_settings(NoWindow(), max_points=3)).send(1, 2, 3, 4)
    assert told_of(outcome, "too_large", "num_points") == [(True, 4)]


def test_up_to_max_points_landmarks_change_nothing() -> None:
    points = cloud(50, 0)
    window = new_window(window_settings(NoWindow(), max_points=50, overflow="landmarks"))
    (firing,) = window.add(Arrival(points, np.zeros(50, np.int64), None, "a"), 0).firings
    assert firing.window.covering_radius == 0.0
    assert np.array_equal(firing.coordinates, points)


CLOUDS: dict[str, Callable[[int, int], FloatArray]] = {
    "normal": cloud,
    "grid": lambda count, seed: np.round(cloud(count, seed)),
    "one place": lambda count, _: np.zeros((count, 2)),
}
WINDOWS = {
    "tumbling": TumblingWindow(1000, 0, None),
    "sliding": SlidingWindow(1000, 250, 0, None),
    "count": CountWindow(700, 100, None),
    "none": NoWindow(),
}


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("make", CLOUDS.values(), ids=CLOUDS)
def test_landmarks_cover_all_points_of_a_window_as_closely_as_they_say(
    kind: str, make: Callable[[int, int], FloatArray]
) -> None:
    given = window_settings(
        WINDOWS[kind], max_points=60, overflow="landmarks", max_windows_per_message=10_000
    )
    window, state = new_window(given), State()
    everything: list[FloatArray] = []
    fired = 0
    for number in range(45):
        points = make(90, number)
        everything.append(points)
        times = 50 * number + np.arange(90) % 50
        outcome = window.add(Arrival(points, times, None, str(number)), 0)
        state.save(window)
        window = state.restored(given)
        for firing in outcome.firings:
            info = firing.window
            assert 1 <= len(firing.coordinates) <= 60
            assert not info.too_large
            if info.start is None:
                inside = np.concatenate(everything)[info.first_seq - 1 : info.last_seq]
            else:
                seen = np.concatenate([50 * number + np.arange(90) % 50 for number in range(number + 1)])
                cut = (seen >= info.start) & (seen < info.end)
                inside = np.concatenate(everything)[cut][: info.num_points]
            assert len(inside) == info.num_points
            assert covers(firing, inside)
            fired += 1
    assert fired >= 2
    assert stored_points(state) <= 60 * 8 + 1024 * (kind == "count")


def test_landmarks_of_equal_points_lose_nothing() -> None:
    window = new_window(window_settings(TumblingWindow(10, 0, None), max_points=4, overflow="landmarks"))
    points = np.repeat([[0.0, 1.0], [5.0, 5.0]], 50, axis=0)
    window.add(Arrival(points, np.zeros(100, np.int64), None, "a"), 0)
    (firing,) = window.add(Arrival(np.zeros((1, 2)), np.array([10]), None, "b"), 0).firings
    assert firing.window.num_points == 100
    assert firing.window.covering_radius == 0.0
    assert sorted(firing.coordinates.tolist()) == [[0.0, 1.0], [5.0, 5.0]]


def test_landmarks_stay_near_for_a_stream_that_stays_where_it_is() -> None:
    """The radius must not grow with the number of points: a point that a landmark covers is only counted."""
    window = new_window(window_settings(TumblingWindow(10**6, 0, None), max_points=200, overflow="landmarks"))
    rng = np.random.default_rng(0)
    for number in range(200):
        angle = rng.uniform(0, 2 * np.pi, 500)
        circle = np.column_stack((np.cos(angle), np.sin(angle)))
        window.add(Arrival(circle, np.full(500, number), None, str(number)), 0)
    (firing,) = window.add(Arrival(np.zeros((1, 2)), np.array([10**6]), None, "end"), 0).firings
    assert firing.window.num_points == 100_000
    assert 2 * np.pi / 200 / 4 < firing.window.covering_radius < 4 * 2 * np.pi / 100


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 400), limit=st.integers(1, 50), seed=st.integers(0, 99), grid=st.booleans())
def test_thinning_keeps_its_promise(count: int, limit: int, seed: int, grid: bool) -> None:
    points = np.round(cloud(count, seed)) if grid else cloud(count, seed)
    numbers = np.arange(count)
    kept, radius = thinned(Rows(numbers, numbers, points), limit)
    assert 1 <= len(kept) <= limit
    assert np.array_equal(kept.coordinates, points[kept.sequences])
    assert cdist(points, kept.coordinates).min(axis=1).max() <= radius * (1 + 1e-12)
    if count <= limit:
        assert radius == 0.0


ENDLESS = {
    "count": (CountWindow(300, 7, None), 300),
    "tumbling": (TumblingWindow(1000, 0, None), 1000),
    "sliding": (SlidingWindow(1000, 100, 0, None), 1000),
    "session": (SessionWindow(20, None), 1000),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("message", [1, 13, 400])
def test_an_endless_stream_keeps_a_bounded_state_with_each_point_once(kind: str, message: int) -> None:
    window, needed = ENDLESS[kind]
    stream = Sender(
        window_settings(window, out_of_orderness_ms=100, allowed_lateness_ms=200, max_duration_ms=1000)
    )
    rng = np.random.default_rng(1)
    largest = chunks = 0
    for start in range(0, 4_000, message):
        stream.send(*(start + np.arange(message) - rng.integers(0, 90, message)).tolist())
        numbers = np.concatenate([rows.sequences for rows in stored_rows(stream.state)])
        assert len(set(numbers.tolist())) == len(numbers), "a point is stored twice"
        largest, chunks = max(largest, len(numbers)), max(chunks, len(stream.state.chunks))
        assert len(stream.state.header) < 400
    # In addition to the longest window: out-of-orderness, lateness, a pane, the message, chunks of the ring.
    assert largest <= needed + 100 + 200 + 100 + message + 90 + 1024 * (kind == "count")
    assert chunks <= largest / 64 + 40


def test_records_of_windows_go_with_their_windows() -> None:
    stream = Sender(window_settings(SlidingWindow(100, 1, 0, 60), allowed_lateness_ms=50))
    for start in range(0, 6_000, 40):
        stream.send(start, start + 30, start - 35, now=start)
        stream.tick(start + 60)
    largest = max(len(chunk) for chunk in stream.state.chunks.values())
    assert sum(map(len, stream.state.chunks.values())) < 30_000
    assert largest < 64 * 40
    stream.send(10**6)
    assert stored_points(stream.state) == 1
    assert len(stream.state.chunks) == 1


def test_sessions_go_when_they_are_no_longer_kept() -> None:
    stream = Sender(window_settings(SessionWindow(10, None), allowed_lateness_ms=50))
    for start in range(0, 20_000, 100):
        stream.send(start, start + 5)
    assert stored_points(stream.state) <= 6
    assert len(stream.state.chunks) <= 6
    stream.send(10**6)
    stream.send(10**6 + 1)
    assert stored_points(stream.state) == 2
