"""Submission of a job through Flink's REST interface: plan, preflight, upload, run, wait for RUNNING."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tdaflink import __version__
from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.storage.locks import submission_lock
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import DeadlinePassed, Interrupted, JobFailed, Refused, TdaflinkError
from tdaflink.domain.jobs.history import Version
from tdaflink.domain.jobs.job import RestCall, Submission, SubmissionPlan
from tdaflink.domain.jobs.slots import require_slots
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep
from tdaflink.services.control import JobControlContext, submitter
from tdaflink.services.jobs.bundle import Bundle
from tdaflink.services.jobs.main_failures import (
    failed_after_submitting,
    log_sizes,
    new_log_text,
    to_error,
    used_wrong_gateway,
)
from tdaflink.services.jobs.main_runs import way_to_run
from tdaflink.services.jobs.preparation import SHARE_OF_SLOTS, narrowed
from tdaflink.services.jobs.readiness import wait_until_running
from tdaflink.services.jobs.run_request import JobPackage, run_body
from tdaflink.services.jobs.topic_readers import refuse_second_reader, report_reading
from tdaflink.services.timeouts import CANCEL_SECONDS, MAIN_SECONDS

LOCK_SECONDS = 300.0
_RUN_ATTEMPTS = 3


@dataclass(frozen=True)
class Terms:
    """Terms of a submission. `intended` gets the job id before each attempt; `origin` is the repeated job.

    With `guard_topics` no running job may read the same topics, unless `allow_duplicate`.
    """

    allow_duplicate: bool = False
    guard_topics: bool = False
    action: str = "submit"
    origin: str | None = None
    intended: Callable[[str], None] | None = None


def plan(job: JobPackage, environment: Environment) -> SubmissionPlan:
    """Return the calls of a submission, without a request to the cluster."""
    upload = RestCall("POST", "/jars/upload", {"jarfile": job.bundle.name})
    run = RestCall(
        "POST", f"/jars/<id>_{job.bundle.name}/run", run_body(job, environment, "<job id>", "<path>")
    )
    return SubmissionPlan(
        env=environment.name,
        rest_url=environment.endpoints.rest_url,
        job_name=job.name,
        parallelism=job.parallelism,
        bundle_name=job.bundle.name,
        bundle_sha256=job.bundle.sha256,
        bundle_files=job.bundle.files,
        settings=job.settings,
        calls=(upload, run),
    )


def submit(
    job: JobPackage, control: JobControlContext, wait: float | None, terms: Terms | None = None
) -> Submission:
    """Submit and, with `wait` in seconds, wait until the job is RUNNING.

    Raises `Refused` if slots are too few or a running job has that name or reads the same topics, `JobFailed`
    with the traceback if main() raises or the job fails or keeps restarting (it is then cancelled), and
    `DeadlinePassed` if it is not RUNNING in time.
    """
    terms = replace(terms or Terms(), guard_topics=True)
    job_id, job = launch(job, control, terms)
    state, outcome = "SUBMITTED", "submitted"
    try:
        if wait is not None:
            outcome = "failed"
            _wait_until_running(job, job_id, control, wait)
            state, outcome = "RUNNING", "done"
    except JobFailed as failure:
        raise _cancel_failed(job, job_id, control, failure) from None
    except DeadlinePassed as late:
        raise _timeout_error(job, job_id, control, late) from None
    except KeyboardInterrupt:
        outcome = "submitted"
        raise Interrupted(
            f"interrupted; {job.name} ({job_id[:12]}) is submitted, and continues",
            hint=f"{control.commands.show_status(job_id[:12])}; {control.commands.end(job_id[:12])} ends it",
        ) from None
    finally:
        control.record_action(terms.action, outcome, job_id, job.name, **_audit_detail(job))
    return Submission(
        id=job_id,
        name=job.name,
        state=state,
        env=control.env.name,
        parallelism=job.parallelism,
        bundle_sha256=job.bundle.sha256,
        rest_url=control.env.endpoints.rest_url,
    )


def _wait_until_running(job: JobPackage, job_id: str, control: JobControlContext, seconds: float) -> None:
    try:
        with control.reporter.step(f"wait until {job.name} runs") as step:
            wait_until_running(control.cluster, job_id, seconds, step, expect_ready=job.settings is not None)
    except JobFailed as failure:
        late = failed_after_submitting(control.cluster, job.name, job_id)
        raise late or failure from None


def _timeout_error(
    job: JobPackage, job_id: str, control: JobControlContext, late: DeadlinePassed
) -> TdaflinkError:
    """Return the error for a job that is not RUNNING in time; cancel it if it has failed meanwhile."""
    try:
        failures = control.cluster.failures(job_id)
    except TdaflinkError:
        return late
    if not failures:
        return late
    failure = JobFailed(
        f"{job.name} ({job_id[:12]}) was not RUNNING in time, and has failed meanwhile: {failures[0].cause}",
        noise=failures[0].text,
        hint=control.commands.show_status(job_id[:12]),
    )
    return _cancel_failed(job, job_id, control, failure)


def _cancel_failed(job: JobPackage, job_id: str, control: JobControlContext, failure: JobFailed) -> JobFailed:
    """Cancel a job that does not start, which would restart forever, and return its failure."""
    try:
        if control.cluster.is_running(job_id):
            with control.reporter.step(f"cancel {job.name}, which does not start"):
                control.cluster.cancel(job_id)
                control.cluster.wait_until_ended(job_id, CANCEL_SECONDS)
    except TdaflinkError as error:
        control.reporter.warn(f"{job.name} could not be cancelled: {error.message}")
        return failure
    control.ledger.finish_submission(job_id, "failed")
    return JobFailed(
        failure.message,
        detail=failure.detail,
        noise=failure.noise,
        hint=f"{control.commands.show_status(job_id[:12])} shows its failures; it was cancelled, and only its"
        " checkpoints are kept",
    )


def launch(job: JobPackage, control: JobControlContext, terms: Terms) -> tuple[str, JobPackage]:
    """Submit without waiting for the job; return its id, and the job as submitted.

    Raises `Refused` and `JobFailed` as `submit` does.
    """
    require_slots(job.name, job.parallelism, *control.cluster.slots())
    with control.reporter.step(f"submit {job.name}") as step:
        step.update("waiting for the submission lock")
        with submission_lock(control.env.endpoints.rest_url, LOCK_SECONDS):
            if not terms.allow_duplicate:
                refuse_second_reader(job, control, by_topics=terms.guard_topics)
            report_reading(job, control, may_skip=terms.action == "submit")
            wait_for_other_mains(control.cluster, step)
            job = fitted(job, control.cluster)
            if job.chosen is not None:
                control.reporter.note(
                    f"parallelism {job.parallelism}: {job.chosen}; --parallelism N sets another"
                )
            return _run(job, control, terms, step), job


def _audit_detail(job: JobPackage) -> dict[str, Any]:
    detail: dict[str, Any] = {"bundle_sha256": job.bundle.sha256, "parallelism": job.parallelism}
    return detail | ({"savepoint": job.savepoint} if job.savepoint else {})


# -- preflight


def fitted(job: JobPackage, cluster: FlinkRest) -> JobPackage:
    """Return the job with its share of the free slots, unless the user has set its parallelism."""
    if job.chosen is None:
        return job
    free, total = cluster.slots()
    # A job that was submitted a moment ago may not have its slots yet.
    reserved = sum(other.parallelism for other in cluster.jobs("", ended=False))
    left = max(1, min(free, total - reserved) // SHARE_OF_SLOTS)
    return narrowed(job, left) if left < job.parallelism else job


def wait_for_other_mains(cluster: FlinkRest, step: ProgressStep) -> None:
    """Wait for a main() outside of our lock: from another machine, or of a command that was killed."""
    for _ in poll(MAIN_SECONDS, every=0.3):
        if not cluster.main_under_way():
            return
        step.update("waiting for another submission's main() to end")
    raise DeadlinePassed(
        f"another submission's main() still runs in the JobManager after {MAIN_SECONDS:g} s",
        hint="end it, or restart the JobManager: tdaflink teardown, then tdaflink setup",
    )


# -- the run


def _run(job: JobPackage, control: JobControlContext, terms: Terms, step: ProgressStep) -> str:
    cluster, ledger = control.cluster, control.ledger
    step.update("uploading the bundle")
    path = _upload(job.bundle, control)
    ledger.keep_bundle(job.bundle.name, job.bundle.content)
    logs, run_main = log_sizes(cluster), way_to_run(cluster)
    for attempt in range(1, _RUN_ATTEMPTS + 1):
        job_id = secrets.token_hex(16)
        ledger.record_submission(_version(job, job_id, control.env, terms))
        if terms.intended:
            terms.intended(job_id)
        step.update("running main()")
        try:
            taken = run_main(cluster, job, control.env, posixpath.basename(path), path, job_id)
        except Refused as refusal:
            ledger.finish_submission(job_id, "refused")
            output = new_log_text(cluster, logs)
            # Another machine, to which our lock does not extend, submitted at the same moment.
            if used_wrong_gateway(output) and attempt < _RUN_ATTEMPTS:
                continue
            raise to_error(refusal, job.name, output) from refusal
        ledger.finish_submission(job_id, "submitted")
        _delete_other_uploads(job.bundle, control)
        if taken != job_id:
            raise JobFailed(f"Flink took the job under the id {taken}, not {job_id}: main() ran elsewhere")
        return job_id
    raise AssertionError("the last attempt returns or raises")


def _version(job: JobPackage, job_id: str, environment: Environment, terms: Terms) -> Version:
    return Version(
        job_id,
        job.name,
        environment.endpoints.rest_url,
        job.bundle.sha256,
        submitter(),
        spec=job.spec,
        action=terms.action,
        savepoint=job.savepoint,
        origin=terms.origin,
        tdaflink=__version__,
    )


def _upload(bundle: Bundle, control: JobControlContext) -> str:
    url = control.env.endpoints.rest_url
    uploaded = control.ledger.uploaded_path(url, bundle.sha256)
    if uploaded and posixpath.basename(uploaded) in control.cluster.bundles():
        return uploaded
    path = control.cluster.upload(bundle.name, bundle.content)
    control.ledger.remember_upload(url, bundle.sha256, path)
    return path


def _delete_other_uploads(bundle: Bundle, control: JobControlContext) -> None:
    """Delete this ledger's bundles on the JobManager except the newest, the likeliest to be run again.

    No job needs its upload once it has been accepted, not even to restart: Flink stores the job's files.
    The caller holds the lock, and no running main() could still import from one of them.
    """
    url = control.env.endpoints.rest_url
    for sha256, path in control.ledger.other_uploads(url, bundle.sha256).items():
        with suppress(TdaflinkError):  # it may have been removed with its JobManager; nothing depends on it
            control.cluster.delete_bundle(posixpath.basename(path))
        control.ledger.forget_upload(url, sha256)
