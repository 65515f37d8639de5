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
    algorithm: Annotated[
        str | None,
        typer.Option("--algorithm", metavar="A", help="By the table of algorithms; no cluster is asked."),
    ] = None,
    max_dimension: Annotated[
        int, typer.Option("--max-dimension", metavar="D", min=0, max=10, help="With --algorithm.")
    ] = 1,
    coordinates: Annotated[
        int, typer.Option("--coordinates", metavar="K", min=1, help="Of a point, with --algorithm.")
    ] = 3,
) -> None:
    """Parallelism, slots and memory for a load: by rule of thumb, and by what its results have cost."""
    from tdaflink.adapters.profiles import load_algorithms
    from tdaflink.cli.wiring import cluster_of, topics_of
    from tdaflink.display.advice import show_advice
    from tdaflink.services.advising import AskedAlgorithm, advise_by_table, give_advice

    known = load_algorithms()
    if algorithm is not None:
        asked = AskedAlgorithm(algorithm, max_dimension, coordinates)
        show_advice(advise_by_table(asked, points, rate, known))
        return
    with cluster_of(session) as (_, cluster), topics_of(session) as kafka:
        show_advice(give_advice(cluster, kafka, job, points, rate, session.reporter(), known))
