"""Resuming jobs on dev after a recreated or killed JobManager or a cancellation, with every result once.

The tests share one environment and its job and run in order.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from stacks import UP_SECONDS, Stack, stack

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.docker, pytest.mark.timeout(UP_SECONDS + 120)]

JOB = {"job_name": "shipped", "parallelism": 1, "checkpoint_interval": "1s", "delivery": "exactly_once"}
SUBMIT_SECONDS = 300


@dataclass
class Asked:
    """The requests that were sent to the job."""

    dev: Stack
    ids: list[str] = field(default_factory=list)

    def send(self, name: str, count: int) -> None:
        words = ("send", "circle", "--points", "20", "--count", str(count), "--job-id", name, "-o", "json")
        assert self.dev.run(*words).json()["sent"] == count
        self.ids += [f"{name}-{number}" for number in range(1, count + 1)]

    def check(self) -> None:
        """Check that each request has exactly one result."""
        found = Counter(one["job_id"] for one in self.dev.results(len(self.ids), seconds=180))
        assert found == dict.fromkeys(self.ids, 1)

    def job(self) -> str:
        (only,) = self.dev.run("list", "-o", "json").json()
        assert (only["name"], only["state"]) == ("shipped", "RUNNING")
        return str(only["id"])


@pytest.fixture(scope="module")
def asked(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:  # noqa: ARG001
    """Set up dev, change the size of its JobManager manually, and run a job that has processed requests."""
    with stack("dev", tmp_path_factory.mktemp("dev")) as dev:
        change_jobmanager(dev)
        config = dev.state / "job.json"
        config.write_text(json.dumps(JOB))
        dev.run("submit", "--config", str(config), "-o", "json", timeout=SUBMIT_SECONDS).json()
        asked = Asked(dev)
        asked.send("first", 10)
        asked.check()
        yield asked


def change_jobmanager(dev: Stack) -> None:
    file = dev.folder / "compose" / "compose.yaml"
    before = file.read_text()
    at = before.index("  jobmanager:\n")
    changed = re.sub(r"mem_limit: \d+m", "mem_limit: 1700m", before[at:], count=1)
    file.write_text(before[:at] + changed)
    words = ["docker", "compose", "-f", str(file), "up", "--detach", "--no-build", "--wait", "jobmanager"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    for _ in poll(120, every=0.5):
        if httpx.get(f"{dev.rest_url}/overview").json()["slots-available"] == 2:
            return
    raise AssertionError("the TaskManager does not come back to its JobManager")


def test_setup_ends_no_job_unsaid_and_takes_it_along_where_it_is_told_to(asked: Asked) -> None:
    dev, job, containers = asked.dev, asked.job(), asked.dev.containers()
    plan = dev.run("setup", "--dry-run", "-o", "json").json()
    assert (plan["replace"], plan["jobs"]) == (["jobmanager"], ["shipped"])

    refused = dev.run("setup", timeout=120)
    assert refused.code == 1
    said = " ".join(refused.stderr.split())
    assert (
        f"recreate jobmanager of dev, and these jobs would be lost with the JobManager: shipped ({job[:12]})"
        in said
    )
    assert "tdaflink setup --env dev --resume-jobs" in said
    assert (asked.job(), dev.containers()) == (job, containers)

    done = dev.run("setup", "--resume-jobs", "-o", "json", timeout=UP_SECONDS).json()
    assert (done["started"], done["jobs_resumed"]) == (["jobmanager"], ["shipped"])
    assert asked.job() != job
    asked.send("anew", 7)
    asked.check()
    assert dev.run("setup", "-o", "json", timeout=180).json()["changed"] is False


def test_the_newest_complete_checkpoint_in_the_volume_is_found(asked: Asked) -> None:
    dev, job = asked.dev, asked.job()
    dev.run("cancel", "shipped", "-o", "json", timeout=120).json()
    asked.send("waiting", 5)
    half_written = f"/var/lib/flink/checkpoints/{job}/chk-999999"
    dev.inside("jobmanager", "sh", "-c", f"mkdir {half_written} && echo half >{half_written}/_metadata")

    found = dev.run("savepoints", "list", "shipped", "-o", "json").json()
    assert {one["kind"] for one in found} == {"checkpoint", "savepoint"}
    assert found[0]["path"].startswith(f"file:///var/lib/flink/checkpoints/{job}/chk-")
    assert f"file://{half_written}" not in [one["path"] for one in found]

    config = str(dev.state / "job.json")
    again = dev.run("submit", "--config", config, "--from", "latest", "-o", "json", timeout=SUBMIT_SECONDS)
    assert again.json()["state"] == "RUNNING"
    assert found[0]["path"] in "".join(again.stderr.split())
    asked.check()


def test_a_job_that_died_with_its_jobmanager_is_brought_back(asked: Asked) -> None:
    dev, job = asked.dev, asked.job()
    dev.tell("jobmanager", "kill")
    asked.send("meanwhile", 5)
    done = dev.run("setup", "--resume-jobs", "-o", "json", timeout=UP_SECONDS).json()
    assert done["jobs_resumed"] == ["shipped"]
    assert asked.job() != job
    asked.check()


def test_a_jobmanager_that_came_back_by_itself_without_its_jobs_is_noticed(asked: Asked) -> None:
    """setup names the jobs of a JobManager that the engine restarted, although it has nothing to start."""
    dev, job = asked.dev, asked.job()
    dev.tell("jobmanager", "restart", "--time", "0")
    asked.send("restarted", 5)
    found = dev.run("setup", "-o", "json", timeout=UP_SECONDS)
    assert (found.json()["started"], found.json()["jobs_gone"]) == ([], ["shipped"])
    assert "tdaflink setup --env dev --resume-jobs" in " ".join(found.stderr.split())
    done = dev.run("setup", "--resume-jobs", "-o", "json", timeout=UP_SECONDS).json()
    assert (done["jobs_resumed"], done["jobs_gone"]) == (["shipped"], [])
    assert asked.job() != job
    asked.check()
