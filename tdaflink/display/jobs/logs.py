"""Log lines, each with the name of its component."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Sequence

from tdaflink.display import console
from tdaflink.domain.errors import UsageError
from tdaflink.domain.observability.logs import Entry
from tdaflink.domain.printable import printable, printable_lines

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")


@console.printed
def show_logs(entries: Iterable[Entry], names: Sequence[str]) -> None:
    """Write each line as it arrives: as text, or with `-o json` as one JSON object per line.

    Lines of several components are prefixed with the component's name.
    """
    form = console.output_format()
    if form == "yaml":
        raise UsageError("logs are written as text or as JSON lines, not as YAML", hint="-o json")
    write = _write_json if form == "json" else (_Named(names) if len(names) > 1 else _write_bare)
    for entry in entries:
        write(entry)


def _write_bare(entry: Entry) -> None:
    console.write(printable_lines(entry.line.text))


def _write_json(entry: Entry) -> None:
    time = entry.line.time.isoformat() if entry.line.time else None
    console.write(json.dumps({"component": entry.component, "time": time, "text": entry.line.text}))


class _Named:
    """Writer of lines with the component's name in a column, in a colour per component."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(len(printable(name)) for name in names)
        self._colours = dict(zip(names, itertools.cycle(_COLOURS), strict=False))

    def __call__(self, entry: Entry) -> None:
        name = f"{printable(entry.component):<{self._width}} | "
        if sys.stdout.isatty() and not console.colourless():
            from rich.style import Style

            name = Style.parse(self._colours[entry.component]).render(name)
        console.write(name + printable_lines(entry.line.text))
