"""Software bill of materials as a table or as CycloneDX JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import show_data


@console.printed
def show_bill(document: Mapping[str, Any]) -> None:
    """Show name, version and kind of each part; -o json prints the CycloneDX document."""
    if show_data(document):
        return
    table = console.table("PART", "VERSION", "KIND")
    for part in document["components"]:
        kind = part["purl"].partition("/")[0].removeprefix("pkg:")
        name = f"{part['group']}:{part['name']}" if "group" in part else part["name"]
        table.add_row(name, part["version"], kind)
    console.out().print(table)
    console.out().print(f"{len(document['components'])} parts; -o json prints them as CycloneDX 1.6")
