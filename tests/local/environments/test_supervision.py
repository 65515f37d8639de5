"""Faults on a supervised local cluster, in an environment of its own: no lost record, no action by a user."""

from __future__ import annotations

import json
import queue
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest
from support.command_runner import Cluster, processes_of
from support.faults.supervised import NAME, supervised_cluster, supervision
from support.servers.alert_receiver import Posted, alert_receiver

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking"), pytest.mark.timeout(900)]

JOB = {
    "job_name": "shipped",
    "parallelism": 1,
    "checkpoint_interval": "1s",
    "delivery": "exactly_once",
    "window": {"kind": "count", "size": 20},
}
EACH, POINTS, WINDOWS = 3, 100, 5
STOPPED_SECONDS = 20


@dataclass
class Traffic:
    """The requests and streams of points that were sent to a job, whose results are counted."""

    cluster: Cluster
    requests: list[str] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)

    def send(self, name: str) -> None:
        run = self.cluster.run
        run("send", "circle", "--count", str(EACH), "--job-id", name, "-o", "json", timeout=90).json()
        words = ("send", "circle", "--stream", name, "--points", str(POINTS), "-o", "json")
        run(*words, timeout=90).json()
        self.requests += [f"{name}-{number}" for number in range(1, EACH + 1)]
        self.streams.append(name)

    def require_each_answered_once(self) -> None:
        words = ("results", "--count", str(len(self.requests)), "--timeout", "150", "-o", "json")
        waited = self.cluster.run(*words, timeout=200)
        assert waited.code == 0, waited.stderr
        answers = self.cluster.run("results", "-o", "json").stdout.splitlines()
        assert sorted(json.loads(line)["job_id"] for line in answers) == sorted(self.requests)
        for stream in self.streams:
            words = ("results", "--stream", stream, "--timeout", "90", "-o", "json")
            waited = self.cluster.run(*words, "--count", str(WINDOWS), timeout=120)
            assert waited.code == 0, (stream, waited.stderr)
            windows = self.cluster.run("results", "--stream", stream, "-o", "json").stdout.splitlines()
            assert len(windows) == len(set(windows)) == WINDOWS, stream


@pytest.fixture(scope="module")
def alerts() -> Iterator[tuple[str, Posted]]:
    """Start a webhook; yield its address and the documents that the environment posts to it."""
    with alert_receiver() as receiving:
        yield receiving


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, alerts: tuple[str, Posted]) -> Iterator[Cluster]:
    with supervised_cluster(
        tmp_path_factory.mktemp("watched"), "--webhook", f"{alerts[0]}/alerts"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def traffic(watched: Cluster) -> Traffic:
    """Submit a job, send requests and a stream, and wait for its first checkpoint."""
    config = watched.state / "job.json"
    config.write_text(json.dumps(JOB))
    watched.run("submit", "--config", str(config), "-o", "json", timeout=200).json()
    sent = Traffic(watched)
    sent.send("first")
    for _ in poll(90, every=0.2):
        if list(watched.folder.rglob("chk-*/_metadata")):
            break
    return sent


def test_what_is_killed_comes_back_with_its_job_and_every_record_is_answered_once(
    watched: Cluster, traffic: Traffic, alerts: tuple[str, Posted]
) -> None:
    _, posted = alerts
    for number, victim in enumerate(("taskmanager-1", "kafka", "jobmanager"), start=1):
        traffic.send(victim)
        watched.processes()[victim].send_signal(signal.SIGKILL)
        seen: dict[str, object] = {}
        for _ in poll(200, every=0.5):
            seen = supervision(watched)
            if seen.get("repairs") == number:
                break
        last = seen["last"]
        assert isinstance(last, dict)
        assert (seen["running"], last["problem"]) == (True, "")
        assert victim in last["ended"]
        assert {"firing", "resolved"} <= alerted(posted, victim)
    assert last["jobs_resumed"] == ["shipped"]
    traffic.send("last")
    traffic.require_each_answered_once()


def alerted(posted: Posted, component: str) -> set[str]:
    """Return the states reported to the webhook for a component, up to "resolved"."""
    states: set[str] = set()
    while "resolved" not in states:
        try:
            document = posted.get(timeout=30)
        except queue.Empty:
            break
        for alert in document["alerts"]:
            if alert["labels"].get("component") == component:
                states.add(document["status"])
    return states


def python_processes(watched: Cluster) -> dict[str, psutil.Process]:
    """Return the fork server, the job's worker and the worker's child that computes."""
    (server,) = [
        process
        for process in processes_of(watched.folder)
        if any(word.startswith("--serve=") for word in process.cmdline())
        and not any(word.startswith("--serve=") for word in psutil.Process(process.ppid()).cmdline())
    ]
    # A worker has threads for gRPC and for each operator; a child has one, which detects the worker's end.
    forks = sorted(server.children(), key=psutil.Process.num_threads)
    return {"fork server": server, "child": forks[0], "worker": forks[-1]}


def stop_for_a_while(process: psutil.Process) -> None:
    process.suspend()
    time.sleep(STOPPED_SECONDS)  # the process does not respond
    process.resume()


@pytest.mark.parametrize("victim", ["worker", "child", "fork server", "taskmanager-1", "kafka", "jobmanager"])
def test_what_flink_survives_costs_no_record(watched: Cluster, traffic: Traffic, victim: str) -> None:
    traffic.send(f"before-{victim.replace(' ', '-')}")
    if victim in (known := watched.processes()):
        stop_for_a_while(known[victim])
    else:
        python_processes(watched)[victim].kill()
    traffic.send(f"after-{victim.replace(' ', '-')}")
    traffic.require_each_answered_once()


def test_teardown_stops_the_supervisor_first_and_nothing_comes_back(watched: Cluster) -> None:
    assert watched.run("teardown", "--env", NAME, timeout=120).code == 0
    for _ in poll(6, every=1.0):
        assert not watched.processes()
