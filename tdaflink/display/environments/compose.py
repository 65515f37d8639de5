"""Exported files for `docker compose`."""

from __future__ import annotations

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.environments.compose_stack import Exported


@console.printed
def show_export(exported: Exported) -> None:
    """Show the file, its services, and the variables that it requires."""
    if show_data(exported):
        return
    out = console.out()
    out.print(f"{exported.file} defines {len(exported.services)} services:")
    out.print("  " + ", ".join(exported.services))
    if exported.variables:
        out.print("Required variables: " + ", ".join(exported.variables) + " (see .env.example)")
    console.err().print(f"Next: docker compose -f {exported.file} up --detach --build")
