"""A scaled prod: no result is lost with its leading JobManager, a TaskManager or a broker.

The tests share one environment and one job and run in order; stopped components stay so until the last test.
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

# A limit for a busy machine; docs/environments.md has the measured time.
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
    """Return the leading JobManager: the one with metrics of the cluster's slots."""
    names = [name for name in prod.containers() if name.startswith("jobmanager")]
    (found,) = [name for name in names if "flink_jobmanager_taskSlotsTotal" in metrics(prod, name)]
    return found


def metrics(prod: Stack, service: str) -> str:
    return prod.inside(service, "curl", "--silent", "http://127.0.0.1:9249/metrics")


def workers(prod: Stack, job_id: str) -> list[str]:
    """Return the TaskManagers that run tasks of the job."""
    vertices = asked(prod, f"/jobs/{job_id}")["vertices"]
    places = [asked(prod, f"/jobs/{job_id}/vertices/{one['id']}/taskmanagers") for one in vertices]
    # A host's name may include the names of the project and its network.
    told = " ".join(one["endpoint"] for place in places for one in place["taskmanagers"])
    return sorted(set(re.findall(r"taskmanager-\d+", told)))


def wait_until_it_runs(prod: Stack, job_id: str, seconds: float, *, without: str = "") -> None:
    """Wait until all tasks of the job run, none of them on the TaskManager `without`."""
    seen: Any = None
    for gone in poll(seconds, every=0.2):
        seen = state(prod, job_id)
        if seen == ("RUNNING", {"RUNNING"}) and without not in workers(prod, job_id):
            print(f"all tasks run again after {gone:.1f} s")
            return
    raise AssertionError(f"{job_id} does not run again within {seconds:g} s: {seen}")


def state(prod: Stack, job_id: str) -> tuple[str, set[str]] | str:
    """Return the states of the job and of its tasks, or the error of the request."""
    try:
        job = asked(prod, f"/jobs/{job_id}")
    except (httpx.HTTPError, KeyError) as error:
        return str(error)
    tasks = {state for one in job["vertices"] for state, count in one["tasks"].items() if count}
    return job["state"], tasks


def asked(prod: Stack, path: str) -> Any:
    """Return the response of the first JobManager that responds."""
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
