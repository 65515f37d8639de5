"""The client of a cluster: its state, bundles, applications and jobs over Flink's REST interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tdaflink.adapters.flink.job_control import JobControl
from tdaflink.adapters.flink.values import (
    ClusterOverview,
    checkpoints_of,
    cluster_overview,
    failure_of,
    listed_job,
    vertex_of,
)
from tdaflink.adapters.web.json_fields import (
    JsonObject,
    finite,
)
from tdaflink.domain.errors import DeadlinePassed, NotFound
from tdaflink.domain.jobs.job import TERMINAL_STATES, Checkpoints, Failure, Job, JobApplication, Vertex
from tdaflink.domain.polling import poll

RUN_SECONDS = 120.0  # /jars/:id/run returns when main() has built the job
_PARALLEL_CALLS = 8
_FEW_CALLS = 2
_CLOCK_READ_SECONDS = 1.0  # the longest time between the JobManager's reading of its clock and our reading
_HEARTBEAT_MS = 10_000.0
_UPLOAD_SECONDS = 120.0
# A call for each of 20,000 jobs would take minutes.
_MAX_PARALLELISM_CALLS = 256


class FlinkRest(JobControl):
    """All calls of one cluster, with the errors of `RestCalls`."""

    # -- cluster

    def overview(self) -> ClusterOverview:
        """Return slots, TaskManagers and Flink's version."""
        return cluster_overview(self._object("/overview"))

    def slots(self) -> tuple[int, int]:
        """Return the number of free slots, and of all."""
        overview = self.overview()
        return overview.slots_available, overview.slots_total

    def jvm(self) -> tuple[str, Sequence[str]]:
        """Return the version text of the JobManager's Java, and its classpath."""
        environment = self._object("/jobmanager/environment")
        return environment.required("jvm").text("version"), environment.texts("classpath")

    def clock(self) -> tuple[float, float] | None:
        """Return the bounds of the JobManager's current time, earliest and latest, in epoch seconds.

        From a job's details if there is a job, else from heartbeats, to the accuracy of their interval.
        None where neither exists.
        """
        jobs = self._object("/jobs/overview").children("jobs")
        if jobs:
            now = self.job_clock(jobs[0].ident("jid"))
            return now, now + _CLOCK_READ_SECONDS
        beats = [worker.millis("timeSinceLastHeartbeat") for worker in self.taskmanagers()]
        if not beats or not max(beats):
            return None
        interval = (finite(self.jobmanager_config().get("heartbeat.interval")) or _HEARTBEAT_MS) / 1000
        return max(beats) / 1000, max(beats) / 1000 + 2 * interval

    def taskmanagers(self) -> list[JsonObject]:
        """Return the registered TaskManagers, as Flink describes them."""
        return self._object("/taskmanagers").children("taskmanagers")

    def jobmanager_config(self) -> Mapping[str, str]:
        """Return the JobManager's effective configuration."""
        return {item.text("key"): item.text("value", "") for item in self.rows("/jobmanager/config")}

    def jobmanager_log_sizes(self) -> Mapping[str, int]:
        """Return the size in bytes of each log file of the JobManager, by name."""
        logs = self._object("/jobmanager/logs").children("logs")
        return {log.ident("name"): log.count("size") for log in logs}

    def jobmanager_log(self, name: str, *, skip: int = 0) -> str:
        """Return the text of one log file from byte `skip` on."""
        return self._log(f"/jobmanager/logs/{name}").body[skip:].decode("utf-8", "replace")

    # -- bundles

    def bundles(self) -> Sequence[str]:
        """Return the ids of the uploaded files."""
        return [entry.ident("id") for entry in self._object("/jars").children("files")]

    def upload(self, name: str, content: bytes) -> str:
        """Upload a bundle and return its path on the JobManager, whose last part is its id."""
        file = ("jarfile", name, content, "application/x-java-archive")
        response = self._send("POST", "/jars/upload", file=file, limits=self._limits(_UPLOAD_SECONDS))
        return self._as_object(response, "POST /jars/upload").text("filename")

    def delete_bundle(self, bundle_id: str) -> None:
        """Delete an uploaded file; running jobs have their own copy of it."""
        self._request("DELETE", f"/jars/{bundle_id}")

    def run(self, bundle_id: str, body: Mapping[str, Any]) -> str:
        """Run a bundle's main() and return the job id once the cluster has accepted the job."""
        reply = self._request("POST", f"/jars/{bundle_id}/run", json=body, timeout=RUN_SECONDS)
        return reply.ident("jobid")

    # -- applications, from Flink 2.3 on

    def has_applications(self) -> bool:
        """Return whether the cluster can run a main() as an application."""
        try:
            self._get("/applications/overview")
        except NotFound:
            return False
        return True

    def run_application(self, bundle_id: str, body: Mapping[str, Any]) -> None:
        """Start a bundle's main() under the application id of the body; does not wait for its job."""
        self._request("POST", f"/jars/{bundle_id}/run-application", json=body)

    def application(self, application_id: str) -> JobApplication:
        """Return the application's state. Raises `NotFound` if the cluster has no such application."""
        details = self._object(f"/applications/{application_id}")
        return JobApplication(details.text("status"), [job.ident("jid") for job in details.children("jobs")])

    def application_failures(self, application_id: str) -> list[str]:
        """Return the stack traces of the application's exceptions in Flink's history, newest first."""
        history = self._object(f"/applications/{application_id}/exceptions").required("exceptionHistory")
        return [entry.text("stacktrace") for entry in history.children("entries")]

    # -- jobs

    def jobs(self, env: str, *, ended: bool, known: Mapping[str, int] | None = None) -> list[Job]:
        """Return the cluster's jobs, newest first; without `ended`, only those that have not ended.

        Parallelism costs one call for each job that is not in `known` (parallelism by id). It is requested
        for 256 jobs at most, those that have not ended first, then the newest; for the others it is 0.
        """
        listed = [listed_job(job, env) for job in self._object("/jobs/overview").children("jobs")]
        chosen = [job for job in listed if ended or not job.ended]
        chosen.sort(key=lambda job: job.start_time, reverse=True)
        parallelism = dict(known or {})
        unknown = [job.id for job in sorted(chosen, key=lambda job: job.ended) if job.id not in parallelism]
        parallelism |= self._parallelisms(unknown[:_MAX_PARALLELISM_CALLS])
        return [replace(job, parallelism=parallelism.get(job.id, 0)) for job in chosen]

    def job_state(self, job_id: str) -> str | None:
        """Return the job's state, or None if the cluster has no such job."""
        try:
            return self._object(f"/jobs/{job_id}/status").text("status")
        except NotFound:
            return None

    def vertices(self, job_id: str) -> list[Vertex]:
        """Return the job's tasks in topological order."""
        return [vertex_of(vertex) for vertex in self._object(f"/jobs/{job_id}").children("vertices")]

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Return the counts of the job's checkpoints, and the latest completed one."""
        return checkpoints_of(self._object(f"/jobs/{job_id}/checkpoints"))

    def newest_checkpoint_failed(self, job_id: str) -> bool:
        """Return whether a checkpoint has failed since the last completed one."""
        latest = self._object(f"/jobs/{job_id}/checkpoints").child("latest")
        return latest.child("failed").whole("id", 0) > latest.child("completed").whole("id", 0)

    def failures(self, job_id: str) -> list[Failure]:
        """Return the job's exceptions in Flink's history, newest first."""
        history = self._object(f"/jobs/{job_id}/exceptions").child("exceptionHistory")
        return [failure_of(entry) for entry in history.children("entries", [])]

    def job_parameters(self, job_id: str) -> Mapping[str, str]:
        """Return the job's own parameters (`pipeline.global-job-parameters`)."""
        config = self._object(f"/jobs/{job_id}/config").child("execution-config").child("user-config")
        return {name: config.text(name, "") for name in config.raw}

    def job_metric(self, job_id: str, name: str) -> float | None:
        """Return one metric of the job, or None while it has no value."""
        values = self.rows(f"/jobs/{job_id}/metrics", params={"get": name})
        return finite(values[0].raw.get("value")) if values else None

    def subtasks_with_metric(self, job_id: str, vertex_id: str, suffix: str) -> int:
        """Count the subtasks of a vertex with a metric above 0 whose name ends in `.suffix`."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics"
        names = [name for m in self.rows(path) if (name := m.text("id")).endswith(f".{suffix}")]
        if not names:
            return 0
        values = self.rows(path, params={"get": ",".join(names)})
        return sum(1 for value in values if (finite(value.raw.get("value")) or 0) > 0)

    def cancel(self, job_id: str) -> None:
        """Request the cancellation of a job; `wait_until_ended` waits for its end."""
        self._request("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def is_running(self, job_id: str) -> bool:
        """Whether the cluster has the job and it has not ended, restarts included."""
        return self.job_state(job_id) not in (None, *TERMINAL_STATES)

    def wait_until_ended(self, job_id: str, seconds: float) -> str:
        """Wait for the end of the job and return its terminal state; `DeadlinePassed` after `seconds`."""
        for _ in poll(seconds, every=0.1):
            state = self.job_state(job_id)
            if state is None or state in TERMINAL_STATES:
                return state or "CANCELED"
        raise DeadlinePassed(
            f"job {job_id} has not ended after {seconds:g} s", hint=f"tdaflink status {job_id}"
        )

    def _parallelisms(self, job_ids: Sequence[str]) -> dict[str, int]:
        if len(job_ids) <= _FEW_CALLS:
            return {job_id: self._parallelism(job_id) for job_id in job_ids}
        from concurrent.futures import ThreadPoolExecutor  # takes longer to import than a few calls

        with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
            return dict(zip(job_ids, pool.map(self._parallelism, job_ids), strict=True))

    def _parallelism(self, job_id: str) -> int:
        try:
            return max((v.parallelism for v in self.vertices(job_id)), default=0)
        except NotFound:
            return 0
