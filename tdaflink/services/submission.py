"""Submitting a job over Flink's REST interface: plan, preflight, upload, run, wait until RUNNING."""

from __future__ import annotations

import json
import os
import posixpath
import secrets
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tdaflink import __version__
from tdaflink.adapters.flink import FlinkRest
from tdaflink.adapters.ledger import Ledger
from tdaflink.adapters.locks import submission_lock
from tdaflink.domain.config import JobConfig
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import (
    DeadlinePassed,
    JobFailed,
    NotFound,
    Refused,
    Unhealthy,
    Unreachable,
)
from tdaflink.domain.failures import own_frames, printed_by_main, python_traceback, root_cause
from tdaflink.domain.jobs import Failure, RestCall, Submission, SubmissionPlan
from tdaflink.domain.progress import Reporter, Step
from tdaflink.domain.waiting import poll
from tdaflink.services.bundles import Bundle

ENTRY_CLASS = "org.apache.flink.client.python.PythonDriver"
LOCK_SECONDS = 300.0
STABLE_SECONDS = 5.0  # RUNNING means: and no restart for so long
SAME_CAUSE_RESTARTS = 2  # so many with one cause are a restart loop
READY_METRIC = "tda_ready"  # the shipped job's operators report it once their open() has passed
_LOCAL_ENVIRONMENT = "the execution environment is local"  # main() says so where gateways were mixed up
_WEDGED = "setGatewayServer"
_RUN_ATTEMPTS = 3


@dataclass(frozen=True)
class Job:
    """What is to be submitted. `settings` is None for a user's own script, which gets `args` alone."""

    name: str
    parallelism: int
    bundle: Bundle
    settings: Mapping[str, Any] | None
    args: Sequence[str] = ()
    flink_config: Mapping[str, str] = field(default_factory=dict)
    savepoint: str | None = None


def shipped_job_config(config: JobConfig) -> dict[str, str]:
    """Flink settings that the shipped job needs wherever it runs."""
    return {
        "execution.checkpointing.interval": f"{config.checkpoint_interval} ms",
        # Every operator has a uid of its own: a missing one is an error now, not a lost savepoint later.
        "pipeline.auto-generate-uids": "false",
        "pipeline.max-parallelism": "720",
        # A bundle may touch the state of thousands of streams; what does not fit is written and read again.
        "python.state.cache-size": "8192",
        "python.map-state.write-cache-size": "4096",
        "python.map-state.read-cache-size": "256",
        **further_flink_config(config),
    }


