"""upgrade, rescale, rollback."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command
from tdaflink.cli.completion import complete_job
from tdaflink.cli.jobs import ConfigFile, Parallelism, Settings, SlideInterval, Window, WindowSize
from tdaflink.cli.lifecycle import DryRun, JobArgument
from tdaflink.domain.errors import UsageError


class StateChoice(str, Enum):
    """What a new version starts from."""

    savepoint = "savepoint"
    last_state = "last-state"
    none = "none"


State = Annotated[
    StateChoice,
    typer.Option(
        "--state",
        help="savepoint: stop with one; last-state: the newest checkpoint, for a job that keeps failing;"
        " none: start with nothing.",
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="S", help="How long the new version may take.")]


@command(app, "upgrade")
def upgrade(
    session: Session,
    job: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Id, unique prefix, or name.", autocompletion=complete_job),
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="For a script; default: as before.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--job", metavar="FILE", help="The script's new version.")
    ] = None,
    config: ConfigFile = None,
    parallelism: Parallelism = None,
    window_size: WindowSize = None,
    slide_interval: SlideInterval = None,
    window: Window = None,
    settings: Settings = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="GLOB", help="Further files; default: those it has."),
    ] = None,
    state: State = StateChoice.savepoint,
    allow_non_restored: Annotated[
        bool, typer.Option("--allow-non-restored-state", help="Drop state that has no place to go.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if nothing would change.")] = False,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Replace a running job by a new version, from its state; back to the old one if that does not run.

    Without --config the new version keeps what the job was told, changed by the other options.
    """
    from tdaflink.cli.wiring import announce, session_control_of, upgraded_job
    from tdaflink.display.lifecycle import show_changed, show_upgrade_plan
    from tdaflink.services import changing, upgrades
    from tdaflink.services.configuration import Asked
    from tdaflink.services.preparation import Wanted
    from tdaflink.services.stopping import living_job
    from tdaflink.services.versions import running_version

    with session_control_of(session) as control:
        if resume:
            announce(session, control.env)
            show_changed(changing.resume(control, job))
            return
        if job is None:
            raise UsageError("which job?", hint="tdaflink list, then tdaflink upgrade NAME")
        asked = Asked(config, None, parallelism, window_size, slide_interval, window, tuple(settings or ()))
        wanted = Wanted(script, tuple(include or ()), tuple(arguments or ()))
        running = living_job(control, job)
        version = running_version(control, running)
        target = upgraded_job(session, asked, wanted, control, version)
        plan = upgrades.plan(control, running, version, target.spec, state.value, "upgrade")
        show_upgrade_plan(plan, dry_run=dry_run)
        if dry_run or (plan.changes_nothing and not force):
            return
        announce(session, control.env)
        show_changed(
            changing.begin(
                control,
                running,
                target,
                action="upgrade",
                state=state.value,
                wait=timeout,
                allow_non_restored=allow_non_restored,
            )
        )


@command(app, "rollback")
def rollback(
    session: Session,
    job: JobArgument,
    to: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="As history numbers them; default: before.")
    ] = None,
    state: State = StateChoice.savepoint,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Replace a running job by an earlier version, from its state now."""
    from tdaflink.cli.wiring import announce, session_control_of
    from tdaflink.display.lifecycle import show_changed, show_upgrade_plan
    from tdaflink.services import changing, upgrades
    from tdaflink.services.stopping import living_job
    from tdaflink.services.versions import earlier_job, running_version, version_before

    with session_control_of(session) as control:
        running = living_job(control, job)
        version = running_version(control, running)
        earlier = version_before(control.ledger.versions(running.name), version, to)
        target = earlier_job(control, earlier)
        show_upgrade_plan(
            upgrades.plan(control, running, version, target.spec, state.value, "rollback"), dry_run=dry_run
        )
        if dry_run:
            return
        announce(session, control.env)
        origin = earlier.origin or earlier.job_id
        show_changed(
            changing.begin(
                control,
                running,
                target,
                action="rollback",
                state=state.value,
                wait=timeout,
                origin=origin,
            )
        )


@command(app, "rescale")
def rescale(
    session: Session,
    job: JobArgument,
    count: Annotated[int, typer.Argument(metavar="N", help="Parallel subtasks.")],
    timeout: Timeout = 180.0,
) -> None:
    """Change the parallelism of a running job: live where the scheduler can, else through a savepoint."""
    from tdaflink.cli.wiring import announce, control_of
    from tdaflink.display.lifecycle import show_changed
    from tdaflink.services import rescaling
    from tdaflink.services.stopping import living_job
    from tdaflink.services.versions import running_version

    with control_of(session) as control:
        announce(session, control.env)
        running = living_job(control, job)
        version = running_version(control, running)
        topics = rescaling.input_topics(version.spec) if version.spec else []
        counts = control.kafka.partition_counts(topics) if control.kafka and topics else {}
        show_changed(rescaling.rescale(control, running, version, count, counts, timeout))
