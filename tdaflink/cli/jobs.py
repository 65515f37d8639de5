"""The commands submit, resume, list, status and cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_target
from tdaflink.cli.completion import complete_job
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import ChangedConfig, ConfigOptions, DryRun, OptionalJob
from tdaflink.domain.errors import NotFound

if TYPE_CHECKING:
    from tdaflink.services.control import JobControlContext
    from tdaflink.services.jobs.config_resolution import ConfigOverrides
    from tdaflink.services.jobs.preparation import SubmitRequest
    from tdaflink.services.jobs.run_request import JobPackage

FreshConfig = Annotated[
    bool,
    typer.Option(
        "--fresh-config", help="With --from: Use the default settings instead of the last version's."
    ),
]
AllowDuplicate = Annotated[
    bool,
    typer.Option(
        "--allow-duplicate", help="Submit even if a running job has this name or reads these topics."
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job is RUNNING.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="S", help="Timeout of --wait in seconds.")]


@command(app, "submit")
def submit(
    context: CommandContext,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- ARGS", help="Arguments of the script given with --job."),
    ] = None,
    job: Annotated[
        Path | None,
        typer.Option("--job", metavar="FILE", help="PyFlink script (default: the shipped TDA job)."),
    ] = None,
    config: ConfigOptions = ConfigOptions(),
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            metavar="GLOB",
            help="Files to ship with the script, or algorithm plug-ins; repeatable.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="latest|none|PATH",
            help="Initial state: latest savepoint or checkpoint, none, or a path (default: none for a new job"
            " name, otherwise ask).",
        ),
    ] = None,
    fresh_config: FreshConfig = False,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--start-from",
            metavar="committed|earliest|latest|MS",
            help="Kafka offsets of a job without state (default: committed); latest skips existing records,"
            " MS is a timestamp in epoch milliseconds.",
        ),
    ] = None,
    allow_duplicate: AllowDuplicate = False,
    wait: Wait = True,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Submit the shipped TDA job, or a PyFlink script.

    A script is shipped with the Python modules and packages in its directory. A job that starts from state
    keeps the settings of its last version, changed by the options of this call; the changes are shown.
    """
    from tdaflink.services.jobs.preparation import SubmitRequest

    asked = config.asked()
    if start_from is not None:
        asked = replace(asked, settings=(*asked.settings, f"start_from={start_from}"))
    wanted = SubmitRequest(job, tuple(include or ()), tuple(arguments or ()))
    how = _How(start, fresh_config, allow_duplicate, timeout if wait else None, dry_run)
    _submit(context, asked, wanted, how)


