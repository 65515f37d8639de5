"""Conversion of responses of Flink's REST interface to domain values."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tdaflink.adapters.web.json_fields import JsonObject
from tdaflink.domain.jobs.failures import (
    python_traceback,
    quoted_message,
    record_at_fault,
    root_cause,
    signature,
)
from tdaflink.domain.jobs.job import Checkpoints, Failure, Job, Vertex
from tdaflink.domain.timestamps import format_timestamp


@dataclass(frozen=True)
class ClusterOverview:
    """A cluster's size and version."""

    flink_version: str
    taskmanagers: int
    slots_total: int
    slots_available: int


def cluster_overview(raw: JsonObject) -> ClusterOverview:
    """Convert the response of /overview."""
    return ClusterOverview(
        flink_version=raw.text("flink-version"),
        taskmanagers=raw.count("taskmanagers"),
        slots_total=raw.count("slots-total"),
        slots_available=raw.count("slots-available"),
    )


def listed_job(raw: JsonObject, env: str) -> Job:
    """Convert an entry of /jobs/overview, which does not contain the parallelism."""
    tasks = raw.required("tasks")
    return Job(
        id=raw.ident("jid"),
        name=raw.text("name"),
        state=raw.text("state"),
        start_time=format_timestamp(raw.millis("start-time") / 1000),
        duration_ms=raw.whole("duration"),
        parallelism=0,
        tasks_running=tasks.count("running"),
        tasks_total=tasks.count("total"),
        env=env,
    )


def vertex_of(raw: JsonObject) -> Vertex:
    """Convert a task of a job's details."""
    metrics, tasks = raw.child("metrics"), raw.required("tasks")
    return Vertex(
        id=raw.ident("id"),
        name=raw.text("name"),
        parallelism=raw.count("parallelism"),
        subtasks={state: count for state in tasks.raw if (count := tasks.count(state))},
        records_in=metrics.count("read-records", 0),
        records_out=metrics.count("write-records", 0),
    )


def checkpoints_of(raw: JsonObject) -> Checkpoints:
    """Convert a job's checkpoints."""
    counts, latest = raw.child("counts"), raw.child("latest").child("completed")
    acknowledged = latest.whole("latest_ack_timestamp", 0)
    size = latest.whole("checkpointed_size", None)
    return Checkpoints(
        completed=counts.count("completed", 0),
        failed=counts.count("failed", 0),
        in_progress=counts.count("in_progress", 0),
        latest_id=latest.whole("id", None),
        latest_duration_ms=latest.whole("end_to_end_duration", None),
        latest_size_bytes=latest.whole("state_size", None) if size is None else size,
        latest_age_ms=max(0, int(time.time() * 1000) - acknowledged) if acknowledged > 0 else None,
        latest_path=latest.text("external_path", None),
    )


def failure_of(raw: JsonObject) -> Failure:
    """Convert an entry of a job's exceptions."""
    text = raw.text("stacktrace", "")
    return Failure(
        timestamp=format_timestamp(raw.millis("timestamp") / 1000),
        cause=root_cause(text),
        signature=signature(text),
        traceback=python_traceback(text),
        text=text,
        task=raw.text("taskName", None),
        taskmanager=raw.text("taskManagerId", None),
        record=quoted_message(text),
        at_fault=record_at_fault(text),
    )
