"""Local processes that end come back by themselves, with their jobs. In an environment of its own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from harness import Cluster, runner

from tdaflink.domain.waiting import poll

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking"), pytest.mark.timeout(900)]

NAME = "watched"
JOB = {"job_name": "shipped", "parallelism": 1, "checkpoint_interval": "1s", "delivery": "exactly_once"}
EACH = 5


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    state = tmp_path_factory.mktemp("watched")
    run = runner(state)
    words = (
        "setup",
        "--env",
        NAME,
        "--profile",
        "local",
        "--port-offset",
        "auto",
        "--supervise",
        "-o",
        "json",
    )
    try:
        up = run(*words, timeout=200).json()
        yield Cluster(NAME, up["rest_url"], up["kafka"], state, run)
    finally:
        down = run("teardown", "--env", NAME, "--purge", "--yes", timeout=120)
        assert down.code == 0, down.stderr


def supervision(watched: Cluster) -> dict[str, object]:
    """What `status` says; nothing while the JobManager is away."""
    seen = watched.run("status", "-o", "json")
    return dict(json.loads(seen.stdout)["supervision"]) if seen.code == 0 else {}


def send(watched: Cluster, name: str) -> list[str]:
    watched.run("send", "circle", "--count", str(EACH), "--job-id", name, "-o", "json", timeout=90).json()
    return [f"{name}-{number}" for number in range(1, EACH + 1)]


def test_what_is_killed_comes_back_with_its_job_and_every_request_is_answered_once(watched: Cluster) -> None:
    config = watched.state / "job.json"
    config.write_text(json.dumps(JOB))
    watched.run("submit", "--config", str(config), "-o", "json", timeout=200).json()
    sent = send(watched, "first")
    for _ in poll(90, every=0.2):
        if list(watched.folder.rglob("chk-*/_metadata")):
            break
    for number, victim in enumerate(("taskmanager-1", "kafka", "jobmanager"), start=1):
        sent += send(watched, victim)
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
    assert last["jobs_resumed"] == ["shipped"]
    sent += send(watched, "last")

    words = ("results", "--count", str(len(sent)), "--timeout", "150", "-o", "json")
    waited = watched.run(*words, timeout=200)
    assert waited.code == 0, waited.stderr
    found = watched.run("results", "-o", "json").stdout.splitlines()
    assert sorted(json.loads(line)["job_id"] for line in found) == sorted(sent)


def test_teardown_stops_the_supervisor_first_and_nothing_comes_back(watched: Cluster) -> None:
    assert watched.run("teardown", "--env", NAME, timeout=120).code == 0
    for _ in poll(6, every=1.0):
        assert not watched.processes()
