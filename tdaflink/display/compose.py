"""What was written for `docker compose`."""

from __future__ import annotations

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.stack import Exported


@console.printed
def show_export(exported: Exported) -> None:
    """The file, the services, the variables that it asks for."""
    if show_data(exported):
        return
    out = console.out()
    out.print(f"{exported.file} has {len(exported.services)} services:")
    out.print("  " + ", ".join(exported.services))
    if exported.variables:
        out.print("It asks for " + ", ".join(exported.variables) + " (see .env.example)")
    console.err().print(f"Next: docker compose -f {exported.file} up --detach --build")
