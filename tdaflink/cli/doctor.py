"""The command doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext


@command(app, "doctor")
def doctor(
    context: CommandContext,
    prometheus: Annotated[
        str | None,
        typer.Option("--prometheus", metavar="URL", help="Prometheus to check (default: the environment's)."),
    ] = None,
) -> None:
    """Check an environment; show the cause and fix of each problem."""
    from tdaflink.display.environments.doctor import show_report
    from tdaflink.domain.errors import Unhealthy
    from tdaflink.services.observability.doctor import examine

    report = examine(context.health_context(prometheus), context.reporter)
    show_report(report)
    if not report.healthy:
        raise Unhealthy(f"{report.environment} is not healthy", hint="the fix is shown below each problem")
