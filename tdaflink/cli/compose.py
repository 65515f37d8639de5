"""compose export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command

compose_app = typer.Typer(help="The Compose file of an environment, to keep.", no_args_is_help=True)
app.add_typer(compose_app, name="compose")


@command(compose_app, "export")
def compose_export(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    profile: Annotated[
        str | None, typer.Option(help="Profile; default: that of the environment given by --env.")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="prod: made small for a trial.")] = False,
    storage: Annotated[
        str | None, typer.Option(metavar="s3://BUCKET/PATH", help="prod: where checkpoints go.")
    ] = None,
    s3_endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="An S3 service other than AWS.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> None:
    """Write all that `docker compose` needs into DIR; secrets stay variables."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.compose import show_export
    from tdaflink.services.composefiles import ExportRequest, export

    request = ExportRequest(session.env, profile, scale, storage, s3_endpoint, folder, force)
    show_export(export(request, EnvironmentStore(), session.reporter()))
