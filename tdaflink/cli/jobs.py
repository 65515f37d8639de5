"""The commands submit, resume, list, status and cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command
from tdaflink.cli.completion import complete_job
from tdaflink.cli.options import ChangedConfig, ConfigOptions, DryRun, OptionalJob
from tdaflink.domain.errors import NotFound

if TYPE_CHECKING:
    from tdaflink.services.configuration import Asked
    from tdaflink.services.control import Control
    from tdaflink.services.jobrun import Job
    from tdaflink.services.preparation import Wanted

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
    session: Session,
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
    from tdaflink.services.preparation import Wanted

    asked = config.asked()
    if start_from is not None:
        asked = replace(asked, settings=(*asked.settings, f"start_from={start_from}"))
    wanted = Wanted(job, tuple(include or ()), tuple(arguments or ()))
    how = _How(start, fresh_config, allow_duplicate, timeout if wait else None, dry_run)
    _submit(session, asked, wanted, how)


@command(app, "resume")
def resume(
    session: Session,
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
    from tdaflink.services.preparation import Wanted

    asked = replace(config.asked(), job_name=job)
    wanted = Wanted(script, tuple(include or ()), tuple(arguments or ()))
    how = _How(start, fresh_config, allow_duplicate, timeout if wait else None, dry_run, action="resume")
    _submit(session, asked, wanted, how)


@dataclass(frozen=True)
class _How:
    """Options of a submission; `wait` is the time limit in seconds, None to return immediately."""

    start: str | None
    fresh: bool
    allow_duplicate: bool
    wait: float | None
    dry_run: bool
    action: str = "submit"


def _submit(session: Session, asked: Asked, wanted: Wanted, how: _How) -> None:
    from tdaflink.cli.wiring import announce, patient_of, prepared_job, session_control_of
    from tdaflink.display.jobs import show_plan, show_submission
    from tdaflink.services import submission

    if how.dry_run and how.start in (None, "none"):
        env, prepared = prepared_job(session, asked, wanted)
        show_plan(submission.plan(prepared, env))
        return
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.services.doctor import look_before
    from tdaflink.services.readers import refuse_reader_elsewhere
    from tdaflink.services.restarting import finish, interrupted_change, name_meant

    with session_control_of(session) as control:
        if how.action == "resume":
            asked = replace(asked, job_name=name_meant(control, asked.job_name))
        if not how.dry_run and _only_goes_on(asked, wanted, how):
            change = interrupted_change(control, asked.job_name)
            if change is not None:
                announce(session, control.env)
                show_submission(finish(control, change))
                return
        ready, origin = _ready(session, control, asked, wanted, how)
        if how.dry_run:
            show_plan(submission.plan(ready, control.env))
            return
        announce(session, control.env)
        if not how.allow_duplicate:
            refuse_reader_elsewhere(ready, control.env, EnvironmentStore(), control.reporter)
        with patient_of(session, None, quick=True) as patient:
            look_before(patient, control.reporter.warn)
        terms = submission.Terms(allow_duplicate=how.allow_duplicate, action=how.action, origin=origin)
        show_submission(submission.submit(ready, control, how.wait, terms))


def _ready(
    session: Session, control: Control, asked: Asked, wanted: Wanted, how: _How
) -> tuple[Job, str | None]:
    """Return the job with its initial state, and the id of the job that it repeats, if any."""
    from tdaflink.cli.common import asker
    from tdaflink.cli.wiring import job_named, prepared_job, restarted_job
    from tdaflink.services.restarting import repeats, restart_of

    if how.start == "none":
        return prepared_job(session, asked, wanted)[1], None
    name, named = job_named(session, asked, wanted.script)
    ask = None if how.dry_run else asker()
    # Errors of the call are raised before any prompt.
    fresh = prepared_job(session, asked, wanted)[1] if how.start is None else None
    restart = restart_of(control, name, how.start, ask, named=named)
    if restart.savepoint is None:
        return fresh or prepared_job(session, asked, wanted)[1], None
    job = restarted_job(session, asked, wanted, control, restart, fresh=how.fresh)
    return job, repeats(restart.version, job)


def _only_goes_on(asked: Asked, wanted: Wanted, how: _How) -> bool:
    """Return whether a call has no options that change the job."""
    from tdaflink.services.configuration import Asked

    plain = asked == Asked(job_name=asked.job_name) and wanted == type(wanted)()
    return plain and how.start == "latest" and not how.fresh


@command(app, "list")
def list_jobs(
    session: Session,
    ended: Annotated[bool, typer.Option("--all", help="Include jobs that have ended.")] = False,
) -> None:
    """List the jobs of the cluster."""
    from tdaflink.cli.wiring import cluster_of
    from tdaflink.display.jobs import show_jobs
    from tdaflink.domain.application import commands_of

    with cluster_of(session) as (env, cluster):
        show_jobs(cluster.jobs(env.name, ended=ended), commands_of(env).start())


@command(app, "status")
def status(
    session: Session,
    job: OptionalJob = None,
) -> None:
    """Show the cluster, or one job with its load and problems.

    For a job: the root cause of its last failure, its throughput, lag and checkpoints, and suggested fixes.
    """
    from tdaflink.cli.wiring import cluster_of, topics_of

    with cluster_of(session) as (env, cluster):
        if job is None:
            from tdaflink.adapters.supervisor_file import supervision_of
            from tdaflink.display.jobs import show_cluster
            from tdaflink.services.jobs import cluster_status

            show_cluster(cluster_status(cluster, env, supervision_of(env)))
            return
        from tdaflink.display.status import show_job
        from tdaflink.services.status import job_status

        try:
            with topics_of(session) as kafka:
                job_details = job_status(cluster, env, job, kafka, session.reporter().warn)
        except NotFound as unknown:
            raise _gone(session, job, unknown) from None
        show_job(job_details)
        if job_details.ended:
            from tdaflink.cli.wiring import control_of
            from tdaflink.services.ended import warn_of_unfinished

            with control_of(session) as control:
                warn_of_unfinished(control, job_details)


def _gone(session: Session, job: str, unknown: NotFound) -> NotFound:
    """Return the error for a job that is not on the cluster, with details of the ledger."""
    from tdaflink.cli.wiring import control_of
    from tdaflink.services.ended import not_running

    with control_of(session) as control:
        return not_running(control, job, unknown)


@command(app, "cancel")
def cancel(
    session: Session,
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
    from tdaflink.cli.wiring import announce, control_of
    from tdaflink.display.jobs import show_canceled
    from tdaflink.services.jobs import cancel as cancel_jobs

    with control_of(session) as control:
        announce(session, control.env)
        show_canceled(cancel_jobs(control, jobs))
