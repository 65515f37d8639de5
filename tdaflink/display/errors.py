"""Error text: what happened, why, and the command that mends it."""

from __future__ import annotations

import json
import sys

from tdaflink.display import console
from tdaflink.domain.errors import TdaflinkError


def show_error(error: TdaflinkError) -> None:
    """Write the error to stderr, as JSON where the data would have been JSON."""
    if console.output_format() == "json":
        sys.stderr.write(json.dumps(error.as_dict()) + "\n")
        return
    from rich.text import Text

    err = console.err()
    if error.detail:
        err.print(Text(error.detail.rstrip("\n")), soft_wrap=True)
    if error.noise and console.verbose():
        err.print(Text(error.noise.rstrip("\n"), style="dim"), soft_wrap=True)
    err.print(Text.assemble(("Error: ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("Try:   ", "bold"), error.hint), soft_wrap=True)
