"""Benchmark of the job's engine against other libraries of persistent homology. One table, ratios first.

Usage, with the job's dependencies and any of the peers (pip install '.[bench]'):

    python benchmarks/engines.py [--rows h1,h2] [--points 500,1000] [--data circle,torus]
                                 [--seconds S] [--runs N]

Each side starts with points in memory and ends with the diagrams. Our time is that of `Engine.compute`,
including checks, sorting, the child process and its pipes. The sides run in turn, in one process per row. A
ratio is the median, over runs, of the other side's time / ours; our milliseconds are those of the best run. A
side that exceeds the deadline is stopped and not repeated.
"""

from __future__ import annotations

import argparse
import json
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OURS = "tdaflink"
TUTORIAL_POINTS = 120
"""With more points the tutorial's method takes minutes or all memory."""
DATA = ("unif2", "unif3", "circle", "torus", "sphere", "o3")


@dataclass(frozen=True)
class Peer:
    """A library: its module, its precision, and the inputs that it supports."""

    module: str
    precision: str
    most_points: int = 1_000_000
    only_planar: bool = False
    most_dimension: int = 2

    def takes(self, data: str, points: int, dimension: int) -> bool:
        planar = data in ("unif2", "circle") or not self.only_planar
        return planar and points <= self.most_points and dimension <= self.most_dimension


PEERS: Mapping[str, Peer] = {
    "gudhi tutorial": Peer("gudhi", "float64", TUTORIAL_POINTS),
    "gudhi _full": Peer("gudhi", "float64"),
    "ripser.py": Peer("ripser", "float32"),
    "giotto-ph": Peer("gph", "float32"),
    "redzed": Peer("redzed_tda", "float32"),
    "tda": Peer("tda", "float32"),
    "geoph": Peer("geoph", "float64", only_planar=True, most_dimension=1),
}


def cloud(data: str, points: int) -> Any:
    import numpy as np
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, points)
    if data in ("unif2", "unif3"):
        return rng.uniform(size=(points, int(data[-1])))
    if data == "circle":
        return np.column_stack((np.cos(angle), np.sin(angle))) + rng.normal(0, 0.1, (points, 2))
    if data == "torus":
        # Uniform by area: without rejection the inner side would be denser.
        height = rng.uniform(0, 2 * np.pi, 4 * points)
        height = height[rng.uniform(0, 3, 4 * points) < 2 + np.cos(height)][:points]
        reach = 2 + np.cos(height)
        return np.column_stack((reach * np.cos(angle), reach * np.sin(angle), np.sin(height)))
    if data == "sphere":
        directions = rng.normal(size=(points, 3))
        return directions / np.linalg.norm(directions, axis=1)[:, None]
    return Rotation.random(points, random_state=0).as_matrix().reshape(points, 9)


def sides(dimension: int) -> dict[str, Callable[[Any], Callable[[], object]]]:
    """Return by name a function that prepares, outside the measured time, a call that computes diagrams."""
    return {
        OURS: lambda points: _ours(points, dimension),
        "gudhi tutorial": lambda points: lambda: _tutorial(points, dimension),
        "gudhi _full": lambda points: lambda: _full(points, dimension),
        "ripser.py": lambda points: lambda: _module("ripser").ripser(points, maxdim=dimension),
        "giotto-ph": lambda points: (
            lambda: _module("gph").ripser_parallel(
                points, maxdim=dimension, collapse_edges=dimension > 1, n_threads=1
            )
        ),
        "redzed": lambda points: lambda: _redzed(points, dimension),
        "tda": lambda points: (
            lambda: _module("tda").persistent_homology(
                points.astype("float32"), max_dim=dimension, peel=True, parallel=False
            )
        ),
        "geoph": lambda points: lambda: _module("geoph").ripsPersistenceDiagram2(points),
    }


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(name)


def _ours(points: Any, dimension: int) -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "jobs"))
    from tdajob.topology.engine import Engine
    from tdajob.topology.values import Limits, Query

    engine = Engine(Limits(100_000, 8 << 30, 3600.0, 5))
    query = Query("vietoris_rips", dimension, None, 0.0, 2, "auto", {})
    engine.compute(points[:60], Query("vietoris_rips", 2, None, 0.0, 2, "auto", {}))  # starts its child
    return lambda: engine.compute(points, query)


def _tutorial(points: Any, dimension: int) -> object:
    tree = _module("gudhi").RipsComplex(points=points).create_simplex_tree(max_dimension=dimension + 1)
    return tree.persistence(homology_coeff_field=2)


def _full(points: Any, dimension: int) -> object:
    from gudhi._ripser_ext import _full as full
    from scipy.spatial.distance import cdist

    return full(cdist(points, points), max_dimension=dimension, homology_coeff_field=2)


