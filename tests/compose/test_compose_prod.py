"""Prod, made small: the loss of its leading JobManager, of a TaskManager and of a broker costs no answer.

The tests share one environment and one job and follow each other; what one has ended stays so until the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from stacks import UP_SECONDS, Stack, stack
from support.faults.steady_job import Steady, steady_job

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.docker, pytest.mark.timeout(UP_SECONDS + 120)]

# A deadline for a busy machine: docs/environments.md says how fast it was.
RUNS_AGAIN_WITHIN = 90.0


@pytest.fixture(scope="module")
def prod(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    with stack("prod", tmp_path_factory.mktemp("prod"), "--scale") as up:
        yield up


@pytest.fixture(scope="module")
def steady(prod: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steady]:
    with steady_job(prod, tmp_path_factory.mktemp("steady"), parallelism=2) as job:
        yield job


def test_the_leading_jobmanager_is_killed(prod: Stack, steady: Steady) -> None:
    (job,) = steady.running()
    with steady.feed("a") as sent:
        prod.tell(leader(prod), "kill")
        wait_until_it_runs(prod, job["id"], RUNS_AGAIN_WITHIN)
    steady.check("a", sent)
    (listed,) = steady.running()
    assert (listed["id"], listed["state"]) == (job["id"], "RUNNING")


def test_a_taskmanager_with_tasks_is_killed(prod: Stack, steady: Steady) -> None:
    (job,) = steady.running()
    with steady.feed("b") as sent:
        worker = workers(prod, job["id"])[0]
        prod.tell(worker, "kill")
        wait_until_it_runs(prod, job["id"], 90.0, without=worker)
    steady.check("b", sent)


def test_a_broker_is_stopped(prod: Stack, steady: Steady) -> None:
    with steady.feed("c") as sent:
        prod.tell("kafka-2", "stop")
    steady.check("c", sent)


def test_setup_starts_what_has_ended(prod: Stack, steady: Steady) -> None:
    (job,) = steady.running()
    before = set(prod.containers())
    mended = prod.run("setup", "-o", "json", timeout=300).json()
    assert len(mended["started"]) == 3
    assert set(mended["started"]) == set(prod.containers()) - before
    with steady.feed("d") as sent:
        pass
    steady.check("d", sent)
    assert [one["id"] for one in steady.running()] == [job["id"]]


def leader(prod: Stack) -> str:
    """The JobManager that has the metrics of the cluster's slots."""
    names = [name for name in prod.containers() if name.startswith("jobmanager")]
    (found,) = [name for name in names if "flink_jobmanager_taskSlotsTotal" in metrics(prod, name)]
    return found


def metrics(prod: Stack, service: str) -> str:
    return prod.inside(service, "curl", "--silent", "http://127.0.0.1:9249/metrics")


def workers(prod: Stack, job_id: str) -> list[str]:
    """The TaskManagers that hold tasks of the job."""
    vertices = asked(prod, f"/jobs/{job_id}")["vertices"]
    places = [asked(prod, f"/jobs/{job_id}/vertices/{one['id']}/taskmanagers") for one in vertices]
    # A host's name may have those of the project around it.
    told = " ".join(one["endpoint"] for place in places for one in place["taskmanagers"])
    return sorted(set(re.findall(r"taskmanager-\d+", told)))


def wait_until_it_runs(prod: Stack, job_id: str, seconds: float, *, without: str = "") -> None:
    """Until all tasks of the job run, none of them on that TaskManager."""
    seen: Any = None
    for gone in poll(seconds, every=0.2):
        seen = state(prod, job_id)
        if seen == ("RUNNING", {"RUNNING"}) and without not in workers(prod, job_id):
            print(f"all tasks run again after {gone:.1f} s")
            return
    raise AssertionError(f"{job_id} does not run again within {seconds:g} s: {seen}")


def state(prod: Stack, job_id: str) -> tuple[str, set[str]] | str:
    """State of the job and of its tasks, or why it cannot be told."""
    try:
        job = asked(prod, f"/jobs/{job_id}")
    except (httpx.HTTPError, KeyError) as error:
        return str(error)
    tasks = {state for one in job["vertices"] for state, count in one["tasks"].items() if count}
    return job["state"], tasks


def asked(prod: Stack, path: str) -> Any:
    """The answer of the JobManager that answers."""
    problem: httpx.HTTPError | None = None
    for url in (prod.url("rest"), prod.url("rest_2")):
        try:
            reply = httpx.get(f"{url}{path}", timeout=3)
            reply.raise_for_status()
        except httpx.HTTPError as error:
            problem = error
        else:
            return reply.json()
    assert problem is not None
    raise problem
