"""Certificates and edge lists of a window between two diagrams are verified by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from support.job.incremental_cases import gudhi_bars
from support.job.topology_cases import query
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.incremental import window as window_module
from tdajob.topology.incremental.window import Window
from tdajob.topology.kernels.loader import Kernels, load_kernels

CAPACITY = 12

Edge = tuple[float, int, int]
Point = tuple[int, int]
Update = tuple[set[int], list[Point], float | None]
"""Indices of the live points that leave; the points that arrive; and the cut of the diagram, or None."""

places = st.tuples(st.integers(0, 3), st.integers(0, 3))
updates = st.tuples(
    st.sets(st.integers(0, CAPACITY - 1), max_size=5),
    st.lists(places, max_size=6),
    st.none() | st.floats(0, 5),
)


@pytest.fixture
def loaded(incremental_kernels: None, monkeypatch: pytest.MonkeyPatch) -> Kernels:  # noqa: ARG001
    monkeypatch.setattr(window_module, "_SHORT_LIST", 1)
    monkeypatch.setattr(window_module, "_CHUNK", 5)
    found = load_kernels()
    assert found is not None
    return found


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(updates, min_size=1, max_size=8), st.sampled_from([2, 3]))
def test_list_distances_and_certificates_are_true(loaded: Kernels, stream: list[Update], field: int) -> None:
    window = Window(CAPACITY, 2, loaded)
    for leaving, coming, cut in stream:
        _update(window, leaving, coming)
        if not window.alive.any():
            continue
        asked = query(cut=cut, field=field)
        raw = window.intervals(1, np.inf if cut is None else cut, field, lambda: None)
        points = window.points[window.alive]
        assert [bars.tobytes() for bars in finished_bars(raw, asked, cut)] == gudhi_bars(points, asked)
        _check(window, loaded)


def _update(window: Window, leaving: set[int], coming: list[Point]) -> None:
    live = np.flatnonzero(window.alive)
    gone = live[[number for number in leaving if number < len(live)]]
    room = CAPACITY - len(live) + len(gone)
    new = np.array(coming[:room], dtype=np.float64).reshape(-1, 2)
    assert len(window.update(gone, new)) == len(new)


def _check(window: Window, loaded: Kernels) -> None:
    live = [int(slot) for slot in np.flatnonzero(window.alive)]
    distances = window._distances
    assert np.array_equal(distances[np.ix_(live, live)], cdist(window.points[live], window.points[live]))
    edges = sorted((float(distances[high, low]), high, low) for low, high in combinations(live, 2))
    kept, count = window._edges, len(window._edges)
    listed = list(
        zip(kept.lengths.tolist(), kept.highs[:count].tolist(), kept.lows[:count].tolist(), strict=True)
    )
    assert listed == [edge for edge in edges if edge[0] <= kept.reach]
    earlier: dict[int, set[int]] = {slot: set() for slot in live}
    for _, high, low in edges:
        code = int(window._certificates[loaded.lunes.triangle_index(high, low)])
        _check_certificate(code, earlier[high] & earlier[low], earlier, loaded)
        earlier[high].add(low)
        earlier[low].add(high)


def _check_certificate(code: int, lune: set[int], earlier: dict[int, set[int]], loaded: Kernels) -> None:
    kinds = loaded.lunes
    assert code != kinds.VOID
    if code == kinds.EMPTY:
        assert not lune
    elif code >= 0:
        assert code in lune
        assert lune - {code} <= earlier[code]
    elif code != kinds.UNSEEN:
        assert kinds.WITNESS - code in lune


def test_an_uncut_diagram_leaves_no_edge_unseen(loaded: Kernels) -> None:
    window = Window(CAPACITY, 2, loaded)
    rng = np.random.default_rng(0)
    window.update(np.empty(0, dtype=np.int64), rng.uniform(size=(CAPACITY, 2)))
    assert (window._certificates == loaded.lunes.UNSEEN).all()
    window.intervals(1, np.inf, 2, lambda: None)
    assert (window._certificates != loaded.lunes.UNSEEN).all()
    window.update(np.array([3]), np.empty((0, 2)))
    assert np.count_nonzero(window._certificates == loaded.lunes.VOID) == CAPACITY - 1
