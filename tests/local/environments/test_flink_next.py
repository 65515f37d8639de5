"""An external cluster of the next Flink version: the same commands work, main() runs as an application."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.command_runner import LISTED, Cluster, Ran, Runner, runner
from support.samples import IDLE
from support.servers.next_flink import VERSION, NextFlink, running_next_flink

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SCRIPTS = {
    "idle.py": IDLE,
    "raises.py": 'def prepare():\n    raise RuntimeError("no such sensor: 42")\n\nprepare()\n',
    "exits.py": 'import sys\nsys.exit("the sensor list is empty")\n',
    "dies.py": "import os\nos._exit(3)\n",
    "makes_no_job.py": "print('nothing to do')\n",
    "raises_late.py": IDLE + 'raise RuntimeError("after the job was submitted")\n',
}


@dataclass(frozen=True)
class Next:
    """A cluster of the next Flink version, and a command that has it saved as the environment "next"."""

    flink: NextFlink
    run: Runner
    added: dict[str, Any]
    folder: Path

    def submit(self, script: str, *words: str) -> Ran:
        return self.run("submit", "--job", str(self.folder / script), *words, timeout=240)

    def state(self, job_id: str) -> str:
        found = httpx.get(f"{self.flink.rest_url}/jobs/{job_id}/status", timeout=10, trust_env=False)
        return str(found.json()["status"])


@pytest.fixture(scope="module")
def beyond(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Next]:
    folder, state = tmp_path_factory.mktemp("next-flink"), tmp_path_factory.mktemp("next-state")
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    run = runner(state)
    with running_next_flink(folder) as flink:
        address = ("--rest-url", flink.rest_url, "--kafka", cluster.kafka, "--python", str(flink.python))
        added = run("env", "add", "next", *address, "-o", "json").json()
        assert run("env", "use", "next").code == 0
        yield Next(flink, run, added, folder)


@pytest.fixture(autouse=True)
def no_jobs_left(beyond: Next) -> Iterator[None]:
    """Cancel the jobs that a test leaves running."""
    yield
    alive = [job["id"] for job in beyond.run("list", "-o", "json").json()]
    if alive:
        assert beyond.run("cancel", *alive, timeout=120).code == 0


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_a_cluster_of_the_next_flink_is_driven_from_submit_to_cancel(beyond: Next) -> None:
    checks = {check["what"]: check for check in beyond.added["checks"]}
    assert (checks["Flink"]["state"], VERSION in checks["Flink"]["says"]) == ("differs", True)
    assert checks["slots"]["says"] == "4 of 4 are free"
    run = beyond.run
    assert run("list", "-o", "json").json() == []

    submitted = beyond.submit("idle.py", "--job-name", "idle", "-o", "json").json()
    assert submitted["state"] == "RUNNING"
    (listed,) = run("list", "-o", "json").json()
    assert set(listed) == LISTED
    assert (listed["id"], listed["name"], listed["state"]) == (submitted["id"], "idle", "RUNNING")
    status = run("status", "idle", "-o", "json").json()
    assert (status["restarts"], status["parameters"]["tdaflink.name"]) == (0, "idle")
    assert "RUNNING" in run("status", "idle").stdout
    assert VERSION in run("status").stdout
    assert "PythonDriver" in run("logs", "jobmanager", "--since", "10m").stdout
    assert len(run("logs", "-n", "2").stdout.splitlines()) >= 2

    first = run("savepoint", "idle", "-o", "json", timeout=90).json()
    assert Path(first["savepoint"].removeprefix("file:")).is_dir()
    stopped = run("stop", "idle", "-o", "json", timeout=90).json()
    assert Path(stopped["savepoint"].removeprefix("file:")).is_dir()
    assert beyond.state(submitted["id"]) == "FINISHED"
    again = beyond.submit("idle.py", "--job-name", "idle", "--from", "latest", "-o", "json").json()
    assert again["id"] != submitted["id"]
    canceled = run("cancel", again["id"][:10], "-o", "json", timeout=90).json()
    assert canceled == [{"id": again["id"], "name": "idle", "state": "CANCELED"}]
    ended = {job["id"]: job["state"] for job in run("list", "--all", "-o", "json").json()}
    assert (ended[submitted["id"]], ended[again["id"]]) == ("FINISHED", "CANCELED")


def test_a_main_that_fails_says_why(beyond: Next) -> None:
    failed = beyond.submit("raises.py", "--job-name", "raises")
    assert failed.code == 5
    assert 'File "raises.py", line 2, in prepare' in failed.stderr
    assert "its main() raised RuntimeError: no such sensor: 42" in flat(failed.stderr)
    assert "\tat org.apache.flink" not in failed.stderr
    (version,) = beyond.run("history", "raises", "-o", "json").json()["versions"]
    kept = httpx.get(f"{beyond.flink.rest_url}/applications/{version['job_id']}/exceptions", timeout=10)
    # Flink stores only this line, so the command reads the cause from the log.
    assert "Python process exits with code: 1" in kept.json()["exceptionHistory"]["entries"][0]["stacktrace"]

    exited = beyond.submit("exits.py")
    assert (exited.code, "the sensor list is empty" in flat(exited.stderr)) == (5, True)
    died = beyond.submit("dies.py")
    assert (died.code, "exits with code: 3" in flat(died.stderr)) == (5, True)
    assert "sensor" not in died.stderr
    empty = beyond.submit("makes_no_job.py")
    assert (empty.code, "without calling env.execute()" in flat(empty.stderr)) == (5, True)
    assert beyond.run("list", "-o", "json").json() == []


def test_a_main_that_raises_after_its_job_was_submitted_is_a_failure(beyond: Next) -> None:
    failed = beyond.submit("raises_late.py", "--job-name", "late")
    assert failed.code == 5
    assert "its main() failed after it had submitted the job" in flat(failed.stderr)
    for _ in poll(30, every=0.5):
        if not (left := beyond.run("list", "-o", "json").json()):
            break
    assert left == []


def test_the_doctor_says_that_jobs_are_untested_there(beyond: Next) -> None:
    found = json.loads(beyond.run("doctor", "-o", "json", timeout=90).stdout)["results"]
    (flink,) = [
        one for one in found if one["check"] == "flink" and VERSION in one["text"] and one["state"] != "ok"
    ]
    assert flink["state"] == "warning"
    assert "jobs are tested with" in flink["text"]
    (connector,) = [one for one in found if one["check"] == "connector"]
    assert connector["state"] == "warning"
    assert "built for Flink 2.2; there is none for 2.3 yet" in connector["text"]


INPUT = "{route: requests, topic: tda_jobs, output_topic: tda_results}"


def test_the_shipped_job_with_the_connector_of_the_flink_before(beyond: Next) -> None:
    words = ("submit", "--job-name", "next-job", "--parallelism", "1", "--set", f"inputs=[{INPUT}]")
    submitted = beyond.run(*words, "-o", "json", timeout=240).json()
    try:
        sent = beyond.run("send", "circle", "--points", "40", "--job-id", "next-1")
        assert sent.code == 0, sent.stderr
        sought = ("results", "--job-id", "next-1", "--timeout", "60", "-o", "json")
        assert '"next-1"' in beyond.run(*sought, timeout=90).stdout
        for _ in poll(30, every=0.5):
            status = beyond.run("status", submitted["id"], "-o", "json").json()
            if status["checkpoints"]["completed"]:
                break
        assert (status["restarts"], status["state"]) == (0, "RUNNING")
        stopped = beyond.run("stop", "next-job", timeout=90)
        assert "savepoint" in stopped.stdout + stopped.stderr
    finally:
        beyond.run("cancel", "next-job", timeout=60)
