"""topics list, create, describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command, confirm_production

if TYPE_CHECKING:
    from tdaflink.adapters.kafka_admin import KafkaAdmin
    from tdaflink.domain.environment import Environment
    from tdaflink.domain.topics import TopicSpec

topics_app = typer.Typer(help="The topic catalogue and what is really there.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")


@command(topics_app, "list")
def topics_list(session: Session) -> None:
    """Catalogue and broker, side by side."""
    from tdaflink.display.topics import show_topics
    from tdaflink.services.topics import list_topics

    _, admin, catalogue = _open(session)
    show_topics(list_topics(admin, catalogue))


@command(topics_app, "create")
def topics_create(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(help="Topics of the catalogue; default: all.")] = None,
    grow: Annotated[bool, typer.Option("--grow", help="Add partitions where there are too few.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> None:
    """Create what is missing; a topic that exists already is fine."""
    from tdaflink.display.topics import show_topic_changes
    from tdaflink.services.topics import choose_topics, create_topics, plan_topics

    environment, admin, catalogue = _open(session)
    chosen = choose_topics(catalogue, names or [])
    if dry_run:
        show_topic_changes(plan_topics(admin, chosen, grow=grow), dry_run=True)
        return
    reporter = session.reporter()
    reporter.note(f"environment {environment.name}, Kafka at {admin.bootstrap}")
    confirm_production(session, environment.name, environment.profile)
    show_topic_changes(create_topics(admin, chosen, reporter, grow=grow))


@command(topics_app, "describe")
def topics_describe(
    session: Session, name: Annotated[str, typer.Argument(help="A topic of the catalogue or the broker.")]
) -> None:
    """One topic: partitions, leaders, replicas, settings."""
    from tdaflink.display.topics import show_topic
    from tdaflink.services.topics import describe_topic

    _, admin, catalogue = _open(session)
    show_topic(describe_topic(admin, catalogue, name))


def _open(session: Session) -> tuple[Environment, KafkaAdmin, tuple[TopicSpec, ...]]:
    """The environment that is meant, its broker, and the catalogue in the environment's size."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.adapters.kafka_admin import KafkaAdmin
    from tdaflink.adapters.profiles import load_catalogue, topic_sizing

    environment = EnvironmentStore().resolve(session.env)
    catalogue = load_catalogue().sized(topic_sizing(environment.profile))
    return environment, KafkaAdmin(environment.endpoints.kafka), catalogue
