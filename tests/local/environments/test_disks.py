"""Disk and memory that submissions and killed processes leave in use on a real cluster."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from support.command_runner import Cluster, processes_of
from support.samples import IDLE

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.breaks_cluster, pytest.mark.timeout(900)]

MB = 10**6


class Rounds:
    """Repeated submissions of one script, with the ids of their jobs and the hashes of their bundles."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._script = folder / "idle.py"
        self._script.write_text(IDLE)
        self.job_ids: list[str] = []
        self.bundles: list[str] = []

    def submit(self, *more: str) -> str:
        """Submit the script and return the job's id as soon as all its tasks run."""
        words = ("submit", "--job", str(self._script), "--from", "none", "--no-wait", "-o", "json", *more)
        done = self._cluster.run(*words, timeout=240).json()
        self.job_ids.append(done["id"])
        self.bundles.append(done["bundle_sha256"])
        self.wait_until_running(done["id"])
        return str(done["id"])

    def cancel(self, *job_ids: str) -> None:
        assert self._cluster.run("cancel", *job_ids, timeout=120).code == 0

    def change_script(self) -> None:
        """Change the script, so that its next submission has another bundle."""
        self._script.write_text(self._script.read_text() + "# changed\n")

    def wait_until_running(self, job_id: str) -> None:
        job: dict[str, Any] = {}
        for _ in poll(90, every=0.2):
            job = httpx.get(f"{self._cluster.rest_url}/jobs/{job_id}").json()
            if job["state"] == "RUNNING" and {v["status"] for v in job["vertices"]} == {"RUNNING"}:
                return
        raise AssertionError(f"{job_id} is {job}")


def metaspace(cluster: Cluster) -> tuple[str, float]:
    """Return the only TaskManager's id and the bytes of metaspace that it uses."""
    (taskmanager,) = httpx.get(f"{cluster.rest_url}/taskmanagers").json()["taskmanagers"]
    name = "Status.JVM.Memory.Metaspace.Used"
    url = f"{cluster.rest_url}/taskmanagers/{taskmanager['id']}/metrics"
    for _ in poll(30, every=0.5):
        values = httpx.get(url, params={"get": name}).json()
        if values:
            return str(taskmanager["id"]), float(values[0]["value"])
    raise AssertionError("the TaskManager reports no metaspace")


def disk(cluster: Cluster) -> dict[str, Any]:
    """Return the disk usage of the cluster from `env list -v`."""
    rows = cluster.run("env", "list", "-v", "-o", "json").json()
    return next(row["disk"] for row in rows if row["name"] == cluster.name)


def temporary_files(cluster: Cluster, component: str) -> set[str]:
    return {path.name for path in (cluster.folder / "tmp" / component).iterdir()}


def files_elsewhere(cluster: Cluster) -> set[str]:
    """Return the cluster's open files in the system's temporary folder, outside its own folders."""
    used: set[str] = set()
    for process in processes_of(cluster.folder):
        try:
            used |= {file.path for file in process.open_files()}
            used |= {file.path for file in process.memory_maps()}
        except psutil.NoSuchProcess:
            continue
    root = f"{tempfile.gettempdir()}/"
    # Each JVM has a file of performance counters there, which it removes at its end.
    expected = (f"{cluster.state}/", f"{root}hsperfdata")
    return {path for path in used if path.startswith(root) and not path.startswith(expected)}


@pytest.mark.soak
def test_thirty_rounds_over_three_setups_leave_disk_and_taskmanager_as_they_were(
    cluster: Cluster, tmp_path: Path
) -> None:
    before = disk(cluster)
    rounds = Rounds(cluster, tmp_path)
    for _ in range(2):
        for _ in range(2):
            rounds.cancel(rounds.submit())
        kill_a_taskmanager_at_work(cluster, rounds)
    used: list[float] = []
    identities = set()
    for _ in range(22):
        rounds.cancel(rounds.submit())
        identity, size = metaspace(cluster)
        identities.add(identity)
        used.append(size)
    assert len(rounds.job_ids) == 30
    assert len(identities) == 1
    # A job that leaks its classes uses about 8 MB per round; the JVM's own growth is small.
    assert used[-1] - used[9] < 20 * 2**20, [round(size / 2**20) for size in used]
    assert files_elsewhere(cluster) == set()
    names = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
    assert [name for name in names if any(job_id in name for job_id in rounds.job_ids)] == []
    # Flink removes the files of ended jobs within a minute.
    for _ in poll(60, every=1):
        if not list((cluster.folder / "tmp").rglob("blob_p-*")):
            break
    else:
        raise AssertionError(temporary_files(cluster, "taskmanager-1"))
    after = disk(cluster)
    # Topics and savepoints of earlier tests do not count.
    assert after["bytes"] - before["kafka_bytes"] - before["state_bytes"] < 300 * MB, (before, after)
    assert after["temporary_bytes"] < 150 * MB, after


def kill_a_taskmanager_at_work(cluster: Cluster, rounds: Rounds) -> None:
    """Kill the TaskManager of two jobs; check that setup replaces it, both run again, and no file is left.

    The second submission deletes the upload of the first job, which Flink restarts without the upload.
    """
    jobs = [rounds.submit()]
    rounds.change_script()
    jobs.append(rounds.submit("--job-name", "another"))
    uploaded = [file["name"] for file in httpx.get(f"{cluster.rest_url}/jars").json()["files"]]
    kept = [sha for sha in dict.fromkeys(rounds.bundles) if any(sha[:24] in name for name in uploaded)]
    assert kept == [rounds.bundles[-1]]
    jobmanager = temporary_files(cluster, "jobmanager")
    left = temporary_files(cluster, "taskmanager-1")
    assert {name.split("_")[0] for name in left} >= {"tm"}
    cluster.processes()["taskmanager-1"].kill()
    assert cluster.run("setup", "-o", "json", timeout=200).json()["started"] == ["taskmanager-1"]
    assert not left & temporary_files(cluster, "taskmanager-1")
    assert jobmanager <= temporary_files(cluster, "jobmanager")
    for job_id in jobs:
        rounds.wait_until_running(job_id)
    rounds.cancel(*jobs)
