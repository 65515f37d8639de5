"""Error text: what happened, why, and the command that mends it."""

from __future__ import annotations

import json
import sys
from typing import Any

from tdaflink.display import console
from tdaflink.domain.errors import TdaflinkError


def show_error(error: TdaflinkError) -> None:
    """Write the error to stderr, as JSON where the data would have been JSON."""
    if console.output_format() == "json":
        sys.stderr.write(json.dumps(_as_data(error)) + "\n")
        return
    from rich.text import Text

    err = console.err()
    if error.detail:
        err.print(Text(error.detail.rstrip("\n")), soft_wrap=True)
    if error.noise and console.verbose():
        err.print(Text(error.noise.rstrip("\n"), style="dim"), soft_wrap=True)
    err.print(Text.assemble(("Error: ", "bold red"), console.hint(error.message)), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("Try:   ", "bold"), console.hint(error.hint)), soft_wrap=True)


def _as_data(error: TdaflinkError) -> dict[str, Any]:
    """The stable form, with calls that name the environment as in the text."""
    fields = dict(error.as_dict()["error"])
    texts = {key: console.hint(fields[key]) for key in ("message", "hint") if fields[key]}
    return {"error": {**fields, **texts}}
