"""Fixtures: engines closed after each test, a package with a plug-in algorithm, and compiled kernels."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.job.incremental_cases import FirstWorker, run_worker
from support.job.topology_cases import LIMITS, MakeEngine
from tdajob.topology import registry
from tdajob.topology.engine import Engine
from tdajob.topology.kernels import loader

from tdaflink.services.jobs.bundle import shipped_bundle

_PLUGIN = Path(__file__).parents[2] / "support" / "plugins" / "topology_plugin.py"


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    made: list[Engine] = []

    def make(**limits: float) -> Engine:
        made.append(Engine(replace(LIMITS, **limits)))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the search path with a package `unruly` and its metadata, as pip installs them."""
    shutil.copy(_PLUGIN, tmp_path / "unruly.py")
    metadata = tmp_path / "unruly-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: unruly\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\nunruly = unruly:Unruly\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


@pytest.fixture(scope="session")
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of compiled kernels for this test run, initially empty."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def first_workers(kernel_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> list[FirstWorker]:
    """Two workers that start at once from the bundle, with an empty kernel cache."""
    bundle = shipped_bundle()
    jar = tmp_path_factory.mktemp("bundle") / bundle.name
    jar.write_bytes(bundle.content)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(run_worker, str(jar), cache=kernel_cache) for _ in range(2)]
        return [worker.result()[0] for worker in both]


@pytest.fixture(scope="session")
def incremental_kernels(kernel_cache: Path, first_workers: list[FirstWorker]) -> None:
    """The kernels in this process, from the cache that those workers filled."""
    assert first_workers
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TDAFLINK_CACHE_DIR", str(kernel_cache))
        assert loader.warm_up()
