"""Execution of a job's main() on the JobManager, by one of two REST calls.

`/jars/:id/run` (all versions) responds when main() has ended. `/jars/:id/run-application` (2.3 and newer)
responds immediately and stores the outcome under an id that we choose, the job's: a lost response cannot
start main() twice, main() may take longer than a call, and its failures can be read there.
"""

from __future__ import annotations

from collections.abc import Callable

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, Unreachable
from tdaflink.domain.jobs.failures import root_cause
from tdaflink.domain.jobs.job import TERMINAL_STATES, JobApplication
from tdaflink.domain.polling import poll
from tdaflink.services.jobs.run_request import JobPackage, application_body, run_body
from tdaflink.services.timeouts import MAIN_SECONDS

_TAKEN = "DuplicateApplicationSubmissionException"

RunMain = Callable[[FlinkRest, JobPackage, Environment, str, str, str], str]
"""Client, job, environment, bundle id, its path on the JobManager, job id -> the id of the job it made."""


def way_to_run(cluster: FlinkRest) -> RunMain:
    """Return the function for the calls that the cluster's REST interface supports."""
    return run_as_application if cluster.has_applications() else run_and_wait


def run_and_wait(
    cluster: FlinkRest, job: JobPackage, environment: Environment, bundle_id: str, path: str, job_id: str
) -> str:
    """Run main(); if the response was lost, look for the job before running again under the same id."""
    body = run_body(job, environment, job_id, path)
    try:
        return cluster.run(bundle_id, body)
    except Unreachable:
        if _has_made_its_job(cluster, job, environment, job_id):
            return job_id
        return cluster.run(bundle_id, body)


def _has_made_its_job(cluster: FlinkRest, job: JobPackage, environment: Environment, job_id: str) -> bool:
    """Wait until the main() of a lost response has ended; return whether it has submitted its job.

    A second main() next to it would take its gateway, and the JobManager could run no Python any more.
    """
    for _ in poll(MAIN_SECONDS, every=0.3):
        under_way = cluster.main_under_way()
        if cluster.job_state(job_id) is not None:
            return True
        if not under_way:
            return False
    raise _continues(job, environment)


def run_as_application(
    cluster: FlinkRest, job: JobPackage, environment: Environment, bundle_id: str, path: str, job_id: str
) -> str:
    """Start main() as an application with the job's id, and wait until its job exists.

    Raises `Refused` if main() fails or submits no job, with the exceptions of the application as its noise.
    """
    body = application_body(job, environment, job_id, path)
    try:
        cluster.run_application(bundle_id, body)
    except Unreachable:
        _start_unless_taken(cluster, bundle_id, body, job_id)
    for _ in poll(MAIN_SECONDS, every=0.1):
        application = cluster.application(job_id)
        if application.jobs:
            return application.jobs[0]
        if application.status in TERMINAL_STATES:
            return _without_job(cluster, job_id, application)
    raise _continues(job, environment)


def _continues(job: JobPackage, environment: Environment) -> DeadlinePassed:
    return DeadlinePassed(
        f"main() of {job.name} has submitted no job after {MAIN_SECONDS:g} s; it continues",
        hint=f"tdaflink list --env {environment.name}, or tdaflink logs --env {environment.name}",
    )


def _start_unless_taken(
    cluster: FlinkRest, bundle_id: str, body: dict[str, object], application_id: str
) -> None:
    """Start an application unless the lost call has started it: Flink accepts an application id once."""
    try:
        cluster.application(application_id)
    except NotFound:
        try:
            cluster.run_application(bundle_id, body)
        except Refused as refusal:
            if _TAKEN not in (refusal.noise or ""):
                raise


def _without_job(cluster: FlinkRest, application_id: str, application: JobApplication) -> str:
    failures = cluster.application_failures(application_id)
    if not failures:
        raise Refused(
            f"the application {application_id} is {application.status} and has no job",
            reason="No jobs included in application.",
        )
    cause = root_cause(failures[0])
    raise Refused(f"main() failed: {cause}", reason=cause, noise=failures[0])
