"""The layers of the tests: the selection of a plain `pytest`, and the tests that may run at the same time.

Tests run in several processes. Most may run in any of them; tests that share a resource that is expensive to
set up, or that exists once on a machine, are a group, and a group runs in one process:

- `cluster` and `breaking` have a Flink and a Kafka each. Tests of the first require a cluster that stays up;
  those of the second kill its parts, or set up further environments; they run after everything else that
  loads the cores.
- `kernels` compiles machine code once, `registry` and `s3` start a server once.
- `docker` is for whole environments in containers: one at a time.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).resolve().parent
# Marker -> the requirement that a plain `pytest` does without.
LEFT_OUT = {"docker": "a container engine", "soak": "many minutes"}
# In the order in which processes take them: the longest first. None: tests without a group.
GROUPS = ("cluster", "kernels", "docker", "registry", "s3", None, "breaking")
# Folders that run under each Python: the command's tests, except those of a group.
_FAST = ("command", "house")
# Fixture -> the group of the tests that use it.
_BY_FIXTURE = {"incremental_kernels": "kernels", "first_workers": "kernels", "registry_process": "registry"}
_MOST_PROCESSES = 8


def group_of(item: pytest.Item) -> str | None:
    """Return the group of a test; None if it may run in any process. A test may name its group itself."""
    said = item.get_closest_marker("group")
    if said:
        return str(said.args[0])
    if item.get_closest_marker("docker"):
        return "docker"
    if item.get_closest_marker("breaks_cluster"):
        return "breaking"
    if item.get_closest_marker("cluster"):
        return "cluster"
    fixtures = getattr(item, "fixturenames", ())
    for fixture, group in _BY_FIXTURE.items():
        if fixture in fixtures:
            return group
    return "s3" if "s3" in fixtures else None


def mark_fast(items: list[pytest.Item]) -> None:
    """Mark the tests for each Python, without the linters, whose findings do not depend on it."""
    for item in items:
        if (
            item.path.relative_to(TESTS).parts[0] in _FAST
            and group_of(item) is None
            and item.path.stem != "test_house_rules"
        ):
            item.add_marker(pytest.mark.fast)


def processes(arguments: Sequence[str], cores: int) -> int:
    """Return the number of processes that run the tests; 0 is this one alone, as for single files."""
    if arguments and all(".py" in argument for argument in arguments):
        return 0
    return min(cores, _MOST_PROCESSES)


def named(item: pytest.Item, arguments: Iterable[str], start: Path) -> bool:
    """Return whether the command line names the test's file, or a folder of tests that contains it."""
    for argument in arguments:
        place = (start / argument.split("::")[0]).resolve()
        if place != TESTS and place.is_relative_to(TESTS) and item.path.is_relative_to(place):
            return True
    return False


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> Counter[str]:
    """Deselect the tests that a plain `pytest` does not run; return their number per marker."""
    left: Counter[str] = Counter()
    if config.getoption("--all") or config.getoption("markexpr"):
        return left
    kept, gone = [], []
    for item in items:
        markers = [marker for marker in LEFT_OUT if item.get_closest_marker(marker)]
        if markers and not named(item, config.args, config.invocation_params.dir):
            left[markers[0]] += 1
            gone.append(item)
        else:
            kept.append(item)
    if gone:
        items[:] = kept
        config.hook.pytest_deselected(items=gone)
    return left


def sort(items: list[pytest.Item]) -> None:
    """Sort by the order of the groups; without several processes, tests without a group come first."""
    distributed = "PYTEST_XDIST_WORKER" in os.environ
    order = GROUPS if distributed else (None, *(group for group in GROUPS if group))
    ranks = {group: rank for rank, group in enumerate(order)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        return ranks.get(group_of(item), len(ranks)), item.get_closest_marker("breaks_cluster") is not None

    items.sort(key=place)


def tell_groups(file: Path, items: Iterable[pytest.Item]) -> None:
    """Write the groups for the process that distributes the tests, which collects none."""
    groups = {item.nodeid: group for item in items if (group := group_of(item))}
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(groups), encoding="utf-8")
    part.replace(file)


class GroupScheduling(LoadScopeScheduling):
    """Distribution as by xdist's `loadgroup`, but with the groups of a file.

    `loadgroup` appends the group to a test's id, which pytest 9.2 does not allow.
    """

    def __init__(self, config: pytest.Config, log: Any, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._groups is None:
            self._groups = json.loads(self._file.read_text(encoding="utf-8"))
        return self._groups.get(nodeid, nodeid)
