"""The command algorithms."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext


@command(app, "algorithms")
def algorithms(
    context: CommandContext,  # noqa: ARG001 -- every command has one
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Algorithm to show in full (default: list all).", show_default=False
        ),
    ] = None,
) -> None:
    """List the algorithms, or show one in full.

    Shows input, parameters, unit of the filtration values, cost, exactness, library and licence.
    """
    from tdaflink.adapters.storage.shipped_profiles import load_algorithms
    from tdaflink.display.diagrams.algorithms import show_algorithm, show_algorithms
    from tdaflink.domain.config.algorithms import find_algorithm

    known = load_algorithms()
    if name is None:
        show_algorithms(known)
    else:
        show_algorithm(find_algorithm(name, known))
