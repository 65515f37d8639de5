"""The part of Flink's REST interface that savepoints, stopping and rescaling need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.json_answers import JsonObject
from tdaflink.domain.errors import NotFound, Refused

_MAIN_THREAD = "flink-jar-runner-thread"  # lives as long as a main() runs
_MAIN_FRAME = "org.apache.flink.client.python.PythonDriver.main("  # of an application, in a thread of a pool


@dataclass(frozen=True)
class Triggered:
    """How a savepoint or checkpoint that was asked for stands; neither path nor failure: under way."""

    path: str | None = None
    failure: str | None = None


class JobControl(ABC):
    """Mixed into the client of Flink's REST interface; raises what that raises."""

    @abstractmethod
    def _object(self, path: str, *, params: Mapping[str, str] | None = None) -> JsonObject: ...

    @abstractmethod
    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> JsonObject: ...

    def main_under_way(self) -> bool:
        """Whether the JobManager runs a main() now, whoever has asked for it."""
        threads = self._object("/jobmanager/thread-dump").children("threadInfos")
        return any(
            thread.text("threadName").startswith(_MAIN_THREAD)
            or _MAIN_FRAME in thread.text("stringifiedThreadInfo")
            for thread in threads
        )

    def trigger_savepoint(self, job_id: str, trigger_id: str, directory: str | None) -> None:
        """Ask for a savepoint; asking twice under one trigger id is asking once."""
        body = {"cancel-job": False, "triggerId": trigger_id, "target-directory": directory}
        self._request("POST", f"/jobs/{job_id}/savepoints", json=body)

    def stop(self, job_id: str, trigger_id: str, directory: str | None, *, drain: bool) -> None:
        """Ask the job to stop with a savepoint; asking twice under one trigger id is asking once."""
        body = {"drain": drain, "triggerId": trigger_id, "targetDirectory": directory}
        self._request("POST", f"/jobs/{job_id}/stop", json=body)

    def savepoint(self, job_id: str, trigger_id: str) -> Triggered:
        """How that savepoint stands. `NotFound` where the cluster knows nothing of it, or no longer."""
        found = self._object(f"/jobs/{job_id}/savepoints/{trigger_id}")
        operation = found.child("operation")
        if found.required("status").text("id") != "COMPLETED":
            return Triggered()
        if location := operation.text("location", ""):
            return Triggered(path=location)
        cause = operation.child("failure-cause")
        return Triggered(
            failure=cause.text("stack-trace", "") or cause.text("class", "") or "no reason given"
        )

    def newest_savepoint(self, job_id: str) -> str | None:
        """Where the last savepoint of a job lies that the cluster remembers, also of one that has ended."""
        latest = self._object(f"/jobs/{job_id}/checkpoints").child("latest")
        return latest.child("savepoint").text("external_path", "") or None

    def trigger_checkpoint(self, job_id: str) -> None:
        """Ask for a checkpoint now; whether one completes is seen in `checkpoints`."""
        self._request("POST", f"/jobs/{job_id}/checkpoints", json={"checkpointType": "CONFIGURED"})

    def max_parallelism(self, job_id: str) -> int:
        """The largest parallelism that the state of every task of the job allows."""
        vertices = self._object(f"/jobs/{job_id}").children("vertices")
        return min((vertex.count("maxParallelism") for vertex in vertices), default=1)

    def requirements(self, job_id: str) -> dict[str, dict[str, Any]] | None:
        """Bounds of each task's parallelism by its id; None without the adaptive scheduler."""
        try:
            found = self._object(f"/jobs/{job_id}/resource-requirements")
        except (Refused, NotFound):
            return None
        for vertex_id in found.raw:
            bounds = found.required(vertex_id).required("parallelism")
            bounds.count("lowerBound"), bounds.count("upperBound")
        return dict(found.raw)

    def require(self, job_id: str, requirements: Mapping[str, Any]) -> None:
        """Set those bounds; the adaptive scheduler then rescales the job."""
        self._request("PUT", f"/jobs/{job_id}/resource-requirements", json=dict(requirements))

    def job_clock(self, job_id: str) -> float:
        """What the JobManager's clock shows, in epoch seconds."""
        return self._object(f"/jobs/{job_id}").millis("now") / 1000

    def restart_times(self, job_id: str) -> tuple[float, float]:
        """When the tasks that run now were planned, and when the last of them was open.

        In epoch seconds of the JobManager's clock, whose answer may be some seconds old.
        """
        job = self._object(f"/jobs/{job_id}")
        running = 0
        for vertex in job.children("vertices"):
            times = self._object(f"/jobs/{job_id}/vertices/{vertex.ident('id')}/subtasktimes")
            opened = (one.required("timestamps").millis("RUNNING") for one in times.children("subtasks"))
            running = max(running, *opened, 0)
        return job.required("timestamps").millis("CREATED") / 1000, running / 1000
