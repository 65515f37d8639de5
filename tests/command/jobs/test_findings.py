"""Findings about a job, states without a finding, and the existing command that each finding names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.watch_cases import CLUSTER, LAG, failing, failure, job, load

from tdaflink.cli.app import COMMAND_MODULES
from tdaflink.domain.jobs.failures import RecordAtFault
from tdaflink.domain.jobs.job import Checkpoints, Job
from tdaflink.domain.observability.cluster_snapshot import Computation, JobLoad, Memory, TopicLag, VertexLoad
from tdaflink.domain.observability.findings import Finding, findings

AT_FAULT = RecordAtFault("tda_jobs", 3, 17, 2)
FULL = VertexLoad("b", "stream-windows", "compute", 2, 1000, 200, 970, 0, 30, 990, 1.2)
HELD = VertexLoad("a", "Source: streams-source -> streams-rows", "source", 2, 0, 1000, 10, 900, 90, 11, 1.1)
SKEWED = VertexLoad("b", "stream-windows", "compute", 4, 1000, 200, 300, 0, 700, 800, 3.5)
SLOW = Computation(p50=11.0, p95=12.5, p99=13.0, answered=5)


def found(
    seen_job: Job | None = None, seen: JobLoad | None = None, cluster: Any = CLUSTER, **more: Any
) -> dict[str, Finding]:
    lag, rate = more.get("lag", LAG), more.get("rate", 50.0)
    told = findings(seen_job or job(), seen or load(), lag, rate, cluster, one_job=more.get("one_job", False))
    return {one.kind: one for one in told}


def test_a_healthy_job_has_no_finding() -> None:
    assert found() == {}


def test_a_job_that_ended_by_itself_or_was_cancelled_has_none() -> None:
    for state in ("FINISHED", "CANCELED"):
        assert found(job(state=state), load(failures=(failure(),))) == {}


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "restarting",
        {"seen_job": failing().job, "seen": failing().load},
        "restarted 4 times; 2 of the last 2 exceptions have one cause",
        "tdaflink status 20000000 -v --env local",
    ),
    (
        "failed",
        {"seen_job": job(state="FAILED"), "seen": load(failures=(failure(),))},
        "failed and does not restart",
        "tdaflink status 10000000 -v --env local",
    ),
    (
        "record",
        {
            "seen_job": failing().job,
            "seen": load(restarts=3, failures=(failure(), failure(at_fault=AT_FAULT), failure())),
        },
        "restarted 3 times; 2 times at tda_jobs/3/17",
        f"tdaflink upgrade {failing().job.name} --state last-state --skip tda_jobs/3/17 --env local",
    ),
    (
        "failed",
        {"seen_job": job(state="FAILED"), "seen": load(failures=(failure(at_fault=AT_FAULT),))},
        "failed and does not restart; 2 failures at tda_jobs/3/17",
        f"""tdaflink resume {job().name} --set 'skip=["tda_jobs/3/17"]' --env local""",
    ),
    (
        "no_slots",
        {
            "seen_job": job(state="RESTARTING", tasks_running=0),
            "cluster": replace(CLUSTER, taskmanagers=0, slots_total=0, slots_available=0),
        },
        "waits for slots: 0 TaskManagers, 0 of 0 slots free, 2 needed",
        "tdaflink setup --env local",
    ),
    (
        "slow_computation",
        {"seen": load(computation=SLOW)},
        "a computation takes 12.50 s (p95), and windows come every 10 s",
        "tdaflink upgrade 10000000 --set preprocess.subsample.landmarks=100 --env local",
    ),
    (
        "bottleneck",
        {"seen": load(vertices=(HELD, FULL))},
        "stream-windows is busy 99 % of the time; it backpressures streams-source",
        "tdaflink rescale 10000000 --parallelism 4 --env local",
    ),
    (
        "bottleneck",
        {"seen": load(vertices=(FULL,)), "cluster": replace(CLUSTER, slots_available=0)},
        "stream-windows is busy 99 % of the time",
        "tdaflink upgrade 10000000 --set max_dimension=1 --env local",
    ),
    (
        "skew",
        {"seen": load(vertices=(SKEWED,))},
        "one subtask of stream-windows takes 3.5 times the average of records",
        "tdaflink topics list --env local",
    ),
    (
        "no_checkpoint",
        {"seen": load(checkpoints=Checkpoints(3, 7, 1, 3, 200, 10, 95_000))},
        "no checkpoint for 95 s; the interval is 10 s (7 failed, 1 in progress)",
        "tdaflink status 10000000 -v --env local",
    ),
    (
        "long_checkpoints",
        {"seen": load(checkpoints=Checkpoints(3, 0, 0, 3, 8_000, 10, 1_000))},
        "the last checkpoint took 8.0 s of an interval of 10 s",
        "tdaflink upgrade 10000000 --set checkpoint_interval=20s --env local",
    ),
    (
        "long_checkpoints",
        {
            "seen": load(
                checkpoints=Checkpoints(3, 0, 0, 3, 8_000, 10, 1_000),
                computation=Computation(p50=0.05, answered=5),
                parameters={"tdaflink.bundle_size": "300"},
            )
        },
        "the last checkpoint took 8.0 s of an interval of 10 s",
        "tdaflink upgrade 10000000 --set flink.python.fn-execution.bundle.size=50 --env local",
    ),
    (
        "no_checkpoint",
        {
            "seen": load(
                checkpoints=Checkpoints(3, 7, 1, 3, 200, 10, 95_000),
                computation=Computation(p50=5.0, answered=5),
                parameters={"tdaflink.bundle_size": "300"},
            )
        },
        "no checkpoint for 95 s; the interval is 10 s (7 failed, 1 in progress)",
        "tdaflink upgrade 10000000 --set flink.python.fn-execution.bundle.size=1 --env local",
    ),
    (
        "lag",
        {"lag": {"tda_jobs": TopicLag(60_000, 60_000, 6, 6)}},
        "60000 records behind in tda_jobs (6 of 6 partitions), 1200 s of work at the current rate",
        "tdaflink rescale 10000000 --parallelism 4 --env local",
    ),
    (
        "refused",
        {"seen": load(computation=Computation(answered=3, errors=9))},
        "9 messages were refused, 3 have a result",
        "tdaflink results --errors --env local",
    ),
    (
        "heap",
        {"cluster": replace(CLUSTER, taskmanager=Memory(95, 100, 10, 100))},
        "the heap of a TaskManager is 95% full",
        "tdaflink list --env local",
    ),
    (
        "metaspace",
        {"cluster": replace(CLUSTER, jobmanager=Memory(5, 100, 92, 100))},
        "the metaspace of the JobManager is 92% full",
        "tdaflink teardown --env local",
    ),
]


@pytest.mark.parametrize(("kind", "seen", "text", "command"), CASES, ids=lambda value: str(value)[:20])
def test_a_finding_says_what_was_seen_and_what_to_type(
    kind: str, seen: dict[str, Any], text: str, command: str
) -> None:
    one = found(**seen)[kind]
    assert text in one.text
    assert one.command == command
    assert one.advice
    assert command.split()[1] in COMMAND_MODULES


@pytest.mark.parametrize(("kind", "seen"), [case[:2] for case in CASES], ids=lambda value: str(value)[:20])
def test_a_cluster_that_is_made_for_one_job_is_told_nothing_that_it_refuses(
    kind: str, seen: dict[str, Any]
) -> None:
    typed = found(**seen, one_job=True)[kind].command.split(" && ")
    assert not {line.split()[1] for line in typed} & {"submit", "upgrade", "rescale", "rollback"}
    assert all(line.endswith(" --env local") for line in typed)


def test_a_part_of_the_cluster_that_went_away_is_not_the_job_s_fault() -> None:
    lost = failure("TimeoutException: heartbeat of taskmanager-1", traceback=None)
    one = found(job(state="RESTARTING"), load(restarts=1, failures=(lost,)))["restarting"]
    assert one.advice.startswith("no error of the job's code")
    assert one.command == "tdaflink setup --env local"


def test_a_job_that_has_recovered_is_left_alone() -> None:
    old = (failure(timestamp="2027-01-15T07:30:00.000Z"),) * 3
    assert found(seen=load(restarts=3, failures=old)) == {}
    assert "restarting" in found(seen=load(restarts=3, failures=(failure(), failure())))
    assert found(seen=load(restarts=1, failures=(failure(),))) == {}


def test_what_the_lag_has_to_do_with_it_is_said() -> None:
    behind = {"tda_jobs": TopicLag(60_000, None, 6, 6)}
    busy = found(seen=load(vertices=(FULL,)), lag=behind)["lag"]
    assert "the job has no capacity left" in busy.advice
    one = found(lag={"tda_jobs": TopicLag(60_000, None, 1, 6)})["lag"]
    assert "only one partition is behind" in one.advice
    assert "has capacity left" in found(lag=behind)["lag"].advice


def test_a_lag_that_is_soon_worked_off_is_no_finding() -> None:
    assert "lag" not in found(lag={"tda_jobs": TopicLag(2_000, None, 6, 6)}, rate=50.0)
    assert "lag" in found(lag={"tda_jobs": TopicLag(2_000, None, 6, 6)}, rate=None)
    assert "lag" in found(lag={"tda_jobs": TopicLag(2_000, None, 6, 6)}, rate=0.0)
    assert "lag" not in found(lag={"tda_jobs": TopicLag(10, None, 6, 6)}, rate=0.0)
