"""Check and benchmark of incremental persistence of sliding windows, against recomputing every window.

Usage, in an environment with `pip install '.[test]'`:

    python benchmarks/incremental.py check [--streams N] [--seed S]
    python benchmarks/incremental.py speed [--points N ...] [--slides N] [--seconds S]

`check` runs streams of many kinds and compares every diagram with gudhi's, bit for bit. `speed` slides
windows by 1 % and by 10 % and prints the median, over slides, of a peer's time / ours; both sides start with
points and end with diagrams. A slow peer runs the first slides only, as many as it completes in --seconds.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "jobs"), str(ROOT / "tests")]

import numpy as np  # noqa: E402 -- after the paths are set
from gudhi._ripser_ext import _full  # noqa: E402
from scipy.spatial.distance import cdist  # noqa: E402
from support.job.incremental_cases import (  # noqa: E402
    AMPLE,
    DRAWS,
    Draw,
    Step,
    assert_equals_gudhi,
    breathing,
    high_dimensional,
    noisy_circle,
    sliding,
    uniform,
)
from support.job.topology_cases import LIMITS, query, torus  # noqa: E402
from tdajob.topology.engine import Engine  # noqa: E402
from tdajob.topology.incremental import caches  # noqa: E402
from tdajob.topology.incremental.caches import IncrementalCaches  # noqa: E402
from tdajob.topology.kernels.loader import warm_up  # noqa: E402
from tdajob.topology.values import FloatArray, Query  # noqa: E402

Compute = Callable[[FloatArray], object]


def torus_in_space(rng: np.random.Generator, k: int, step: int) -> FloatArray:  # noqa: ARG001 -- signature of all draws
    return torus(k, int(rng.integers(1 << 30)))


def gudhi_full(points: FloatArray) -> object:
    return _full(cdist(points, points), max_dimension=1, homology_coeff_field=2)


def installed_peers() -> Iterator[tuple[str, Compute]]:
    """Yield the installed peers, gudhi first; print the names of the others."""
    yield "gudhi", gudhi_full
    for package, make in (("redzed-tda", redzed), ("giotto-ph", giotto), ("ripser", ripser)):
        try:
            yield f"{package} {version(package)}", make()
        except ImportError:
            print(f"{package} is not installed: its column is omitted")


def redzed() -> Compute:
    rips = import_module("redzed_tda").rips
    return lambda points: rips(cdist(points, points).astype(np.float32), 1, math.inf)


def giotto() -> Compute:
    parallel = import_module("gph").ripser_parallel
    return lambda points: parallel(cdist(points, points), maxdim=1, metric="precomputed", n_threads=1)


def ripser() -> Compute:
    function = import_module("ripser").ripser
    return lambda points: function(cdist(points, points), maxdim=1, distance_matrix=True)


def check(streams: int, seed: int) -> None:
    engine = Engine(LIMITS)
    # Small windows must use the incremental algorithm here, too.
    caches.MIN_POINTS = 1
    diagrams = 0
    for number in range(seed, seed + streams):
        try:
            diagrams += checked_stream(engine, np.random.default_rng(number), number)
        except AssertionError as error:
            sys.exit(f"stream {number} differs from gudhi: {error}")
        print(
            f"\r{number - seed + 1} streams, {diagrams} diagrams, all equal to gudhi's",
            end="",
            flush=True,
        )
    print()
    engine.close()


def checked_stream(engine: Engine, rng: np.random.Generator, number: int) -> int:
    draw = DRAWS[number % len(DRAWS)]
    size = int(rng.integers(2, 200))
    budget = int(rng.choice([AMPLE, 20 * size**2]))
    kept = IncrementalCaches(budget, LIMITS, engine.compute)
    field = int(rng.choice([2, 3, 11]))
    count = 0
    for step in content(draw, size, rng, number):
        if len(step.points) and rng.random() < 0.85:
            request = random_query(step, rng, field)
            key = str(rng.integers(2))
            diagram = kept.diagram(key, step.sequences, step.points, request)
            assert_equals_gudhi(diagram, step.points, request)
            count += 1
    return count


def content(draw: Draw, size: int, rng: np.random.Generator, seed: int) -> Iterator[Step]:
    if rng.random() < 0.5:
        return sliding(draw, size, int(rng.integers(1, max(2, size // 4))), 40, seed)
    return breathing(draw, size, 40, seed)


def random_query(step: Step, rng: np.random.Generator, field: int) -> Query:
    cut = None if rng.random() < 0.7 else float(np.abs(rng.choice(step.points.ravel())))
    return query(max_dimension=int(rng.random() < 0.9), cut=cut, field=field)


def speed(sizes: list[int], slides: int, seconds: float) -> None:
    if not warm_up():
        sys.exit("numba is not installed: there is nothing to measure")
    peers = dict(installed_peers())
    print(f"\n{'window':<18}{'points':>7}{'slide':>7}{'ours, ms':>10}{'first':>8}", end="")
    print("".join(f"{name:>18}" for name in peers))
    for draw in (uniform, noisy_circle, torus_in_space, high_dimensional):
        for size in sizes:
            for percent in (1, 10):
                steps = sliding(draw, size, max(1, size * percent // 100), slides + 1, seed=0)
                first, *later = raced(list(steps), peers, seconds)
                median = 1000 * statistics.median(slide.ours for slide in later)
                print(
                    f"{draw.__name__:<18}{size:>7}{percent:>6}%{median:>10.2f}{1000 * first.ours:>8.1f}",
                    end="",
                )
                for name in peers:
                    ratios = [slide.peers[name] / slide.ours for slide in later if name in slide.peers]
                    print(f"{statistics.median(ratios):>17.1f}x", end="")
                print(flush=True)


@dataclass(frozen=True)
class Slide:
    """Seconds of one window's diagram, of ours and of the peers that have not used up their time."""

    ours: float
    peers: dict[str, float]


def raced(steps: list[Step], peers: dict[str, Compute], seconds: float) -> list[Slide]:
    """Time each window on all sides; the first window, which ours builds, only on ours."""
    engine = Engine(LIMITS)
    kept, spent, slides = IncrementalCaches(AMPLE, LIMITS, engine.compute), dict.fromkeys(peers, 0.0), []
    for number, step in enumerate(steps):
        ours = seconds_of(lambda: kept.diagram("s", step.sequences, step.points, query()))  # noqa: B023 -- called at once
        slide = Slide(ours, {})
        for name, compute in peers.items():
            if number and spent[name] < seconds:
                slide.peers[name] = seconds_of(lambda: compute(step.points))  # noqa: B023
                spent[name] += slide.peers[name]
        slides.append(slide)
    return slides


def seconds_of(compute: Callable[[], object]) -> float:
    started = time.perf_counter()
    compute()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="incremental persistence: correctness and speed")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check")
    checking.add_argument("--streams", type=int, default=200)
    checking.add_argument("--seed", type=int, default=0)
    racing = commands.add_parser("speed")
    racing.add_argument("--points", type=int, nargs="+", default=[50, 200, 1000])
    racing.add_argument("--slides", type=int, default=20)
    racing.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    if arguments.command == "check":
        check(arguments.streams, arguments.seed)
    else:
        speed(arguments.points, arguments.slides, arguments.seconds)


if __name__ == "__main__":
    main()
