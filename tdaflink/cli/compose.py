"""The command compose export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext

compose_app = typer.Typer(help="Export an environment's Docker Compose files.", no_args_is_help=True)
app.add_typer(compose_app, name="compose")


@command(compose_app, "export")
def compose_export(
    context: CommandContext,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty directory.")],
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Profile (default: that of the environment).")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="prod: Reduced size for a trial.")] = False,
    storage: Annotated[
        str | None,
        typer.Option(metavar="s3://BUCKET/PATH", help="prod: Storage of checkpoints and savepoints."),
    ] = None,
    s3_endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="prod: Endpoint of an S3 service other than AWS.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write to a directory that is not empty.")] = False,
) -> None:
    """Write the Docker Compose files of an environment to DIR.

    Secrets remain variables.
    """
    from tdaflink.display.environments.compose import show_export
    from tdaflink.services.environments.compose_export import ExportRequest, export

    request = ExportRequest(context.env_option, profile, scale, storage, s3_endpoint, folder, force)
    show_export(export(request, context.store, context.reporter))
