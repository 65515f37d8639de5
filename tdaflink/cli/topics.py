"""The commands topics list, create, describe and lag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_production
from tdaflink.cli.completion import complete_job, complete_topic
from tdaflink.cli.context import CommandContext

if TYPE_CHECKING:
    from tdaflink.domain.messages.topics import TopicSpec

topics_app = typer.Typer(help="List, create and describe topics; show consumer lag.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")


@command(topics_app, "list")
def topics_list(context: CommandContext) -> None:
    """Compare the topic catalogue with the brokers."""
    from tdaflink.display.environments.topics import show_topics
    from tdaflink.services.environments.topics import list_topics

    catalogue = _catalogue(context)
    show_topics(list_topics(context.kafka_admin, catalogue))


@command(topics_app, "create")
def topics_create(
    context: CommandContext,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOPIC", help="Topics of the catalogue (default: all).", autocompletion=complete_topic
        ),
    ] = None,
    grow: Annotated[bool, typer.Option("--grow", help="Add partitions to topics that have too few.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
) -> None:
    """Create the missing topics of the catalogue.

    Existing topics are not changed, unless --grow adds partitions.
    """
    from tdaflink.display.environments.topics import show_topic_changes
    from tdaflink.services.environments.topics import choose_topics, create_topics, plan_topics

    catalogue, admin = _catalogue(context), context.kafka_admin
    chosen = choose_topics(catalogue, names or [])
    if dry_run:
        show_topic_changes(plan_topics(admin, chosen, grow=grow), dry_run=True)
        return
    environment, reporter = context.environment, context.reporter
    reporter.note(f"environment {environment.name}, Kafka at {admin.bootstrap}")
    confirm_production(context, environment.name, environment.profile)
    show_topic_changes(create_topics(admin, chosen, reporter, grow=grow))


@command(topics_app, "describe")
def topics_describe(
    context: CommandContext,
    name: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", help="Topic of the catalogue or the brokers.", autocompletion=complete_topic
        ),
    ],
) -> None:
    """Show a topic's partitions, leaders, replicas and settings."""
    from tdaflink.display.environments.topics import show_topic
    from tdaflink.services.environments.topics import describe_topic

    catalogue = _catalogue(context)
    show_topic(describe_topic(context.kafka_admin, catalogue, name))


@command(topics_app, "lag")
def topics_lag(
    context: CommandContext,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TOPIC", help="Topics (default: all).", autocompletion=complete_topic),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="ID", help="Only this job.", autocompletion=complete_job),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Repeat until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="S", min=0.5, help="Interval of --follow in seconds.")
    ] = 2.0,
) -> None:
    """Show the lag of running jobs in their input topics."""
    from tdaflink.adapters.flink.metrics_reader import JobLoads
    from tdaflink.display.environments.topics import show_lag
    from tdaflink.services.observability.lag import lag_rows

    flink, kafka = context.flink, context.topic_watch
    loads = JobLoads(flink)
    while True:
        show_lag(lag_rows(flink, loads, kafka, names or [], job), lines=follow)
        if not follow:
            return
        time.sleep(every)


def _catalogue(context: CommandContext) -> tuple[TopicSpec, ...]:
    """Return the catalogue in the environment's size."""
    from tdaflink.adapters.storage.shipped_profiles import load_catalogue, topic_sizing

    return load_catalogue().sized(topic_sizing(context.environment))
