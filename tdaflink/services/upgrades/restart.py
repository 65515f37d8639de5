"""Restarts from state: the state to start from, and the settings and the bundle of the last version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tdaflink.domain.errors import NotFound, Refused, UsageError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs.history import Difference, JobSpec, Operation, Version
from tdaflink.domain.jobs.job import Submission
from tdaflink.domain.jobs.state_snapshots import canonical
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.builder import JobBuilder
from tdaflink.services.jobs.config_resolution import ConfigOverrides
from tdaflink.services.jobs.ended_jobs import finishing, unfinished_of
from tdaflink.services.jobs.preparation import SubmitRequest
from tdaflink.services.jobs.run_request import JobPackage
from tdaflink.services.jobs.state_snapshots import Ask, owner_of, state_to_start_from
from tdaflink.services.upgrades.plan import differences, hints
from tdaflink.services.upgrades.start import resume
from tdaflink.services.upgrades.versions import job_from, last_version


@dataclass(frozen=True)
class Restart:
    """Start of a submission; `version` is the last version of the job that the state belongs to."""

    name: str
    savepoint: str | None = None
    version: Version | None = None


@dataclass(frozen=True)
class RestartPlan:
    """Differences between a job's last version and its restart from state."""

    name: str
    version: int
    job_id: str
    same_bundle: bool
    differences: Sequence[Difference]
    hints: Sequence[str]

    @property
    def changes_nothing(self) -> bool:
        return self.same_bundle and not self.differences


def restart_of(
    control: JobControlContext, name: str, start: str | None, ask: Ask | None, *, named: bool
) -> Restart:
    """Return the start of a submission. Unless the call names the job (`named`), the job with state is used.

    Raises `NotFound` if there is no state, and `Refused` if an operation of the job is unfinished.
    """
    if start == "latest" and not named:
        name = _only_candidate(control, name)
    _refuse_unfinished(control, name, start)
    path = state_to_start_from(name, start, control, ask)
    if path is None:
        return Restart(name)
    owner = name
    if start not in (None, "latest"):
        owner = owner_of(control, canonical(path)) or name
        name = name if named else owner
    return Restart(name, path, last_version(control, owner))


def _only_candidate(control: JobControlContext, name: str) -> str:
    """Return the job of `--from latest` without a name: the default one, else the only one that ended."""
    versions = [
        version for version in control.ledger.versions() if version.state not in ("refused", "failed")
    ]
    names = {version.name for version in versions}
    if name in names or not names:
        return name
    alive = {job.name for job in control.cluster.jobs(control.env.name, ended=False)}
    ended = sorted(names - alive)
    if len(ended) == 1:
        return ended[0]
    if not ended:
        return name
    raise UsageError(
        f"several jobs could be restarted: {', '.join(ended)}", hint=control.commands.restart(ended[0])
    )


def _refuse_unfinished(control: JobControlContext, name: str, start: str | None) -> None:
    operation = unfinished_of(control, name, "-")
    if operation is None:
        return
    if start in (None, "latest"):
        raise Refused(
            f"the {operation.action} of {name} was interrupted at the step {operation.step!r}: the version"
            " to run and its state are saved",
            hint=f"{finishing(control.commands, operation)} finishes it; --from none discards it",
        )
    control.reporter.warn(f"the interrupted {operation.action} of {name} is discarded by this submission")


def name_meant(control: JobControlContext, reference: str | None) -> str | None:
    """Return the job name of a reference: a name, or an id or its prefix."""
    versions = control.ledger.versions()
    if reference is None or any(version.name == reference for version in versions):
        return reference
    names = {version.name for version in versions if version.job_id.startswith(reference.lower() or "-")}
    return names.pop() if len(names) == 1 else reference


def interrupted_change(control: JobControlContext, name: str | None) -> Operation | None:
    """Return the interrupted operation of a job; without a name, of the only job that has one."""
    under_way = control.ledger.operations(under_way=True)
    matches = [operation for operation in under_way if name in (None, operation.name)]
    return matches[-1] if len({operation.name for operation in matches}) == 1 else None


def finish(control: JobControlContext, change: Operation) -> Submission:
    """Complete an interrupted operation and return the running job. Raises as `start.resume` does."""
    done = resume(control, change.name)
    version = control.ledger.version(done.id)
    return Submission(
        id=done.id,
        name=done.name,
        state="RUNNING",
        env=done.env,
        parallelism=done.parallelism,
        bundle_sha256=version.bundle_sha256 if version else "",
        rest_url=control.env.endpoints.rest_url,
    )


