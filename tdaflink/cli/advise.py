"""advise."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command
from tdaflink.cli.completion import complete_job


@command(app, "advise")
def advise(
    session: Session,
    points: Annotated[
        int | None, typer.Option("--points", metavar="N", min=2, help="Points of a cloud; default: as now.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--windows-per-second", metavar="R", min=0.0, help="Default: as the job has now."),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="ID", help="Whose cost counts.", autocompletion=complete_job),
    ] = None,
) -> None:
    """Parallelism, slots and memory for a load: by rule of thumb, and by what its results have cost."""
    from tdaflink.cli.wiring import cluster_of, topics_of
    from tdaflink.display.advice import show_advice
    from tdaflink.services.advising import give_advice

    with cluster_of(session) as (_, cluster), topics_of(session) as kafka:
        show_advice(give_advice(cluster, kafka, job, points, rate, session.reporter()))
