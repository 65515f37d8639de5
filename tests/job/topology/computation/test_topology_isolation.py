"""Computations that exceed their limits, crash or lose their parent."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from support.job.topology_cases import SQUARE, MakeEngine, bits, computed, query, sphere, uniform
from tdajob.topology.engine import Engine
from tdajob.topology.values import ComputationError

JOBS = Path(__file__).parents[4] / "jobs"
TESTS = Path(__file__).parents[3]
IN_CHILD = query(max_dimension=2)
RUNAWAY = sphere(500, 0)


def failure(engine: Engine, points: np.ndarray, asked: object) -> ComputationError:
    with pytest.raises(ComputationError) as caught:
        engine.compute(points, asked)
    return caught.value


def child_of(engine: Engine) -> int:
    pid = engine._process.pid
    assert pid is not None
    return pid


def is_gone(pid: int, within: float = 10.0) -> bool:
    """Return whether a process has ended; zombies count as ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def assert_works(engine: Engine) -> None:
    assert engine.compute(SQUARE, IN_CHILD).bars[1].tolist() == [[1.0, np.sqrt(2)]]


def test_a_child_gives_the_same_bits_and_is_kept(make_engine: MakeEngine) -> None:
    engine = make_engine()
    pids = set()
    for n in (1, 2, 50, 200):
        for asked in (
            IN_CHILD,
            query("alpha", max_dimension=2),
            query("witness", max_dimension=2, landmarks=9),
        ):
            isolated, inline = engine.compute(uniform(n, n), asked), computed(uniform(n, n), asked)
            assert bits(isolated) == bits(inline)
            assert (isolated.engine, isolated.cut) == (inline.engine, inline.cut)
            pids.add(child_of(engine))
    assert len(pids) == 1


