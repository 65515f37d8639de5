"""setup, teardown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command, confirm, confirm_production
from tdaflink.cli.options import Settings
from tdaflink.domain.errors import UsageError


@command(app, "setup")
def setup(
    session: Session,
    profile: Annotated[
        str | None, typer.Option(help="Profile to make the environment from; default: the one of its name.")
    ] = None,
    port_offset: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="Added to every port; auto finds a free one. Remembered."),
    ] = None,
    skip_kafka: Annotated[bool, typer.Option("--skip-kafka", help="Leave topics and schemas alone.")] = False,
    skip_jars: Annotated[bool, typer.Option("--skip-jars", help="Download nothing; use the cache.")] = False,
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Maven repository to fetch JARs from.")
    ] = None,
    metrics: Annotated[
        bool | None,
        typer.Option(
            "--metrics/--no-metrics",
            help="Local: let Prometheus scrape it; Flink then shows metrics on all interfaces. Remembered.",
        ),
    ] = None,
    scale: Annotated[
        bool | None,
        typer.Option(
            "--scale/--no-scale",
            help="prod: made small for a trial on this machine, or in its full size again. Remembered.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PATH", help="prod: where checkpoints go. Remembered."),
    ] = None,
    s3_endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="An S3 service other than AWS. Remembered.")
    ] = None,
    s3_role: Annotated[
        bool | None,
        typer.Option(
            "--s3-role/--no-s3-role",
            help="prod: this machine's role on AWS gives access to the place; no keys. Remembered.",
        ),
    ] = None,
    resume_jobs: Annotated[
        bool,
        typer.Option(
            "--resume-jobs",
            help="Stop jobs with a savepoint where containers are made anew, and go on from it; bring back"
            " those that died with their JobManager.",
        ),
    ] = False,
    application: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG", help="Make a cluster for one job, the shipped one with this config. Remembered."
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(metavar="ENV", help="With --application: whose Kafka it uses; default: local."),
    ] = None,
    settings: Settings = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="GLOB", help="With --application: your algorithms."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|auto",
            help="Local: interpreter that the cluster runs on (default: this one if it fits, else one that is"
            " found or downloaded). Remembered.",
        ),
    ] = None,
    find_links: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Local: folder of wheels to install Python packages from."),
    ] = None,
    supervise: Annotated[
        bool | None,
        typer.Option(
            "--supervise/--no-supervise",
            envvar="TDAFLINK_SUPERVISE",
            help="Local: start processes that end again, with the jobs they held (default). Remembered.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL|none",
            help="Where alerts are sent, as Alertmanager's JSON; none: nowhere. Remembered.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Bring an environment up, or repair it: JARs, Flink, Kafka, topics, schemas. Again: nothing changes."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_plan, show_setup
    from tdaflink.domain.setup import SetupRequest
    from tdaflink.services.setup import plan_setup, set_up

    offset = _offset(port_offset)
    store = EnvironmentStore()
    request = SetupRequest(
        env=session.env,
        profile=profile,
        port_offset=offset,
        skip_kafka=skip_kafka,
        skip_jars=skip_jars,
        mirror=mirror,
        metrics=metrics,
        scale=scale,
        storage=storage,
        s3_endpoint=s3_endpoint,
        s3_role=s3_role,
        resume_jobs=resume_jobs,
        application=application,
        beside=beside,
        settings=tuple(settings or ()),
        include=tuple(include or ()),
        python=python,
        find_links=find_links,
        supervise=supervise,
        webhook=webhook,
    )
    if dry_run:
        show_plan(plan_setup(request, store))
        return
    confirm_production(session, store.chosen_name(session.env), profile or "")
    show_setup(set_up(request, store, session.reporter()))


@command(app, "teardown")
def teardown(
    session: Session,
    purge: Annotated[bool, typer.Option("--purge", help="Remove topics, checkpoints and logs too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be stopped.")] = False,
) -> None:
    """Stop what setup started, and nothing else. Data stays, unless --purge."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_teardown
    from tdaflink.services.teardown import plan_teardown, saved_environment, tear_down

    store = EnvironmentStore()
    environment = saved_environment(session.env, store)
    if dry_run:
        show_teardown(plan_teardown(environment, store, purge=purge), dry_run=True)
        return
    confirm_production(session, environment.name, environment.profile)
    if purge and not session.yes:
        confirm(f"Remove all data of {environment.name} in {store.folder(environment.name)}?")
    show_teardown(tear_down(environment, store, session.reporter(), purge=purge))


def _offset(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--port-offset {text!r} is neither a number nor auto") from None
