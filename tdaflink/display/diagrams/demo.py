"""Results of the demo as they arrive, and its summary."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.diagrams.results import betti_text, result_barcode
from tdaflink.domain.messages.demo import DemoAnswer

_BARS = 3
_UNITS = {"vietoris_rips": "edge length", "alpha": "radius"}


@console.printed
def show_answer(answer: DemoAnswer) -> None:
    """Show one barcode with the Betti numbers."""
    if console.output_format() != "table":
        return
    from rich.text import Text

    out, cloud, result = console.out(), answer.cloud, answer.result
    out.print()
    out.print(
        Text.assemble(
            (cloud.shape.name.capitalize(), "bold"),
            f"  {cloud.algorithm}, {result.num_points} points, T = {cloud.cut:g} ({_UNITS[cloud.algorithm]}),"
            f" {result.seconds:.2f} s:  Betti numbers ",
            (betti_text(result.betti), "bold green" if answer.as_expected else "bold red"),
        ),
        soft_wrap=True,
    )
    out.print(result_barcode(result, longest=_BARS))


@console.printed
def show_demo(answers: Sequence[DemoAnswer], *, kept: bool) -> None:
    """Show the table of all results, and the next commands."""
    rows = [
        {
            "shape": answer.cloud.shape.name,
            "algorithm": answer.cloud.algorithm,
            "points": answer.result.num_points,
            "t": answer.cloud.cut,
            "betti_numbers": answer.result.betti,
            "expected": answer.cloud.shape.betti,
            "seconds": answer.result.seconds,
            "job_id": answer.result.job_id,
        }
        for answer in answers
    ]
    if show_data(rows):
        return
    _show_table(answers)
    _show_next(kept)


def _show_table(answers: Sequence[DemoAnswer]) -> None:
    from rich.text import Text

    table = console.table(header_style="bold")
    for name in ("SHAPE", "ALGORITHM", "POINTS", "T", "BETTI NUMBERS", "EXPECTED", "SECONDS"):
        table.add_column(name, justify="right" if name in ("POINTS", "T", "SECONDS") else "left")
    for answer in answers:
        cloud, result = answer.cloud, answer.result
        table.add_row(
            cloud.shape.name,
            cloud.algorithm,
            str(result.num_points),
            f"{cloud.cut:g}",
            Text(betti_text(result.betti), "green"),
            betti_text(cloud.shape.betti),
            f"{result.seconds:.2f}",
        )
    console.out().print()
    console.out().print(table)
    console.out().print()


def _show_next(kept: bool) -> None:
    err = console.err()
    if kept:
        steps = [
            ("tdaflink send torus --algorithm alpha --set max_dimension=2 --set max_persistence=0.75", ""),
            ("tdaflink results -f --barcode", "follow the results"),
            ("tdaflink status tda-demo", "status of the job"),
            ("tdaflink teardown", "stop the cluster"),
        ]
    else:
        steps = [
            ("tdaflink demo --keep", "keep the cluster and the job running"),
            ("tdaflink setup", "start a cluster"),
            ("tdaflink submit", "submit the job to it"),
            ("tdaflink send my-points.csv", "send a point cloud of your own"),
            ("tdaflink results --barcode", "show its barcode"),
        ]
    from rich.text import Text

    err.print("Try next:")
    for step, why in steps:
        call = (console.hint(step), "bold")
        err.print(Text.assemble("  ", call, (f"  {why}" if why else "", "dim")), soft_wrap=True)
