"""The resolved config, and where it comes from."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.layers import Resolved


def show_config(resolved: Resolved) -> None:
    """The values alone; as YAML where a table was asked for, since that can be kept as a file."""
    values = resolved.config.model_dump(mode="json")
    if not show_data(values):
        from tdaflink.adapters.yamltext import dump_yaml

        sys.stdout.write(dump_yaml(values))


def show_explained(resolved: Resolved) -> None:
    """Key, value and source."""
    rows = resolved.explained()
    if show_data([{"key": key, "value": value, "source": source} for key, value, source in rows]):
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("KEY", no_wrap=True)
    table.add_column("VALUE", overflow="fold")
    table.add_column("SOURCE", overflow="fold")
    for key, value, source in rows:
        table.add_row(
            key, json.dumps(value, ensure_ascii=False), source, style="dim" if source == "default" else ""
        )
    console.out().print(table)


def show_valid(file: Path, resolved: Resolved) -> None:
    """What `config validate` says of a good file."""
    keys = len(resolved.sources)
    if not show_data({"valid": True, "file": str(file), "keys": keys}):
        console.out().print(f"{file} is valid: {keys} keys.", markup=False)


def show_schema(schema: Mapping[str, Any]) -> None:
    """JSON Schema."""
    sys.stdout.write(json.dumps(schema, indent=2) + "\n")
