"""Each command's help ends with examples, and each of them can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Runner
from hints import tree

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


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_example_is_a_call_of_its_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TDA_ENVIRONMENT", raising=False)
    for line in EXAMPLES[name]:
        words = shlex.split(line)
        length = 1 + len(name.split())
        assert words[:length] == ["tdaflink", *name.split()]
        called = COMMANDS[name].make_context(name, words[length:])
        if name == "plan":
            planned, *options = called.params["words"]
            COMMANDS[planned].make_context(planned, options)


def test_the_help_shows_them_as_they_are_typed(run_tdaflink: Runner) -> None:
    for name in ("submit", "config init", "env add"):
        shown = run_tdaflink(*name.split(), "--help").stdout
        assert "Examples:" in shown
        for line in EXAMPLES[name]:
            assert f"  {line}\n" in shown
