"""The command demo."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_production
from tdaflink.cli.context import CommandContext


@command(app, "demo")
def demo(
    context: CommandContext,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the cluster and the job running afterwards.")
    ] = False,
) -> None:
    """Run a complete example: local cluster, job and known shapes.

    Starts a cluster on this machine, submits the shipped job, sends point clouds of known shapes and shows
    their persistent homology. Takes about a minute.
    """
    from tdaflink.adapters.storage.environment_store import DEFAULT_NAME
    from tdaflink.display.diagrams.demo import show_answer, show_demo
    from tdaflink.domain.environments.setup import SetupRequest
    from tdaflink.services.data.demo import run

    name = context.env_option or DEFAULT_NAME
    confirm_production(context, name, "")
    request = SetupRequest(env=name, port_offset="auto")
    answers = run(request, context.store, context.reporter, show_answer, keep=keep)
    show_demo(answers, kept=keep)
