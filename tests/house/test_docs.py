"""Statements of README and docs about the command: options exist, the reference is current, links resolve."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from support.texts.docs_commands import PAGES, ROOT, Shown, shown

from tdaflink.cli.app import app, load

CALLS = [call for page in PAGES for call in shown(page)]


def node_of(words: tuple[str, ...]) -> tuple[Any, list[str]]:
    """Return the command that the words name, and the words that it has to parse."""
    load([])
    node: Any = typer.main.get_command(app)
    left = list(words)
    while isinstance(children := getattr(node, "commands", None), Mapping):
        assert left, f"{words} names no command"
        assert left[0] in children, f"{left[0]} is no command"
        node = children[left.pop(0)]
    return node, left


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.page.name}: {' '.join(call.words)}")
def test_a_command_that_is_shown_can_be_typed(call: Shown) -> None:
    node, left = node_of(call.words)
    node.make_context("tdaflink", left)


def test_an_option_that_does_not_exist_would_be_found() -> None:
    node, left = node_of(("results", "--no-such-option"))
    with pytest.raises(Exception, match="--no-such-option"):
        node.make_context("tdaflink", left)


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


SOURCE = re.compile(
    r"`((?:tdaflink|jobs|tests|tools|benchmarks|profiles|tdaformats|tdajob|adapters|services|domain|display|cli)"
    r"/[\w./-]+)`"
)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_files_of_the_code_that_a_page_names_exist(page: Path) -> None:
    """Each path exists, relative to the root or to the folder of the command or of the job."""
    named = [path for path in SOURCE.findall(page.read_text(encoding="utf-8")) if "NAME" not in path]
    roots = (ROOT, ROOT / "tdaflink", ROOT / "jobs")
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []
