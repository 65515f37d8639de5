"""The layers of the tests: which a plain `pytest` runs, and which of them may run at the same time.

Tests run in several processes. Most may run in any of them; what shares something that is expensive to set
up, or that exists once on a machine, is a group, and a group stays in one process:

- `cluster` and `breaking` have a Flink and a Kafka each. Tests of the first count on a cluster that stays up;
  those of the second kill its parts, or set further environments up; they come when all that keeps the cores
  busy is done.
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
# Marker -> what it needs that a plain `pytest` does without.
LEFT_OUT = {"docker": "a container engine", "soak": "many minutes"}
# In the order in which processes take them: what lasts longest begins first. None: what is in no group.
GROUPS = ("cluster", "kernels", "docker", "registry", "s3", None, "breaking")
# What is run under each Python: the command's tests, but for those of a group.
_FAST = ("command", "house")
# Fixture -> the group of the tests that use it.
_BY_FIXTURE = {"incremental_kernels": "kernels", "first_workers": "kernels", "registry_process": "registry"}
_MOST_PROCESSES = 8


def group_of(item: pytest.Item) -> str | None:
    """The group of a test; None where it may run in any process. A test may name its group itself."""
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
    """Mark what each Python is tried with: the linters say the same under each, and are not."""
    for item in items:
        if (
            item.path.relative_to(TESTS).parts[0] in _FAST
            and group_of(item) is None
            and item.path.stem != "test_house_rules"
        ):
            item.add_marker(pytest.mark.fast)


def processes(arguments: Sequence[str], cores: int) -> int:
    """How many processes run the tests; 0 is this one alone, as for single files that somebody works on."""
    if arguments and all(".py" in argument for argument in arguments):
        return 0
    return min(cores, _MOST_PROCESSES)


def named(item: pytest.Item, arguments: Iterable[str], start: Path) -> bool:
    """Whether the command line names the test's file, or a folder of tests that it is in."""
    for argument in arguments:
        place = (start / argument.split("::")[0]).resolve()
        if place != TESTS and place.is_relative_to(TESTS) and item.path.is_relative_to(place):
            return True
    return False


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> Counter[str]:
    """Take away what a plain `pytest` does not run; how many tests of each marker."""
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
    """Put groups into their order where there are processes for them, else after all that is in none."""
    distributed = "PYTEST_XDIST_WORKER" in os.environ
    order = GROUPS if distributed else (None, *(group for group in GROUPS if group))
    ranks = {group: rank for rank, group in enumerate(order)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        return ranks.get(group_of(item), len(ranks)), item.get_closest_marker("breaks_cluster") is not None

    items.sort(key=place)


def tell_groups(file: Path, items: Iterable[pytest.Item]) -> None:
    """What the process that distributes the tests, and collects none, must know of them."""
    groups = {item.nodeid: group for item in items if (group := group_of(item))}
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(groups), encoding="utf-8")
    part.replace(file)


class GroupScheduling(LoadScopeScheduling):
    """xdist's `loadgroup`, but by a list: it appends the group to a test's id, and pytest 9.2 lets nobody."""

    def __init__(self, config: pytest.Config, log: Any, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._groups is None:
            self._groups = json.loads(self._file.read_text(encoding="utf-8"))
        return self._groups.get(nodeid, nodeid)
