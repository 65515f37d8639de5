"""Write docs/reference.md (commands and options, exit codes, keys of the job config) and the help page.

python tools/reference.py            writes both
python tools/reference.py --check    writes nothing; fails if a file would change
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from made import ROOT, write_or_compare

sys.path.insert(0, str(ROOT))

import typer

from tdaflink.cli.app import app, load
from tdaflink.cli.help_page import FULL_WIDTH
from tdaflink.cli.help_page import PAGE as HELP_PAGE
from tdaflink.domain import errors
from tdaflink.domain.config.job_config import JobConfig

PAGE = ROOT / "docs" / "reference.md"
SHARED = {"env", "output", "verbose", "no_color", "help"}
_HEAD = """# Reference

Generated from the code by `python tools/reference.py`. For tasks, see [guide.md](guide.md).
"""


def main() -> int:
    return write_or_compare({PAGE: page(), Path(HELP_PAGE): help_page()}, by="the code defines")


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *_commands(), *_exit_codes(), *_config()]).rstrip() + "\n"


def help_page() -> str:
    """Return the page that `tdaflink --help` prints, rendered by Typer at its full width."""
    load([])
    root = typer.main.get_command(app)
    context = root.make_context("tdaflink", [], resilient_parsing=True, terminal_width=FULL_WIDTH - 2)
    return f"{root.get_help(context)}\n"


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its words, in the order of the help, without groups."""
    load([])
    root = typer.main.get_command(app)
    yield from _walk("tdaflink", root)


def _walk(words: str, node: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(node, "commands"):
        yield words, node
        return
    for name in node.list_commands(None):
        child = node.commands[name]
        if not child.hidden:
            yield from _walk(f"{words} {name}", child)


def _commands() -> Iterator[str]:
    all_commands = list(commands())
    yield "## Options of every command\n"
    yield from _options([p for p in all_commands[0][1].params if p.name in SHARED])
    yield "## Commands\n"
    for words, command in all_commands:
        yield f"### {words}\n"
        yield f"{_plain(command.help or '')}\n"
        own = [p for p in command.params if p.name not in SHARED and not getattr(p, "hidden", False)]
        yield from _options(own)


def _options(params: list[Any]) -> Iterator[str]:
    if not params:
        return
    yield "| | | default |\n|---|---|---|"
    for param in params:
        text = _plain(getattr(param, "help", None) or "")
        yield f"| {_names(param)} | {text} | {_default(param)} |"
    yield ""


def _names(param: Any) -> str:
    metavar = _plain(param.metavar or _kind(param.type_descriptor.annotation))
    if param.param_type_name == "argument":
        return f"`{metavar if param.metavar else param.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    return names if param.is_flag else f"{names} `{metavar}`"


def _kind(annotation: Any) -> str:
    """Return the placeholder of a value if the option defines none."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(member.value) for member in annotation)
    return str(getattr(annotation, "__name__", annotation)).upper()


def _default(param: Any) -> str:
    if param.required:
        return "required"
    value = param.default
    if (
        callable(value)
        or value is None
        or value is False
        or value == ()
        or "Sentinel" in type(value).__name__
    ):
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "With `-o json` an error is one object on stderr; `kind` is the word for it.\n"
    yield "| code | kind | when |\n|---|---|---|"
    yield "| 0 | | Done. |"
    kinds: list[type[errors.TdaflinkError]] = [errors.TdaflinkError, *_subclasses(errors.TdaflinkError)]
    for kind in sorted(kinds, key=lambda error: error.exit_code):
        text = "Anything else." if kind is errors.TdaflinkError else (kind.__doc__ or "").split("\n\n")[0]
        yield f"| {kind.exit_code} | `{kind.kind}` | {_plain(text)} |"
    yield ""


def _subclasses(kind: type[errors.TdaflinkError]) -> Iterator[type[errors.TdaflinkError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _config() -> Iterator[str]:
    schema = JobConfig.model_json_schema(mode="validation")
    yield "## Keys of the job config\n"
    yield (
        "JSON or YAML, for `tdaflink submit --config FILE`; a single one in the call: `--set KEY=VALUE`."
        " Durations are seconds or a text such as 30s (checkpoint_interval: milliseconds or a text), sizes"
        " bytes or a text such as 64mb. `tdaflink config explain` shows the source of each value.\n"
    )
    yield from _keys(schema["properties"])
    for name, part in sorted(schema.get("$defs", {}).items()):
        if "properties" in part:
            yield f"### {name}\n"
            yield from _keys(part["properties"])


def _keys(properties: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | type | default | |\n|---|---|---|---|"
    for name, schema in properties.items():
        default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
        cells = (f"`{name}`", _type(schema), default, _plain(schema.get("description", "")))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[key]))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type")
    return {"string": "text", None: "any"}.get(kind, str(kind)) + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    signs = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    return "".join(f" {sign} {schema[key]}" for key, sign in signs if key in schema)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
