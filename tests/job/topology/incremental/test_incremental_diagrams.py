"""Incremental diagrams of windows are equal to gudhi's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits, load_iris
from support.job.incremental_cases import (
    DRAWS,
    Draw,
    assert_equals_gudhi,
    breathing,
    extreme,
    grid,
    high_dimensional,
    make_caches,
    noisy_circle,
    sliding,
    uniform,
)
from support.job.topology_cases import MakeEngine, longest, query
from tdajob.topology.engine import Engine
from tdajob.topology.geometry.distances import pairwise_distances
from tdajob.topology.incremental import caches, window
from tdajob.topology.incremental.caches import ENGINE
from tdajob.topology.values import FloatArray

pytestmark = pytest.mark.usefixtures("incremental_kernels")


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


@pytest.fixture
def _every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache windows of any size, and make lists and chunks of edges as short as possible."""
    monkeypatch.setattr(caches, "MIN_POINTS", 1)
    monkeypatch.setattr(window, "_SHORT_LIST", 1)
    monkeypatch.setattr(window, "_CHUNK", 50)
    monkeypatch.setattr(window, "_FIRST_EDGES_PER_POINT", 1)


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("field", [2, 3, 46337])
def test_windows_that_slide(engine: Engine, draw: Draw, field: int) -> None:
    kept, asked = make_caches(engine), query(field=field)
    for step in sliding(draw, size=80, slide=3, steps=15, seed=field):
        diagram = kept.diagram("s", step.sequences, step.points, asked)
        assert_equals_gudhi(diagram, step.points, asked)
        # If squares of differences underflow, the window is scaled and recomputed.
        assert draw is extreme or diagram.engine == ENGINE
    assert draw is extreme or (kept.stats.rebuilds, kept.stats.hits) == (1, 14)


@pytest.mark.usefixtures("_every_size")
@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_windows_that_grow_and_shrink_with_diagrams_left_out(engine: Engine, draw: Draw) -> None:
    for seed in range(4):
        kept, asked, rng = make_caches(engine), query(field=(2, 3)[seed % 2]), np.random.default_rng(seed)
        for step in breathing(draw, largest=70, steps=40, seed=seed):
            if len(step.points) and rng.random() < 0.8:
                diagram = kept.diagram("s", step.sequences, step.points, asked)
                assert_equals_gudhi(diagram, step.points, asked)
                assert draw is extreme or diagram.engine == ENGINE
        assert draw is extreme or kept.stats.hits > 5


@pytest.mark.usefixtures("_every_size")
@pytest.mark.parametrize("draw", [grid, uniform, noisy_circle], ids=lambda draw: draw.__name__)
def test_each_question_may_differ_from_the_last(engine: Engine, draw: Draw) -> None:
    """Cuts and dimensions leave edges uncertified; a later query without them must certify the rest."""
    rng = np.random.default_rng(0)
    kept = make_caches(engine)
    for step in sliding(draw, size=60, slide=2, steps=60, seed=1):
        cut = None if rng.random() < 0.4 else float(rng.uniform(0, np.ptp(step.points)))
        asked = query(
            max_dimension=int(rng.random() < 0.7),
            cut=cut,
            min_persistence=float(rng.choice([0.0, 0.1])),
            field=int(rng.choice([2, 5])),
        )
        assert_equals_gudhi(kept.diagram("s", step.sequences, step.points, asked), step.points, asked)
    assert kept.stats.hits == 59


@pytest.mark.usefixtures("_every_size")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_the_smallest_windows(engine: Engine, draw: Draw, n: int) -> None:
    kept = make_caches(engine)
    for max_dimension in (0, 1):
        asked = query(max_dimension=max_dimension)
        for step in sliding(draw, size=n, slide=1, steps=8, seed=n):
            diagram = kept.diagram("s", step.sequences, step.points, asked)
            assert_equals_gudhi(diagram, step.points, asked)


@pytest.mark.parametrize("draw", [uniform, noisy_circle, grid, high_dimensional], ids=lambda d: d.__name__)
def test_larger_windows(engine: Engine, draw: Draw) -> None:
    kept = make_caches(engine)
    for step in sliding(draw, size=220, slide=7, steps=8, seed=3):
        diagram = kept.diagram("s", step.sequences, step.points, query())
        assert_equals_gudhi(diagram, step.points, query())


@pytest.mark.usefixtures("_every_size")
def test_several_streams_under_a_budget_for_few(engine: Engine) -> None:
    kept, asked = make_caches(engine, budget_bytes=90_000), query()
    streams = {
        draw.__name__: iter(breathing(draw, largest=60, steps=40, seed=9))
        for draw in (uniform, grid, noisy_circle)
    }
    rng = np.random.default_rng(5)
    for _ in range(80):
        key = str(rng.choice(list(streams)))
        step = next(streams[key], None)
        if step is not None and len(step.points):
            diagram = kept.diagram(key, step.sequences, step.points, asked)
            assert_equals_gudhi(diagram, step.points, asked)
            assert kept.stats.bytes_held <= 90_000
    assert min(kept.stats.hits, kept.stats.evictions) > 5


@pytest.mark.parametrize("load", [load_iris, load_digits], ids=["iris", "digits"])
def test_every_window_of_real_measurements(engine: Engine, load: object) -> None:
    assert callable(load)
    points: FloatArray = load().data.astype(np.float64)
    kept, asked = make_caches(engine), query()
    for start in range(len(points) - 49):
        inside = points[start : start + 50]
        diagram = kept.diagram("s", np.arange(start, start + 50), inside, asked)
        assert_equals_gudhi(diagram, inside, asked)
    assert (kept.stats.rebuilds, kept.stats.hits) == (1, len(points) - 50)


def test_the_field_tells_the_projective_plane(engine: Engine) -> None:
    """Twice its loop is a boundary: H1 has a long bar over Z/2, and none over Z/3."""
    directions = np.random.default_rng(2).normal(size=(220, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    lines = (directions[:, :, None] * directions[:, None, :]).reshape(-1, 9)
    kept = make_caches(engine)
    over_two, over_three = (
        kept.diagram("s", np.arange(220), lines, query(field=field)).bars[1] for field in (2, 3)
    )
    assert longest(over_two) > 2.5 * longest(over_three)


def test_what_comes_and_goes_between_two_equal_windows_leaves_no_trace(engine: Engine) -> None:
    kept, rng = make_caches(engine), np.random.default_rng(4)
    points = rng.uniform(size=(150, 3))
    sequences = np.arange(150)
    first = kept.diagram("s", sequences[:100], points[:100], query())
    kept.diagram("s", sequences[40:], points[40:], query())
    order = rng.permutation(100)
    again = kept.diagram("s", sequences[:100][order], points[:100][order], query())
    assert [bars.tobytes() for bars in again.bars] == [bars.tobytes() for bars in first.bars]


@pytest.mark.parametrize("dim", [1, 2, 3, 5, 8, 17, 64])
def test_distances_do_not_depend_on_when_they_were_computed(dim: int) -> None:
    """The matrix grows by rectangles, gudhi's is computed at once: they must be equal to the last bit."""
    points = np.random.default_rng(dim).normal(size=(90, dim))
    whole = pairwise_distances(points)
    assert np.array_equal(cdist(points[:7].copy(), points[::-1])[:, ::-1], whole[:7])
    assert np.array_equal(whole, whole.T)
