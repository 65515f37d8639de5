"""The commands stop, savepoint, savepoints and history."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_target
from tdaflink.cli.completion import complete_job
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import DryRun, JobArgument, OptionalJob

Directory = Annotated[
    str | None,
    typer.Option(
        "--directory", metavar="URI", help="Target directory (default: the cluster's savepoint directory)."
    ),
]
Seconds = Annotated[
    float, typer.Option("--timeout", metavar="S", help="Timeout of the savepoint in seconds.")
]

savepoints_app = typer.Typer(
    help="List savepoints and checkpoints, or prune savepoints.", no_args_is_help=True
)
app.add_typer(savepoints_app, name="savepoints")


@command(app, "savepoint")
def savepoint(
    context: CommandContext, job: JobArgument, directory: Directory = None, timeout: Seconds = 300.0
) -> None:
    """Take a savepoint of a job without stopping it."""
    from tdaflink.display.jobs.savepoints import show_saved
    from tdaflink.services.upgrades.savepoints import take_savepoint

    control = context.control()
    confirm_target(context)
    show_saved(take_savepoint(control, job, directory, timeout))


@command(app, "stop")
def stop(
    context: CommandContext,
    job: JobArgument,
    drain: Annotated[
        bool,
        typer.Option(
            "--drain", help="Fire open windows before stopping. Use only if the job will not be resumed."
        ),
    ] = False,
    directory: Directory = None,
    timeout: Seconds = 300.0,
) -> None:
    """Stop a job with a savepoint.

    Restart it from the savepoint with tdaflink resume NAME or tdaflink submit --from latest.
    """
    from tdaflink.display.jobs.savepoints import show_saved
    from tdaflink.services.upgrades.savepoints import stop as stop_job

    control = context.control()
    confirm_target(context)
    show_saved(stop_job(control, job, directory, timeout, drain=drain))


@command(savepoints_app, "list")
def savepoints_list(
    context: CommandContext,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Job name (default: all jobs).", autocompletion=complete_job),
    ] = None,
) -> None:
    """List complete savepoints and checkpoints, newest first."""
    from tdaflink.display.jobs.savepoints import show_snapshots
    from tdaflink.services.jobs.state_snapshots import snapshots

    show_snapshots([snapshot for snapshot in snapshots(context.control()) if name in (None, snapshot.name)])


@command(savepoints_app, "prune")
def savepoints_prune(
    context: CommandContext,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Job name (default: all jobs).")] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="N", min=0, help="Keep the newest N of each job.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Delete only savepoints older than this: 7d, 12h, 30m."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Delete savepoints by count and age.

    With both options, a savepoint is deleted if it meets both. Savepoints that a running job or an unfinished
    operation started from are kept.
    """
    from tdaflink.cli.common import confirm
    from tdaflink.display.jobs.savepoints import show_pruned
    from tdaflink.services.jobs.state_snapshots import prune

    age = None if older_than is None else _age(older_than)
    control = context.control()
    planned = prune(control, name, keep=keep, older_than=age, dry_run=True)
    if dry_run or not planned.removed:
        show_pruned(planned)
        return
    confirm_target(context)
    if not context.yes:
        confirm(f"Remove {len(planned.removed)} savepoints of {control.env.name}?")
    show_pruned(prune(control, name, keep=keep, older_than=age, dry_run=False))


@command(app, "history")
def history(
    context: CommandContext,
    job: OptionalJob = None,
) -> None:
    """Show job operations with their users, or one job's versions."""
    from tdaflink.display.jobs.savepoints import show_history
    from tdaflink.services.upgrades.versions import history as history_of

    show_history(history_of(context.control(), job))


def _age(text: str) -> float:
    from tdaflink.domain.errors import UsageError
    from tdaflink.domain.units import seconds

    try:
        return float(seconds(text))
    except ValueError as error:
        raise UsageError(f"--older-than {text!r}: {error}", hint="--older-than 7d") from None
