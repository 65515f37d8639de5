"""Calls of Flink's REST interface for savepoints, stopping and rescaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.flink.rest import RestCalls
from tdaflink.domain.errors import NotFound, Refused

_MAIN_THREAD = "flink-jar-runner-thread"  # exists as long as a main() runs
_MAIN_FRAME = "org.apache.flink.client.python.PythonDriver.main("  # of an application, in a pool's thread


@dataclass(frozen=True)
class Triggered:
    """The state of a requested savepoint; in progress without path and failure."""

    path: str | None = None
    failure: str | None = None


class JobControl(RestCalls):
    """Savepoints, stops and rescaling of jobs; errors as of `RestCalls`."""

    def main_under_way(self) -> bool:
        """Return whether the JobManager is running a main(), from this command or any other client."""
        threads = self._object("/jobmanager/thread-dump").children("threadInfos")
        return any(
            thread.text("threadName").startswith(_MAIN_THREAD)
            or _MAIN_FRAME in thread.text("stringifiedThreadInfo")
            for thread in threads
        )

    def trigger_savepoint(self, job_id: str, trigger_id: str, directory: str | None) -> None:
        """Request a savepoint; idempotent for one trigger id."""
        body = {"cancel-job": False, "triggerId": trigger_id, "target-directory": directory}
        self._request("POST", f"/jobs/{job_id}/savepoints", json=body)

    def stop(self, job_id: str, trigger_id: str, directory: str | None, *, drain: bool) -> None:
        """Request that the job stops with a savepoint; idempotent for one trigger id."""
        body = {"drain": drain, "triggerId": trigger_id, "targetDirectory": directory}
        self._request("POST", f"/jobs/{job_id}/stop", json=body)

    def savepoint(self, job_id: str, trigger_id: str) -> Triggered:
        """Return the state of a requested savepoint. `NotFound` if the cluster has no record of it."""
        result = self._object(f"/jobs/{job_id}/savepoints/{trigger_id}")
        operation = result.child("operation")
        if result.required("status").text("id") != "COMPLETED":
            return Triggered()
        if location := operation.text("location", ""):
            return Triggered(path=location)
        cause = operation.child("failure-cause")
        return Triggered(
            failure=cause.text("stack-trace", "") or cause.text("class", "") or "no reason given"
        )

    def newest_savepoint(self, job_id: str) -> str | None:
        """Return the path of a job's last savepoint in Flink's history, also for a job that has ended."""
        latest = self._object(f"/jobs/{job_id}/checkpoints").child("latest")
        return latest.child("savepoint").text("external_path", "") or None

    def trigger_checkpoint(self, job_id: str) -> None:
        """Request a checkpoint; `checkpoints` shows its completion."""
        self._request("POST", f"/jobs/{job_id}/checkpoints", json={"checkpointType": "CONFIGURED"})

    def max_parallelism(self, job_id: str) -> int:
        """Return the largest parallelism that the state of every task of the job allows."""
        vertices = self._object(f"/jobs/{job_id}").children("vertices")
        return min((vertex.count("maxParallelism") for vertex in vertices), default=1)

    def requirements(self, job_id: str) -> dict[str, dict[str, Any]] | None:
        """Return the bounds of each task's parallelism by its id; None without the adaptive scheduler."""
        try:
            vertices = self._object(f"/jobs/{job_id}/resource-requirements")
        except (Refused, NotFound):
            return None
        for vertex_id in vertices.raw:
            bounds = vertices.required(vertex_id).required("parallelism")
            bounds.count("lowerBound"), bounds.count("upperBound")
        return dict(vertices.raw)

    def require(self, job_id: str, requirements: Mapping[str, Any]) -> None:
        """Set the bounds of each task's parallelism; the adaptive scheduler then rescales the job."""
        self._request("PUT", f"/jobs/{job_id}/resource-requirements", json=dict(requirements))

    def job_clock(self, job_id: str) -> float:
        """Return the JobManager's time, in epoch seconds."""
        return self._object(f"/jobs/{job_id}").millis("now") / 1000

    def restart_times(self, job_id: str) -> tuple[float, float]:
        """Return when the running tasks were created, and when the last of them was running.

        In epoch seconds of the JobManager's clock; Flink's values may be some seconds old.
        """
        job = self._object(f"/jobs/{job_id}")
        running = 0
        for vertex in job.children("vertices"):
            times = self._object(f"/jobs/{job_id}/vertices/{vertex.ident('id')}/subtasktimes")
            opened = (task.required("timestamps").millis("RUNNING") for task in times.children("subtasks"))
            running = max(running, *opened, 0)
        return job.required("timestamps").millis("CREATED") / 1000, running / 1000
