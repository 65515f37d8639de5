"""Log files are read in order, by time, and followed over being rolled and being written anew."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tdaflink.adapters.logfiles import read_log
from tdaflink.domain.environment import LogLine

FIRST, SECOND, THIRD = (f"2026-01-02 03:04:0{second},500 INFO  one.Class  - {second}" for second in range(3))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "kafka.log.1").write_text(f"{FIRST}\n")
    (tmp_path / "kafka.log.2").write_text(f"{SECOND}\n\tat some.Frame\n")
    (tmp_path / "kafka.log").write_text(f"{THIRD}\n")
    (tmp_path / "kafka.log.bak").write_text("not rolled\n")
    return tmp_path / "kafka.log"


def test_rolled_files_come_first_in_their_order(log: Path) -> None:
    lines = list(read_log(log, since=None, follow=False))
    assert [line.text for line in lines] == [FIRST, SECOND, "\tat some.Frame", THIRD]
    assert lines[0].time == moment("2026-01-02 03:04:00.500")
    assert lines[2].time is None


def test_since_keeps_what_belongs_to_a_newer_line(log: Path) -> None:
    lines = read_log(log, since=moment("2026-01-02 03:04:01.000"), follow=False)
    assert [line.text for line in lines] == [SECOND, "\tat some.Frame", THIRD]
    assert list(read_log(log, since=moment("2026-01-02 03:05:00"), follow=False)) == []


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert list(read_log(tmp_path / "none" / "kafka.log", since=None, follow=False)) == []


def listening(lines: Iterator[LogLine]) -> queue.Queue[str]:
    heard: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in lines:
            heard.put(line.text)

    threading.Thread(target=listen, daemon=True).start()
    return heard


def test_following_goes_on_over_a_rolled_file_and_loses_and_repeats_nothing(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    heard = listening(read_log(log, since=None, follow=True))
    for number in range(6):
        with log.open("a") as file:
            file.write(f"line {number}\nhalf ")
            file.flush()
            file.write("a line\n")
        assert [heard.get(timeout=20), heard.get(timeout=20)] == [f"line {number}", "half a line"]
        if number % 2:
            log.rename(tmp_path / f"kafka.log.{number}")
    assert heard.empty()


def test_two_rollings_between_two_looks_lose_nothing(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("first\n")
    heard = listening(read_log(log, since=None, follow=True))
    assert heard.get(timeout=20) == "first"
    log.rename(tmp_path / "kafka.log.1")
    log.write_text("second\n")
    log.rename(tmp_path / "kafka.log.2")
    log.write_text("third\n")
    assert [heard.get(timeout=20), heard.get(timeout=20)] == ["second", "third"]
