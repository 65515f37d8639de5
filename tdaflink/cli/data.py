"""send, results."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command, confirm_production


class Start(str, Enum):
    """Where reading starts."""

    beginning = "beginning"
    now = "now"


@command(app, "send")
def send(
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|URI|SHAPE]",
            help="A csv, npy, npz, parquet, json or JSON lines file, - for stdin, the s3://… or file:///… of"
            " a file that the job reads by itself, or a shape: circle, sphere, torus,"
            " figure_eight, linked_circles, annulus, disk, square, cube, clusters, swiss_roll.",
        ),
    ] = "circle",
    points: Annotated[int | None, typer.Option("--points", metavar="N", help="Of a shape.")] = None,
    noise: Annotated[
        float, typer.Option("--noise", metavar="X", help="Of a shape: deviation in every coordinate.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", help="Of a shape: the same seed is the same cloud.")
    ] = 0,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="R", help="Messages per second; default: all at once.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            metavar="N",
            help="Messages: the seeds S, S+1, …, or the file's in turn. Default: one, or the file's.",
        ),
    ] = None,
    job_id: Annotated[
        str | None,
        typer.Option(
            "--job-id",
            metavar="ID",
            help="Request id, the job_id of the message. Of several: ID-1, ID-2, … Default: fresh ones.",
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="A",
            help="vietoris_rips, alpha, cech, witness, dtm_rips, sparse_rips; default: the job's.",
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter: max_persistence=0.6; repeat for more."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="csv|npy|npz|parquet|json",
            help="Format of the file; default: by its name, then by its content.",
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", metavar="C", help="CSV delimiter; default: detected.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="X,Y",
            help="Columns of csv or parquet that are coordinates: names, or numbers from 1 without a header.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="NAME", help="Array of an npz file.")] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header", help="Whether the first line of csv is a header; default: detected."
        ),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="ID", help="Send the points as a stream, a few in each message."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="COLUMN", help="Column of csv or parquet with the time of each point."
        ),
    ] = None,
    time_unit: Annotated[
        str, typer.Option("--time-unit", metavar="ms|s", help="Unit of times that are numbers since 1970.")
    ] = "ms",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Column that names the stream: one for each value."),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", help="Of a stream: points in each message.")
    ] = 10,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="NAME", help="Where to; default: the route's.")
    ] = None,
    own_algorithm: Annotated[
        bool,
        typer.Option(
            "--own-algorithm", help="The algorithm is one of a plug-in: leave its check to the job."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the messages, send nothing.")] = False,
) -> None:
    """Send point clouds to be analysed: known shapes, or your own."""
    from tdaflink.cli.wiring import kafka_of
    from tdaflink.display.sending import show_messages, show_sent
    from tdaflink.services import sending

    values = sending.parse_parameters(parameters or ())
    chosen = sending.parse_columns(columns)
    wanted = sending.Wanted(
        points=points, noise=noise, seed=seed, count=count, job_id=job_id, algorithm=algorithm,
        parameters=values, form=form, delimiter=delimiter, stream=stream, batch=batch, columns=chosen,
        key=key, header=header, time=time, time_unit=time_unit, by=by, own_algorithm=own_algorithm,
    )  # fmt: skip
    outgoing = sending.prepare(source, wanted)
    for note in outgoing.notes:
        session.reporter().warn(note)
    if dry_run:
        show_messages(outgoing.messages)
        return
    topic = topic or outgoing.topic
    env, kafka = kafka_of(session)
    session.reporter().note(f"Environment {env.name}, Kafka at {kafka.bootstrap}")
    confirm_production(session, env.name, env.profile)
    sent = sending.send(kafka, topic, outgoing, rate, session.reporter())
    show_sent(env.name, topic, sent.job_ids, sent.asked, sent.seconds, stream)
    sent.raise_if_interrupted()


@command(app, "results")
def results(
    session: Session,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what comes, until Ctrl-C.")] = False,
    job_id: Annotated[
        list[str] | None,
        typer.Option(
            "--job-id", metavar="ID", help="Wait for the results of this request id; repeat for more."
        ),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", metavar="ID", help="Show the windows of this stream; repeat for more."),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", help="Wait for so many.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="S", help="How long to wait; default: 60 s, with -f for ever."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="The newest result as .png, .svg or .pdf, or all as a page, .html."
        ),
    ] = None,
    barcodes: Annotated[bool, typer.Option("--barcode", help="Draw each result's barcode.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Show error records, too.")] = False,
    start: Annotated[Start, typer.Option("--from", help="Where in the topic to start.")] = Start.beginning,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="NAME", help="Where from; default: the route's.")
    ] = None,
) -> None:
    """Show results: all that are there, or those that are asked for as soon as they come."""
    from tdaflink.cli.wiring import kafka_of
    from tdaflink.display.pictures import picture_for
    from tdaflink.display.results import show_arrivals
    from tdaflink.services.results import Sought, arrivals, default_topic, open_results

    topic = topic or default_topic(stream)
    jobs, streams = tuple(job_id or ()), tuple(stream or ())
    sought = Sought(jobs, count, follow, timeout, errors, start.value, topic, streams)
    picture = None if plot is None else picture_for(plot)
    _, kafka = kafka_of(session)
    tail = open_results(kafka, sought)
    found = arrivals(tail, sought, session.reporter())
    show_arrivals(found, follow=follow, barcodes=barcodes, picture=picture)
