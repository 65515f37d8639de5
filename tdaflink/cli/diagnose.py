"""diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command


@command(app, "diagnose")
def diagnose(
    session: Session,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to write it; default: here, named by env and time."
        ),
    ] = None,
) -> None:
    """One archive with all that a bug report needs, without secrets; also of a half-dead cluster."""
    from tdaflink.cli.wiring import diagnosis_sources
    from tdaflink.display.diagnosis import show_manifest
    from tdaflink.services.diagnosis import default_name
    from tdaflink.services.diagnosis import diagnose as collect

    with diagnosis_sources(session) as sources:
        path = out or Path.cwd() / default_name(sources.patient.name)
        show_manifest(collect(sources, path, session.reporter()), path)
