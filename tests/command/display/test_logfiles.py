"""Log files: read in order, by time, and followed when they are rolled or rewritten."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tdaflink.adapters.local_runtime.log_files import read_log, written_at
from tdaflink.domain.environments.environment import LogLine

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


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the time zone of this process to Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_a_line_that_names_its_zone_is_of_one_time_wherever_it_is_read(tmp_path: Path) -> None:
    log = tmp_path / "jobmanager.log"
    log.write_text(
        "2026-01-02 03:04:05,678+01:00 INFO  a.B - Berlin\n"
        "2026-01-02 02:04:05,678Z INFO  a.B - UTC\n"
        "2026-01-02 11:04:05,678 INFO  a.B - here, from an earlier version\n"
        "[2026-01-01 22:34:05,678-0330] INFO in brackets\n"
        "2026-99-02 11:04:05,678 INFO no date\n"
    )
    lines = list(read_log(log, since=None, follow=False))
    assert [line.time for line in lines[:4]] == [moment("2026-01-02T02:04:05.678+00:00")] * 4
    assert lines[4].time is None
    since = moment("2026-01-02T02:04:05.000+00:00")
    assert len(list(read_log(log, since=since, follow=False))) == 5
    assert list(read_log(log, since=since + timedelta(minutes=1), follow=False)) == []


def test_a_time_without_a_zone_is_of_the_zone_that_its_cluster_has() -> None:
    zone = timezone(timedelta(hours=-5))
    assert written_at("2026-01-02 03:04:05,678 INFO x", zone=zone) == moment("2026-01-02T08:04:05.678+00:00")
    assert written_at("2026-01-02 03:04:05,678Z INFO x", zone=zone) == moment("2026-01-02T03:04:05.678+00:00")


@pytest.mark.parametrize("profile", ["local/log4j2.properties", "compose/log4j-console.properties"])
def test_the_logs_of_our_own_clusters_name_their_zone(profile: str) -> None:
    text = (Path(__file__).parents[3] / "profiles" / profile).read_text(encoding="utf-8")
    patterns = re.findall(r"layout\.pattern = (.*)", text)
    assert patterns
    assert all(pattern.startswith("%d{yyyy-MM-dd HH:mm:ss,SSSXXX} ") for pattern in patterns)
