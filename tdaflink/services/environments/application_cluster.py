"""Application clusters: the Kafka that they use, and the job that their JobManager starts."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from tdaflink import __version__
from tdaflink.adapters.clients import flink_of, kafka_of
from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.local_runtime.application_file import load_application, save_application
from tdaflink.adapters.local_runtime.flink import written_config
from tdaflink.adapters.runtimes import traits_of
from tdaflink.adapters.storage.environment_store import DEFAULT_NAME, EnvironmentStore
from tdaflink.adapters.storage.shipped_profiles import load_profile
from tdaflink.domain.environments.application_cluster import BESIDE, Application, is_application, mode_of
from tdaflink.domain.environments.environment import Environment, Runtime
from tdaflink.domain.environments.setup import SetupRequest
from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, TdaflinkError, UsageError
from tdaflink.domain.jobs.history import Version
from tdaflink.domain.jobs.slots import require_slots
from tdaflink.domain.jobs.state_snapshots import StateSnapshot
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep, Reporter
from tdaflink.services.control import JobControlContext, open_control, submitter
from tdaflink.services.jobs.builder import JobBuilder
from tdaflink.services.jobs.config_resolution import ConfigOverrides
from tdaflink.services.jobs.preparation import SubmitRequest
from tdaflink.services.jobs.readiness import wait_until_running
from tdaflink.services.jobs.run_request import (
    ENTRY_CLASS,
    JobPackage,
    kafka_properties,
    plain_secrets,
    run_body,
)
from tdaflink.services.jobs.state_snapshots import described, stored_snapshots
from tdaflink.services.jobs.topic_readers import refuse_reader_elsewhere
from tdaflink.services.timeouts import MAIN_SECONDS, RUNNING_SECONDS
from tdaflink.services.upgrades.versions import job_from


def placed(draft: Environment, request: SetupRequest, store: EnvironmentStore) -> Environment:
    """Return the environment; an application cluster gets the Kafka of the environment in `--kafka-env`."""
    saved = store.find(draft.name) is not None
    if not is_application(draft):
        for option in ("kafka_env", "settings", "include"):
            if getattr(request, option) and not request.application:
                word = {"settings": "set"}.get(option, option.replace("_", "-"))
                raise UsageError(f"--{word} goes with --application CONFIG")
        if not request.application:
            return draft
    _require_possible(draft, request, saved=saved)
    name = request.kafka_env or draft.details.get(BESIDE, DEFAULT_NAME)
    lender = store.find(name)
    if lender is None or name == draft.name or not lender.endpoints.kafka:
        raise NotFound(
            f"--kafka-env: {name!r} is no other environment that has a Kafka",
            hint=f"tdaflink setup --env {DEFAULT_NAME} makes one; tdaflink env list",
        )
    kafka = lender.endpoints.kafka
    endpoints = replace(draft.endpoints, kafka=kafka, kafka_cluster=kafka)
    return replace(draft, endpoints=endpoints, details={**draft.details, BESIDE: name})


def _require_possible(draft: Environment, request: SetupRequest, *, saved: bool) -> None:
    if not traits_of(draft).supports_application_mode:
        raise UsageError(
            f"--application: clusters of the profile {draft.profile} are made for many jobs",
            hint="--profile local makes one of processes",
        )
    if saved and not is_application(draft):
        raise UsageError(
            f"--application: the cluster of {draft.name} is made for many jobs already",
            hint="choose another name with --env",
        )
    if request.kafka_env and draft.details.get(BESIDE, request.kafka_env) != request.kafka_env:
        raise UsageError(
            f"--kafka-env: {draft.name} uses the Kafka of {draft.details[BESIDE]},"
            " where the offsets of its job are",
            hint=f"tdaflink teardown --env {draft.name} --purge first, or choose another name",
        )


@contextmanager
def control_over(
    environment: Environment, store: EnvironmentStore, reporter: Reporter
) -> Iterator[JobControlContext]:
    """Yield the control of the environment's cluster, and close its connection."""
    with closing(flink_of(environment)) as cluster:
        yield open_control(environment, cluster, store, reporter, kafka_of(environment))


def prepare(request: SetupRequest, control: JobControlContext, folder: Path, runtime: Runtime) -> str:
    """Write the job that the JobManager in `folder` starts next, unless its job runs; return the job's id.

    A new start continues from the newest checkpoint or savepoint of the job in the folder. Raises `Refused`
    if that is of the other execution mode, or there are too few slots.
    """
    before = load_application(folder)
    job = _wanted(request, control, before)
    if before is not None and _runs(runtime, control.cluster, before.job_id):
        if job.spec != _spec_of(before, control):
            control.reporter.warn(
                f"the job runs with an older config; tdaflink stop {before.job_id[:12]} --env"
                f" {control.env.name}, then this command again, starts it with the new one"
            )
        return before.job_id
    _require_slots(job, control.env)
    _require_no_secrets(job)
    refuse_reader_elsewhere(job, control.env, EnvironmentStore(), control.reporter)
    newest = _newest(job.name, control, folder)
    if newest is not None:
        _require_mode(job, newest, before, control.env)
        control.reporter.note(f"continuing from the {described(newest)}")
        job = replace(job, savepoint=newest.path)
    if any(component.health != "dead" for component in runtime.components()):
        runtime.down(control.reporter)
    return _settled(job, control, folder)


