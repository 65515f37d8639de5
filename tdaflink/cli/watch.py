"""The command watch."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command


@command(app, "watch")
def watch(
    session: Session,
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
    from tdaflink.cli.wiring import watch_sources
    from tdaflink.display.watch import live
    from tdaflink.services.watching import SnapshotReader, Watcher, look_once

    if not once:
        live.require_terminal()
    sources, close = watch_sources(session, prometheus)
    reader = SnapshotReader(sources)
    if once:
        try:
            live.show_once(*look_once(reader, stream, rates=session.output == "table"), stream, every)
        finally:
            close()
        return
    with Watcher(reader, every, close) as watcher:
        live.run(watcher, stream, every)
