"""The commands upgrade, rescale and rollback."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_target
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import ChangedConfig, ConfigOptions, DryRun, JobArgument, OptionalJob
from tdaflink.domain.errors import UsageError

if TYPE_CHECKING:
    from tdaflink.domain.jobs.history import StateMode, Version
    from tdaflink.domain.jobs.job import Job
    from tdaflink.services.control import JobControlContext
    from tdaflink.services.jobs.run_request import JobPackage


class StateChoice(str, Enum):
    """Initial state of a new version."""

    savepoint = "savepoint"
    last_state = "last-state"
    none = "none"


State = Annotated[
    StateChoice,
    typer.Option(
        "--state",
        help="Initial state. savepoint: stop with a savepoint; last-state: latest checkpoint, for a job that"
        " keeps failing; none: no state, committed offsets only.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="S", help="Time limit for the new version to run, in seconds.")
]


@command(app, "upgrade")
def upgrade(
    context: CommandContext,
    job: OptionalJob = None,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- ARGS", help="Arguments of a script (default: unchanged)."),
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--job", metavar="FILE", help="New version of the script.")
    ] = None,
    config: ChangedConfig = ConfigOptions(),
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include", metavar="GLOB", help="Additional files to ship (default: unchanged); repeatable."
        ),
    ] = None,
    state: State = StateChoice.savepoint,
    allow_non_restored: Annotated[
        bool,
        typer.Option(
            "--allow-non-restored-state", help="Drop state that no operator of the new version restores."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Complete an interrupted upgrade, rescale or rollback.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            "--skip",
            metavar="TOPIC/PARTITION/OFFSET",
            help="Skip a record that makes the job fail; it is copied to tda_errors as skipped. Repeatable.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Upgrade even if nothing would change.")] = False,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Replace a running job with a new version, keeping its state.

    The old version is restored if the new one does not run. Without --config, the settings of the running
    version are kept, changed by the options of this call.
    """
    from tdaflink.display.jobs.savepoints import show_changed
    from tdaflink.services.jobs.preparation import SubmitRequest
    from tdaflink.services.upgrades import start
    from tdaflink.services.upgrades.plan import with_skipped

    control = context.session_control()
    if resume:
        confirm_target(context)
        show_changed(start.resume(control, job))
        return
    if job is None:
        raise UsageError("no job is given", hint="tdaflink list, then tdaflink upgrade NAME")
    wanted = SubmitRequest(script, tuple(include or ()), tuple(arguments or ()))
    old = _running(control, job)
    asked = with_skipped(config.asked(), old[1], skip or ())
    _replace(
        context,
        control,
        old,
        context.job_builder().build_version(control, old[1], asked, wanted),
        action="upgrade",
        state=state.value,
        dry_run=dry_run,
        same_too=force,
        wait=timeout,
        allow_non_restored=allow_non_restored,
    )


@command(app, "rollback")
def rollback(
    context: CommandContext,
    job: JobArgument,
    to: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="VERSION", help="Version number from history (default: the previous version)."
        ),
    ] = None,
    state: State = StateChoice.savepoint,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Replace a running job with an earlier version of it.

    The current state is kept, unless --state none is given.
    """
    from tdaflink.services.upgrades.versions import earlier_job, version_before

    control = context.session_control()
    old = _running(control, job)
    earlier = version_before(control.ledger.versions(old[0].name), old[1], to)
    _replace(
        context,
        control,
        old,
        earlier_job(control, earlier),
        action="rollback",
        state=state.value,
        dry_run=dry_run,
        wait=timeout,
        origin=earlier.origin or earlier.job_id,
    )


@command(app, "rescale")
def rescale(
    context: CommandContext,
    job: JobArgument,
    count: Annotated[
        int | None,
        typer.Argument(metavar="N", help="New parallelism.", hidden=True, show_default=False),
    ] = None,
    parallelism: Annotated[int | None, typer.Option(metavar="N", help="New parallelism.")] = None,
    timeout: Timeout = 180.0,
) -> None:
    """Change the parallelism of a running job.

    Live if the cluster uses the adaptive scheduler, otherwise by a restart from a savepoint.
    """
    if (count is None) == (parallelism is None):
        raise UsageError(
            "no parallelism is given, or two", hint=f"tdaflink rescale {quote(job)} --parallelism N"
        )
    wanted = parallelism if count is None else count
    from tdaflink.display.jobs.savepoints import show_changed
    from tdaflink.services.jobs.topic_readers import topics_read
    from tdaflink.services.upgrades import rescale as rescaling

    control = context.control()
    confirm_target(context)
    running, version = _running(control, job)
    topics = topics_read(version.spec.settings) if version.spec else []
    counts = control.kafka.partition_counts(topics) if control.kafka and topics else {}
    show_changed(rescaling.rescale(control, running, version, wanted or 0, counts, timeout))


def _running(control: JobControlContext, job: str) -> tuple[Job, Version]:
    """Return the running job of a reference, and its version."""
    from tdaflink.services.jobs.ended_jobs import running_job
    from tdaflink.services.upgrades.versions import running_version

    running = running_job(control, job)
    return running, running_version(control, running)


def _replace(
    context: CommandContext,
    control: JobControlContext,
    old: tuple[Job, Version],
    target: JobPackage,
    *,
    action: str,
    state: StateMode,
    dry_run: bool,
    same_too: bool = True,
    **terms: Any,
) -> None:
    """Show the changes of the new version, and start it unless this is a dry run."""
    from tdaflink.display.jobs.savepoints import show_changed, show_upgrade_plan
    from tdaflink.services.upgrades import plan as upgrades
    from tdaflink.services.upgrades import start

    plan = upgrades.plan(control, *old, target.spec, state, action)
    show_upgrade_plan(plan, dry_run=dry_run)
    if dry_run or (plan.changes_nothing and not same_too):
        return
    confirm_target(context)
    show_changed(start.start_operation(control, old[0], target, action=action, state=state, **terms))
