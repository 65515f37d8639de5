"""The commands setup and teardown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm, confirm_production
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import Settings
from tdaflink.domain.errors import UsageError


@command(app, "setup")
def setup(
    context: CommandContext,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Profile of the environment (default: the profile with the environment's name).",
        ),
    ] = None,
    port_offset: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="Offset added to every port; auto finds a free one (saved)."),
    ] = None,
    skip_kafka: Annotated[
        bool, typer.Option("--skip-kafka", help="Do not create topics or register schemas.")
    ] = False,
    skip_jars: Annotated[
        bool, typer.Option("--skip-jars", help="Download nothing; use cached files.")
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Maven repository (default: TDAFLINK_MAVEN_MIRROR or Maven Central)."
        ),
    ] = None,
    metrics: Annotated[
        bool | None,
        typer.Option(
            "--metrics/--no-metrics",
            help="local: Expose metrics to Prometheus; Flink's metric ports bind to all interfaces (saved).",
        ),
    ] = None,
    scale: Annotated[
        bool | None,
        typer.Option(
            "--scale/--no-scale",
            help="prod: Reduced size for a trial on this machine, or full size (saved).",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PATH", help="prod: Storage of checkpoints and savepoints (saved)."),
    ] = None,
    s3_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="prod: Endpoint of an S3 service other than AWS (saved)."),
    ] = None,
    s3_role: Annotated[
        bool | None,
        typer.Option(
            "--s3-role/--no-s3-role",
            help="prod: Access the storage with this machine's AWS role instead of keys (saved).",
        ),
    ] = None,
    resume_jobs: Annotated[
        bool,
        typer.Option(
            "--resume-jobs",
            help="Stop jobs with a savepoint before their containers are recreated, and resume them from it;"
            " resume jobs that died with their JobManager from their latest checkpoint.",
        ),
    ] = False,
    application: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="Create an application cluster for the shipped job with this config (saved).",
        ),
    ] = None,
    kafka_env: Annotated[
        str | None,
        typer.Option(
            "--kafka-env",
            "--beside",
            metavar="ENV",
            help="With --application: Environment whose Kafka is used (default: local).",
        ),
    ] = None,
    settings: Settings = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include", metavar="GLOB", help="With --application: Files with algorithm plug-ins; repeatable."
        ),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|auto",
            help="local: Python interpreter of the cluster (saved; default: the current interpreter if"
            " supported, otherwise one that is found or downloaded).",
        ),
    ] = None,
    find_links: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="local: Directory of wheels to install Python packages from."),
    ] = None,
    supervise: Annotated[
        bool | None,
        typer.Option(
            "--supervise/--no-supervise",
            envvar="TDAFLINK_SUPERVISE",
            help="local: Restart processes that exit, and resume their jobs (saved; default: on).",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="URL|none",
            help="URL that receives alerts as Alertmanager's JSON; none disables it (saved).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
) -> None:
    """Create or repair an environment: Flink, Kafka, topics, schemas.

    Idempotent. Downloads the locked JARs first. Options marked (saved) are stored with the environment and
    apply to later calls of setup, too.
    """
    from tdaflink.display.environments.listing import show_plan, show_setup
    from tdaflink.domain.environments.setup import SetupRequest
    from tdaflink.services.environments.setup import plan_setup, set_up

    offset = _offset(port_offset)
    store = context.store
    request = SetupRequest(
        env=context.env_option,
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
        kafka_env=kafka_env,
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
    confirm_production(context, context.environment_name, profile or "")
    show_setup(set_up(request, store, context.reporter))


@command(app, "teardown")
def teardown(
    context: CommandContext,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete topics, checkpoints and logs.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be stopped; change nothing.")
    ] = False,
) -> None:
    """Stop an environment that setup started.

    Data (topics, checkpoints, logs) is kept unless --purge is given.
    """
    from tdaflink.display.environments.listing import show_teardown
    from tdaflink.services.environments.teardown import plan_teardown, saved_environment, tear_down

    store = context.store
    environment = saved_environment(context.env_option, store)
    if dry_run:
        show_teardown(plan_teardown(environment, store, purge=purge), dry_run=True)
        return
    confirm_production(context, environment.name, environment.profile)
    if purge and not context.yes:
        confirm(f"Remove all data of {environment.name} in {store.folder(environment.name)}?")
    show_teardown(tear_down(environment, store, context.reporter, purge=purge))


def _offset(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--port-offset {text!r} is neither a number nor auto") from None
