"""A simulated start of a worker: import tdajob from a bundle, warm up, compute the diagrams of a stream.

Usage: incremental_worker.py PATH [--without-numba]. Prints the fields of `incremental_cases.FirstWorker` as
JSON.
"""

from __future__ import annotations

import json
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any


class WithoutNumba(MetaPathFinder):
    """An import hook that simulates an installation without numba."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "numba":
            raise ModuleNotFoundError(f"No module named {name!r}")


def main(path: str, *flags: str) -> None:
    sys.path.insert(0, path)
    if "--without-numba" in flags:
        sys.meta_path.insert(0, WithoutNumba())
    from tdajob.topology.kernels import loader

    warm = loader.warm_up()
    kernels = loader.load_kernels()
    functions = [made for module in vars(kernels).values() for made in _compiled(module)] if kernels else []
    engine, bars = _stream()
    found = {
        "warm": warm,
        "compiled": sum(made.stats.cache_misses.total() for made in functions),
        "read": sum(made.stats.cache_hits.total() for made in functions),
        "source": loader.__file__,
        "engine": engine,
        "bars": bars,
    }
    print(json.dumps(found))


def _compiled(module: ModuleType) -> list[Any]:
    return [value for value in vars(module).values() if hasattr(value, "stats")]


def _stream() -> tuple[str, list[str]]:
    import numpy as np
    from tdajob.topology.engine import Engine
    from tdajob.topology.incremental.caches import IncrementalCaches
    from tdajob.topology.values import Limits, Query

    limits = Limits(
        max_points=1000, max_predicted_bytes=1 << 30, compute_timeout=60.0, max_ambient_dimension=5
    )
    query = Query("vietoris_rips", 1, None, 0.0, 2, "auto", {})
    engine = Engine(limits)
    kept = IncrementalCaches(1 << 26, limits, engine.compute)
    points = np.random.default_rng(7).uniform(size=(110, 2))
    for start in (0, 5, 10):
        sequences = np.arange(start, start + 100)
        diagram = kept.diagram("s", sequences, points[sequences], query)
    engine.close()
    return diagram.engine, [bars.tobytes().hex() for bars in diagram.bars]


if __name__ == "__main__":
    main(*sys.argv[1:])
