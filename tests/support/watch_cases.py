"""Snapshots of a small cluster with a known value for each part of the dashboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Console

from tdaflink.display.watch.frame import Size, frame
from tdaflink.display.watch.view import View, settled
from tdaflink.domain.jobs.job import Checkpoints, Failure, Job
from tdaflink.domain.messages.records import Bar, Result
from tdaflink.domain.observability.cluster_snapshot import (
    ClusterSnapshot,
    ClusterState,
    Computation,
    FiringAlert,
    JobLoad,
    JobSeen,
    LatestResult,
    LogTail,
    Memory,
    TopicLag,
    VertexLoad,
)
from tdaflink.domain.observability.dashboard import DashboardState, reduce_snapshot

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z
MIB = 2**20


def job(name: str = "tda-streaming", number: int = 1, **fields: Any) -> Job:
    values = {
        "id": f"{number:032x}"[::-1],
        "name": name,
        "state": "RUNNING",
        "start_time": "2027-01-15T07:00:00.000Z",
        "duration_ms": 3_600_000,
        "parallelism": 2,
        "tasks_running": 8,
        "tasks_total": 8,
        "env": "local",
    }
    return Job(**(values | fields))


def load(second: float = 0.0, **fields: Any) -> JobLoad:
    """Return the load of a job that reads 50 records and emits 5 windows of 100 pairs per second."""
    steps = int(second * 5)
    values: dict[str, Any] = {
        "taken_at": START + second,
        "restarts": 0,
        "records_in": 1000 + 10 * steps,
        "computation": Computation(
            last=0.01,
            p50=0.012,
            p95=0.034,
            p99=0.056,
            memory_bytes=300 * MIB,
            answered=100 + steps,
            windows=100 + steps,
            points=10_000,
            pairs=1000 + 100 * steps,
        ),
        "vertices": (
            VertexLoad(
                "a", "Source: streams-source -> streams-rows", "source", 2, 0, 1000, 10, 0, 990, 11, 1.1
            ),
            VertexLoad("b", "stream-windows", "compute", 2, 1000, 200, 450, 0, 550, 480, 1.2),
            VertexLoad("c", "answers-rows -> answers-sink: Writer", "sink", 2, 200, 200, 5, 0, 995, 5, 1.0),
        ),
        "checkpoints": Checkpoints(12, 1, 0, 13, 250, 48 * 1024, 4_000, "file:/checkpoints/chk-13"),
        "checkpoint_interval_ms": 10_000,
        "failures": (),
        "parameters": {"tdaflink.slide": "10000 ms", "tdaflink.outputs": "tda_results;tda_stream_output"},
    }
    return JobLoad(**(values | fields))


def failure(cause: str = "ValueError: cannot digest 7", **fields: Any) -> Failure:
    traceback = f'Traceback (most recent call last):\n  File "my_job.py", line 9, in digest\n    x\n{cause}'
    values = {"timestamp": "2027-01-15T07:59:30.000Z", "cause": cause, "signature": "ValueError\nline 9"}
    return Failure(**(values | {"traceback": traceback, "text": f"java\n{traceback}"} | fields))


CLUSTER = ClusterState(
    flink_version="2.2.1",
    taskmanagers=1,
    slots_total=8,
    slots_available=5,
    jobmanager=Memory(100 * MIB, 640 * MIB, 110 * MIB, 320 * MIB),
    taskmanager=Memory(330 * MIB, 1088 * MIB, 105 * MIB, 384 * MIB),
)
NEWEST = LatestResult(
    topic="tda_stream_output",
    stream="pump-7",
    result=Result(
        job_id="pump-7",
        timestamp="2027-01-15T07:59:58.000Z",
        algorithm="vietoris_rips",
        num_points=100,
        seconds=0.012,
        betti=(1, 1),
        bars=(
            Bar(0, 0.0, float("inf")),
            Bar(0, 0.0, 0.25),
            Bar(0, 0.0, 0.1),
            Bar(1, 0.3, float("inf")),
            Bar(1, 0.2, 0.4),
        ),
        cut=1.0,
        window="#901-1000",
    ),
    event_time="2027-01-15T07:59:57.000Z",
)
LAG = {"tda_stream_input": TopicLag(lag=30, committed_lag=250, behind=2, partitions=6)}


def snapshot(second: float = 0.0, jobs: tuple[JobSeen, ...] | None = None, **fields: Any) -> ClusterSnapshot:
    if jobs is None:
        jobs = (JobSeen(job(), load(second), LAG),)
    values: dict[str, Any] = {
        "taken_at": START + second,
        "env": "local",
        "rest_url": "http://127.0.0.1:8081",
        "cluster": CLUSTER,
        "jobs": jobs,
        "newest": NEWEST,
        "streams": ("pump-7", "pump-8"),
    }
    return ClusterSnapshot(**(values | fields))


def failing(second: float = 0.0) -> JobSeen:
    """Return a job with a user's script that fails on each record."""
    restarting = job("indigestion", 2, state="RESTARTING", parallelism=1, tasks_running=0, tasks_total=1)
    told = load(
        second,
        restarts=4,
        records_in=0,
        computation=None,
        vertices=(),
        failures=(failure(), failure("ValueError: cannot digest 6")),
        checkpoints=Checkpoints(0, 2, 0),
        parameters={},
    )
    return JobSeen(restarting, told)


def replayed(*snapshots: ClusterSnapshot) -> DashboardState:
    board: DashboardState | None = None
    for one in snapshots:
        board = reduce_snapshot(board, one)
    assert board is not None
    return board


def steady(seconds: int = 12, *more: JobSeen) -> DashboardState:
    """Return the dashboard's state after a refresh every two seconds."""
    return replayed(
        *(
            snapshot(float(s), (JobSeen(job(), load(float(s)), LAG), *(replace(m) for m in more)))
            for s in range(0, seconds + 1, 2)
        )
    )


def screen(
    board: DashboardState | None, view: View, width: int = 80, height: int = 24, **options: Any
) -> list[str]:
    """Return the lines of the screen, without colour and trailing blanks."""
    console = Console(width=width, height=height, no_color=True, highlight=False, force_terminal=False)
    now = options.pop("now", board.taken_at if board else START)
    view = settled(view, board) if board else view
    drawn = frame(board, view, Size(width, height), now=now, every=2.0, **options)
    with console.capture() as capture:
        console.print(drawn)
    lines = capture.get().split("\n")[:-1]
    assert all(len(line) <= width for line in lines)
    return [line.rstrip() for line in lines]


ALERTS = (
    FiringAlert("TdaNoResults", "critical", "2027-01-15T07:58:00Z", "No results of pump-7 for 60 s"),
    FiringAlert("TdaLagGrows", "warning", "2027-01-15T07:58:00Z", "The lag of tda_jobs grows"),
    FiringAlert("FlinkHeap", "warning", "2027-01-15T07:58:00Z", "Heap above 90 %"),
)
LOG = LogTail(
    "taskmanager-1",
    ("taskmanager-1", "jobmanager", "kafka"),
    [f"2027-01-15 07:59:{second:02d},000 INFO  Task - line {second}" for second in range(60)],
)