@command(app, "resume")
def resume(
    context: CommandContext,
    job: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Job name or id (default: the only job that has ended)."),
    ] = None,
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
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="latest|PATH", help="Initial state: latest savepoint or checkpoint, or a path."
        ),
    ] = "latest",
    fresh_config: FreshConfig = False,
    allow_duplicate: AllowDuplicate = False,
    wait: Wait = True,
    timeout: Timeout = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Restart a job that has ended, from its latest state.

    Uses the settings of its last version, changed by the options of this call. Without such options, an
    interrupted upgrade, rescale or rollback of the job is completed instead.
    """
    from tdaflink.services.jobs.preparation import SubmitRequest

    asked = replace(config.asked(), job_name=job)
    wanted = SubmitRequest(script, tuple(include or ()), tuple(arguments or ()))
    how = _How(start, fresh_config, allow_duplicate, timeout if wait else None, dry_run, action="resume")
    _submit(context, asked, wanted, how)


@dataclass(frozen=True)
class _How:
    """Options of a submission; `wait` is the time limit in seconds, None to return immediately."""

    start: str | None
    fresh: bool
    allow_duplicate: bool
    wait: float | None
    dry_run: bool
    action: str = "submit"


def _submit(context: CommandContext, asked: ConfigOverrides, wanted: SubmitRequest, how: _How) -> None:
    from tdaflink.display.jobs.listing import show_plan, show_submission
    from tdaflink.services.jobs import submission

    if how.dry_run and how.start in (None, "none"):
        job = context.job_builder().build(asked, wanted)
        show_plan(submission.plan(job, context.environment))
        return
    from tdaflink.services.jobs.topic_readers import refuse_reader_elsewhere
    from tdaflink.services.observability.doctor import preflight_submit
    from tdaflink.services.upgrades.restart import finish, interrupted_change, name_meant

    control = context.session_control()
    if how.action == "resume":
        asked = replace(asked, job_name=name_meant(control, asked.job_name))
    if not how.dry_run and _only_goes_on(asked, wanted, how):
        change = interrupted_change(control, asked.job_name)
        if change is not None:
            confirm_target(context)
            show_submission(finish(control, change))
            return
    ready, origin = _ready(context, control, asked, wanted, how)
    if how.dry_run:
        show_plan(submission.plan(ready, control.env))
        return
    confirm_target(context)
    if not how.allow_duplicate:
        refuse_reader_elsewhere(ready, control.env, context.store, control.reporter)
    preflight_submit(context.health_context(quick=True), control.reporter.warn)
    terms = submission.Terms(allow_duplicate=how.allow_duplicate, action=how.action, origin=origin)
    show_submission(submission.submit(ready, control, how.wait, terms))


def _ready(
    context: CommandContext,
    control: JobControlContext,
    asked: ConfigOverrides,
    wanted: SubmitRequest,
    how: _How,
) -> tuple[JobPackage, str | None]:
    """Return the job with its initial state, and the id of the job that it repeats, if any."""
    from tdaflink.cli.common import asker
    from tdaflink.display.jobs.savepoints import show_restart_plan
    from tdaflink.services.upgrades.restart import repeats, restart_of, restarted_job

    builder = context.job_builder()
    if how.start == "none":
        return builder.build(asked, wanted), None
    name, named = builder.job_name(asked, wanted.script)
    ask = None if how.dry_run else asker()
    # Errors of the call are raised before any prompt.
    fresh = builder.build(asked, wanted) if how.start is None else None
    restart = restart_of(control, name, how.start, ask, named=named)
    if restart.savepoint is None:
        return fresh or builder.build(asked, wanted), None
    job, plan = restarted_job(builder, control, restart, asked, wanted, fresh=how.fresh)
    if plan is not None:
        show_restart_plan(plan)
    return job, repeats(restart.version, job)


def _only_goes_on(asked: ConfigOverrides, wanted: SubmitRequest, how: _How) -> bool:
    """Return whether a call has no options that change the job."""
    from tdaflink.services.jobs.config_resolution import ConfigOverrides

    plain = asked == ConfigOverrides(job_name=asked.job_name) and wanted == type(wanted)()
    return plain and how.start == "latest" and not how.fresh


@command(app, "list")
def list_jobs(
    context: CommandContext,
    ended: Annotated[bool, typer.Option("--all", help="Include jobs that have ended.")] = False,
) -> None:
    """List the jobs of the cluster."""
    from tdaflink.display.jobs.listing import show_jobs
    from tdaflink.domain.environments.application_cluster import commands_of

    env = context.environment
    show_jobs(context.flink.jobs(env.name, ended=ended), commands_of(env).start())


@command(app, "status")
def status(
    context: CommandContext,
    job: OptionalJob = None,
) -> None:
    """Show the cluster, or one job with its load and problems.

    For a job: the root cause of its last failure, its throughput, lag and checkpoints, and suggested fixes.
    """
    env, flink = context.environment, context.flink
    if job is None:
        from tdaflink.adapters.local_runtime.supervisor_file import supervision_of
        from tdaflink.display.jobs.listing import show_cluster
        from tdaflink.services.jobs.listing import cluster_status

        show_cluster(cluster_status(flink, env, supervision_of(env)))
        return
    from tdaflink.display.jobs.status import show_job
    from tdaflink.services.observability.job_status import job_status

    try:
        job_details = job_status(flink, env, job, context.topic_watch, context.reporter.warn)
    except NotFound as unknown:
        raise _gone(context, job, unknown) from None
    show_job(job_details)
    if job_details.ended:
        from tdaflink.services.jobs.ended_jobs import warn_of_unfinished

        warn_of_unfinished(context.control(), job_details)


def _gone(context: CommandContext, job: str, unknown: NotFound) -> NotFound:
    """Return the error for a job that is not on the cluster, with details of the ledger."""
    from tdaflink.services.jobs.ended_jobs import not_running

    return not_running(context.control(), job, unknown)


@command(app, "cancel")
def cancel(
    context: CommandContext,
    jobs: Annotated[
        list[str],
        typer.Argument(
            metavar="ID", help="Job ids, unique id prefixes, or names.", autocompletion=complete_job
        ),
    ],
) -> None:
    """Cancel jobs without a savepoint; their checkpoints are kept.

    Waits until the jobs have ended.
    """
    from tdaflink.display.jobs.listing import show_canceled
    from tdaflink.services.jobs.listing import cancel as cancel_jobs

    control = context.control()
    confirm_target(context)
    show_canceled(cancel_jobs(control, jobs))
