"""Events as a table, or as lines of JSON or YAML."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from tdaflink.display import console
from tdaflink.display.diagrams.results import unless_odd, write_message
from tdaflink.domain.messages.records import EventArrival, EventRecord
from tdaflink.domain.printable import printable_value, shortened

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_COLUMNS = (("WHEN", 19), ("KIND", 7), ("SUBJECT", 22), ("WINDOW", 20))
_LONGEST_TEXT = 1000


@console.printed
def show_events(arrivals: Iterable[EventArrival], *, follow: bool) -> None:
    """Show events as they arrive; without `follow` the table is drawn when all have arrived."""
    any_shown = False
    kept: list[EventRecord] = []
    try:
        for arrival in arrivals:
            if console.output_format() != "table":
                unless_odd(arrival.says.subject, partial(write_message, arrival.raw))
            elif follow:
                _print([printable_value(arrival.says)], header=not any_shown, fixed=True)
            else:
                kept.append(printable_value(arrival.says))
            any_shown = True
    finally:
        if kept:
            _print(kept, header=True, fixed=False)
    if not any_shown and console.output_format() == "table":
        console.say("No events.")


def _print(events: Iterable[EventRecord], *, header: bool, fixed: bool) -> None:
    table = _table(header=header, fixed=fixed)
    for event in events:
        table.add_row(*_row(event))
    console.out().print(table)


def _table(*, header: bool, fixed: bool) -> Table:
    table = console.table(header_style="bold", show_header=header)
    for name, width in _COLUMNS:
        table.add_column(
            name,
            min_width=width if fixed else None,
            max_width=width if fixed else None,
            no_wrap=name in ("WHEN", "KIND"),
            overflow="fold",
        )
    table.add_column("WHAT", overflow="fold")
    return table


def _row(event: EventRecord) -> list[Text]:
    from rich.text import Text

    style = "bold red" if event.kind == "alert" else ""
    moment = event.timestamp[:19].replace("T", " ")
    return [
        Text(moment),
        Text(event.kind, style),
        Text(shortened(event.subject)),
        Text(event.window),
        Text(shortened(event.text, _LONGEST_TEXT)),
    ]
