"""Flink's REST interface. Every call goes through one place, which maps httpx's errors once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tdaflink.adapters.flink_control import JobControl
from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, Unreachable
from tdaflink.domain.failures import python_traceback, quoted_message, root_cause, signature
from tdaflink.domain.jobs import (
    TERMINAL_STATES,
    Checkpoints,
    Failure,
    Job,
    JobApplication,
    Vertex,
)
from tdaflink.domain.security import NO_WEB_SECURITY, WebSecurity
from tdaflink.domain.waiting import poll

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 2.0  # a dead endpoint is reported within 3 s
READ_SECONDS = 10.0
RUN_SECONDS = 120.0  # /jars/:id/run returns when main() has built the job
_UNKNOWN = tuple(
    f"org.apache.flink.runtime.messages.Flink{kind}NotFoundException: " for kind in ("Job", "Application")
)
_PARALLEL_CALLS = 8
_CLOCK_READ_SECONDS = 1.0  # between the JobManager's look at its clock and ours
_HEARTBEAT_MS = "10000"


class FlinkRest(JobControl):
    """One cluster's JobManager, or one that stands by where that does not answer.

    Every method raises `Unreachable` where nothing answers in time, `AccessDenied` where the credentials or
    certificates are not the right ones, `NotFound` for an id that the cluster does not know, and `Refused`
    with Flink's own first line for every other no.
    """

    def __init__(
        self,
        rest_url: str,
        read_seconds: float = READ_SECONDS,
        security: WebSecurity = NO_WEB_SECURITY,
        *,
        standby: Sequence[str] = (),
    ) -> None:
        import httpx

        from tdaflink.adapters.web_security import authorization, tls_context

        self._urls = [url.rstrip("/") for url in (rest_url, *standby)]
        self.url = self._urls[0]
        verify = tls_context(self.url, security, "rest")
        self._client = httpx.Client(
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
            headers=authorization(security.basic, security.bearer, "security.rest"),
            verify=verify,
            trust_env=bool(verify),
        )

    def close(self) -> None:
        self._client.close()

    # -- cluster

    def overview(self) -> Mapping[str, Any]:
        """Slots, TaskManagers, job counts and Flink's version, as Flink names them."""
        overview: Mapping[str, Any] = self._get("/overview")
        return overview

    def slots(self) -> tuple[int, int]:
        """How many slots are free, and how many there are."""
        overview = self.overview()
        return int(overview["slots-available"]), int(overview["slots-total"])

    def jvm(self) -> tuple[str, Sequence[str]]:
        """The JobManager's Java as it names itself, and its classpath."""
        found = self._get("/jobmanager/environment")
        return str(found["jvm"]["version"]), [str(entry) for entry in found["classpath"]]

    def clock(self) -> tuple[float, float] | None:
        """The earliest and the latest that the JobManager's clock may show now, in epoch seconds.

        A job's details say the time; without a job it is known from heartbeats, which have an interval.
        None where neither is to be had.
        """
        jobs = self._get("/jobs/overview")["jobs"]
        if jobs:
            now = self.job_clock(str(jobs[0]["jid"]))
            return now, now + _CLOCK_READ_SECONDS
        beats = [int(tm["timeSinceLastHeartbeat"]) for tm in self._get("/taskmanagers")["taskmanagers"]]
        if not beats or not max(beats):
            return None
        interval = float(self.jobmanager_config().get("heartbeat.interval", _HEARTBEAT_MS)) / 1000
        return max(beats) / 1000, max(beats) / 1000 + 2 * interval

    def jobmanager_config(self) -> Mapping[str, str]:
        """The JobManager's effective configuration."""
        return {item["key"]: item["value"] for item in self._get("/jobmanager/config")}

    def jobmanager_log_sizes(self) -> Mapping[str, int]:
        """Name and size in bytes of each log file of the JobManager."""
        return {log["name"]: int(log["size"]) for log in self._get("/jobmanager/logs")["logs"]}

    def jobmanager_log(self, name: str, *, skip: int = 0) -> str:
        """The text of one log file from byte `skip` on."""
        content: bytes = self._request("GET", f"/jobmanager/logs/{name}").content
        return content[skip:].decode("utf-8", "replace")

    # -- bundles

    def bundles(self) -> Sequence[str]:
        """Ids of the uploaded files."""
        return [entry["id"] for entry in self._get("/jars")["files"]]

    def upload(self, name: str, content: bytes) -> str:
        """Upload a bundle; returns its path on the JobManager, whose last part is its id."""
        files = {"jarfile": (name, content, "application/x-java-archive")}
        return str(self._request("POST", "/jars/upload", files=files, timeout=60.0).json()["filename"])

    def delete_bundle(self, bundle_id: str) -> None:
        """Delete an uploaded file; jobs that run have their own copy of it."""
        self._request("DELETE", f"/jars/{bundle_id}")

    def run(self, bundle_id: str, body: Mapping[str, Any]) -> str:
        """Run a bundle's main(); returns the job id when the cluster has taken the job."""
        reply = self._request("POST", f"/jars/{bundle_id}/run", json=body, timeout=RUN_SECONDS)
        return str(reply.json()["jobid"])

    # -- applications, from Flink 2.3 on

    def has_applications(self) -> bool:
        """Whether the cluster can run a main() as an application."""
        try:
            self._get("/applications/overview")
        except NotFound:
            return False
        return True

    def run_application(self, bundle_id: str, body: Mapping[str, Any]) -> None:
        """Start a bundle's main() under the application id of the body; does not wait for its job."""
        self._request("POST", f"/jars/{bundle_id}/run-application", json=body)

    def application(self, application_id: str) -> JobApplication:
        """The application's state. Raises `NotFound` where the cluster does not know it."""
        found = self._get(f"/applications/{application_id}")
        return JobApplication(str(found["status"]), [str(job["jid"]) for job in found["jobs"]])

    def application_failures(self, application_id: str) -> list[str]:
        """Stack traces of the exceptions that Flink keeps of the application, newest first."""
        history = self._get(f"/applications/{application_id}/exceptions")["exceptionHistory"]["entries"]
        return [str(entry["stacktrace"]) for entry in history]

    # -- jobs

    def jobs(self, env: str, *, ended: bool, known: Mapping[str, int] | None = None) -> list[Job]:
        """Jobs that the cluster remembers, newest first; without `ended` only those still alive.

        Parallelism costs a call for each job, but for those of which it is `known`.
        """
        found = self._get("/jobs/overview")["jobs"]
        chosen = [job for job in found if ended or job["state"] not in TERMINAL_STATES]
        chosen.sort(key=lambda job: -int(job["start-time"]))
        parallelism = dict(known or {})
        unknown = [str(job["jid"]) for job in chosen if str(job["jid"]) not in parallelism]
        if unknown:
            with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
                parallelism |= zip(unknown, pool.map(self._parallelism, unknown), strict=True)
        return [_job(job, parallelism[str(job["jid"])], env) for job in chosen]

    def job_state(self, job_id: str) -> str | None:
        """The job's state, or None where the cluster does not know it."""
        try:
            return str(self._get(f"/jobs/{job_id}/status")["status"])
        except NotFound:
            return None

    def vertices(self, job_id: str) -> list[Vertex]:
        """The job's tasks in topological order."""
        return [_vertex(vertex) for vertex in self._get(f"/jobs/{job_id}")["vertices"]]

    def checkpoints(self, job_id: str) -> Checkpoints:
        """What is known of the job's checkpoints."""
        return _checkpoints(self._get(f"/jobs/{job_id}/checkpoints"))

    def newest_checkpoint_failed(self, job_id: str) -> bool:
        """Whether a checkpoint has failed since the last one that completed."""
        latest = self._get(f"/jobs/{job_id}/checkpoints").get("latest") or {}
        done, failed = latest.get("completed") or {}, latest.get("failed") or {}
        return int(failed.get("id", 0)) > int(done.get("id", 0))

    def failures(self, job_id: str) -> list[Failure]:
        """The exceptions that Flink remembers of the job, newest first."""
        history = self._get(f"/jobs/{job_id}/exceptions").get("exceptionHistory", {}).get("entries", [])
        return [_failure(entry) for entry in history]

    def job_parameters(self, job_id: str) -> Mapping[str, str]:
        """The parameters that travel with the job (`pipeline.global-job-parameters`)."""
        config = self._get(f"/jobs/{job_id}/config").get("execution-config", {})
        return dict(config.get("user-config", {}))

    def job_metric(self, job_id: str, name: str) -> float | None:
        """One metric of the job, or None while it has no value."""
        values = self._get(f"/jobs/{job_id}/metrics", params={"get": name})
        return _number(values[0]["value"]) if values else None

    def subtasks_with_metric(self, job_id: str, vertex_id: str, suffix: str) -> int:
        """How many subtasks of a vertex report a metric whose name ends in `.suffix` with a value above 0."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics"
        names = [m["id"] for m in self._get(path) if m["id"].endswith(f".{suffix}")]
        if not names:
            return 0
        values = self._get(path, params={"get": ",".join(names)})
        return sum(1 for value in values if (_number(value["value"]) or 0) > 0)

    def cancel(self, job_id: str) -> None:
        """Ask the cluster to cancel a job; `wait_until_ended` tells when it has."""
        self._request("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def wait_until_ended(self, job_id: str, seconds: float) -> str:
        """The terminal state of the job; `DeadlinePassed` after `seconds`."""
        for _ in poll(seconds, every=0.1):
            state = self.job_state(job_id)
            if state is None or state in TERMINAL_STATES:
                return state or "CANCELED"
        raise DeadlinePassed(
            f"job {job_id} has not ended after {seconds:g} s", hint=f"tdaflink status {job_id}"
        )

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        """A resource as Flink gives it, for the modules beside this one."""
        return self._get(path, params=params)

    def text(self, path: str) -> str:
        """A resource that is no JSON, such as a log."""
        return self._request("GET", path).text

    # -- the one chokepoint

    def _parallelism(self, job_id: str) -> int:
        try:
            return max((v.parallelism for v in self.vertices(job_id)), default=0)
        except NotFound:
            return 0

    def _get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        return self._request("GET", path, params=params).json()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        import httpx

        from tdaflink.adapters.web_security import denied, tls_problem

        what = f"Flink at {self.url}"
        try:
            response = self._answer(method, path, **options)
        except httpx.TransportError as error:
            if (problem := tls_problem(what, error, "rest")) is not None:
                raise problem from None
            raise self._silent(error, f"{method} {path}") from error
        except httpx.InvalidURL as error:
            raise Unreachable(f"{self.url!r} is not an address: {error}", hint="http://host:port") from error
        if response.status_code in (401, 403):
            raise denied(what, response.status_code, "rest")
        # Flink answers 500 where it is asked for a job or an application that it does not know.
        if response.status_code == 404 or (response.is_error and _is_unknown(response.text)):
            raise NotFound(f"Flink at {self.url} does not know {path}: {_flink_words(response)[0]}")
        if response.is_error:
            first, rest = _flink_words(response)
            raise Refused(f"Flink at {self.url} refused {method} {path}: {first}", reason=first, noise=rest)
        return response

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Of the first JobManager that takes the request; it is the first to be asked from then on.

        A port whose container is about to start takes a connection and closes it. Only what changes nothing
        may then be asked elsewhere.
        """
        import httpx

        absent: tuple[type[httpx.TransportError], ...] = (httpx.ConnectError, httpx.ConnectTimeout)
        if method == "GET":
            absent = (*absent, httpx.ReadError, httpx.RemoteProtocolError)
        first = self.url
        for url in (one for one in self._urls if one != first):
            try:
                return self._client.request(method, self.url + path, **options)
            except absent:
                self.url = url
        return self._client.request(method, self.url + path, **options)

    def _silent(self, error: httpx.TransportError, call: str) -> Unreachable:
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return Unreachable(
                f"no Flink REST interface answers at {' or '.join(self._urls)} ({_reason(error)})",
                hint="tdaflink setup starts the local environment; --env or FLINK_REST_URL name another one",
            )
        return Unreachable(
            f"Flink at {self.url} did not answer {call} ({_reason(error)})", hint="tdaflink status"
        )


