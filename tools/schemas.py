"""Write the files generated from the message models: profiles/schemas/*.json and parts of docs/messages.md.

python tools/schemas.py            writes both
python tools/schemas.py --check    writes nothing; fails if a file would change
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from made import ROOT, write_or_compare

sys.path.insert(0, str(ROOT))

from tdaflink.adapters.storage.shipped_profiles import schema_path
from tdaflink.domain.messages.models.documents import MODELS, json_schema

PAGE = ROOT / "docs" / "messages.md"
_BLOCK = re.compile(r"(<!-- made from the models: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    generated = {schema_path(name): _json(json_schema(name)) + "\n" for name in MODELS}
    generated[PAGE] = page(PAGE.read_text(encoding="utf-8"))
    return write_or_compare(generated, schema_path("x").parent.glob("*.json"), by="the models define")


def page(text: str) -> str:
    """Return the page with each of its marked blocks regenerated."""
    return _BLOCK.sub(lambda match: f"{match[1]}{_block(match[2])}{match[3]}", text)


def _block(name: str) -> str:
    if name == "parts":
        return "".join(f"\n### {part}\n\n{_described(schema)}" for part, schema in sorted(_parts().items()))
    document = json_schema(name)
    examples = "\n".join(f"```json\n{_json(example)}\n```\n" for example in document["examples"])
    return f"\n{_described(document)}\n{examples}"


def _parts() -> dict[str, Any]:
    """Return the nested objects of messages; an object shared by messages must have one schema."""
    parts: dict[str, Any] = {}
    for name in MODELS:
        for part, schema in json_schema(name).get("$defs", {}).items():
            assert parts.setdefault(part, schema) == schema, f"{part} has two different schemas"
    return parts


def _described(schema: Mapping[str, Any]) -> str:
    rows = "".join(_rows(schema["properties"], schema.get("required", ())))
    return f"{schema['description']}\n\n| field | | type | meaning |\n|---|---|---|---|\n{rows}"


def _rows(properties: Mapping[str, Any], required: Iterable[str]) -> Iterable[str]:
    for name, schema in properties.items():
        must = "required" if name in required else ""
        yield f"| `{name}` | {must} | {words(schema)} | {schema['description']} |\n"


def words(schema: Mapping[str, Any]) -> str:
    """Describe the values of a schema in words."""
    if "anyOf" in schema:
        return " or ".join(words(part) for part in schema["anyOf"])
    if "$ref" in schema:
        part = schema["$ref"].rpartition("/")[2]
        return f"[{part}](#{part.lower()})"
    if "title" in schema:
        return str(schema["title"])
    for key in ("const", "enum"):
        if key in schema:
            values = schema[key] if key == "enum" else [schema[key]]
            return " or ".join(f"`{json.dumps(value)}`" for value in values)
    if schema["type"] == "array":
        items = words(schema["items"])
        return f"list of ({items})" if " or " in items else f"list of {items}"
    kind = str(schema["type"])
    return {"string": "text"}.get(kind, kind) + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    unit = " characters" if schema["type"] == "string" else ""
    least = schema.get("minimum", schema.get("minLength"))
    most = schema.get("maximum", schema.get("maxLength"))
    if least is not None and most is not None:
        return f", {least} to {most}{unit}"
    if most is not None:
        return f", at most {most}{unit}"
    if schema["type"] == "string":
        return ", not empty" if least else ""
    return "" if least is None else f" ≥ {least}"


def _json(value: object) -> str:
    """JSON that is good to read: indented, but numbers and short things on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) <= 80 or not isinstance(value, (dict, list)):
        return flat
    if isinstance(value, dict):
        inner = [f"{json.dumps(key)}: {_json(item)}" for key, item in value.items()]
        start, end = "{", "}"
    else:
        inner, start, end = [_json(item) for item in value], "[", "]"
    lines = ",\n".join(inner).replace("\n", "\n  ")
    return f"{start}\n  {lines}\n{end}"


if __name__ == "__main__":
    sys.exit(main())
