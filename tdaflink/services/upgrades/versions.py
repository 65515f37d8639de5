"""Versions of a job: read from the ledger or the cluster, and converted back to a job to submit."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from shlex import quote
from typing import Any

from tdaflink.domain.errors import NotFound, Refused, Unreachable
from tdaflink.domain.job_contract import (
    BUNDLE_PARAMETER,
    NAME_PARAMETER,
    SAVEPOINT_PARAMETER,
    SPEC_PARAMETER,
    SUBMITTER_PARAMETER,
    VERSION_PARAMETER,
    JobSettings,
)
from tdaflink.domain.jobs.history import Git, JobHistory, JobSpec, Version
from tdaflink.domain.jobs.job import Job, find_job
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.bundle import Bundle, shipped_bundle
from tdaflink.services.jobs.run_request import JobPackage


def history(control: JobControlContext, reference: str | None) -> JobHistory:
    """Return the history of all jobs, or of one; running jobs that the ledger does not have are added.

    Raises `NotFound` if neither the ledger nor the cluster has the job.
    """
    try:
        adopt(control)
    except Unreachable as error:
        control.reporter.warn(f"{error.message}: this is the history of the ledger only")
    name = None if reference is None else _name_of(control, reference)
    ledger = control.ledger
    operations = list(reversed(ledger.operations(name)))
    steps = [step for operation in operations for step in ledger.operation_steps(operation.id)]
    versions = list(reversed(ledger.versions(name)))
    return JobHistory(control.env.name, name, ledger.actions(name), versions, operations, steps)


def _name_of(control: JobControlContext, reference: str) -> str:
    versions = control.ledger.versions()
    if any(version.name == reference for version in versions):
        return reference
    names = {version.name for version in versions if version.job_id.startswith(reference.lower())}
    if len(names) == 1:
        return names.pop()
    return find_job(control.cluster.jobs(control.env.name, ended=True), reference).name


def adopt(control: JobControlContext, ended_of: str | None = None) -> None:
    """Record jobs submitted by another machine in the ledger, as far as their job parameters describe them.

    Records running jobs and, with `ended_of`, ended jobs of that name.
    """
    recorded = {version.job_id: version for version in control.ledger.versions()}
    for job in reversed(control.cluster.jobs(control.env.name, ended=ended_of is not None)):
        if job.ended and job.name != ended_of:
            continue
        if job.id not in recorded:
            with suppress(NotFound):
                _adopt(control, job)
        elif recorded[job.id].state == "submitting":
            # Its command was killed after the JobManager had accepted the job.
            control.ledger.finish_submission(job.id, "submitted")


def last_version(control: JobControlContext, name: str) -> Version | None:
    """Return the last version of a job that ran: the newest submission that the cluster accepted."""
    adopt(control, ended_of=name)
    accepted = [version for version in control.ledger.versions(name) if version.state == "submitted"]
    if not accepted:
        return None
    last = accepted[-1]
    return last if last.spec is None else replace(last, spec=_with_live_parallelism(control, last.spec, last))


def _adopt(control: JobControlContext, job: Job) -> None:
    facts = control.cluster.job_parameters(job.id)
    if NAME_PARAMETER not in facts:
        return
    spec = _spec_of_parameters(facts.get(SPEC_PARAMETER))
    if spec is not None:
        _store_shipped_bundle(control, spec)
    control.ledger.record_submission(
        Version(
            job.id,
            job.name,
            control.env.endpoints.rest_url,
            facts.get(BUNDLE_PARAMETER, ""),
            facts.get(SUBMITTER_PARAMETER, ""),
            spec=spec,
            state="submitted",
            savepoint=facts.get(SAVEPOINT_PARAMETER),
            tdaflink=facts.get(VERSION_PARAMETER, ""),
            created_at=parse_timestamp(job.start_time).timestamp(),
        )
    )


def _spec_of_parameters(text: str | None) -> JobSpec | None:
    if text is None:
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        git = values.pop("git", None)
        return JobSpec(**{**values, "args": tuple(values["args"])}, git=Git(**git) if git else None)
    except (ValueError, TypeError, KeyError):
        return None  # written by another release in another form; name and hashes are in other parameters


def _store_shipped_bundle(control: JobControlContext, spec: JobSpec) -> None:
    """Store the shipped job's bundle if this installation builds an identical one."""
    if spec.settings is None or control.ledger.bundle(spec.bundle_name) is not None:
        return
    bundle = shipped_bundle()
    if bundle.sha256 == spec.bundle_sha256:
        control.ledger.keep_bundle(bundle.name, bundle.content)


