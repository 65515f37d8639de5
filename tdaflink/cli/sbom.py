"""The command sbom."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext


@command(app, "sbom")
def sbom(
    context: CommandContext,
    image: Annotated[
        bool, typer.Option("--image", help="Only the image of JobManagers and TaskManagers.")
    ] = False,
) -> None:
    """Show an environment's software bill of materials (CycloneDX).

    Lists all JARs, Python packages and images.
    """
    from tdaflink.display.artifacts.sbom import show_bill
    from tdaflink.services.artifacts.sbom import environment_bill, image_bill

    if image:
        show_bill(image_bill())
    else:
        store = context.store
        name = store.chosen_name(context.env_option)
        show_bill(environment_bill(name, store.find(name)))
