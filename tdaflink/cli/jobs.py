"""submit, list, status, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command
from tdaflink.cli.completion import complete_job
from tdaflink.cli.options import ConfigOptions, DryRun, OptionalJob


@command(app, "submit")
def submit(
    session: Session,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="For a script given with --job.")
    ] = None,
    job: Annotated[
        Path | None, typer.Option("--job", metavar="FILE", help="A PyFlink script; default: the shipped job.")
    ] = None,
    config: ConfigOptions = ConfigOptions(),
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="GLOB", help="Files beside --job's script; else your algorithms."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="latest|none|PATH", help="State to start from; see docs/upgrades.md."),
    ] = None,
    allow_duplicate: Annotated[
        bool, typer.Option("--allow-duplicate", help="Even if a job of that name runs already.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the job to RUNNING.")] = True,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="How long --wait waits.")] = 180.0,
    dry_run: DryRun = False,
) -> None:
    """Submit the shipped TDA job, or any PyFlink script with the modules beside it."""
    from tdaflink.cli.common import asker
    from tdaflink.cli.wiring import announce, patient_of, prepared_job, session_control_of
    from tdaflink.display.jobs import show_plan, show_submission
    from tdaflink.services import submission
    from tdaflink.services.preparation import Wanted

    wanted = Wanted(job, tuple(include or ()), tuple(arguments or ()))
    env, prepared = prepared_job(session, config.asked(), wanted)
    if dry_run and start in (None, "none"):
        show_plan(submission.plan(prepared, env))
        return
    from tdaflink.services.snapshots import started_from

    with session_control_of(session) as control:
        if dry_run:
            show_plan(submission.plan(started_from(prepared, start, control, None), env))
            return
        from tdaflink.services.doctor import look_before

        announce(session, env)
        with patient_of(session, None, quick=True) as patient:
            look_before(patient, control.reporter.warn)
        ready = started_from(prepared, start, control, asker())
        terms = submission.Terms(allow_duplicate=allow_duplicate)
        show_submission(submission.submit(ready, control, timeout if wait else None, terms))


@command(app, "list")
def list_jobs(
    session: Session,
    ended: Annotated[bool, typer.Option("--all", help="Also jobs that have ended.")] = False,
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
    """Show the cluster, or one job: why it fails, what it does, what is wrong with it and what mends that."""
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

        with topics_of(session) as kafka:
            show_job(job_status(cluster, env, job, kafka, session.reporter().warn))


@command(app, "cancel")
def cancel(
    session: Session,
    jobs: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids, unique prefixes, or names.", autocompletion=complete_job),
    ],
) -> None:
    """Cancel jobs and wait until they have ended; their checkpoints stay."""
    from tdaflink.cli.wiring import announce, control_of
    from tdaflink.display.jobs import show_canceled
    from tdaflink.services.jobs import cancel as cancel_jobs

    with control_of(session) as control:
        announce(session, control.env)
        show_canceled(cancel_jobs(control, jobs))
