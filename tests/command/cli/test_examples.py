"""The examples at the end of each command's help, each of which can be run as shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.in_process import call
from support.texts.hints import tree

from tdaflink.cli.examples import EXAMPLES


def commands() -> Iterator[tuple[str, Any]]:
    for name, command in tree().commands.items():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {one}", inner[one]) for one in inner)


COMMANDS = dict(commands())


def test_each_command_has_two_examples_or_three_and_nothing_else_has() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert {name for name, lines in EXAMPLES.items() if not 2 <= len(lines) <= 3} == set()


def arguments(line: str) -> list[str]:
    """Return the arguments that the command gets from a line: the shell consumes a redirection."""
    words = shlex.split(line)
    return words[: words.index(">")] if ">" in words else words


def parse(name: str, line: str) -> None:
    """Parse an example with the command's own parser; raise its errors."""
    words = arguments(line)
    length = 1 + len(name.split())
    assert words[:length] == ["tdaflink", *name.split()]
    called = COMMANDS[name].make_context(name, words[length:])
    if name == "plan":
        planned, *options = called.params["words"]
        COMMANDS[planned].make_context(planned, options)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_example_is_a_call_of_its_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TDA_ENVIRONMENT", raising=False)
    for line in EXAMPLES[name]:
        parse(name, line)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("watch", "tdaflink watch --no-such-option"),
        ("watch", "tdaflink watch --every soon"),
        ("plan", "tdaflink plan submit --no-such-option"),
    ],
)
def test_example_that_cannot_be_typed_would_be_noticed(name: str, line: str) -> None:
    with pytest.raises(Exception, match=r"no-such-option|valid number"):
        parse(name, line)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_of_a_command_differ_and_fit_into_a_terminal(name: str) -> None:
    lines = EXAMPLES[name]
    assert len(set(lines)) == len(lines)
    assert [line for line in lines if len(f"  {line}") > 80] == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_help_ends_with_the_examples_as_they_are_typed(name: str, tmp_path: Path) -> None:
    shown = call(tmp_path, *name.split(), "--help", COLUMNS="80").stdout
    assert shown.endswith("\nExamples:\n" + "".join(f"  {line}\n" for line in EXAMPLES[name]))
