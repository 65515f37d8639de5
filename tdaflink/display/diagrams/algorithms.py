"""Algorithms as a table, and one algorithm in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.config.algorithms import AlgorithmCost, AlgorithmInfo, AlgorithmParameter
from tdaflink.domain.observability.sizing import seconds_in_words

_POINTS = 1000  # number of points for the cost in the table
_COORDINATES = 3
_LOOPS = 1  # homology up to H1


@console.printed
def show_algorithms(known: Sequence[AlgorithmInfo]) -> None:
    """Show all algorithms, one row each."""
    if show_data([algorithm.document for algorithm in known]):
        return
    from rich.table import Table
    from rich.text import Text

    titles = ("NAME", "INPUT", "UNIT", "EXACT", f"{_POINTS} POINTS", "LICENCE")
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    for algorithm in known:
        cost = algorithm.cost(_LOOPS, _COORDINATES)
        cells = (
            algorithm.name,
            "/".join(algorithm.takes).replace("distances", "matrix"),
            algorithm.unit,
            algorithm.exact,
            "-" if cost is None else _short(cost.seconds(_POINTS)),
            ", ".join(sorted(set(algorithm.libraries.values()))),
        )
        table.add_row(*map(Text, cells))
    out = console.out()
    out.print(table)
    out.print()
    for algorithm in known:
        out.print(f"{algorithm.name}: {algorithm.computes}", markup=False, highlight=False)
    out.print(
        f"{_POINTS} POINTS: predicted time of H0 and H1 in space. Parameters, bounds and further costs: "
        "tdaflink algorithms NAME",
        style="dim",
        highlight=False,
    )


@console.printed
def show_algorithm(algorithm: AlgorithmInfo) -> None:
    """Show all details of one algorithm."""
    if show_data(algorithm.document):
        return
    out = console.out()
    for line in _lines(algorithm):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(algorithm: AlgorithmInfo) -> Iterator[str]:
    yield f"{algorithm.name}: {algorithm.computes}"
    yield f"  input      {' or '.join(algorithm.takes)}"
    yield f"  values     {algorithm.values}"
    yield f"  exactness  {algorithm.exactness}"
    yield f"  memory     {algorithm.memory}"
    yield f"  method     {algorithm.reference}"
    libraries = ", ".join(f"{name} ({licence})" for name, licence in algorithm.libraries.items())
    yield f"  library    {libraries}"
    yield "parameters" if algorithm.parameters else "no parameters of its own"
    for parameter in algorithm.parameters:
        yield f"  {parameter.name}: {_described(parameter)}"
        yield f"      {parameter.description}"
    yield "cost of n points, on one core"
    for cost in algorithm.costs:
        yield f"  {_cost(cost)}"


def _described(parameter: AlgorithmParameter) -> str:
    """Format type, range, unit and default."""
    default = "from the data" if parameter.default is None else str(parameter.default).lower()
    parts = (parameter.type, parameter.range, parameter.unit, f"default {default}")
    return ", ".join(part for part in parts if part)


def _cost(cost: AlgorithmCost) -> str:
    limits = []
    if cost.max_dimension is not None:
        limits.append(f"homology up to H{cost.max_dimension}")
    if cost.coordinates is not None:
        limits.append(f"up to {cost.coordinates} coordinates")
    largest = min(cost.measured_to, _POINTS)
    return (
        f"{' and '.join(limits)}: {cost.scale:.2g} s · n^{cost.exponent:.2f}, {largest} points "
        f"{seconds_in_words(cost.seconds(largest))}; the slowest shape {cost.spread:g} times as long, "
        f"measured up to {cost.measured_to} points"
    )


def _short(seconds: float) -> str:
    words = seconds_in_words(seconds)
    return words.removeprefix("about ").replace("less than ", "< ")
