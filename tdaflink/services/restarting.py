"""Starting a job again from its state: which state, and the settings and the bundle of its last version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tdaflink.domain.errors import NotFound, Refused, UsageError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs import Submission
from tdaflink.domain.ledger import Difference, JobSpec, Operation, Version
from tdaflink.domain.snapshots import canonical
from tdaflink.services import changing
from tdaflink.services.configuration import Asked
from tdaflink.services.control import Control
from tdaflink.services.ended import finishing, unfinished_of
from tdaflink.services.jobbuilder import JobBuilder
from tdaflink.services.jobrun import Job
from tdaflink.services.preparation import Wanted
from tdaflink.services.snapshots import Ask, owner_of, state_to_start_from
from tdaflink.services.upgrades import differences, hints
from tdaflink.services.versions import job_from, last_version


@dataclass(frozen=True)
class Restart:
    """What a submission starts from; `version` is the last one of the job that has left the state."""

    name: str
    savepoint: str | None = None
    version: Version | None = None


@dataclass(frozen=True)
class RestartPlan:
    """What becomes different when a job is started again from its state."""

    name: str
    version: int
    job_id: str
    same_bundle: bool
    differences: Sequence[Difference]
    hints: Sequence[str]

    @property
    def changes_nothing(self) -> bool:
        return self.same_bundle and not self.differences


def restart_of(control: Control, name: str, start: str | None, ask: Ask | None, *, named: bool) -> Restart:
    """Where a submission starts. `named` says whether the call names the job; else it is the one with state.

    Raises `NotFound` where there is no state, and `Refused` where a change of the job is not finished.
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


def _only_candidate(control: Control, name: str) -> str:
    """The job that `--from latest` means without a name: the default one, else the only one that ended."""
    versions = [one for one in control.ledger.versions() if one.state not in ("refused", "failed")]
    names = {one.name for one in versions}
    if name in names or not names:
        return name
    alive = {job.name for job in control.cluster.jobs(control.env.name, ended=False)}
    ended = sorted(names - alive)
    if len(ended) == 1:
        return ended[0]
    if not ended:
        return name
    raise UsageError(
        f"several jobs could be started again: {', '.join(ended)}", hint=control.commands.go_on(ended[0])
    )


def _refuse_unfinished(control: Control, name: str, start: str | None) -> None:
    operation = unfinished_of(control, name, "-")
    if operation is None:
        return
    if start in (None, "latest"):
        raise Refused(
            f"the {operation.action} of {name} was interrupted at the step {operation.step!r}: it knows what"
            " was to run, and from which state",
            hint=f"{finishing(control.commands, operation)} finishes it; --from none gives it up",
        )
    control.reporter.warn(f"the {operation.action} of {name} was interrupted, and is given up by this")


def name_meant(control: Control, reference: str | None) -> str | None:
    """The name of the job that a name, or an id or its beginning, stands for."""
    versions = control.ledger.versions()
    if reference is None or any(one.name == reference for one in versions):
        return reference
    names = {one.name for one in versions if one.job_id.startswith(reference.lower() or "-")}
    return names.pop() if len(names) == 1 else reference


def interrupted_change(control: Control, name: str | None) -> Operation | None:
    """What was interrupted of a job; without a name of the only one of which something was."""
    under_way = control.ledger.operations(under_way=True)
    found = [one for one in under_way if name in (None, one.name)]
    return found[-1] if len({one.name for one in found}) == 1 else None


def finish(control: Control, change: Operation) -> Submission:
    """Finish what was interrupted; the job that runs then. Raises as `changing.resume` does."""
    done = changing.resume(control, change.name)
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
    """The version whose settings hold, if any. Raises `Refused` where nobody knows or says settings."""
    version = restart.version
    if version is not None and version.spec is not None:
        return version
    if restart.savepoint is None or said:
        return None
    raise Refused(
        f"with which settings {restart.name} has left the state {restart.savepoint} is not known here",
        hint="--config FILE with its settings, or --fresh-config for the defaults",
    )


def restarted_job(
    builder: JobBuilder, control: Control, restart: Restart, asked: Asked, wanted: Wanted, *, fresh: bool
) -> tuple[Job, RestartPlan | None]:
    """Return the job that continues from the state of `restart`, and how it differs from its last version.

    It is that version, changed by what the call gives; with `fresh` it is the default job, changed likewise.
    """
    asked = replace(asked, job_name=restart.name)
    changes = asked != Asked(job_name=restart.name) or wanted != Wanted()
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
    builder: JobBuilder, control: Control, version: Version, asked: Asked, wanted: Wanted
) -> Job:
    require_bundle(control, version, included=bool(wanted.include or wanted.script))
    return builder.build_version(control, version, asked, wanted, renamed=asked.job_name != version.name)


def as_before(control: Control, version: Version) -> Job | None:
    """The very job that a version was, at the addresses of today; None where its bundle is not kept here."""
    spec = version.spec
    if spec is None or control.ledger.bundle(spec.bundle_name) is None:
        return None
    job = job_from(spec, version.name, control)
    return job if spec.settings is None else replace(job, settings=_at_home(control, spec))


def _at_home(control: Control, spec: JobSpec) -> dict[str, object]:
    """The settings with the environment's brokers, which may have moved, unless the config names some."""
    settings = dict(spec.settings or {})
    if not (spec.config or {}).get("kafka_bootstrap_servers"):
        return JobSettings(settings).with_brokers(control.env.endpoints.kafka_cluster)
    return settings


def require_bundle(control: Control, version: Version, *, included: bool) -> None:
    """Raise `NotFound` where what the job had brought along is neither kept here nor given again."""
    spec = version.spec
    if spec is None or control.ledger.bundle(spec.bundle_name) is not None:
        return
    if spec.settings is None:
        raise NotFound(
            f"the script of {version.name} ({spec.bundle_sha256[:12]}) is on the machine of"
            f" {version.submitter}",
            hint="--job FILE brings it",
        )
    plugins = JobSettings(spec.settings).plugins
    if plugins and not included:
        raise NotFound(
            f"the files of {version.name} ({', '.join(plugins)}) are on the machine of {version.submitter}",
            hint="--include GLOB brings them",
        )
    control.reporter.warn(
        f"the bundle of {version.name} ({spec.bundle_sha256[:12]}) is not kept here: this tdaflink's is used"
    )


def plan_of(version: Version, job: Job) -> RestartPlan | None:
    """What differs between a version and the job that goes on from its state."""
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


def repeats(version: Version | None, job: Job) -> str | None:
    """The job that a submission repeats, if nothing of it differs."""
    if version is None or version.spec != job.spec:
        return None
    return version.origin or version.job_id
