"""Jobs that died with their JobManager, and their recovery, in an environment of their own.

The tests share one job and run in order.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from support.command_runner import Cluster, runner
from support.faults.steady_job import interrupt

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking"), pytest.mark.timeout(420)]

NAME = "fragile"
JOB = {"job_name": "shipped", "parallelism": 1, "checkpoint_interval": "1s", "delivery": "exactly_once"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    state = tmp_path_factory.mktemp("fragile")
    run = runner(state)
    words = ("setup", "--env", NAME, "--profile", "local", "--port-offset", "auto", "-o", "json")
    try:
        up = run(*words, timeout=200).json()
        yield Cluster(NAME, up["rest_url"], up["kafka"], state, run)
    finally:
        down = run("teardown", "--env", NAME, "--purge", "--yes", timeout=120)
        assert down.code == 0, down.stderr


def answers(own: Cluster, count: int) -> list[str]:
    waited = own.run("results", "--count", str(count), "--timeout", "90", "-o", "json", timeout=120)
    assert waited.code == 0, waited.stderr
    everything = own.run("results", "-o", "json").stdout.splitlines()
    return sorted(json.loads(line)["job_id"] for line in everything)


def test_a_job_that_died_with_its_jobmanager_is_named_and_brought_back_once(own: Cluster) -> None:
    config = own.state / "job.json"
    config.write_text(json.dumps(JOB))
    first = own.run("submit", "--config", str(config), "-o", "json", timeout=200).json()
    own.run("send", "circle", "--count", "5", "--job-id", "before", "-o", "json").json()
    before = [f"before-{n}" for n in range(1, 6)]
    assert answers(own, 5) == before
    for _ in poll(60, every=0.2):
        if list(own.folder.rglob(f"{first['id']}/chk-*/_metadata")):
            break
    own.processes()["jobmanager"].send_signal(signal.SIGKILL)

    repaired = own.run("setup", "-o", "json", timeout=200)
    assert repaired.json()["jobs_gone"] == ["shipped"]
    assert "tdaflink setup --env fragile --resume-jobs resumes them" in " ".join(repaired.stderr.split())
    assert own.run("list", "-o", "json").json() == []

    back = own.run("setup", "--resume-jobs", "-o", "json", timeout=300).json()
    assert (back["jobs_resumed"], back["started"]) == (["shipped"], [])
    (job,) = own.run("list", "-o", "json").json()
    assert (job["name"], job["state"]) == ("shipped", "RUNNING")
    assert job["id"] != first["id"]
    own.run("send", "circle", "--count", "3", "--job-id", "then", "-o", "json").json()
    assert answers(own, 8) == sorted([*before, "then-1", "then-2", "then-3"])

    own.run("cancel", "shipped")
    again = own.run("setup", "--resume-jobs", "-o", "json", timeout=120).json()
    assert again["jobs_resumed"] == []


def test_an_upgrade_whose_new_job_dies_with_its_jobmanager_goes_on(own: Cluster) -> None:
    config = own.state / "job.json"
    own.run("submit", "--config", str(config), "--from", "latest", "-o", "json", timeout=200).json()
    words = ("upgrade", "shipped", "--set", "max_dimension=0")
    assert interrupt(own, "shipped", words, signal.SIGKILL, lambda one: one.step == "verifying") == -9
    own.run("send", "circle", "--count", "4", "--job-id", "meanwhile", "-o", "json").json()
    own.processes()["jobmanager"].send_signal(signal.SIGKILL)

    repaired = own.run("setup", "-o", "json", timeout=200).json()
    # The upgrade restores this job.
    assert repaired["jobs_gone"] == []
    done = own.run("upgrade", "--resume", "-o", "json", timeout=240).json()
    (job,) = own.run("list", "-o", "json").json()
    assert (job["id"], job["state"], done["outcome"]) == (done["id"], "RUNNING", "done")
    found = answers(own, 12)
    assert found == sorted(set(found))
    assert [one for one in found if one.startswith("meanwhile")] == [f"meanwhile-{n}" for n in range(1, 5)]