def running_version(control: JobControlContext, job: Job) -> Version:
    """Return the version of a running job. Raises `Refused` if it could not be submitted again."""
    adopt(control)
    version = control.ledger.version(job.id)
    if version is None or version.spec is None:
        raise Refused(
            f"how {job.name} ({job.id[:12]}) was submitted is not known, so it could not be restored",
            hint=f"tdaflink stop {job.id[:12]}, then tdaflink submit --job-name {quote(job.name)}"
            " --from latest --fresh-config with its settings",
        )
    if control.ledger.bundle(version.spec.bundle_name) is None:
        raise Refused(
            f"the bundle of {job.name} ({version.spec.bundle_sha256[:12]}) is on the machine of"
            f" {version.submitter}, so it could not be restored from this one",
            hint=f"run it there, or tdaflink stop {job.id[:12]} and then tdaflink resume {quote(job.name)}"
            " with --include for its files, or --job for its script",
        )
    return replace(version, spec=_with_live_parallelism(control, version.spec, version))


def _with_live_parallelism(control: JobControlContext, spec: JobSpec, version: Version) -> JobSpec:
    """Return the spec with the parallelism of the latest live rescaling."""
    for action in control.ledger.actions(version.name):
        is_live = action.detail.get("live") and action.outcome == "done"
        if is_live and (action.action, action.job_id) == ("rescale", version.job_id):
            return with_parallelism(spec, int(action.detail["parallelism"]), action.detail["partitions"])
    return spec


def with_parallelism(spec: JobSpec, count: int, partitions: Mapping[str, int]) -> JobSpec:
    """Return the spec with another parallelism; sources get at most one subtask per partition."""
    settings = spec.settings
    if settings is not None:
        settings = JobSettings(settings).with_parallelism(count, partitions)
    config = {**(spec.config or {}), "parallelism": count}
    return replace(spec, parallelism=count, settings=settings, config=config)


def earlier_job(control: JobControlContext, version: Version) -> JobPackage:
    """Return the job of an earlier version."""
    if version.spec is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    return job_from(version.spec, version.name, control)


def job_from(spec: JobSpec, name: str, control: JobControlContext) -> JobPackage:
    """Return the job of a spec, with its stored bundle. Raises `NotFound` without the bundle."""
    content = control.ledger.bundle(spec.bundle_name)
    if content is None:
        raise NotFound(f"the bundle {spec.bundle_name} of {name} is not stored with the ledger")
    return JobPackage(
        name=name,
        parallelism=spec.parallelism,
        bundle=Bundle(spec.bundle_name, spec.bundle_sha256, spec.module, _files(content), content),
        settings=spec.settings,
        args=tuple(spec.args),
        flink_config=dict(spec.flink_config),
        config=spec.config,
        git=spec.git,
    )


def _files(content: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return [name for name in archive.namelist() if not name.startswith("META-INF/")]


def included_in(spec: JobSpec, control: JobControlContext) -> Mapping[str, bytes]:
    """Return the files that a shipped job's bundle includes in addition to its own, by name."""
    content = control.ledger.bundle(spec.bundle_name)
    if content is None or spec.settings is None:
        return {}
    with zipfile.ZipFile(BytesIO(content)) as archive:
        own = ("main.py", "tdajob/", "tdaformats/", "META-INF/")
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith(own)}


def version_before(versions: Sequence[Version], current: Version, wanted: int | None) -> Version:
    """Return the version to roll back to: number `wanted`, else the newest earlier one that differs."""
    if wanted is not None:
        version = next((version for version in versions if version.number == wanted), None)
        if version is None or version.spec is None:
            numbers = ", ".join(str(version.number) for version in versions if version.spec)
            raise NotFound(
                f"{current.name} has no version {wanted} that could be submitted again (available:"
                f" {numbers})",
                hint=f"tdaflink history {current.name}",
            )
        return version
    by_id = {version.job_id: version for version in versions}
    origin = by_id.get(current.origin or "", current)
    for version in reversed(versions):
        usable = version.spec is not None and version.state == "submitted" and version.origin is None
        if usable and version.number < origin.number and version.spec != current.spec:
            return version
    raise NotFound(
        f"version {current.number} of {current.name} has no earlier version to roll back to",
        hint=f"tdaflink history {current.name}; --to VERSION names one",
    )
