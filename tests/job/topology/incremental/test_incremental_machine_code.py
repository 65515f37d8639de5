"""Kernels are loaded from the bundle, compiled once per machine, and optional for diagrams."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.job.incremental_cases import FirstWorker, gudhi_bars, run_worker
from support.job.topology_cases import query
from tdajob.topology.incremental.caches import ENGINE
from tdajob.topology.kernels.loader import private_folder

JOBS = str(Path(__file__).parents[4] / "jobs")


@pytest.fixture
def expected_bars() -> list[str]:
    """The bars of the last window of the worker's stream."""
    points = np.random.default_rng(7).uniform(size=(110, 2))
    return [bits.hex() for bits in gudhi_bars(points[10:], query())]


def test_of_two_workers_from_the_bundle_one_compiles(
    first_workers: list[FirstWorker], expected_bars: list[str]
) -> None:
    for worker in first_workers:
        assert worker.warm
        assert ".jar" in worker.source
        assert (worker.engine, worker.bars) == (ENGINE, expected_bars)
    by_compiled = sorted(first_workers, key=lambda worker: worker.compiled)
    assert by_compiled[0].compiled == 0 < by_compiled[1].compiled
    assert by_compiled[0].read == by_compiled[1].compiled + by_compiled[1].read


@pytest.mark.usefixtures("first_workers")
def test_nobody_else_may_write_where_code_is_executed_from(kernel_cache: Path) -> None:
    folder = kernel_cache / "kernels"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(path.stat().st_uid == os.getuid() for path in folder.rglob("*"))


def test_without_numba_the_ordinary_algorithm_answers_and_the_log_says_so_once(
    tmp_path: Path, expected_bars: list[str]
) -> None:
    worker, log = run_worker(JOBS, "--without-numba", cache=tmp_path)
    assert not worker.warm
    assert worker.engine in {"gudhi:ripser", "redzed"}
    assert worker.bars == expected_bars
    assert log.count("incremental persistence is off, every window is recomputed") == 1
    assert "No module named 'numba'" in log
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trap", ["open to all", "a link", "a file"])
def test_a_folder_that_others_may_control_is_not_used(
    trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "cache" / "kernels"
    wanted.parent.mkdir()
    if trap == "open to all":
        wanted.mkdir()
        wanted.chmod(0o777)
    elif trap == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        wanted.symlink_to(tmp_path / "elsewhere")
    else:
        wanted.touch()
    monkeypatch.setenv("TDAFLINK_CACHE_DIR", str(wanted.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder = private_folder()
    assert folder == tmp_path / "home" / "tdaflink" / "kernels"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


REPLACED_PRINT = """
import builtins, sys, types
module = sys.modules["worker"] = types.ModuleType("worker")
exec("class Custom:\\n    def print(self, *words, **options): pass", module.__dict__)
builtins.print = module.Custom().print
sys.path[:0] = sys.argv[1:]
from tdajob.topology.kernels.loader import load_kernels
sys.exit(0 if load_kernels() is not None else 1)
"""


def test_a_worker_that_prints_in_its_own_way_has_kernels_too() -> None:
    """PyFlink's workers replace `print` by a method; numba looks it up in that method's module."""
    jobs = Path(__file__).parents[4] / "jobs"
    done = subprocess.run([sys.executable, "-c", REPLACED_PRINT, str(jobs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
