"""The command advise."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.completion import complete_job
from tdaflink.cli.context import CommandContext


@command(app, "advise")
def advise(
    context: CommandContext,
    points: Annotated[
        int | None,
        typer.Option("--points", metavar="N", min=2, help="Points per cloud (default: measured, or 200)."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--windows-per-second",
            metavar="R",
            min=0.0,
            help="Computations per second (default: measured, or 1).",
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(
            "--job",
            metavar="ID",
            help="Job whose results are measured (default: the only one).",
            autocompletion=complete_job,
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option("--algorithm", metavar="A", help="Estimate for this algorithm, without a cluster."),
    ] = None,
    max_dimension: Annotated[
        int,
        typer.Option(
            "--max-dimension",
            metavar="D",
            min=0,
            max=10,
            help="With --algorithm: Maximum homology dimension.",
        ),
    ] = 1,
    coordinates: Annotated[
        int,
        typer.Option("--coordinates", metavar="K", min=1, help="With --algorithm: Coordinates per point."),
    ] = 3,
) -> None:
    """Recommend parallelism, slots and memory for a load.

    Uses the measured computation times and memory of a running job's results or, without results, the table
    of algorithms and rules of thumb.
    """
    from tdaflink.adapters.storage.shipped_profiles import load_algorithms
    from tdaflink.display.jobs.sizing import show_advice
    from tdaflink.services.observability.sizing import AskedAlgorithm, advise_by_table, recommend_size

    known = load_algorithms()
    if algorithm is not None:
        asked = AskedAlgorithm(algorithm, max_dimension, coordinates)
        show_advice(advise_by_table(asked, points, rate, known))
        return
    flink, topics = context.flink, context.topic_watch
    show_advice(recommend_size(flink, topics, job, points, rate, context.reporter, known))
