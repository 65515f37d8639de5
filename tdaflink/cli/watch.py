"""watch."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command


@command(app, "watch")
def watch(
    session: Session,
    once: Annotated[bool, typer.Option("--once", help="One frame; with -o json the snapshot.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="S", min=0.5, help="Seconds between two refreshes.")
    ] = 2.0,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="ID", help="Whose barcode; default: the newest of all.")
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option("--prometheus", metavar="URL", help="For alerts; default: the environment's, if any."),
    ] = None,
) -> None:
    """Watch cluster and jobs live: rates, computation times, lag, checkpoints, memory, the newest barcode."""
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