def _is_unknown(text: str) -> bool:
    return any(exception in text for exception in _UNKNOWN)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _flink_words(response: httpx.Response) -> tuple[str, str]:
    """Flink's own words: the line that says most, and all of them."""
    try:
        words = "\n".join(str(part) for part in response.json().get("errors", []))
    except (ValueError, AttributeError):
        words = response.text
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    caused = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    telling = caused[-1] if caused else (lines[0] if lines else f"status {response.status_code}")
    return telling, words


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def iso_time(epoch_ms: int) -> str:
    """Milliseconds since the epoch as ISO-8601 UTC with Z."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _job(raw: Mapping[str, Any], parallelism: int, env: str) -> Job:
    return Job(
        id=raw["jid"],
        name=raw["name"],
        state=raw["state"],
        start_time=iso_time(int(raw["start-time"])),
        duration_ms=int(raw["duration"]),
        parallelism=parallelism,
        tasks_running=int(raw["tasks"]["running"]),
        tasks_total=int(raw["tasks"]["total"]),
        env=env,
    )


def _vertex(raw: Mapping[str, Any]) -> Vertex:
    metrics = raw.get("metrics", {})
    return Vertex(
        id=raw["id"],
        name=raw["name"],
        parallelism=int(raw["parallelism"]),
        subtasks={state: int(count) for state, count in raw["tasks"].items() if count},
        records_in=int(metrics.get("read-records", 0)),
        records_out=int(metrics.get("write-records", 0)),
    )


def _checkpoints(raw: Mapping[str, Any]) -> Checkpoints:
    counts = raw.get("counts", {})
    latest = (raw.get("latest") or {}).get("completed") or {}
    acknowledged = latest.get("latest_ack_timestamp")
    return Checkpoints(
        completed=int(counts.get("completed", 0)),
        failed=int(counts.get("failed", 0)),
        in_progress=int(counts.get("in_progress", 0)),
        latest_id=latest.get("id"),
        latest_duration_ms=latest.get("end_to_end_duration"),
        latest_size_bytes=latest.get("checkpointed_size", latest.get("state_size")),
        latest_age_ms=None if not acknowledged else max(0, int(time.time() * 1000) - int(acknowledged)),
        latest_path=latest.get("external_path"),
    )


def _failure(raw: Mapping[str, Any]) -> Failure:
    text = str(raw.get("stacktrace", ""))
    return Failure(
        timestamp=iso_time(int(raw["timestamp"])),
        cause=root_cause(text),
        signature=signature(text),
        traceback=python_traceback(text),
        text=text,
        task=raw.get("taskName"),
        taskmanager=raw.get("taskManagerId"),
        record=quoted_message(text),
    )
