"""The commands send and results."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_production
from tdaflink.cli.context import CommandContext


class Start(str, Enum):
    """Position in the topic where reading starts."""

    beginning = "beginning"
    now = "now"


@command(app, "send")
def send(
    context: CommandContext,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URI|SHAPE",
            help="File (csv, npy, npz, parquet, json, JSON lines), - for stdin, URI (s3://…, file:///…) of a"
            " file that the job reads, or generated shape: circle, sphere, torus,"
            " figure_eight, linked_circles, annulus, disk, square, cube, clusters, swiss_roll.",
        ),
    ] = "circle",
    points: Annotated[
        int | None, typer.Option("--points", metavar="N", help="Shape: Number of points.")
    ] = None,
    noise: Annotated[
        float,
        typer.Option(
            "--noise", metavar="X", help="Shape: Standard deviation of the noise in each coordinate."
        ),
    ] = 0.0,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="S", help="Shape: Random seed; the same seed gives the same cloud."),
    ] = 0,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="R", help="Messages per second (default: unlimited).")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            metavar="N",
            help="Number of messages: shapes with seeds S, S+1, …, or a file's messages, repeated if needed"
            " (default: 1, or all of the file).",
        ),
    ] = None,
    job_id: Annotated[
        str | None,
        typer.Option(
            "--job-id",
            metavar="ID",
            help="Request id (field job_id); several messages get ID-1, ID-2, … (default: generated).",
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="A",
            help="vietoris_rips, alpha, cech, witness, dtm_rips or sparse_rips (default: the job's).",
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Request parameter, such as max_persistence=0.6; repeatable."
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|npy|npz|parquet|json",
            help="File format (default: detected from name and content).",
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", metavar="C", help="CSV delimiter (default: detected).")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="X,Y",
            help="Coordinate columns of csv or parquet: names, or numbers from 1 without a header.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="NAME", help="Name of the array in an npz file.")
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Treat the first CSV line as a header, or as data (default: detected).",
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="ID", help="Send the points as a stream with this id; see --batch."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COLUMN", help="Event time column of csv or parquet, for a stream."),
    ] = None,
    time_unit: Annotated[
        str, typer.Option("--time-unit", metavar="ms|s", help="Unit of numeric times (since the Unix epoch).")
    ] = "ms",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Stream id column; sends one stream per value."),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Stream: Points per message.")] = 10,
    topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="NAME", help="Kafka topic (default: the input topic of the route)."),
    ] = None,
    own_algorithm: Annotated[
        bool,
        typer.Option("--own-algorithm", help="Accept an algorithm of a plug-in that only the job has."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the messages; send nothing.")] = False,
) -> None:
    """Send point clouds to the job: files, or generated shapes.

    Each cloud is one request; with --stream or --by, its points are messages of a stream.
    """
    from tdaflink.display.diagrams.send import show_messages, show_sent
    from tdaflink.services.data import send as sending

    values = sending.parse_parameters(parameters or ())
    chosen = sending.parse_columns(columns)
    wanted = sending.SendRequest(
        points=points, noise=noise, seed=seed, count=count, job_id=job_id, algorithm=algorithm,
        parameters=values, form=form, delimiter=delimiter, stream=stream, batch=batch, columns=chosen,
        key=key, header=header, time=time, time_unit=time_unit, by=by, own_algorithm=own_algorithm,
    )  # fmt: skip
    outgoing = sending.prepare(source, wanted)
    for note in outgoing.notes:
        context.reporter.warn(note)
    if dry_run:
        show_messages(outgoing.messages)
        return
    topic = topic or outgoing.topic
    env, kafka = context.environment, context.kafka
    context.reporter.note(f"Environment {env.name}, Kafka at {kafka.bootstrap}")
    confirm_production(context, env.name, env.profile)
    sent = sending.send(kafka, topic, outgoing, rate, context.reporter)
    show_sent(env.name, topic, sent.job_ids, sent.asked, sent.seconds, stream)
    sent.raise_if_interrupted()


@command(app, "results")
def results(
    context: CommandContext,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep showing new results until Ctrl-C.")
    ] = False,
    job_id: Annotated[
        list[str] | None,
        typer.Option("--job-id", metavar="ID", help="Wait for the results of this request id; repeatable."),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="ID", help="Show the results of this stream's windows; repeatable."),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="Stop after N results.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", help="Time limit in seconds (default: 60; none with -f)."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="Plot the latest result (.png, .svg, .pdf), or all results (.html).",
        ),
    ] = None,
    barcodes: Annotated[bool, typer.Option("--barcode", help="Draw the barcode of each result.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Include error records.")] = False,
    start: Annotated[
        Start, typer.Option("--from", help="Position in the topic to start from.")
    ] = Start.beginning,
    topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="NAME", help="Kafka topic (default: the output topic of the route)."),
    ] = None,
) -> None:
    """Show results; wait for those given by --job-id or --count.

    Without --job-id, --count and --follow, shows the results that are in the topic now.
    """
    from tdaflink.display.diagrams.picture_formats import picture_for
    from tdaflink.display.diagrams.results import show_arrivals
    from tdaflink.services.data.results import Sought, arrivals, default_topic, open_results

    topic = topic or default_topic(stream)
    jobs, streams = tuple(job_id or ()), tuple(stream or ())
    sought = Sought(jobs, count, follow, timeout, errors, start.value, topic, streams)
    picture = None if plot is None else picture_for(plot)
    tail = open_results(context.kafka, sought)
    messages = arrivals(tail, sought, context.reporter)
    show_arrivals(messages, follow=follow, barcodes=barcodes, picture=picture)
