"""The command watch."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext


@command(app, "watch")
def watch(
    context: CommandContext,
    once: Annotated[
        bool, typer.Option("--once", help="Print one frame and exit; with -o json, the data.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="S", min=0.5, help="Refresh interval in seconds.")
    ] = 2.0,
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream", metavar="ID", help="Stream whose barcode is shown (default: the most recent result)."
        ),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            "--prometheus", metavar="URL", help="Prometheus to read alerts from (default: the environment's)."
        ),
    ] = None,
) -> None:
    """Watch the cluster and its jobs live.

    Shows rates, computation times, lag, checkpoints, memory, alerts and the latest barcode.
    """
    from tdaflink.display.watch import loop
    from tdaflink.services.observability.snapshot_reader import SnapshotReader, Watcher, look_once

    if not once:
        loop.require_terminal()
    reader = SnapshotReader(context.dashboard_sources(prometheus))
    if once:
        loop.show_once(*look_once(reader, stream, rates=context.output == "table"), stream, every)
        return
    with Watcher(reader, every, context.hand_over()) as watcher:
        loop.run(watcher, stream, every)
