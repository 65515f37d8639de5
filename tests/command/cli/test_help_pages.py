"""The pages of `--help` in a terminal of 80 columns: headings, and descriptions that are not cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.command_runner import Runner
from support.in_process import call
from support.texts.hints import tree

from tdaflink.cli.app import HEADINGS

GROUPS = sorted(name for name, command in tree().commands.items() if hasattr(command, "commands"))
COMMAND = re.compile(r"^  ([a-z]+)  +(\S.*)$", re.MULTILINE)


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of a page."""
    parts = re.split(r"^(\w+):\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_main_page_has_each_command_below_its_heading(run_tdaflink: Runner) -> None:
    page = run_tdaflink("--help", environ={"COLUMNS": "80"}).stdout
    shown = sections(page)
    assert [heading for heading in shown if heading != "Options"] == [
        "Environments",
        "Jobs",
        "Data",
        "Operations",
        "Configuration",
    ]
    for heading, names in HEADINGS.items():
        assert [name for name, _ in COMMAND.findall(shown[heading])] == list(names)
    assert {name for names in HEADINGS.values() for name in names} == set(tree().commands)


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_page_of_80_columns_has_whole_descriptions(group: str | None, tmp_path: Path) -> None:
    words = (group, "--help") if group else ("--help",)
    page = call(tmp_path, *words, COLUMNS="80").stdout
    commands = tree().commands[group].commands if group else tree().commands
    listed = dict(
        COMMAND.findall("".join(text for head, text in sections(page).items() if head != "Options"))
    )
    assert list(listed) == [name for name, command in commands.items() if not command.hidden] or not group
    assert set(listed) == {name for name, command in commands.items() if not command.hidden}
    for name, description in listed.items():
        assert len(f"  {name}  {description}") <= 80
        assert description.endswith("."), f"{name}: {description}"
        assert not description.endswith("..."), f"{name} is cut: {description}"


def test_description_that_is_too_long_would_be_cut() -> None:
    command = tree().commands["submit"]
    whole = command.get_short_help_str(66)
    assert command.get_short_help_str(len(whole) - 1).endswith("...")