def further_flink_config(config: JobConfig) -> dict[str, str]:
    """Flink settings that the config names itself, as Flink writes values."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in config.flink.items()
    }


def plan(job: Job, env: Environment) -> SubmissionPlan:
    """What submitting would do, without asking the cluster anything."""
    upload = RestCall("POST", "/jars/upload", {"jarfile": job.bundle.name})
    run = RestCall("POST", f"/jars/<id>_{job.bundle.name}/run", _run_body(job, env, "<job id>", "<path>"))
    return SubmissionPlan(
        env=env.name,
        rest_url=env.endpoints.rest_url,
        job_name=job.name,
        parallelism=job.parallelism,
        bundle_name=job.bundle.name,
        bundle_sha256=job.bundle.sha256,
        bundle_files=job.bundle.files,
        settings=job.settings,
        calls=(upload, run),
    )


def submit(
    job: Job, env: Environment, cluster: FlinkRest, ledger: Ledger, reporter: Reporter, wait: float | None
) -> Submission:
    """Submit and, with `wait` seconds, follow the job to RUNNING.

    Raises `Refused` where slots are too few, `JobFailed` with the Python traceback where main() raises or
    the job fails or keeps restarting, `DeadlinePassed` where it is not RUNNING in time.
    """
    _check_slots(job, cluster)
    _warn_of_namesakes(job, env, cluster, reporter)
    with reporter.step(f"submit {job.name}") as step:
        step.update("waiting for the right to submit")
        with submission_lock(env.endpoints.rest_url, LOCK_SECONDS):
            job_id = _run(job, env, cluster, ledger, step)
    state = "SUBMITTED"
    if wait is not None:
        with reporter.step(f"wait until {job.name} runs") as step:
            wait_until_running(cluster, job_id, wait, step, expect_ready=job.settings is not None)
        state = "RUNNING"
    return Submission(
        id=job_id,
        name=job.name,
        state=state,
        env=env.name,
        parallelism=job.parallelism,
        bundle_sha256=job.bundle.sha256,
        rest_url=env.endpoints.rest_url,
    )


# -- before


def _check_slots(job: Job, cluster: FlinkRest) -> None:
    overview = cluster.overview()
    free, total = int(overview["slots-available"]), int(overview["slots-total"])
    if free < job.parallelism:
        raise Refused(
            f"{job.name} needs {job.parallelism} slots (parallelism {job.parallelism}),"
            f" and {free} of the cluster's {total} are free",
            hint="--parallelism with a smaller number, or tdaflink list and tdaflink cancel ID",
        )


def _warn_of_namesakes(job: Job, env: Environment, cluster: FlinkRest, reporter: Reporter) -> None:
    if any(other.name == job.name for other in cluster.jobs(env.name, ended=False)):
        reporter.warn(f"a job named {job.name} runs already: both will read and answer the same messages")


# -- the run


def _run(job: Job, env: Environment, cluster: FlinkRest, ledger: Ledger, step: Step) -> str:
    step.update("uploading the bundle")
    path = _uploaded(job.bundle, env, cluster, ledger)
    ledger.keep_bundle(job.bundle.name, job.bundle.content)
    logs = _log_sizes(cluster)
    for attempt in range(1, _RUN_ATTEMPTS + 1):
        job_id = secrets.token_hex(16)
        ledger.intend(job_id, job.name, env.endpoints.rest_url, job.bundle.sha256, job.settings, _submitter())
        step.update("running main()")
        try:
            taken = _run_once(cluster, posixpath.basename(path), job_id, _run_body(job, env, job_id, path))
        except Refused as refusal:
            ledger.conclude(job_id, "refused")
            output = _new_log_text(cluster, logs)
            # Somebody on another machine, whom our lock does not hold, submitted at the same moment.
            if _LOCAL_ENVIRONMENT in output and _WEDGED not in output and attempt < _RUN_ATTEMPTS:
                continue
            raise _explained(refusal, job, output) from refusal
        ledger.conclude(job_id, "submitted")
        if taken != job_id:
            raise JobFailed(f"Flink took the job under the id {taken}, not {job_id}: main() ran elsewhere")
        return job_id
    raise AssertionError("the last attempt returns or raises")


def _run_once(cluster: FlinkRest, bundle_id: str, job_id: str, body: Mapping[str, Any]) -> str:
    """Run, and where the answer got lost ask for the job before running again under the same id."""
    try:
        return cluster.run(bundle_id, body)
    except Unreachable:
        if cluster.job_state(job_id) is not None:
            return job_id
        return cluster.run(bundle_id, body)


def _uploaded(bundle: Bundle, env: Environment, cluster: FlinkRest, ledger: Ledger) -> str:
    known = ledger.uploaded_path(env.endpoints.rest_url, bundle.sha256)
    if known and posixpath.basename(known) in cluster.bundles():
        return known
    path = cluster.upload(bundle.name, bundle.content)
    ledger.remember_upload(env.endpoints.rest_url, bundle.sha256, path)
    return path


def _run_body(job: Job, env: Environment, job_id: str, path: str) -> dict[str, Any]:
    args = ["-pyclientexec", env.python, "-pyfs", path, "-pym", job.bundle.module]
    if job.settings is not None:
        args += ["--settings", json.dumps(job.settings, separators=(",", ":"), sort_keys=True)]
    body: dict[str, Any] = {
        "entryClass": ENTRY_CLASS,
        "jobId": job_id,
        "parallelism": job.parallelism,
        "programArgsList": [*args, *job.args],
        "flinkConfiguration": {
            **job.flink_config,
            # -pyfs alone never reaches the TaskManagers.
            "python.files": path,
            "python.executable": env.python,
            "python.client.executable": env.python,
            "pipeline.global-job-parameters": _travelling(job, env),
        },
    }
    if job.savepoint:
        body |= {"savepointPath": job.savepoint, "claimMode": "NO_CLAIM", "allowNonRestoredState": False}
    return body


def _travelling(job: Job, env: Environment) -> str:
    """What any machine needs to know of the job, as Flink writes a map in one string."""
    facts = {
        "tdaflink.name": job.name,
        "tdaflink.environment": env.name,
        "tdaflink.version": __version__,
        "tdaflink.bundle": job.bundle.sha256,
        "tdaflink.submitter": _submitter(),
    }
    if job.settings is not None:
        facts["tdaflink.config"] = _hash(job.settings)
    if job.savepoint:
        facts["tdaflink.savepoint"] = job.savepoint
    return ",".join(f"{key}:{_quoted(value)}" for key, value in facts.items())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _hash(settings: Mapping[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _submitter() -> str:
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid())
    return f"{user}@{socket.gethostname()}"


# -- when main() fails


def _log_sizes(cluster: FlinkRest) -> Mapping[str, int]:
    with suppress(NotFound, Refused):
        return cluster.jobmanager_log_sizes()
    return {}


def _new_log_text(cluster: FlinkRest, before: Mapping[str, int]) -> str:
    """What the JobManager has logged since; the reply to a failed run has no Python in it.

    Several files may hold the same lines (a console's copy of the log): the first that has Python counts.
    """
    grown = [name for name, size in _log_sizes(cluster).items() if size > before.get(name, 0)]
    texts = [cluster.jobmanager_log(name, skip=before.get(name, 0)) for name in sorted(grown)]
    return next((text for text in texts if printed_by_main(text)), "\n".join(texts))


def _explained(refusal: Refused, job: Job, output: str) -> Exception:
    if _WEDGED in output or _LOCAL_ENVIRONMENT in output:
        return Unhealthy(
            "the JobManager can run no more Python: two submissions met in it and left its gateway in use",
            hint="restart it: tdaflink teardown, then tdaflink setup (checkpoints are kept)",
            noise=output,
        )
    printed = printed_by_main(output)
    noise = "\n".join(filter(None, (printed, refusal.noise)))
    traceback = python_traceback(printed)
    if traceback is not None:
        return JobFailed(
            f"{job.name} was not started: its main() raised {root_cause(traceback)}",
            detail=own_frames(traceback),
            noise=noise,
            hint="mend the script and submit it again",
        )
    if "No jobs included" in refusal.reason:
        return JobFailed(f"{job.name} was not started: its main() ended without calling env.execute()")
    return JobFailed(
        f"{job.name} was not started: {refusal.reason}", detail=_last_lines(printed), noise=noise
    )


def _last_lines(text: str) -> str | None:
    return "\n".join(text.splitlines()[-20:]) or None


# -- after


def wait_until_running(
    cluster: FlinkRest, job_id: str, seconds: float, step: Step, *, expect_ready: bool
) -> None:
    """Return when every subtask runs, every open() has passed and nothing restarted for 5 s."""
    stable_since: float | None = None
    seen = "nothing yet"
    for gone in poll(seconds, every=0.25):
        failures = cluster.failures(job_id)
        state = cluster.job_state(job_id)
        if state in {"FAILED", "CANCELED", "CANCELLING", "SUSPENDED"} or _loops(failures):
            raise _failed(job_id, state, failures)
        if state == "FINISHED":
            return
        running, total, ready = _progress(cluster, job_id, expect_ready)
        seen = f"{state}, {running} of {total} tasks running" + ("" if ready else ", operators opening")
        step.update(seen)
        calm = state == "RUNNING" and running == total > 0 and ready
        stable_since = (gone if stable_since is None else stable_since) if calm else None
        if stable_since is not None and gone - stable_since >= STABLE_SECONDS:
            return
    raise DeadlinePassed(
        f"job {job_id} is not RUNNING after {seconds:g} s ({seen}); it goes on",
        hint=f"tdaflink status {job_id}, or tdaflink cancel {job_id}",
    )


def _progress(cluster: FlinkRest, job_id: str, expect_ready: bool) -> tuple[int, int, bool]:
    vertices = cluster.vertices(job_id)
    total = sum(vertex.parallelism for vertex in vertices)
    running = sum(
        vertex.subtasks.get("RUNNING", 0) + vertex.subtasks.get("FINISHED", 0) for vertex in vertices
    )
    if not expect_ready or running < total:
        return running, total, not expect_ready
    counts = {vertex.id: cluster.subtasks_with_metric(job_id, vertex.id, READY_METRIC) for vertex in vertices}
    reporting = [vertex for vertex in vertices if counts[vertex.id]]
    ready = bool(reporting) and all(counts[v.id] == v.parallelism for v in reporting)
    return running, total, ready


def _loops(failures: Sequence[Failure]) -> bool:
    causes = Counter(failure.signature for failure in failures)
    return any(count >= SAME_CAUSE_RESTARTS for count in causes.values())


def _failed(job_id: str, state: str | None, failures: Sequence[Failure]) -> JobFailed:
    if not failures:
        return JobFailed(f"job {job_id} is {state}", hint=f"tdaflink status {job_id}")
    newest = failures[0]
    looping = state not in {"FAILED", "CANCELED"}
    what = "keeps restarting" if looping else f"is {state}"
    return JobFailed(
        f"job {job_id} {what}: {newest.cause}",
        detail=own_frames(newest.traceback) if newest.traceback else None,
        noise=newest.text,
        hint=f"tdaflink cancel {job_id} ends its restarts" if looping else f"tdaflink status {job_id}",
    )
