"""Values as JSON and YAML."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from tdaflink.display import console
from tdaflink.display.standard_streams import can_show
from tdaflink.domain.printable import is_printable

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")


def plain(value: Any) -> Any:
    """Convert dataclasses, mappings, sequences and paths to types of JSON; infinity becomes "inf"."""
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
    """Write `value` to stdout as JSON or YAML if that is the output format; return False for a table."""
    form = console.output_format()
    if form == "json":
        console.write(as_json(plain(value), indent=2))
    elif form == "yaml":
        console.write(as_yaml(plain(value)))
    return form != "table"


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that is safe for a terminal: unprintable characters are JSON escapes."""
    return escaped_json(json.dumps(value, indent=indent, ensure_ascii=False))


def escaped_json(text: str) -> str:
    """Escape all characters of a JSON document that control a terminal or that it cannot show."""
    return _NOT_ASCII.sub(lambda match: _escaped(match.group()), text)


def as_yaml(value: Any, **options: Any) -> str:
    """Return YAML in Unicode if all of it is printable, else with escapes."""
    from tdaflink.adapters.storage.yaml_text import dump_yaml

    text = dump_yaml(value, **options)
    if all(map(is_printable, text.split("\n"))) and can_show(text, sys.stdout):
        return text
    return dump_yaml(value, allow_unicode=False, **options)


def _escaped(character: str) -> str:
    if is_printable(character) and can_show(character, sys.stdout):
        return character
    return " " if character in "\r\t" else json.dumps(character)[1:-1]
