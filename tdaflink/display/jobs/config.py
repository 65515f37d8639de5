"""The resolved config and its sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import as_yaml, show_data
from tdaflink.domain.config.layers import Resolved


@console.printed
def show_config(resolved: Resolved) -> None:
    """Show the values only; as YAML instead of a table, because that can be saved as a file."""
    values = resolved.config.model_dump(mode="json")
    if not show_data(values):
        console.write(as_yaml(values))


@console.printed
def show_explained(resolved: Resolved) -> None:
    """Show key, value and source of each setting."""
    rows = resolved.explained()
    if show_data([{"key": key, "value": value, "source": source} for key, value, source in rows]):
        return
    table = console.table(header_style="bold")
    table.add_column("KEY", no_wrap=True)
    table.add_column("VALUE", overflow="fold")
    table.add_column("SOURCE", overflow="fold")
    for key, value, source in rows:
        table.add_row(
            key, json.dumps(value, ensure_ascii=False), source, style="dim" if source == "default" else ""
        )
    console.out().print(table)


@console.printed
def show_valid(file: Path, resolved: Resolved) -> None:
    """Show the result of `config validate` for a valid file."""
    keys = len(resolved.sources)
    if not show_data({"valid": True, "file": str(file), "keys": keys}):
        console.out().print(f"{file} is valid: {keys} keys.")


@console.printed
def show_schema(schema: Mapping[str, Any]) -> None:
    """Write a JSON Schema."""
    console.write(json.dumps(schema, indent=2))
