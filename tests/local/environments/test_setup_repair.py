"""setup and teardown on real processes. These tests run last: they damage the cluster that they repair."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from support.command_runner import Cluster, command_environ, command_line, processes_of

pytestmark = [pytest.mark.cluster, pytest.mark.breaks_cluster, pytest.mark.timeout(420)]

COMPONENTS = {"kafka", "jobmanager", "taskmanager-1"}


def setup(cluster: Cluster, *args: str) -> dict:
    return cluster.run("setup", "-o", "json", *args, timeout=200).json()


def get(url: str) -> dict:
    with urlopen(url, timeout=10) as reply:  # noqa: S310 - the address of our own cluster
        return json.load(reply)


def test_the_cluster_has_the_slots_and_the_version_that_its_profile_says(cluster: Cluster) -> None:
    overview = get(f"{cluster.rest_url}/overview")
    assert overview["flink-version"] == "2.2.1"
    assert (overview["taskmanagers"], overview["slots-total"]) == (1, 8)


def test_a_second_setup_changes_nothing(cluster: Cluster) -> None:
    before = cluster.processes()
    again = cluster.run("setup")
    assert again.code == 0, again.stderr
    assert "nothing changed" in again.stdout
    assert cluster.processes() == before


def listening(cluster: Cluster) -> dict[str, set[int]]:
    """Return the ports at which the cluster's processes listen, by address."""
    pids = {process.pid for process in cluster.processes().values()}
    found: dict[str, set[int]] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.pid in pids and connection.status == psutil.CONN_LISTEN:
            found.setdefault(connection.laddr.ip.removeprefix("::ffff:"), set()).add(connection.laddr.port)
    return found


def test_flinks_metrics_alone_are_reached_from_elsewhere_where_they_are_asked_for(cluster: Cluster) -> None:
    ports = setup(cluster, "--dry-run")["ports"]
    places = listening(cluster)
    assert {ports["rest"], ports["kafka"], ports["kafka_metrics"]} <= places.pop("127.0.0.1")
    assert places == {"::": {ports["jobmanager_metrics"], ports["taskmanager_metrics"]}}


def test_flink_accepts_the_memory_and_checkpoint_settings_of_the_profile(cluster: Cluster) -> None:
    config = {item["key"]: item["value"] for item in get(f"{cluster.rest_url}/jobmanager/config")}
    assert config["cluster.intercept-user-system-exit"] == "THROW"
    assert config["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert config["pipeline.max-parallelism"] == "720"
    assert (cluster.folder / "flink" / "lib" / "flink-python-2.2.1.jar").exists()


@pytest.mark.parametrize("component", ["taskmanager-1", "kafka", "jobmanager"])
def test_a_killed_component_is_repaired_and_the_others_are_left_alone(
    cluster: Cluster, component: str
) -> None:
    before = cluster.processes()
    before[component].kill()
    result = setup(cluster)
    after = cluster.processes()
    # A new JobManager requires a new TaskManager.
    expected = {component} | ({"taskmanager-1"} if component == "jobmanager" else set())
    assert set(result["started"]) == expected
    assert {name for name in COMPONENTS if after[name] != before[name]} == expected
    assert get(f"{cluster.rest_url}/overview")["slots-available"] == 8


def test_a_component_that_hangs_is_replaced(cluster: Cluster) -> None:
    hung = cluster.processes()["taskmanager-1"]
    hung.suspend()
    assert setup(cluster)["started"] == ["taskmanager-1"]
    assert not hung.is_running()


def test_two_setups_at_once_repair_once(cluster: Cluster) -> None:
    cluster.processes()["taskmanager-1"].kill()
    calls = [
        subprocess.Popen(
            command_line("setup", "-o", "json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=command_environ(cluster.state),
            cwd=cluster.state,
        )
        for _ in range(2)
    ]
    replies = [call.communicate(timeout=200) for call in calls]
    assert [call.returncode for call in calls] == [0, 0], replies
    started = sorted(json.loads(stdout)["started"] for stdout, _ in replies)
    assert started == [[], ["taskmanager-1"]]
    assert set(cluster.processes()) == COMPONENTS


def test_a_cluster_that_runs_cannot_be_moved_to_other_ports(cluster: Cluster) -> None:
    offset = cluster.run("env", "list", "-o", "json").json()[0]["port_offset"]
    moved = cluster.run("setup", "--port-offset", str(offset + 1))
    assert moved.code == 1
    assert f"port offset {offset}" in moved.stderr
    assert "teardown" in moved.stderr


def test_a_second_environment_is_told_who_holds_its_port(cluster: Cluster) -> None:
    offset = cluster.run("env", "list", "-o", "json").json()[0]["port_offset"]
    other = cluster.run("setup", "--env", "other", "--profile", "local", "--port-offset", str(offset))
    broker = cluster.processes()["kafka"].pid
    assert other.code == 1
    assert f"held by process {broker}: kafka of the environment 'local'" in other.stderr
    assert "--port-offset auto" in other.stderr
    assert [row["name"] for row in cluster.run("env", "list", "-o", "json").json()] == ["local"]


def test_teardown_leaves_no_process_and_no_port_but_the_data(cluster: Cluster) -> None:
    ports = [int(cluster.rest_url.rsplit(":", 1)[1]), int(cluster.kafka.rsplit(":", 1)[1])]
    done = cluster.run("teardown", "-o", "json", timeout=120).json()
    assert set(done["stopped"]) == COMPONENTS
    assert processes_of(cluster.folder) == []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert (cluster.folder / "kafka" / "data" / "meta.properties").exists()
    assert not (cluster.folder / "tmp").exists()
    assert cluster.run("teardown", "-o", "json").json()["stopped"] == []


def test_an_interrupted_setup_is_taken_up_again_on_the_same_ports_and_data(cluster: Cluster) -> None:
    identity = Path(cluster.folder / "kafka" / "data" / "meta.properties").read_text(encoding="utf-8")
    call = subprocess.Popen(
        command_line("setup", "--no-metrics"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=command_environ(cluster.state),
        cwd=cluster.state,
    )
    assert call.stderr is not None
    while "starting" not in call.stderr.readline():
        assert call.poll() is None
    call.send_signal(signal.SIGINT)
    call.communicate(timeout=60)
    assert call.returncode == 130
    orphans = set(processes_of(cluster.folder))
    assert orphans
    result = setup(cluster)
    assert result["rest_url"] == cluster.rest_url
    assert set(cluster.processes()) == COMPONENTS
    assert Path(cluster.folder / "kafka" / "data" / "meta.properties").read_text(encoding="utf-8") == identity
    rows = cluster.run("topics", "list", "-o", "json").json()
    assert {row["state"] for row in rows if row["name"].startswith("tda_")} == {"ok"}
    assert set(listening(cluster)) == {"127.0.0.1"}
