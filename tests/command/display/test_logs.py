"""Logs of several components: merged by time, filtered, bounded, followed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.command_runner import Runner

from tdaflink.adapters.local_runtime.log_files import read_log
from tdaflink.domain.environments.environment import LogLine
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.observability.logs import LogRequest, moment, pattern
from tdaflink.services.observability.logs import read_logs


class Folder:
    """The log files of a folder, as in a local cluster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Sequence[str]:
        return sorted(path.stem for path in self._folder.glob("*.log"))

    def tail(self, component: str, lines: int) -> Sequence[str]:
        return [line.text for line in self.lines(component, None, follow=False)][-lines:]

    def lines(self, component: str, since: datetime | None, *, follow: bool) -> Iterator[LogLine]:
        return read_log(self._folder / f"{component}.log", since=since, follow=follow)


def at(second: int, text: str) -> str:
    return f"2026-01-02 03:04:{second:02},000 {text}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobmanager.log").write_text(at(1, "one") + "  at a.Frame\n" + at(4, "four"))
    (tmp_path / "taskmanager-1.log").write_text(at(2, "two") + at(3, "three"))
    (tmp_path / "taskmanager-2.log").write_text(at(5, "five"))
    return tmp_path


def texts(folder: Path, request: LogRequest) -> list[str]:
    return [entry.line.text.split()[-1] for entry in read_logs(Folder(folder), request)]


def test_lines_of_all_components_come_in_the_order_of_their_times(folder: Path) -> None:
    assert texts(folder, LogRequest()) == ["one", "a.Frame", "two", "three", "four", "five"]


def test_the_beginning_of_a_name_means_all_that_begin_so(folder: Path) -> None:
    assert texts(folder, LogRequest(("taskmanager",))) == ["two", "three", "five"]
    with pytest.raises(
        NotFound, match=r"no component 'kafka' \(available: jobmanager, taskmanager-1, taskmanager-2\)"
    ):
        texts(folder, LogRequest(("kafka",)))


def test_the_last_lines_are_counted_for_each_component_after_the_filter(folder: Path) -> None:
    assert texts(folder, LogRequest(last=1)) == ["three", "four", "five"]
    assert texts(folder, LogRequest(last=1, pattern=pattern("o"))) == ["two", "four"]
    assert texts(folder, LogRequest(last=0)) == []


def test_following_sorts_what_was_there_and_goes_on_with_what_is_written(folder: Path) -> None:
    entries = read_logs(Folder(folder), LogRequest(follow=True, last=1))
    assert [e.line.text.split()[-1] for e in itertools.islice(entries, 3)] == ["three", "four", "five"]
    with (folder / "taskmanager-1.log").open("a") as log:
        log.write(at(6, "six"))
    entry = next(entries)
    assert (entry.component, entry.line.text.split()[-1]) == ("taskmanager-1", "six")


def test_since_is_a_duration_or_a_time() -> None:
    before = datetime.now(timezone.utc)
    found = moment("5m") + timedelta(minutes=5)
    assert before <= found <= datetime.now(timezone.utc)
    assert moment("2026-01-31T03:00:00Z") == datetime(2026, 1, 31, 3, tzinfo=timezone.utc)
    with pytest.raises(UsageError, match="--since 'soon' is neither a duration nor a time"):
        moment("soon")


def test_a_broken_expression_is_named(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("logs", "--grep", "(")
    assert ran.code == 2
    assert "--grep '(' is not a regular expression" in ran.stderr
