"""Error messages with their detail and hint."""

from __future__ import annotations

import json
import sys
from typing import Any

from tdaflink.display import console
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.printable import printable_lines


def show_error(error: TdaflinkError) -> None:
    """Write the error to stderr; as JSON if the output format is JSON."""
    if console.output_format() == "json":
        sys.stderr.write(json.dumps(_as_data(error), default=str) + "\n")
        return
    from rich.text import Text

    err = console.err()
    if error.detail:
        err.print(Text(printable_lines(error.detail.rstrip("\n"))), soft_wrap=True)
    if error.noise and console.verbose():
        err.print(Text(printable_lines(error.noise.rstrip("\n")), style="dim"), soft_wrap=True)
    err.print(Text.assemble(("Error: ", "bold red"), _indented(error.message)), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("Try:   ", "bold"), _indented(error.hint)), soft_wrap=True)


def _indented(text: str) -> str:
    """Indent every line but the first, so that none of them looks like an error or hint of tdaflink."""
    first, *rest = printable_lines(console.hint(text)).split("\n")
    return "\n".join([first, *(line if line.startswith(" ") else f"       {line}" for line in rest)])


def _as_data(error: TdaflinkError) -> dict[str, Any]:
    """Return the stable form, with commands that name the environment as in the text."""
    fields = dict(error.as_dict()["error"])
    texts = {key: console.hint(fields[key]) for key in ("message", "hint") if fields[key]}
    return {"error": {**fields, **texts}}
