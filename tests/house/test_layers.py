"""The selection of tests and their distribution to processes, compared with the whole run's collection."""

from __future__ import annotations

from pathlib import Path

import layers
import pytest


def test_what_uses_a_cluster_stays_in_a_process_that_has_one(request: pytest.FixtureRequest) -> None:
    items = request.session.items
    assert {layers.group_of(item) for item in items} <= {None, *layers.GROUPS}
    on_clusters = [item for item in items if "cluster" in getattr(item, "fixturenames", ())]
    assert {layers.group_of(item) for item in on_clusters} <= {"cluster", "breaking"}


def test_single_files_run_in_one_process_and_all_else_in_as_many_as_cores() -> None:
    assert layers.processes(["tests/house/test_layers.py", "tests/house/test_docs.py::test_one"], 2) == 0
    assert layers.processes(["tests/command"], 2) == 2
    assert layers.processes([], 64) == 8


def test_what_the_command_line_names_is_run(request: pytest.FixtureRequest) -> None:
    root = layers.TESTS.parent
    assert layers.named(request.node, ["tests/house"], root)
    assert layers.named(request.node, [f"{Path(__file__).name}::test_one"], Path(__file__).parent)
    assert not layers.named(request.node, ["tests"], root)
    assert not layers.named(request.node, ["tests/compose", "."], root)
