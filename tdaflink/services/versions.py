"""The versions of a job: from the ledger, from the cluster where the ledger is new, and back to a job."""

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
from tdaflink.domain.jobs import Job as RunningJob
from tdaflink.domain.jobs import find_job
from tdaflink.domain.ledger import Git, History, JobSpec, Version
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.services.bundles import Bundle, shipped_bundle
from tdaflink.services.control import Control
from tdaflink.services.jobrun import Job


def history(control: Control, reference: str | None) -> History:
    """What is known of all jobs, or of one; jobs that run and that the ledger does not know are added.

    Raises `NotFound` where neither knows the reference.
    """
    try:
        adopt(control)
    except Unreachable as error:
        control.reporter.warn(f"{error.message}: this is what the ledger knows")
    name = None if reference is None else _name_of(control, reference)
    ledger = control.ledger
    operations = list(reversed(ledger.operations(name)))
    steps = [step for one in operations for step in ledger.operation_steps(one.id)]
    versions = list(reversed(ledger.versions(name)))
    return History(control.env.name, name, ledger.actions(name), versions, operations, steps)


def _name_of(control: Control, reference: str) -> str:
    versions = control.ledger.versions()
    if any(version.name == reference for version in versions):
        return reference
    names = {version.name for version in versions if version.job_id.startswith(reference.lower())}
    if len(names) == 1:
        return names.pop()
    return find_job(control.cluster.jobs(control.env.name, ended=True), reference).name


def adopt(control: Control, ended_of: str | None = None) -> None:
    """Write down the jobs that another machine has submitted, as far as they tell of themselves.

    Those that run, and with `ended_of` those of that name that have ended.
    """
    known = {version.job_id: version for version in control.ledger.versions()}
    for job in reversed(control.cluster.jobs(control.env.name, ended=ended_of is not None)):
        if job.ended and job.name != ended_of:
            continue
        if job.id not in known:
            with suppress(NotFound):
                _adopt(control, job)
        elif known[job.id].state == "submitting":
            # Its command was killed; the JobManager has taken it all the same.
            control.ledger.conclude(job.id, "submitted")


def last_version(control: Control, name: str) -> Version | None:
    """What a job was when it ran last: the newest submission of its name that was taken and not given up."""
    adopt(control, ended_of=name)
    taken = [one for one in control.ledger.versions(name) if one.state == "submitted"]
    if not taken:
        return None
    last = taken[-1]
    return last if last.spec is None else replace(last, spec=_as_it_ran(control, last.spec, last))


def _adopt(control: Control, job: RunningJob) -> None:
    facts = control.cluster.job_parameters(job.id)
    if NAME_PARAMETER not in facts:
        return
    spec = _travelled(facts.get(SPEC_PARAMETER))
    if spec is not None:
        _keep_if_ours(control, spec)
    control.ledger.intend(
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


def _travelled(text: str | None) -> JobSpec | None:
    if text is None:
        return None
    try:
        values: dict[str, Any] = json.loads(text)
        git = values.pop("git", None)
        return JobSpec(**{**values, "args": tuple(values["args"])}, git=Git(**git) if git else None)
    except (ValueError, TypeError, KeyError):
        return None  # another release wrote it in another form; name and hashes are known all the same


def _keep_if_ours(control: Control, spec: JobSpec) -> None:
    """Keep the shipped job's bundle if this tdaflink makes the very same."""
    if spec.settings is None or control.ledger.bundle(spec.bundle_name) is not None:
        return
    bundle = shipped_bundle()
    if bundle.sha256 == spec.bundle_sha256:
        control.ledger.keep_bundle(bundle.name, bundle.content)


def running_version(control: Control, job: RunningJob) -> Version:
    """The version that a running job is. Raises `Refused` where it cannot be submitted again."""
    adopt(control)
    version = control.ledger.version(job.id)
    if version is None or version.spec is None:
        raise Refused(
            f"how {job.name} ({job.id[:12]}) was submitted is not known, so there would be no way back",
            hint=f"tdaflink stop {job.id[:12]}, then tdaflink submit --job-name {quote(job.name)}"
            " --from latest --fresh-config with its settings",
        )
    if control.ledger.bundle(version.spec.bundle_name) is None:
        raise Refused(
            f"the bundle of {job.name} ({version.spec.bundle_sha256[:12]}) is on the machine of"
            f" {version.submitter}, so there would be no way back from here",
            hint=f"run it there, or tdaflink stop {job.id[:12]} and then tdaflink resume {quote(job.name)}"
            " with --include for its files, or --job for its script",
        )
    return replace(version, spec=_as_it_ran(control, version.spec, version))


def _as_it_ran(control: Control, spec: JobSpec, version: Version) -> JobSpec:
    """The spec with the parallelism that a live rescaling has given to the job since."""
    for action in control.ledger.actions(version.name):
        is_live = action.detail.get("live") and action.outcome == "done"
        if is_live and (action.action, action.job_id) == ("rescale", version.job_id):
            return with_parallelism(spec, int(action.detail["parallelism"]), action.detail["partitions"])
    return spec


def with_parallelism(spec: JobSpec, count: int, partitions: Mapping[str, int]) -> JobSpec:
    """The same job with other parallelism; of a topic at most one subtask reads each partition."""
    settings = spec.settings
    if settings is not None:
        settings = JobSettings(settings).with_parallelism(count, partitions)
    config = {**(spec.config or {}), "parallelism": count}
    return replace(spec, parallelism=count, settings=settings, config=config)


def earlier_job(control: Control, version: Version) -> Job:
    """The job that an earlier version was."""
    if version.spec is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    return job_from(version.spec, version.name, control)


def job_from(spec: JobSpec, name: str, control: Control) -> Job:
    """The job that a spec describes, with the bundle that was kept."""
    content = control.ledger.bundle(spec.bundle_name)
    if content is None:
        raise NotFound(f"the bundle {spec.bundle_name} of {name} is not beside the ledger")
    return Job(
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


def included_in(spec: JobSpec, control: Control) -> Mapping[str, bytes]:
    """The files that were included in a shipped job's bundle beside its own, by name."""
    content = control.ledger.bundle(spec.bundle_name)
    if content is None or spec.settings is None:
        return {}
    with zipfile.ZipFile(BytesIO(content)) as archive:
        own = ("main.py", "tdajob/", "tdaformats/", "META-INF/")
        return {name: archive.read(name) for name in archive.namelist() if not name.startswith(own)}


def version_before(versions: Sequence[Version], current: Version, wanted: int | None) -> Version:
    """The version to roll back to, of all of a name: number `wanted`, else the newest before that differs."""
    if wanted is not None:
        found = next((one for one in versions if one.number == wanted), None)
        if found is None or found.spec is None:
            known = ", ".join(str(one.number) for one in versions if one.spec)
            raise NotFound(
                f"{current.name} has no version {wanted} that could be submitted again (there are: {known})",
                hint=f"tdaflink history {current.name}",
            )
        return found
    by_id = {one.job_id: one for one in versions}
    origin = by_id.get(current.origin or "", current)
    for one in reversed(versions):
        usable = one.spec is not None and one.state == "submitted" and one.origin is None
        if usable and one.number < origin.number and one.spec != current.spec:
            return one
    raise NotFound(
        f"version {current.number} of {current.name} has none before it to roll back to",
        hint=f"tdaflink history {current.name}; --to VERSION names one",
    )
