"""A full disk and a clock that jumps on a supervised local cluster: no lost record, no action by a user."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.command_runner import Cluster
from support.faults.shifted_clock import ShiftedClock, c_compiler
from support.faults.small_disk import NotPermitted, SmallDisk, small_disk
from support.faults.steady_job import Sent, Steady, steady_config, steady_on
from support.faults.supervised import supervised_cluster, supervision

from tdaflink.domain.polling import poll
from tdaformats.timestamps import format_timestamp

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking"), pytest.mark.soak, pytest.mark.timeout(900)]

FULL_SECONDS, SHIFTED_SECONDS = 40, 20
HOUR = 3600
# `setup` requires 1024 MB to be free, and so does a repair.
DISK_MB = 2048


@contextmanager
def counted_job(cluster: Cluster, folder: Path) -> Iterator[Steady]:
    """Run the shipped job on its own topics, exactly once; its producers wait longer than a repair takes."""
    steady = steady_on(cluster, folder)
    steady.patience = 240
    cluster.run("submit", "--config", steady_config(steady), "-o", "json", timeout=240).json()
    yield steady


def wait_for_a_repair(cluster: Cluster) -> None:
    """Wait until the supervisor records that its last repair succeeded."""
    last: object = None
    for _ in poll(60, every=1.0):
        last = supervision(cluster).get("last")
        if isinstance(last, dict) and last["problem"] == "":
            return
    raise AssertionError(last)


def is_whole(steady: Steady) -> bool:
    """Return whether every component and the job run."""
    listed = steady.cluster.run("list", "-o", "json")
    return (
        {"kafka", "jobmanager", "taskmanager-1"} <= set(steady.cluster.processes())
        and listed.code == 0
        and [job["state"] for job in steady.running()] == ["RUNNING"]
    )


def wait_for_progress(steady: Steady, sent: Sent) -> None:
    """Wait until the environment is complete and the feed, which waits for each delivery, has sent more."""
    before = len(sent.requests)
    for _ in poll(300, every=1.0):
        if len(sent.requests) > before + 5 and is_whole(steady):
            return
    raise AssertionError(f"{len(sent.requests) - before} requests more, {steady.cluster.processes()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        with small_disk(folder, tmp_path / "disk.ext4", DISK_MB) as mounted:
            yield mounted
    except NotPermitted as error:
        pytest.skip(f"no file system can be mounted here: {error}")


def test_a_full_disk_costs_no_record(disk: SmallDisk, tmp_path: Path) -> None:
    state = disk.folder / "state"
    state.mkdir()
    with supervised_cluster(state) as cluster, counted_job(cluster, tmp_path) as steady:
        with steady.feed("full") as sent:
            for _ in poll(FULL_SECONDS, every=1.0):
                disk.fill()
            assert "kafka" not in cluster.processes()
            disk.free()
            wait_for_progress(steady, sent)
        wait_for_a_repair(cluster)
        steady.check("full", sent)


def seconds_ahead(steady: Steady) -> float:
    """Return the seconds that the JobManager's clock is ahead of this machine's."""
    (job,) = steady.running()
    shown = httpx.get(f"{steady.cluster.rest_url}/jobs/{job['id']}").json()["now"] / 1000
    return float(shown - time.time())


@pytest.fixture
def clock(tmp_path: Path) -> ShiftedClock:
    compiler = c_compiler()
    if compiler is None:
        pytest.skip("no C compiler for the clock that is shown to the cluster")
    return ShiftedClock(tmp_path, str(compiler))


def test_a_clock_that_jumps_an_hour_ahead_and_back_costs_no_record(
    clock: ShiftedClock, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with (
        supervised_cluster(state, environ=clock.environ) as cluster,
        counted_job(cluster, tmp_path) as steady,
    ):
        with steady.feed("shifted") as sent:
            clock.jump_to(HOUR)
            time.sleep(SHIFTED_SECONDS)  # the cluster runs with the shifted clock
            assert seconds_ahead(steady) == pytest.approx(HOUR, abs=30)
            clock.jump_to(0)
            assert seconds_ahead(steady) == pytest.approx(0, abs=30)
            wait_for_progress(steady, sent)
        answers = steady.check("shifted", sent)
        soon = format_timestamp(round((time.time() + HOUR / 2) * 1000))
        assert any(one["timestamp"] > soon for one in answers)
