"""The command diagnose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext
from tdaflink.domain.errors import UsageError


@command(app, "diagnose")
def diagnose(
    context: CommandContext,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Archive file (default: named by environment and time)."),
    ] = None,
) -> None:
    """Write an archive for a bug report, without secrets.

    Also works if parts of the cluster cannot be reached: the manifest lists what is missing, and why.
    """
    from tdaflink.adapters.storage.user_files import output_file
    from tdaflink.display.environments.diagnostics import show_manifest
    from tdaflink.services.observability.diagnostics import default_name
    from tdaflink.services.observability.diagnostics import diagnose as collect

    sources = context.diagnosis_sources()
    name = default_name(sources.health.name)
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out}: is a folder", hint=f"--out {out / name}")
    path = out or Path.cwd() / name
    # Logs and settings may be confidential: only their user may read the archive.
    output = output_file(path, "--out", private=True)
    show_manifest(collect(sources, output, context.reporter), path)
