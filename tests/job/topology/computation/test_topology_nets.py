"""Nets of windows: the requested error bound holds, and the cache does not affect diagrams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.job.topology_cases import ROUNDING, apart, bits, circle, computed, hausdorff, query
from tdajob.processing.preprocess import Prepared, Preprocessor
from tdajob.settings.streams import PreprocessSettings, ScaleSettings
from tdajob.topology.geometry.lattice import lattice_net
from tdajob.topology.incremental.nets import KeptNets
from tdajob.topology.values import Diagram, FloatArray

Draw = Callable[[np.random.Generator, int], FloatArray]

WINDOW = 90


def uniform(rng: np.random.Generator, step: int) -> FloatArray:  # noqa: ARG001 -- signature of all draws
    return rng.uniform(size=(5, 2))


def drifting(rng: np.random.Generator, step: int) -> FloatArray:
    """Return a moving ring with three decimals."""
    return circle(5, int(rng.integers(1 << 30))).round(3) + np.array([0.1, -0.02]) * step


def tied(rng: np.random.Generator, step: int) -> FloatArray:  # noqa: ARG001
    """Return points at few locations, some on borders of cells."""
    return rng.integers(-3, 4, size=(5, 3)) / 4


def enormous(rng: np.random.Generator, step: int) -> FloatArray:  # noqa: ARG001
    """Return coordinates too large for cells of that size."""
    return 1e12 + rng.integers(0, 9, size=(5, 2)).astype(float)


def windows(draw: Draw, seed: int, steps: int = 12) -> list[FloatArray]:
    rng = np.random.default_rng(seed)
    stream = np.concatenate([draw(rng, step) for step in range(steps + WINDOW // 5)])
    return [stream[5 * k : 5 * k + WINDOW] for k in range(steps)]


def prepared(points: FloatArray, error: float, **asked: object) -> Prepared:
    settings = PreprocessSettings(None, ScaleSettings("none", (), ()), None, error)
    return Preprocessor(settings, query(**asked)).prepare(points)


@pytest.mark.parametrize("draw", [uniform, drifting, tied, enormous])
@pytest.mark.parametrize("error", [0.03, 0.3, 1.0])
@pytest.mark.parametrize(
    "asked",
    [{}, {"cut": 0.5}, {"max_dimension": 2}, {"algorithm": "alpha"}, {"min_persistence": 0.05}],
    ids=str,
)
def test_diagrams_of_nets_keep_within_their_bound_and_that_within_what_was_asked(
    draw: Draw, error: float, asked: dict[str, object]
) -> None:
    for points in windows(draw, 7, steps=4):
        few = prepared(points, error, **asked)
        assert hausdorff(points, few.points) <= few.covering_radius
        assert few.error_bound <= error
        found, exact = computed(few.points, query(**asked)), computed(points, query(**asked))
        assert apart(found, exact) <= few.error_bound + ROUNDING * max(1.0, np.abs(points).max() / 1e6)


@pytest.mark.parametrize("draw", [uniform, drifting, tied])
def test_what_is_kept_changes_nothing(draw: Draw) -> None:
    """So a restore, which empties the cache, does not affect diagrams either."""
    kept, nothing = KeptNets(1 << 20), KeptNets(0)
    for points in windows(draw, 3):
        net = prepared(points, 0.3).points
        again = prepared(points[::-1], 0.3).points
        first, second = (
            nets.diagram("stream", one, lambda _, of: computed(of, query()))
            for nets, one in ((kept, net), (nothing, again))
        )
        assert bits(first) == bits(second)
    assert nothing.unchanged == 0


def test_only_a_cell_that_fills_or_empties_leads_to_a_computation() -> None:
    calls: list[list[int]] = []

    def compute(sequences: FloatArray, net: FloatArray) -> Diagram:
        calls.append(sequences.tolist())
        return computed(net, query())

    kept = KeptNets(1 << 20)
    points = np.array([[0.1, 0.1], [0.2, 0.3], [5.1, 5.2]])
    for moved in (points, points + 0.01, points[1:], points[[0, 2]]):
        kept.diagram("a", lattice_net(moved, 1.0)[0], compute)
    assert (len(calls), kept.unchanged) == (1, 3)
    kept.diagram("a", lattice_net(np.vstack((points, [[-3.0, 2.0]])), 1.0)[0], compute)
    kept.diagram("a", lattice_net(points[:2], 1.0)[0], compute)
    # A centre keeps its number while it exists: (-3, 2) is first in order, but third in time.
    assert calls == [[1, 2], [3, 1, 2], [1]]
    kept.diagram("b", lattice_net(points, 1.0)[0], compute)
    kept.forget("a")
    kept.diagram("a", lattice_net(points[:2], 1.0)[0], compute)
    assert len(calls) == 5


def test_the_least_recently_used_net_goes_first() -> None:
    seen: list[str] = []

    def diagram(nets: KeptNets, key: str) -> None:
        def compute(_: object, net: FloatArray) -> Diagram:
            seen.append(key)
            return computed(net, query())

        nets.diagram(key, np.array([[0.0, 0.0], [1.0, 0.0]]), compute)

    nets = KeptNets(1000)
    for key in "abacab":
        diagram(nets, key)
    assert seen == ["a", "b", "c", "b"]


def test_a_large_window_becomes_small() -> None:
    few = prepared(circle(20_000, 1), 0.4)
    assert len(few.points) < 400
    loops = computed(few.points, query()).bars[1]
    assert (loops[:, 1] - loops[:, 0]).max() > 2 * few.error_bound
