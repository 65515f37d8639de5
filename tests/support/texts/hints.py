"""The calls and options in the command's texts, extracted from its sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from tdaflink.cli.app import app, load

SOURCES = Path(__file__).resolve().parents[3] / "tdaflink"
FILLED = "X1"  # replaces a value that is inserted at run time
_CALL = re.compile(r"(?<![\w/.-])tdaflink ([a-z]+(?: [a-z]+)?)(?![\w-])")
# The end of a call in a sentence; the next call ends it, too.
_END = re.compile(r";|&&|\n|\. |\.$|\)|\"|“|”|, |: | \| |(?<![\w/.-])tdaflink ")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Text:
    """A text in the sources; `is_hint` if it is passed as an error's hint."""

    file: str
    line: int
    words: str
    is_hint: bool


@cache
def tree() -> Any:
    """Return the real command with everything that it registers."""
    load([])
    return typer.main.get_command(app)


def texts() -> Iterator[Text]:
    """Yield every text of the sources, with its placeholders filled in."""
    for path in sorted(SOURCES.rglob("*.py")):
        name = path.relative_to(SOURCES).as_posix()
        module = ast.parse(path.read_text(encoding="utf-8"))
        inner = {
            id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values
        }
        hints = {
            id(part)
            for node in ast.walk(module)
            if isinstance(node, ast.keyword) and node.arg == "hint"
            for part in ast.walk(node.value)
        }
        for node in ast.walk(module):
            if id(node) not in inner and isinstance(node, (ast.Constant, ast.JoinedStr)):
                words = _words(node)
                if words:
                    yield Text(name, node.lineno, words, id(node) in hints)


def _words(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)


def calls(words: str) -> Iterator[tuple[str, str]]:
    """Yield the words after each `tdaflink` of a text, and the text after them up to the end of the call."""
    for call in _CALL.finditer(words):
        end = _END.search(words, call.end(1))
        yield call.group(1).strip(), words[call.end(1) : end.start() if end else None]


def command_of(path: str) -> tuple[Any, str] | None:
    """Return the command that the words begin with, and its full name."""
    first, *second = path.split()
    found = tree().commands.get(first)
    if found is None or not hasattr(found, "commands"):
        return None if found is None else (found, first)
    inner = found.commands.get(second[0]) if second else None
    return None if inner is None else (inner, f"{first} {second[0]}")


def options_of(command: Any) -> set[str]:
    return {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help",
        "-h",
    }


def options_in(words: str) -> list[str]:
    """Return the options that a text names outside of its calls."""
    for call in reversed(list(_CALL.finditer(words))):
        end = _END.search(words, call.end(1))
        words = words[: call.start()] + " " + (words[end.start() :] if end else "")
    return _OPTION.findall(words)


def options_of_call(rest: str) -> list[str]:
    return _OPTION.findall(rest)
