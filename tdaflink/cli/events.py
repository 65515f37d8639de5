"""The command events."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext


class Kind(str, Enum):
    """Kind of an event."""

    alert = "alert"
    control = "control"


@command(app, "events")
def events(
    context: CommandContext,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep showing new events until Ctrl-C.")
    ] = False,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="ID", help="Show the alerts of this stream; repeatable."),
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Kind of event (default: both).")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="5m|TIME", help="Show only events since a time, or within a duration."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="Stop after N events.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="S", help="Time limit in seconds (default: 60 with --count; none with -f)."
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="NAME", help="Kafka topic (default: tda_events).")
    ] = None,
) -> None:
    """Show alerts of streams and control actions, oldest first."""
    from tdaflink.display.jobs.events import show_events
    from tdaflink.domain.jobs.audit_event import EVENTS_TOPIC
    from tdaflink.domain.observability.logs import moment
    from tdaflink.services.observability.events import EventsSought, events, open_events

    start = None if since is None else moment(since).timestamp() * 1000
    sought = EventsSought(
        tuple(stream or ()), kind and kind.value, start, count, follow, timeout, topic or EVENTS_TOPIC
    )
    arrivals = events(open_events(context.kafka, sought), sought, context.reporter)
    show_events(arrivals, follow=follow)
