"""The command logs on real components."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from support.command_runner import Cluster, Runner, command_environ, command_line

pytestmark = pytest.mark.cluster


def test_every_component_has_said_something(cluster: Cluster) -> None:
    ran = cluster.run("logs", "-n", "2")
    assert ran.code == 0, ran.stderr
    assert {line.split("|")[0].strip() for line in ran.stdout.splitlines() if " | " in line} >= {
        "jobmanager",
        "taskmanager-1",
        "kafka",
    }
    rows = [
        json.loads(line) for line in cluster.run("logs", "kafka", "-n", "3", "-o", "json").stdout.splitlines()
    ]
    assert [row["component"] for row in rows] == ["kafka"] * 3
    assert all(row["time"] for row in rows)


def test_one_component_is_written_as_it_is(cluster: Cluster) -> None:
    ran = cluster.run("logs", "taskmanager-1", "--grep", "Successful registration", "--since", "6h")
    assert ran.code == 0, ran.stderr
    assert ran.stdout.startswith("20")
    assert "| " not in ran.stdout


def test_a_cluster_of_somebody_else_tells_through_its_jobmanager(
    cluster: Cluster, run_tdaflink: Runner
) -> None:
    ran = run_tdaflink("logs", "jobmanager", "-n", "5", environ={"FLINK_REST_URL": cluster.rest_url})
    assert ran.code == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 5


@pytest.mark.breaks_cluster
def test_following_outlives_a_killed_taskmanager(cluster: Cluster) -> None:
    """The call continues with the log of the new TaskManager; an interrupt ends it with exit code 130."""
    follow = subprocess.Popen(
        command_line("logs", "taskmanager-1", "-f", "-n", "0", "--grep", "Successful registration"),
        stdout=subprocess.PIPE,
        text=True,
        env=command_environ(cluster.state),
    )
    try:
        cluster.processes()["taskmanager-1"].kill()
        assert cluster.run("setup", timeout=180).code == 0
        assert follow.stdout is not None
        assert "Successful registration" in follow.stdout.readline()
        follow.send_signal(signal.SIGINT)
        assert follow.wait(timeout=20) == 130
    finally:
        follow.kill()
        follow.communicate()
