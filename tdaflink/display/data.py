"""Machine-readable forms of a value."""

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
from tdaflink.display.streams import can_show
from tdaflink.domain.printable import is_printable

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")


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
        console.write(as_json(plain(value), indent=2))
    elif form == "yaml":
        console.write(as_yaml(plain(value)))
    return form != "table"


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON for a terminal as for a program: what is not seen as such is escaped, as JSON escapes it."""
    return escaped_json(json.dumps(value, indent=indent, ensure_ascii=False))


def escaped_json(text: str) -> str:
    """The same JSON document, on lines of its own, without a sign that a terminal obeys or cannot show."""
    return _NOT_ASCII.sub(lambda found: _escaped(found.group()), text)


def as_yaml(value: Any, **options: Any) -> str:
    """YAML in Unicode where all of it can be seen as such, else with escapes."""
    from tdaflink.adapters.yamltext import dump_yaml

    text = dump_yaml(value, **options)
    if all(map(is_printable, text.split("\n"))) and can_show(text, sys.stdout):
        return text
    return dump_yaml(value, allow_unicode=False, **options)


def _escaped(sign: str) -> str:
    if is_printable(sign) and can_show(sign, sys.stdout):
        return sign
    return " " if sign in "\r\t" else json.dumps(sign)[1:-1]