def follow(job_id: str, control: JobControlContext) -> None:
    """Wait until the job runs. Raises `JobFailed` with the cause, and `DeadlinePassed`."""
    version = control.ledger.version(job_id)
    if version is None:
        raise NotFound(f"the ledger of {control.env.name} has no version {job_id} of its job")
    outcome = "failed"
    try:
        with control.reporter.step(f"wait until {version.name} runs") as step:
            _wait_for_main(job_id, control, step)
            control.ledger.finish_submission(job_id, "submitted")
            wait_until_running(control.cluster, job_id, RUNNING_SECONDS, step, expect_ready=True)
        outcome = "done"
    finally:
        if version.state == "submitting":
            control.record_action(
                "submit", outcome, job_id, version.name, bundle_sha256=version.bundle_sha256
            )


def _wait_for_main(job_id: str, control: JobControlContext, step: ProgressStep) -> None:
    step.update("running main()")
    for _ in poll(MAIN_SECONDS, every=0.3):
        if control.cluster.job_state(job_id) is not None:
            return
    raise DeadlinePassed(
        f"main() has not submitted the job after {MAIN_SECONDS:g} s",
        hint=f"tdaflink logs --env {control.env.name}",
    )


def _wanted(request: SetupRequest, control: JobControlContext, before: Application | None) -> JobPackage:
    if request.application is not None:
        return _job_of(request, control, None)
    version = control.ledger.version(before.job_id) if before else None
    if version is None or version.spec is None:
        raise UsageError(
            f"it is not known which job {control.env.name} is made for",
            hint=f"tdaflink setup --env {control.env.name} --application CONFIG",
        )
    if request.settings or request.include:
        return _job_of(request, control, version)
    return job_from(version.spec, version.name, control)


def _job_of(request: SetupRequest, control: JobControlContext, before: Version | None) -> JobPackage:
    """Return the shipped job of the request; its options change the settings of the version before."""
    assert control.kafka is not None  # noqa: S101 - `control_over` gives it
    builder = JobBuilder(control.env, control.reporter.warn, control.kafka.partition_counts)
    asked = ConfigOverrides(request.application, settings=request.settings)
    wanted = SubmitRequest(include=request.include)
    if before is None:
        return builder.build(asked, wanted)
    return builder.build_version(control, before, asked, wanted, renamed=True)


def _spec_of(before: Application, control: JobControlContext) -> object:
    version = control.ledger.version(before.job_id)
    return version.spec if version else None


def _runs(runtime: Runtime, cluster: FlinkRest, job_id: str) -> bool:
    health = {component.name: component.health for component in runtime.components()}
    if health.get("jobmanager") != "healthy":
        return False
    try:
        return cluster.is_running(job_id)
    except TdaflinkError:
        return False


def _require_slots(job: JobPackage, environment: Environment) -> None:
    profile = load_profile(environment.profile)
    slots = profile.slots * profile.taskmanagers
    require_slots(job.name, job.parallelism, slots, slots)


def _require_no_secrets(job: JobPackage) -> None:
    named = plain_secrets(kafka_properties(job))
    if named:
        raise UsageError(
            f"kafka_properties.{named[0]} is in plain text, and the job's settings are in a command line"
            " that all users of the machine may read",
            hint='write it as a reference: {"$env": NAME} or {"$file": PATH}',
        )


def _newest(name: str, control: JobControlContext, folder: Path) -> StateSnapshot | None:
    ids = [version.job_id for version in control.ledger.versions(name)]
    flink = written_config(folder)
    found = [
        one
        for one in stored_snapshots(control.storage, flink)
        if any(job_id.startswith(one.job) for job_id in ids)
    ]
    return max(found, key=lambda one: one.created_at, default=None)


def _require_mode(
    job: JobPackage, newest: StateSnapshot, before: Application | None, environment: Environment
) -> None:
    wanted = mode_of(job.flink_config)
    if before is not None and before.mode != wanted:
        raise Refused(
            f"execution_mode {wanted} cannot read the {newest.kind} {newest.path}, which is of {before.mode}",
            hint=f'execution_mode "{before.mode}", or without its state:'
            f" tdaflink teardown --env {environment.name} --purge, then setup again",
        )


def _settled(job: JobPackage, control: JobControlContext, folder: Path) -> str:
    job_id = secrets.token_hex(16)
    path = control.ledger.keep_bundle(job.bundle.name, job.bundle.content)
    body = run_body(job, control.env, job_id, str(path))
    flink = {**body["flinkConfiguration"], "parallelism.default": str(job.parallelism)}
    save_application(
        folder, Application(job_id, ENTRY_CLASS, tuple(body["programArgsList"]), flink, job.savepoint)
    )
    control.ledger.record_submission(
        Version(
            job_id,
            job.name,
            control.env.endpoints.rest_url,
            job.bundle.sha256,
            submitter(),
            spec=job.spec,
            savepoint=job.savepoint,
            tdaflink=__version__,
        )
    )
    return job_id
