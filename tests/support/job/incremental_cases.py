"""Streams for the tests of incremental persistence, and gudhi's bars computed independently."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gudhi._ripser_ext import _full
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from tdajob.topology.engine import Engine
from tdajob.topology.incremental.caches import IncrementalCaches
from tdajob.topology.values import Diagram, FloatArray, Query

from support.job.topology_cases import LIMITS, circle

AMPLE = 1 << 28

Sequences = NDArray[np.int64]
Draw = Callable[[np.random.Generator, int, int], FloatArray]
"""Draws points (k, d) from a generator, k, and the number of the step in the stream."""


@dataclass(frozen=True)
class Step:
    """The content of a stream's window: sequence numbers and points, in no particular order."""

    sequences: Sequences
    points: FloatArray


def uniform(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001 -- signature of all draws
    return rng.uniform(size=(k, 2))


def grid(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    """Return points of a small grid: duplicates, and ties in nearly every distance."""
    return rng.integers(0, 5, size=(k, 2)).astype(float)


def noisy_circle(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    return circle(k, int(rng.integers(1 << 30)))


def drifting(rng: np.random.Generator, k: int, step: int) -> FloatArray:
    """Return values of a sensor with one decimal whose scale changes by orders of magnitude."""
    return rng.normal(size=(k, 3)).round(1) * 10.0 ** (3 * np.sin(step / 3)) + step


def collinear(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    return np.outer(rng.integers(-9, 10, k), [1.0, 2.0, -1.0])


def identical(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    return np.full((k, 2), -0.0)


def extreme(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    """Return points with distances that underflow next to others, or are the largest allowed."""
    return rng.choice([-1e150, -1.0, -1e-160, 0.0, 1e-160, 1.0, 1e150], size=(k, 2))


def high_dimensional(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001
    """Return points with lunes that are connected but have no hub."""
    return rng.normal(size=(k, 12))


DRAWS: Sequence[Draw] = (
    uniform,
    grid,
    noisy_circle,
    drifting,
    collinear,
    identical,
    extreme,
    high_dimensional,
)


def sliding(draw: Draw, size: int, slide: int, steps: int, seed: int) -> Iterator[Step]:
    """Yield windows of fixed size; points are in any order."""
    rng = np.random.default_rng(seed)
    points = draw(rng, size, 0)
    for step in range(steps):
        sequences = np.arange(step * slide, step * slide + size)
        order = rng.permutation(size)
        yield Step(sequences[order], points[order])
        points = np.concatenate((points[slide:], draw(rng, slide, step + 1)))


def breathing(draw: Draw, largest: int, steps: int, seed: int) -> Iterator[Step]:
    """Yield windows that grow and shrink, by none to all points; some points return later."""
    rng = np.random.default_rng(seed)
    seen = draw(rng, 0, 0)
    inside = np.empty(0, dtype=np.int64)
    for step in range(steps):
        few = rng.random() < 0.6
        leaving = rng.integers(0, (min(3, len(inside)) if few else len(inside)) + 1)
        inside = rng.permutation(inside)[leaving:]
        room = largest - len(inside)
        coming = int(rng.integers(0, (min(3, room) if few else room) + 1))
        outside = np.setdiff1d(np.arange(len(seen)), inside)
        back = rng.permutation(outside)[: coming // 4]
        new = len(seen) + np.arange(coming - len(back))
        seen = np.concatenate((seen, draw(rng, len(new), step)))
        inside = np.concatenate((inside, back, new))
        yield Step(inside, seen[inside])


def make_caches(engine: Engine, budget_bytes: int = AMPLE) -> IncrementalCaches:
    return IncrementalCaches(budget_bytes, LIMITS, engine.compute)


def gudhi_bars(points: FloatArray, asked: Query) -> list[bytes]:
    """Return gudhi's bars of the whole matrix, cut and filtered here, as bits."""
    raw = _full(
        cdist(points, points),
        max_dimension=asked.max_dimension,
        homology_coeff_field=asked.homology_coeff_field,
    )
    raw = [*raw, *(np.empty((0, 2)) for _ in range(asked.max_dimension + 1 - len(raw)))]
    return [_kept(intervals, asked) for intervals in raw]


def _kept(intervals: FloatArray, asked: Query) -> bytes:
    cut = np.inf if asked.max_persistence is None else asked.max_persistence
    bars = [(birth, death if death <= cut else np.inf) for birth, death in intervals if birth <= cut]
    kept = sorted(
        (birth, death) for birth, death in bars if death > birth and death - birth >= asked.min_persistence
    )
    return np.array(kept, dtype=np.float64).tobytes()


def assert_equals_gudhi(diagram: Diagram, points: FloatArray, asked: Query) -> None:
    ours = [bars.tobytes() for bars in diagram.bars]
    assert ours == gudhi_bars(points, asked), (len(points), asked)
    assert diagram.cut == asked.max_persistence
    # Bars must be equal bit for bit; the bound covers squares that underflow at coordinates 10^280 apart.
    assert diagram.error_bound <= 1e-290 * np.abs(points).max()


@dataclass(frozen=True)
class FirstWorker:
    """The output of `incremental_worker`.

    Whether it was warm, the number of functions compiled and read from the cache, the origin of tdajob, and
    the engine and the bars (as hexadecimal bits) of its diagram.
    """

    warm: bool
    compiled: int
    read: int
    source: str
    engine: str
    bars: list[str]


def run_worker(*words: str, cache: Path) -> tuple[FirstWorker, str]:
    """Run `incremental_worker` with the kernel cache in that folder; return its output and its log."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("incremental_worker.py")), *words],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "TDAFLINK_CACHE_DIR": str(cache), "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return FirstWorker(**json.loads(done.stdout)), done.stderr