def test_small_rips_computations_start_no_process(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.compute(uniform(100, 0), query())
    assert engine._process.pid is None


def test_a_child_started_before_is_the_one_that_computes(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.start()
    waiting = child_of(engine)
    engine.start()
    assert_works(engine)
    assert child_of(engine) == waiting


def test_a_runaway_ends_at_its_deadline_and_the_next_works(make_engine: MakeEngine) -> None:
    engine = make_engine(compute_timeout=2.0)
    assert_works(engine)
    first, begin = child_of(engine), time.monotonic()
    error = failure(engine, RUNAWAY, IN_CHILD)
    assert error.code == "timeout"
    assert error.reason.startswith(
        "vietoris_rips on 500 points of 3 coordinates with max_dimension 2 did not end within "
        "compute_timeout 2 s: use algorithm "
    )
    assert "alpha (exact; values are radii, half of the lengths of Rips), less than 0.1 s" in error.reason
    assert time.monotonic() - begin > 1.9
    assert is_gone(first, within=5)
    assert_works(engine)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_child_is_an_error_and_the_next_works(
    signal_number: signal.Signals, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    assert_works(engine)
    threading.Timer(0.5, os.kill, (child_of(engine), signal_number)).start()
    error = failure(engine, RUNAWAY, IN_CHILD)
    assert error.code == "engine_crashed"
    assert f"the child process was killed by {signal_number.name}" in error.reason
    assert_works(engine)


def test_a_child_that_died_idle_harms_nobody(make_engine: MakeEngine) -> None:
    engine = make_engine()
    assert_works(engine)
    pid = child_of(engine)
    os.kill(pid, signal.SIGKILL)
    # Wait for the end of all its threads, and leave the exit status to the parent (WNOWAIT).
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert_works(engine)


def test_memory_is_bounded_and_the_next_works(make_engine: MakeEngine) -> None:
    """With a cut, even a large one, the prediction does not include the gigabyte of simplices."""
    engine = make_engine(max_predicted_bytes=64 << 20)
    error = failure(engine, uniform(250, 0), query(engine="gudhi", cut=5.0))
    assert error.code == "out_of_memory"
    assert "raise max_predicted_bytes" in error.reason
    assert engine._process.pid is None
    assert_works(engine)


def test_close_leaves_no_child_and_can_be_repeated(make_engine: MakeEngine) -> None:
    engine = make_engine()
    assert_works(engine)
    pid = child_of(engine)
    engine.close()
    engine.close()
    assert not psutil.pid_exists(pid)


PARENT = """
import sys, threading, time
sys.path[:0] = {path!r}
from support.job.topology_cases import LIMITS, SQUARE, query, sphere
from tdajob.topology.engine import Engine
engine = Engine(LIMITS)
engine.compute(SQUARE, query(max_dimension=2))
threading.Thread(target=engine.compute, args=({work})).start()
time.sleep(0.5)
print(engine._process.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("work", ["sphere(500, 0), query(max_dimension=2)", "SQUARE, query(max_dimension=2)"])
def test_a_child_ends_with_its_parent(work: str) -> None:
    """The parent is killed during a computation, and while the child is idle."""
    code = PARENT.format(path=[str(JOBS), str(TESTS)], work=work)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    assert is_gone(child)


@pytest.mark.usefixtures("plugin")
class TestAlgorithmOfAnotherPackage:
    def test_it_is_found_and_runs_in_the_child(self, make_engine: MakeEngine) -> None:
        engine = make_engine()
        there = engine.compute(SQUARE, query("unruly"))
        assert there.engine == f"process {child_of(engine)}"
        here = engine.compute(SQUARE, query("unruly", isolated=False))
        assert here.engine == f"process {os.getpid()}"

    def test_what_it_prints_disturbs_nothing(self, make_engine: MakeEngine) -> None:
        assert make_engine().compute(SQUARE, query("unruly", act="print")).bars[0].tolist() == [[0.0, np.inf]]

    @pytest.mark.parametrize("isolated", [True, False])
    @pytest.mark.parametrize(
        ("act", "code", "words"),
        [
            ("fail", "engine_crashed", "ZeroDivisionError: of the algorithm"),
            ("allocate", "out_of_memory", "unruly on 4 points of 2 coordinates with max_dimension 1 ran out"),
            ("give_nan", "engine_crashed", "this is a fault of the algorithm"),
        ],
    )
    def test_its_failures_are_errors(
        self, act: str, code: str, words: str, isolated: bool, make_engine: MakeEngine
    ) -> None:
        engine = make_engine()
        error = failure(engine, SQUARE, query("unruly", act=act, isolated=isolated))
        assert (error.code, words in error.reason) == (code, True), error.reason
        assert_works(engine)

    @pytest.mark.parametrize(
        ("act", "code", "words"),
        [
            ("abort", "engine_crashed", "killed by SIGABRT"),
            ("exit", "engine_crashed", "ended with exit code 3"),
            ("wait", "timeout", "compute_timeout 1 s"),
            ("hog", "timeout", "compute_timeout 1 s"),
        ],
    )
    def test_its_crashes_are_errors(self, act: str, code: str, words: str, make_engine: MakeEngine) -> None:
        engine = make_engine(compute_timeout=1.0)
        error = failure(engine, SQUARE, query("unruly", act=act))
        assert (error.code, words in error.reason) == (code, True), error.reason
        assert_works(engine)

    def test_holding_the_interpreter_lock_it_still_ends_after_its_parent(self, plugin: Path) -> None:
        work = 'SQUARE, query("unruly", act="hog")'
        path = [str(plugin), str(JOBS), str(TESTS)]
        code = PARENT.format(path=path, work=work).replace("LIMITS)", "LIMITS.__class__(9, 10**9, 0.8, 5))")
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            parent.kill()
        assert is_gone(child, within=30)


def test_it_runs_from_a_zip(tmp_path: Path) -> None:
    bundle = tmp_path / "job.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        for source in (JOBS / "tdajob").rglob("*.py"):
            archive.write(source, source.relative_to(JOBS))
    code = (
        f"import sys; sys.path.insert(0, {str(bundle)!r})\n"
        f"sys.path.append({str(TESTS)!r})\n"
        "from support.job.topology_cases import *\n"
        "from tdajob.topology import engine\n"
        "running = engine.Engine(LIMITS)\n"
        "diagram = running.compute(SQUARE, query(max_dimension=2))\n"
        "running.close()\n"
        "print(engine.__file__, *diagram.bars[1][0].tolist())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{bundle}/tdajob/topology/engine.py 1.0 {math.sqrt(2)}\n", done.stderr


def test_the_child_imports_little() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(JOBS)!r})\n"
        "from tdajob.topology import child, registry\n"
        "registry.load_built_in()\n"
        "heavy = {'scipy.stats', 'scipy.optimize', 'sklearn', 'matplotlib', 'pyflink'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
