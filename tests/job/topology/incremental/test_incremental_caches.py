"""Windows that a worker keeps, evicts and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.job.incremental_cases import (
    AMPLE,
    assert_equals_gudhi,
    make_caches,
    noisy_circle,
    sliding,
    uniform,
)
from support.job.topology_cases import LIMITS, MakeEngine, bits, query
from tdajob.topology.engine import Engine
from tdajob.topology.incremental.caches import ENGINE, IncrementalCaches, Stats, applicable
from tdajob.topology.incremental.window import BYTES_PER_PAIR, MAX_CAPACITY
from tdajob.topology.values import ComputationError, Query

pytestmark = pytest.mark.usefixtures("incremental_kernels")

N = 100
POINTS = np.random.default_rng(0).uniform(size=(2 * N, 2))
SEQUENCES = np.arange(2 * N)

ORDINARY = {"gudhi:ripser", "redzed"}


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


def ask(kept: IncrementalCaches, key: str, start: int = 0, n: int = N, asked: Query | None = None) -> str:
    """Return the engine of the diagram of n points from `start` on, after a comparison with gudhi."""
    inside, asked = slice(start, start + n), asked or query()
    diagram = kept.diagram(key, SEQUENCES[inside], POINTS[inside], asked)
    assert_equals_gudhi(diagram, POINTS[inside], asked)
    return diagram.engine


@pytest.mark.parametrize(
    "asked",
    [
        query("alpha", max_dimension=1),
        query(max_dimension=2),
        query(engine="gudhi"),
        query(surplus=1),
    ],
    ids=["alpha", "H2", "gudhi", "unknown parameter"],
)
def test_what_is_not_for_the_caches(asked: Query) -> None:
    assert not applicable(asked, N, 2)


@pytest.mark.parametrize("asked", [query(), query(max_dimension=0), query(cut=0.5, field=7)])
def test_what_is_for_the_caches(asked: Query) -> None:
    assert applicable(asked, N, 2)
    assert not applicable(asked, 3, 2)
    assert not applicable(asked, MAX_CAPACITY + 1, 2)


def test_other_questions_go_to_the_engine(engine: Engine) -> None:
    kept = make_caches(engine)
    assert ask(kept, "s", n=10) == "gudhi:ripser"
    assert ask(kept, "s", n=30, asked=query(engine="gudhi")) == "gudhi:simplex_tree"
    alpha = kept.diagram("s", SEQUENCES[:N], POINTS[:N], query("alpha"))
    assert bits(alpha) == bits(engine.compute(POINTS[:N], query("alpha")))
    assert kept.stats == Stats(hits=0, rebuilds=0, recomputes=3, evictions=0, bytes_held=0)


def test_counts_tell_what_happened(engine: Engine) -> None:
    kept = make_caches(engine)
    assert {ask(kept, "a", start) for start in (0, 3, 50, 99)} == {ENGINE}
    assert ask(kept, "b", 0) == ENGINE
    stats = kept.stats
    assert (stats.hits, stats.rebuilds, stats.recomputes, stats.evictions) == (3, 2, 0, 0)
    assert 0 < stats.bytes_held <= 2 * BYTES_PER_PAIR * N**2
    kept.forget("a")
    assert kept.stats.bytes_held < stats.bytes_held
    kept.forget("b")
    kept.forget("never seen")
    assert kept.stats.bytes_held == 0
    ask(kept, "a", 99)
    assert (kept.stats.rebuilds, kept.stats.evictions) == (3, 0)


def test_the_stream_that_waited_longest_makes_room(engine: Engine) -> None:
    alone = make_caches(engine)
    ask(alone, "a")
    kept = make_caches(engine, 2 * alone.stats.bytes_held + BYTES_PER_PAIR * N**2)
    for key in ("a", "b", "c", "a", "d"):
        ask(kept, key)
    assert kept.stats.evictions == 1
    rebuilds = kept.stats.rebuilds
    for key in ("a", "c", "d"):
        ask(kept, key, 1)
    assert kept.stats.rebuilds == rebuilds
    ask(kept, "b", 1)
    assert kept.stats.rebuilds == rebuilds + 1


def test_a_window_beyond_the_whole_budget_is_computed_anew(engine: Engine) -> None:
    kept = make_caches(engine, budget_bytes=BYTES_PER_PAIR * N**2)
    ask(kept, "a")
    assert ask(kept, "b", n=N + 1) in ORDINARY
    assert (kept.stats.recomputes, kept.stats.evictions) == (1, 0)
    assert ask(kept, "a", 1) == ENGINE
    assert kept.stats.hits == 1


def test_a_window_that_grows_gets_room_to_grow(engine: Engine) -> None:
    kept = make_caches(engine)
    for n in range(60, 120):
        ask(kept, "s", n=n)
    assert kept.stats.rebuilds < 6
    held = kept.stats.bytes_held
    ask(kept, "s", n=32)
    assert kept.stats.bytes_held == held
    ask(kept, "s", n=120)
    for n in (160, 40, 33):
        ask(kept, "s", n=n)
    assert kept.stats.bytes_held < held


def test_another_number_of_coordinates_starts_anew(engine: Engine) -> None:
    kept = make_caches(engine)
    ask(kept, "s")
    spatial = np.column_stack((POINTS[:N], POINTS[N:, 0]))
    assert_equals_gudhi(kept.diagram("s", SEQUENCES[:N], spatial, query()), spatial, query())
    assert kept.stats.rebuilds == 2


def test_a_point_that_moved_under_its_number_counts_as_new(engine: Engine) -> None:
    kept = make_caches(engine)
    ask(kept, "s")
    moved = POINTS[:N].copy()
    moved[17] += 0.25
    assert_equals_gudhi(kept.diagram("s", SEQUENCES[:N], moved, query()), moved, query())
    assert kept.stats.hits == 1


@pytest.mark.parametrize(
    ("sequences", "words"),
    [
        (np.zeros(N, dtype=np.int64), "has 0 twice"),
        (np.arange(N - 1), f"not one int64 for each of {N} points"),
        (np.arange(N, dtype=np.float64), f"not one int64 for each of {N} points"),
    ],
    ids=["duplicates", "too few", "not integers"],
)
def test_bad_sequences_are_named(engine: Engine, sequences: np.ndarray, words: str) -> None:
    with pytest.raises(ComputationError, match=words) as raised:
        make_caches(engine).diagram("s", sequences, POINTS[:N], query())
    assert raised.value.code == "bad_sequences"


def test_bad_points_and_queries_are_refused_as_the_engine_refuses_them(engine: Engine) -> None:
    kept = make_caches(engine)
    broken = POINTS[:N].copy()
    broken[3, 1] = np.nan
    for points, asked in (
        (broken, query()),
        (POINTS[:0], query()),
        (POINTS[:N], query(field=4)),
        (POINTS[:N], query("no_such")),
        (POINTS[:N], query(surplus=1)),
    ):
        with pytest.raises(ComputationError) as ours:
            kept.diagram("s", SEQUENCES[: len(points)], points, asked)
        with pytest.raises(ComputationError) as engines:
            engine.compute(points, asked)
        assert (ours.value.code, ours.value.reason) == (engines.value.code, engines.value.reason)
    assert ask(kept, "s") == ENGINE


def test_a_window_that_takes_too_long_is_an_error_and_starts_anew(engine: Engine) -> None:
    ample = make_caches(engine)
    hurried = IncrementalCaches(AMPLE, replace(LIMITS, compute_timeout=-1.0), engine.compute)
    for step in sliding(noisy_circle, size=N, slide=5, steps=2, seed=0):
        with pytest.raises(ComputationError, match="did not end within compute_timeout") as raised:
            hurried.diagram("s", step.sequences, step.points, query())
        assert raised.value.code == "timeout"
        assert_equals_gudhi(ample.diagram("s", step.sequences, step.points, query()), step.points, query())
    assert (hurried.stats.hits, hurried.stats.rebuilds, hurried.stats.bytes_held) == (0, 2, 0)


def test_a_stream_that_falls_below_the_size_worth_keeping_and_returns(engine: Engine) -> None:
    kept = make_caches(engine)
    for step in sliding(uniform, size=60, slide=4, steps=6, seed=8):
        assert_equals_gudhi(kept.diagram("s", step.sequences, step.points, query()), step.points, query())
        few = slice(0, 5)
        diagram = kept.diagram("s", step.sequences[few], step.points[few], query())
        assert_equals_gudhi(diagram, step.points[few], query())
    assert (kept.stats.rebuilds, kept.stats.hits, kept.stats.recomputes) == (1, 5, 6)