def _redzed(points: Any, dimension: int) -> object:
    from scipy.spatial.distance import pdist

    return _module("redzed_tda").rips(pdist(points), maxdim=dimension)


def work() -> None:
    """Run each request on stdin, a JSON line [data, points, dimension, side], and print its seconds."""
    prepared: dict[str, Callable[[], object]] = {}
    for line in sys.stdin:
        data, points, dimension, side = json.loads(line)
        key = f"{data} {points} {dimension} {side}"
        if key not in prepared:
            prepared[key] = sides(dimension)[side](cloud(data, points))
        started = time.perf_counter()
        prepared[key]()
        print(json.dumps(time.perf_counter() - started), flush=True)


class Worker:
    """A process for one row, so that a run that takes too long can be stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def seconds(self, request: Sequence[object], deadline: float) -> float | None:
        """Return the seconds of one run, or None if it was stopped at the deadline or died."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--work"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], deadline)
        line = process.stdout.readline() if ready else ""
        if not line:
            self.close()
            return None
        return float(line)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class Measured:
    """One side of a row: its seconds by run; `stopped` if a run exceeded the deadline."""

    seconds: list[float]
    stopped: bool = False


def measured(
    data: str, points: int, dimension: int, names: Sequence[str], deadline: float, runs: int
) -> dict[str, Measured]:
    """Measure the sides of a row in turn; a slow side gets fewer runs."""
    results = {name: Measured([]) for name in names}
    worker = Worker()
    for run in range(-1, runs):
        for name in names:
            side = results[name]
            if side.stopped or (side.seconds and sum(side.seconds) > deadline):
                continue
            elapsed = worker.seconds((data, points, dimension, name), deadline)
            if elapsed is None:
                results[name] = Measured(side.seconds, stopped=True)
            elif run >= 0 or elapsed > deadline / 4:
                # The first run imports and warms up; it counts only if it is slow for other reasons.
                side.seconds.append(elapsed)
    worker.close()
    return results


def ratio(theirs: Measured, ours: Measured) -> float:
    """Return the median of the ratios by run: other load of the machine affects both sides of a pair."""
    return statistics.median(b / a for a, b in zip(ours.seconds, theirs.seconds, strict=False))


def show(row: str, results: Mapping[str, Measured], names: Sequence[str], deadline: float) -> None:
    ours = results[OURS]
    cells = [_cell(results.get(name), ours, deadline) for name in names]
    time_of_ours = f">{deadline:g} s" if ours.stopped else f"{1000 * min(ours.seconds):.1f} ms"
    print(f"{row:<16}" + "".join(f"{cell:>16}" for cell in cells) + f"{time_of_ours:>12}", flush=True)


def _cell(theirs: Measured | None, ours: Measured, deadline: float) -> str:
    if theirs is None:
        return "–"
    if theirs.stopped:
        return "stopped" if ours.stopped else f">{deadline / statistics.median(ours.seconds):.0f}x"
    if ours.stopped:
        return f"{1000 * min(theirs.seconds):.0f} ms"
    return f"{ratio(theirs, ours):.2f}x"


def main() -> None:
    parser = argparse.ArgumentParser(description="the job's engine against other libraries")
    parser.add_argument("--rows", default="tutorial,h1,h2")
    parser.add_argument("--points", default="500,1000", help="of the H1 rows")
    parser.add_argument("--data", default=",".join(DATA))
    parser.add_argument("--seconds", type=float, default=30.0, help="deadline of one run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work()
        return
    installed = [name for name, peer in PEERS.items() if find_spec(peer.module)]
    for name in PEERS.keys() - set(installed):
        print(f"{name} is not installed and is omitted")
    print(f"{'':<16}" + "".join(f"{name:>16}" for name in installed) + f"{OURS:>12}")
    print(
        f"{'precision':<16}"
        + "".join(f"{PEERS[name].precision:>16}" for name in installed)
        + f"{'float64':>12}"
    )
    kinds = {
        "tutorial": (1, [100]),
        "h1": (1, [int(n) for n in arguments.points.split(",")]),
        "h2": (2, [500]),
    }
    for kind in arguments.rows.split(","):
        dimension, sizes = kinds[kind]
        for points in sizes:
            for data in arguments.data.split(","):
                names = [name for name in installed if PEERS[name].takes(data, points, dimension)]
                sides_ = [OURS, *names]
                results = measured(data, points, dimension, sides_, arguments.seconds, arguments.runs)
                show(f"{data} {points} H{dimension}", results, installed, arguments.seconds)


if __name__ == "__main__":
    main()