def require_known(restart: Restart, *, said: bool) -> Version | None:
    """Return the version whose settings apply, if any.

    Raises `Refused` if its settings are not known and the call has none (`said`).
    """
    version = restart.version
    if version is not None and version.spec is not None:
        return version
    if restart.savepoint is None or said:
        return None
    raise Refused(
        f"the settings of {restart.name} that belong to the state {restart.savepoint} are not known here",
        hint="--config FILE with its settings, or --fresh-config for the defaults",
    )


def restarted_job(
    builder: JobBuilder,
    control: JobControlContext,
    restart: Restart,
    asked: ConfigOverrides,
    wanted: SubmitRequest,
    *,
    fresh: bool,
) -> tuple[JobPackage, RestartPlan | None]:
    """Return the job that continues from the state of `restart`, and how it differs from its last version.

    It is that version, changed by what the call gives; with `fresh` it is the default job, changed likewise.
    """
    asked = replace(asked, job_name=restart.name)
    changes = asked != ConfigOverrides(job_name=restart.name) or wanted != SubmitRequest()
    version = require_known(restart, said=fresh or changes)
    if version is None or fresh:
        job = builder.build(asked, wanted)
    else:
        unchanged = not changes and restart.name == version.name
        job = (as_before(control, version) if unchanged else None) or _changed_job(
            builder, control, version, asked, wanted
        )
    job = replace(job, savepoint=restart.savepoint)
    return job, None if version is None else plan_of(version, job)


def _changed_job(
    builder: JobBuilder,
    control: JobControlContext,
    version: Version,
    asked: ConfigOverrides,
    wanted: SubmitRequest,
) -> JobPackage:
    require_bundle(control, version, included=bool(wanted.include or wanted.script))
    return builder.build_version(control, version, asked, wanted, renamed=asked.job_name != version.name)


def as_before(control: JobControlContext, version: Version) -> JobPackage | None:
    """Return the job of a version, at the current addresses; None if its bundle is not stored here."""
    spec = version.spec
    if spec is None or control.ledger.bundle(spec.bundle_name) is None:
        return None
    job = job_from(spec, version.name, control)
    return job if spec.settings is None else replace(job, settings=_with_current_brokers(control, spec))


def _with_current_brokers(control: JobControlContext, spec: JobSpec) -> dict[str, object]:
    """Return the settings with the environment's current brokers, unless the config names brokers."""
    settings = dict(spec.settings or {})
    if not (spec.config or {}).get("kafka_bootstrap_servers"):
        return JobSettings(settings).with_brokers(control.env.endpoints.kafka_cluster)
    return settings


def require_bundle(control: JobControlContext, version: Version, *, included: bool) -> None:
    """Raise `NotFound` if the files of the job are neither stored here nor given in this call."""
    spec = version.spec
    if spec is None or control.ledger.bundle(spec.bundle_name) is not None:
        return
    if spec.settings is None:
        raise NotFound(
            f"the script of {version.name} ({spec.bundle_sha256[:12]}) is on the machine of"
            f" {version.submitter}",
            hint="give it with --job FILE",
        )
    plugins = JobSettings(spec.settings).plugins
    if plugins and not included:
        raise NotFound(
            f"the files of {version.name} ({', '.join(plugins)}) are on the machine of {version.submitter}",
            hint="give them with --include GLOB",
        )
    control.reporter.warn(
        f"the bundle of {version.name} ({spec.bundle_sha256[:12]}) is not stored here:"
        " the bundle of this installation is used"
    )


def plan_of(version: Version, job: JobPackage) -> RestartPlan | None:
    """Return the differences between a version and the job that starts from its state."""
    old = version.spec
    if old is None:
        return None
    new = job.spec
    return RestartPlan(
        name=version.name,
        version=version.number,
        job_id=version.job_id,
        same_bundle=old.bundle_sha256 == new.bundle_sha256,
        differences=differences(old, new),
        hints=[] if old == new else hints(old, new, "savepoint"),
    )


def repeats(version: Version | None, job: JobPackage) -> str | None:
    """Return the id of the job that a submission repeats, if nothing differs."""
    if version is None or version.spec != job.spec:
        return None
    return version.origin or version.job_id
