"""Machine-readable forms of a value."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from tdaflink.display import console


def plain(value: Any) -> Any:
    """A value of dataclasses, mappings, sequences and paths as what JSON knows; infinity is "inf"."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return str(value) if isinstance(value, Path) else value
    return [plain(item) for item in value]


def show_data(value: Any) -> bool:
    """Write `value` to stdout as JSON or YAML if that was asked for; False means: draw a table."""
    form = console.output_format()
    if form == "json":
        sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
    elif form == "yaml":
        from tdaflink.adapters.yamltext import dump_yaml

        sys.stdout.write(dump_yaml(plain(value)))
    return form != "table"
