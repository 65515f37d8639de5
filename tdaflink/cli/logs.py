"""The command logs."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.completion import complete_component
from tdaflink.cli.context import CommandContext

LAST_LINES = 100


@command(app, "logs")
def logs(
    context: CommandContext,
    components: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMPONENT",
            help="Names or name prefixes, such as jobmanager or taskmanager-1 (default: all).",
            autocompletion=complete_component,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep showing new lines until Ctrl-C.")
    ] = False,
    grep: Annotated[
        str | None,
        typer.Option("--grep", metavar="RE", help="Show only lines that match this regular expression."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="5m|TIME", help="Show only lines since a time, or within a duration."
        ),
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            metavar="N",
            min=0,
            help=f"Show the last N lines of each (default: {LAST_LINES}; all with --since).",
        ),
    ] = None,
) -> None:
    """Show the logs of an environment's components.

    With several components, each line begins with the component's name.
    """
    from tdaflink.display.jobs.logs import show_logs
    from tdaflink.domain.observability.logs import LogRequest, moment, pattern
    from tdaflink.services.observability.logs import chosen, read_logs

    last = lines if lines is not None or since else LAST_LINES
    earliest = moment(since) if since else None
    request = LogRequest(tuple(components or ()), earliest, last, pattern(grep) if grep else None, follow)
    source = context.logs
    names = chosen(source.names(), request.components)
    show_logs(read_logs(source, request), names)
