"""Flink's REST interface. Every call goes through one place, which bounds it and maps errors once."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from tdaflink.adapters.flink_control import JobControl
from tdaflink.adapters.flink_values import (
    ClusterOverview,
    checkpoints_of,
    cluster_overview,
    failure_of,
    listed_job,
    vertex_of,
)
from tdaflink.adapters.json_answers import (
    JsonObject,
    WrongForm,
    finite,
    json_object,
    json_objects,
    read_json,
)
from tdaflink.adapters.web_calls import (
    Answer,
    BadAnswer,
    CallBroken,
    Limits,
    NoConnection,
    TooSlow,
    WebError,
    words_of,
)
from tdaflink.domain.addresses import web_address
from tdaflink.domain.credentials import hide_credentials
from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, UnexpectedAnswer, Unreachable
from tdaflink.domain.jobs import TERMINAL_STATES, Checkpoints, Failure, Job, JobApplication, Vertex
from tdaflink.domain.security import NO_WEB_SECURITY, WebSecurity
from tdaflink.domain.waiting import poll

CONNECT_SECONDS = 2.0  # a dead endpoint is reported within 3 s
READ_SECONDS = 10.0
RUN_SECONDS = 120.0  # /jars/:id/run returns when main() has built the job
_UNKNOWN = tuple(
    f"org.apache.flink.runtime.messages.Flink{kind}NotFoundException: " for kind in ("Job", "Application")
)
_PARALLEL_CALLS = 8
_CLOCK_READ_SECONDS = 1.0  # between the JobManager's look at its clock and ours
_HEARTBEAT_MS = 10_000.0
_WHOLE = 3  # an answer may take so many times as long as the JobManager may be silent
_LOG_BYTES = 256 << 20
_LOG_SECONDS = 120.0
_UPLOAD_SECONDS = 120.0
# A call for each of 20,000 jobs would take minutes.
_MOST_PARALLELISM_CALLS = 256
_EXAMPLE = "http://host:8081"
_CREDENTIALS = (
    "tdaflink env add NAME --rest-url URL --kafka HOST:PORT --rest-basic env:VARIABLE refers to them"
)


class FlinkRest(JobControl):
    """One cluster's JobManager, or one that stands by where that does not answer.

    Every method raises `Unreachable` where nothing answers in time, `UnexpectedAnswer` where what answers is
    not Flink, `AccessDenied` where credentials or certificates are not the right ones, `NotFound` for an id
    that the cluster does not know, and `Refused` with Flink's own first line for every other no.
    """

    def __init__(
        self,
        rest_url: str,
        read_seconds: float = READ_SECONDS,
        security: WebSecurity = NO_WEB_SECURITY,
        *,
        standby: Sequence[str] = (),
    ) -> None:
        from tdaflink.adapters.web_security import authorization, web_client

        self._urls = [
            web_address(url, "the REST address", _EXAMPLE, credentials=_CREDENTIALS)
            for url in (rest_url, *standby)
        ]
        self.url = self._urls[0]
        self._client = web_client(
            self._urls,
            security,
            "rest",
            headers=authorization(security.basic, security.bearer, "security.rest"),
            limits=Limits(CONNECT_SECONDS, read_seconds, _WHOLE * read_seconds),
        )

    def close(self) -> None:
        self._client.close()

    # -- cluster

    def overview(self) -> ClusterOverview:
        """Slots, TaskManagers and Flink's version."""
        return cluster_overview(self._object("/overview"))

    def slots(self) -> tuple[int, int]:
        """How many slots are free, and how many there are."""
        overview = self.overview()
        return overview.slots_available, overview.slots_total

    def jvm(self) -> tuple[str, Sequence[str]]:
        """The JobManager's Java as it names itself, and its classpath."""
        found = self._object("/jobmanager/environment")
        return found.required("jvm").text("version"), found.texts("classpath")

    def clock(self) -> tuple[float, float] | None:
        """The earliest and the latest that the JobManager's clock may show now, in epoch seconds.

        A job's details say the time; without a job it is known from heartbeats, which have an interval.
        None where neither is to be had.
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
        """The registered TaskManagers, as Flink describes them."""
        return self._object("/taskmanagers").children("taskmanagers")

    def jobmanager_config(self) -> Mapping[str, str]:
        """The JobManager's effective configuration."""
        return {item.text("key"): item.text("value", "") for item in self.rows("/jobmanager/config")}

    def jobmanager_log_sizes(self) -> Mapping[str, int]:
        """Name and size in bytes of each log file of the JobManager."""
        logs = self._object("/jobmanager/logs").children("logs")
        return {log.ident("name"): log.count("size") for log in logs}

    def jobmanager_log(self, name: str, *, skip: int = 0) -> str:
        """The text of one log file from byte `skip` on."""
        return self._log(f"/jobmanager/logs/{name}").body[skip:].decode("utf-8", "replace")

    # -- bundles

    def bundles(self) -> Sequence[str]:
        """Ids of the uploaded files."""
        return [entry.ident("id") for entry in self._object("/jars").children("files")]

    def upload(self, name: str, content: bytes) -> str:
        """Upload a bundle; returns its path on the JobManager, whose last part is its id."""
        file = ("jarfile", name, content, "application/x-java-archive")
        answer = self._send("POST", "/jars/upload", file=file, limits=self._limits(_UPLOAD_SECONDS))
        return self._as_object(answer, "POST /jars/upload").text("filename")

    def delete_bundle(self, bundle_id: str) -> None:
        """Delete an uploaded file; jobs that run have their own copy of it."""
        self._request("DELETE", f"/jars/{bundle_id}")

    def run(self, bundle_id: str, body: Mapping[str, Any]) -> str:
        """Run a bundle's main(); returns the job id when the cluster has taken the job."""
        reply = self._request("POST", f"/jars/{bundle_id}/run", json=body, timeout=RUN_SECONDS)
        return reply.ident("jobid")

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
        found = self._object(f"/applications/{application_id}")
        return JobApplication(found.text("status"), [job.ident("jid") for job in found.children("jobs")])

    def application_failures(self, application_id: str) -> list[str]:
        """Stack traces of the exceptions that Flink keeps of the application, newest first."""
        history = self._object(f"/applications/{application_id}/exceptions").required("exceptionHistory")
        return [entry.text("stacktrace") for entry in history.children("entries")]

    # -- jobs

    def jobs(self, env: str, *, ended: bool, known: Mapping[str, int] | None = None) -> list[Job]:
        """Jobs that the cluster remembers, newest first; without `ended` only those still alive.

        Parallelism costs a call for each job, but for those of which it is `known`. It is asked for some
        hundreds of jobs, those alive first and the newest first; of the others it is 0.
        """
        listed = [listed_job(job, env) for job in self._object("/jobs/overview").children("jobs")]
        chosen = [job for job in listed if ended or not job.ended]
        chosen.sort(key=lambda job: job.start_time, reverse=True)
        parallelism = dict(known or {})
        unknown = [job.id for job in sorted(chosen, key=lambda job: job.ended) if job.id not in parallelism]
        if asked := unknown[:_MOST_PARALLELISM_CALLS]:
            with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
                parallelism |= zip(asked, pool.map(self._parallelism, asked), strict=True)
        return [replace(job, parallelism=parallelism.get(job.id, 0)) for job in chosen]

    def job_state(self, job_id: str) -> str | None:
        """The job's state, or None where the cluster does not know it."""
        try:
            return self._object(f"/jobs/{job_id}/status").text("status")
        except NotFound:
            return None

    def vertices(self, job_id: str) -> list[Vertex]:
        """The job's tasks in topological order."""
        return [vertex_of(vertex) for vertex in self._object(f"/jobs/{job_id}").children("vertices")]

    def checkpoints(self, job_id: str) -> Checkpoints:
        """What is known of the job's checkpoints."""
        return checkpoints_of(self._object(f"/jobs/{job_id}/checkpoints"))

    def newest_checkpoint_failed(self, job_id: str) -> bool:
        """Whether a checkpoint has failed since the last one that completed."""
        latest = self._object(f"/jobs/{job_id}/checkpoints").child("latest")
        return latest.child("failed").whole("id", 0) > latest.child("completed").whole("id", 0)

    def failures(self, job_id: str) -> list[Failure]:
        """The exceptions that Flink remembers of the job, newest first."""
        history = self._object(f"/jobs/{job_id}/exceptions").child("exceptionHistory")
        return [failure_of(entry) for entry in history.children("entries", [])]

    def job_parameters(self, job_id: str) -> Mapping[str, str]:
        """The parameters that travel with the job (`pipeline.global-job-parameters`)."""
        config = self._object(f"/jobs/{job_id}/config").child("execution-config").child("user-config")
        return {name: config.text(name, "") for name in config.raw}

    def job_metric(self, job_id: str, name: str) -> float | None:
        """One metric of the job, or None while it has no value."""
        values = self.rows(f"/jobs/{job_id}/metrics", params={"get": name})
        return finite(values[0].raw.get("value")) if values else None

    def subtasks_with_metric(self, job_id: str, vertex_id: str, suffix: str) -> int:
        """How many subtasks of a vertex report a metric whose name ends in `.suffix` with a value above 0."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics"
        names = [name for m in self.rows(path) if (name := m.text("id")).endswith(f".{suffix}")]
        if not names:
            return 0
        values = self.rows(path, params={"get": ",".join(names)})
        return sum(1 for value in values if (finite(value.raw.get("value")) or 0) > 0)

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
        """A resource as Flink gives it: some JSON."""
        return self._get(path, params=params)

    def rows(self, path: str, *, params: Mapping[str, str] | None = None) -> list[JsonObject]:
        """A resource that is a list of objects, such as metrics."""
        call = f"GET {path}"
        return json_objects(self._get(path, params=params), lambda why: self._unexpected(call, why))

    def object(self, path: str, *, params: Mapping[str, str] | None = None) -> JsonObject:
        """A resource that is an object, for the modules beside this one."""
        return self._object(path, params=params)

    def text(self, path: str) -> str:
        """A resource that is no JSON, such as a log."""
        return self._log(path).text

    # -- the one chokepoint

    def _parallelism(self, job_id: str) -> int:
        try:
            return max((v.parallelism for v in self.vertices(job_id)), default=0)
        except NotFound:
            return 0

    def _get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        return self._as_json(self._send("GET", path, params=params), f"GET {path}")

    def _object(self, path: str, *, params: Mapping[str, str] | None = None) -> JsonObject:
        return self._as_object(self._send("GET", path, params=params), f"GET {path}")

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> JsonObject:
        """Ask for a change. Flink answers each with an object: what else says yes has not done it."""
        body = None if json is None else json_text.dumps(json).encode()
        limits = None if timeout is None else self._limits(timeout)
        answer = self._send(method, path, params=params, body=body, limits=limits)
        return self._as_object(answer, f"{method} {path}")

    def _log(self, path: str) -> Answer:
        limits = replace(self._client.limits, whole=_LOG_SECONDS, size=_LOG_BYTES)
        answer = self._send("GET", path, limits=limits)
        if answer.form in ("text/html", "application/xhtml+xml"):
            raise self._unexpected(f"GET {path}", f"the answer is {answer.form}, and no log")
        return answer

    def _limits(self, seconds: float) -> Limits:
        return replace(self._client.limits, silence=seconds, whole=seconds)

    def _as_json(self, answer: Answer, call: str) -> Any:
        try:
            return read_json(answer.body)
        except WrongForm as error:
            raise self._unexpected(call, f"{error} ({answer.form}, status {answer.status})") from None

    def _as_object(self, answer: Answer, call: str) -> JsonObject:
        return json_object(self._as_json(answer, call), lambda why: self._unexpected(call, why))

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        """The answer where the call has succeeded."""
        from tdaflink.adapters.web_security import denied, tls_problem

        call, what = f"{method} {path}", f"Flink at {self.url}"
        try:
            answer = self._answer(method, path, **options)
        except BadAnswer as error:
            raise self._unexpected(call, str(error)) from None
        except WebError as error:
            if (problem := tls_problem(what, error, "rest")) is not None:
                raise problem from None
            raise self._silent(error, call) from error
        if answer.ok:
            return answer
        if answer.status in (401, 403):
            raise denied(what, answer.status, "rest")
        words = _flink_words(answer)
        if words is None:
            raise self._unexpected(call, _status(answer))
        # Flink answers 500 where it is asked for a job or an application that it does not know.
        if answer.status == 404 or any(exception in words for exception in _UNKNOWN):
            raise NotFound(f"Flink at {self.url} does not know {path}: {_telling(words, answer)}")
        first = _telling(words, answer)
        raise Refused(f"Flink at {self.url} refused {call}: {first}", reason=first, noise=words)

    def _answer(self, method: str, path: str, **options: Any) -> Answer:
        """Of the first JobManager that takes the request; it is the first to be asked from then on.

        A port whose container is about to start takes a connection and closes it. Only what changes nothing
        may then be asked elsewhere.
        """
        first = self.url
        for url in (one for one in self._urls if one != first):
            try:
                return self._client.request(method, self.url + path, **options)
            except NoConnection:
                self.url = url
            except CallBroken as error:
                if method != "GET" or isinstance(error, TooSlow):
                    raise
                self.url = url
        return self._client.request(method, self.url + path, **options)

    def _silent(self, error: WebError, call: str) -> Unreachable:
        if isinstance(error, NoConnection):
            return Unreachable(
                f"no Flink REST interface answers at {' or '.join(self._urls)} ({words_of(error)})",
                hint="tdaflink setup starts the local environment; --env or FLINK_REST_URL name another one",
            )
        return Unreachable(
            f"Flink at {self.url} did not answer {call} ({words_of(error)})", hint="tdaflink status"
        )

    def _unexpected(self, call: str, why: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"what answers at {self.url} is no Flink REST interface: {call}: {why}",
            hint="check the address; a proxy or a page to sign in may answer in place of Flink."
            " --env or FLINK_REST_URL name another one",
        )


def _flink_words(answer: Answer) -> str | None:
    """All of Flink's own words of an error; None where the answer is not of Flink's form."""
    try:
        lines = json_object(read_json(answer.body)).texts("errors")
    except WrongForm:
        return None
    return "\n".join(lines)


def _telling(words: str, answer: Answer) -> str:
    """The line of Flink's words that says most."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    caused = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return caused[-1] if caused else (lines[0] if lines else f"status {answer.status}")


def _status(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        place = hide_credentials(answer.headers.get("location", "nowhere")).partition("?")[0][:200]
        return f"it redirects to {place} (status {answer.status})"
    return f"status {answer.status} with {answer.form}"
