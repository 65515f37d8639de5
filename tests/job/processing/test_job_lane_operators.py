"""The operators of requests and lanes, called as Flink does, with the state between two starts."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from support.job.settings_json import settings_text
from tdajob.settings import job

pytest.importorskip("pyflink", reason="PyFlink has no wheel for this Python")

from pyflink.common import Row
from pyflink.datastream import TimeDomain
from tdajob.flink.operators import AT_THE_END, HEAVY, AnswerHeavy, AnswerMessages

KAFKA_TIME = 1_704_110_400_000
GIVEN_UP = 120.0
LANES = ["lane/0", "lane/1"]


class Metrics:
    def counter(self, _: str) -> Metrics:
        return self

    def gauge(self, _: str, __: Any) -> None: ...

    def add_group(self, *_: str) -> Metrics:
        return self

    def inc(self, _: int = 1) -> None: ...


class Flink:
    """The runtime context of a keyed operator; a start with `state` restores it without timers."""

    def __init__(self, state: Mapping[str, Mapping[int, bytes]] | None = None, subtask: int = 0) -> None:
        self.state = {lane: dict((state or {}).get(lane, {})) for lane in LANES}
        self.timers = set[tuple[str, TimeDomain, int]]()
        self._subtask = subtask
        self._key, self._domain = "", TimeDomain.PROCESSING_TIME

    def get_metrics_group(self) -> Metrics:
        return Metrics()

    def get_index_of_this_subtask(self) -> int:
        return self._subtask

    def get_attempt_number(self) -> int:
        return 0

    def get_map_state(self, _: Any) -> Flink:
        return self

    def items(self) -> Any:
        return self.state[self._key].items()

    def put(self, number: int, content: bytes) -> None:
        self.state[self._key][number] = content

    def remove(self, number: int) -> None:
        del self.state[self._key][number]

    def get_current_key(self) -> str:
        return self._key

    def time_domain(self) -> TimeDomain:
        return self._domain

    def timer_service(self) -> Flink:
        return self

    def register_event_time_timer(self, moment: int) -> None:
        self.timers.add((self._key, TimeDomain.EVENT_TIME, moment))

    def register_processing_time_timer(self, moment: int) -> None:
        self.timers.add((self._key, TimeDomain.PROCESSING_TIME, moment))

    def send(self, function: AnswerHeavy, lane: str, content: bytes) -> list[Row]:
        self._key = lane
        return list(function.process_element(content, self))

    def fire(self, function: AnswerHeavy, domain: TimeDomain, until: int) -> list[Row]:
        found: list[Row] = []
        for timer in sorted(self.timers, key=lambda one: one[2]):
            if timer[1] == domain and timer[2] <= until:
                self.timers.remove(timer)
                self._key, self._domain = timer[0], domain
                found += function.on_timer(timer[2], self)
        return found


def request(job_id: str, points: int) -> bytes:
    cloud = {"points": [[number, 0] for number in range(points)]}
    return json.dumps({"job_id": job_id, "algorithm": "gated", "point_cloud": cloud}).encode()


@pytest.fixture
def opened() -> Iterator[Any]:
    chosen = job.load(settings_text(plugins=["gated_algorithm"], heavy__after_s=5.0))
    functions: list[Any] = []

    def make(kind: str, flink: Flink) -> Any:
        made: Any = (
            AnswerMessages(chosen, {}, LANES) if kind == "light" else AnswerHeavy(chosen, threads=False)
        )
        made.open(flink)
        functions.append(made)
        return made

    yield make
    for function in functions:
        function.close()


def passed_on(light: Any, rows: list[Row]) -> list[tuple[str, bytes]]:
    """Return lane and content of the rows that are sent to the lanes."""
    found = [(tag, row) for one in rows for tag, row in light.process_element(one, None)]
    assert all(tag is HEAVY for tag, _ in found)
    return [(row[0], row[1]) for _, row in found]


def test_a_restored_lane_continues_at_the_first_heartbeat_without_its_timers(opened: Any) -> None:
    light, before = opened("light", Flink()), Flink()
    heavy = opened("heavy", before)
    offsets = itertools.count()
    rows = [Row(request(f"j{n}", 8), "tda_jobs", 0, next(offsets), KAFKA_TIME) for n in range(4)]
    sent = passed_on(light, rows)
    assert {lane for lane, _ in sent} == set(LANES)
    early = [row for lane, content in sent for row in before.send(heavy, lane, content)]

    after = Flink(before.state)
    heavy.close()
    heavy = opened("heavy", after)
    beat = Row(None, None, None, 1, None)
    woken = passed_on(opened("light", Flink()), [beat, beat])
    assert woken == [(lane, b"") for lane in LANES]
    assert passed_on(opened("light", Flink(subtask=1)), [beat]) == []
    found = [row for lane, content in woken for row in after.send(heavy, lane, content)]
    deadline = time.monotonic() + GIVEN_UP
    while len(early) + len(found) < len(rows):
        assert time.monotonic() < deadline
        found += after.fire(heavy, TimeDomain.PROCESSING_TIME, time.time_ns() // 1_000_000)
        time.sleep(0.005)
    assert sorted(json.loads(row[2])["job_id"] for row in (*early, *found)) == ["j0", "j1", "j2", "j3"]
    assert not any(after.state.values())


def test_the_end_of_the_input_answers_what_waits(opened: Any) -> None:
    light, flink = opened("light", Flink()), Flink()
    heavy = opened("heavy", flink)
    rows = [Row(request(f"j{number}", 8), "tda_jobs", 0, number, KAFKA_TIME) for number in range(3)]
    found = [row for lane, content in passed_on(light, rows) for row in flink.send(heavy, lane, content)]
    found += flink.fire(heavy, TimeDomain.EVENT_TIME, AT_THE_END)
    assert sorted(json.loads(row[2])["job_id"] for row in found) == ["j0", "j1", "j2"]
    assert not any(flink.state.values())
