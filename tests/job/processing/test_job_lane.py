"""Lanes of heavy requests: light ones are not delayed, ids take turns, each request has one output record."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.job.settings_json import settings_document
from support.job.stream_job import Pieces
from tdajob.lane.scheduler import IDLE_MS, HeavyAnswerer
from tdajob.processing.requests import OutputRecord, RequestProcessor, engine_limits
from tdajob.settings import job as settings
from tdajob.topology.engine import Engine

KAFKA_TIME = 1_704_110_400_000
LIGHT, HEAVY = 2, 8  # points; the algorithm predicts one second for each
GIVEN_UP = 120.0
ROUTES = [
    {"route": route, "topic": topic, "output_topic": "tda_results", "source_parallelism": 1, "window": None}
    for route, topic in (("requests", "tda_jobs"), ("uploads", "tda_uploads"))
]

LIMITS = engine_limits(settings.load(json.dumps(settings_document())).limits)


class Job:
    """One subtask of the requests, its lanes, and their state."""

    def __init__(self, engine: Engine, **changes: Any) -> None:
        chosen = {"plugins": ["gated_algorithm"], "inputs": ROUTES, "heavy__after_s": 5.0, **changes}
        self.settings = settings.load(json.dumps(settings_document(**chosen)))
        self.light = RequestProcessor(self.settings)
        # A process takes seconds to start, so all tests except a few share one.
        shared = engine_limits(self.settings.limits) == LIMITS
        self.engine = engine if shared else Engine(engine_limits(self.settings.limits))
        self.heavy = HeavyAnswerer(self.settings, self.engine)
        self.stores: dict[str, Pieces] = {}
        self.answers: list[dict[str, Any]] = []
        self.now = 0
        self._offsets = itertools.count()

    def close(self) -> None:
        self.light.close()
        self.stop()

    def stop(self) -> None:
        """End the running computation, as the end of a worker does."""
        if not self.heavy.is_idle or engine_limits(self.settings.limits) != LIMITS:
            self.heavy.close()

    def take(self, raw: bytes, topic: str = "tda_jobs") -> OutputRecord | bytes:
        """Return the output of the operator of all requests for a message."""
        return self.light.answer_light(raw, topic, 0, next(self._offsets), KAFKA_TIME)

    def queue(self, content: OutputRecord | bytes, lane: str = "lane/0") -> None:
        assert isinstance(content, bytes), "it is not heavy"
        store = self.stores.setdefault(lane, Pieces())
        self._note(self.heavy.add(lane, content, store, self.now))

    def send(self, job_id: str, lane: str = "lane/0", points: int = HEAVY, gate: Path | None = None) -> None:
        self.queue(self.take(request(job_id, points, gate)), lane)

    def tick(self, milliseconds: int = 20) -> None:
        self.now += milliseconds
        for lane, store in self.stores.items():
            self._note(self.heavy.tick(lane, store, self.now))

    def until(self, count: int) -> list[dict[str, Any]]:
        """Wait for exactly `count` output records and return them."""
        wait(lambda: (self.tick(), len(self.answers) >= count)[1])
        self.tick()
        assert len(self.answers) == count
        return self.answers

    def restore(self, stores: dict[str, Pieces]) -> None:
        """Restart from the state of a checkpoint."""
        self.stop()
        self.heavy = HeavyAnswerer(self.settings, self.engine)
        self.stores = stores

    def _note(self, answers: Iterator[OutputRecord]) -> None:
        for answer in answers:
            self.answers.append({"topic": answer.topic, **json.loads(answer.value)})

    @property
    def ids(self) -> list[str]:
        return [answer["job_id"] for answer in self.answers]


def light(job_id: str) -> bytes:
    """Send a request that needs no process."""
    return json.dumps({"job_id": job_id, "point_cloud": {"points": [[0, 0], [1, 0], [0, 1]]}}).encode()


def request(job_id: str, points: int, gate: Path | None = None, **more: Any) -> bytes:
    parameters = {} if gate is None else {"gate": str(gate)}
    cloud = {"points": [[number, 0] for number in range(points)]}
    whole = {"job_id": job_id, "algorithm": "gated", "parameters": parameters, "point_cloud": cloud, **more}
    return json.dumps(whole).encode()


def wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GIVEN_UP
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def copied(stores: dict[str, Pieces]) -> dict[str, Pieces]:
    return {lane: Pieces(store) for lane, store in stores.items()}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    found = Engine(LIMITS)
    yield found
    found.close()


@pytest.fixture
def jobs(engine: Engine) -> Iterator[Callable[..., Job]]:
    made: list[Job] = []

    def make(**changes: Any) -> Job:
        made.append(Job(engine, **changes))
        return made[-1]

    yield make
    for job in made:
        job.close()


def test_light_requests_are_answered_while_a_heavy_one_is_computed(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(), tmp_path / "gate"
    job.send("heavy", gate=gate)
    for number in range(3):
        found = job.take(light(f"light-{number}"))
        assert isinstance(found, OutputRecord)
        assert (found.topic, json.loads(found.value)["job_id"]) == ("tda_results", f"light-{number}")
    job.tick()
    assert job.answers == []
    gate.touch()
    (answer,) = job.until(1)
    assert (answer["topic"], answer["job_id"]) == ("tda_results", "heavy")


def test_a_result_of_the_lane_is_the_one_that_is_computed_in_place(jobs: Callable[..., Job]) -> None:
    job = jobs(heavy__after_s=0.0)
    points = [[number % 7, number * number % 11] for number in range(80)]
    asked = {"max_dimension": 2, "betti_at": 1.5}
    raw = json.dumps({"job_id": "j", "parameters": asked, "point_cloud": {"points": points}}).encode()
    in_place = json.loads(job.light.answer(raw, "tda_jobs", 0, 0, KAFKA_TIME).value)
    job.queue(job.take(raw))
    (answer,) = job.until(1)
    assert answer.pop("topic") == "tda_results"
    for record in (answer, in_place):
        for varying in ("timestamp", "computation_info"):
            record.pop(varying)
    assert answer == in_place


def test_ids_take_turns(jobs: Callable[..., Job], tmp_path: Path) -> None:
    job, gate = jobs(), tmp_path / "gate"
    for number in range(5):
        job.send("many", gate=gate, points=HEAVY + number)
    job.send("few")
    job.send("other")
    gate.touch()
    job.until(7)
    assert job.ids == ["many", "many", "few", "other", "many", "many", "many"]
    sizes = [one["computation_info"]["num_points"] for one in job.answers if one["job_id"] == "many"]
    assert sizes == [HEAVY + number for number in range(5)]


def test_what_waits_or_is_computed_at_a_checkpoint_is_answered_once_after_it(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(), tmp_path / "gate"
    job.send("answered")
    job.until(1)
    for name in ("computed", "waiting", "last"):
        job.send(name, gate=gate)
    checkpoint = copied(job.stores)
    job.restore(checkpoint)
    gate.touch()
    job.until(4)
    assert Counter(job.ids) == Counter(["answered", "computed", "waiting", "last"])
    assert not any(job.stores.values())


def test_counts_are_exact_through_restores_at_any_moment(jobs: Callable[..., Job]) -> None:
    """Output records count when the next checkpoint is complete, as with exactly-once delivery."""
    numbers, job = random.Random(11), jobs()
    wanted = [f"j{number}" for number in range(40)]
    committed: list[dict[str, Any]] = []
    stores, position, at_checkpoint, restores = dict[str, Pieces](), 0, 0, 0
    while len(committed) < len(wanted):
        step = numbers.random()
        if step < 0.5 and position < len(wanted):
            job.send(wanted[position], f"lane/{numbers.randrange(3)}")
            position += 1
        elif step < 0.8:
            job.tick()
        elif step < 0.9 or restores == 4:
            committed += job.answers
            job.answers = []
            stores, at_checkpoint = copied(job.stores), position
        else:
            restores += 1
            job.answers = []
            job.restore(copied(stores))
            position = at_checkpoint
    assert Counter(one["job_id"] for one in committed) == Counter(wanted)
    assert len({one["id"] for one in committed}) == len(wanted)
    assert restores == 4


def test_lanes_that_come_together_in_one_subtask_keep_to_their_own_state(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(), tmp_path / "gate"
    for number in range(6):
        job.send(f"j{number}", f"lane/{number % 3}", gate=gate)
    assert {lane: len(store) for lane, store in job.stores.items()} == {f"lane/{n}": 2 for n in range(3)}
    gate.touch()
    job.until(6)
    assert Counter(job.ids) == Counter(f"j{number}" for number in range(6))
    assert not any(job.stores.values())


def test_a_timeout_is_one_error_and_holds_nobody_up(jobs: Callable[..., Job], tmp_path: Path) -> None:
    job = jobs(limits__compute_timeout_s=0.5)
    job.send("endless", gate=tmp_path / "never")
    job.send("next")
    assert isinstance(job.take(light("light")), OutputRecord)
    given_up, answered = job.until(2)
    assert (given_up["topic"], given_up["code"], given_up["job_id"]) == ("tda_errors", "timeout", "endless")
    assert "compute_timeout 0.5 s" in given_up["reason"]
    assert (answered["topic"], answered["job_id"]) == ("tda_results", "next")


def test_a_full_lane_takes_the_next_when_there_is_room_and_loses_none(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(heavy__queue=1), tmp_path / "gate"
    job.send("computed", gate=gate)
    job.send("waiting")
    third = job.take(request("third", HEAVY))
    sending = threading.Thread(target=job.queue, args=(third,))
    sending.start()
    sending.join(0.3)
    assert sending.is_alive()
    assert len(job.stores["lane/0"]) == 2
    gate.touch()
    sending.join(GIVEN_UP)
    job.until(3)
    assert job.ids == ["computed", "waiting", "third"]


def test_a_request_that_takes_longer_than_predicted_is_left_to_the_lane(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(heavy__after_s=2.5), tmp_path / "gate"
    job.queue(job.take(request("longer", LIGHT, gate)))
    assert job.light.stats() == {"heavy_requests": 1, "heavy_overruns": 1}
    assert isinstance(job.take(light("next")), OutputRecord)
    gate.touch()
    (answer,) = job.until(1)
    assert (answer["topic"], answer["job_id"]) == ("tda_results", "longer")


def test_without_a_bound_every_request_is_computed_in_place(jobs: Callable[..., Job]) -> None:
    job = jobs(heavy__after_s=None)
    assert isinstance(job.take(request("heavy", HEAVY)), OutputRecord)


def test_an_upload_keeps_the_points_that_its_file_had(jobs: Callable[..., Job], tmp_path: Path) -> None:
    job, file = jobs(uploads__roots=[tmp_path.as_uri() + "/"]), tmp_path / "cloud.csv"
    file.write_text("x,y\n" + "".join(f"{number},0\n" for number in range(HEAVY)))
    raw = json.dumps({"job_id": "file", "uri": file.as_uri(), "algorithm": "gated"}).encode()
    passed_on = job.take(raw, "tda_uploads")
    file.unlink()
    job.queue(passed_on)
    (answer,) = job.until(1)
    assert answer["computation_info"]["num_points"] == HEAVY
    assert (answer["input"]["uri"], answer["input"]["columns"]) == (file.as_uri(), ["x", "y"])


def test_the_end_of_the_input_is_answered_without_timers(jobs: Callable[..., Job], tmp_path: Path) -> None:
    job, gate = jobs(), tmp_path / "gate"
    for number in range(4):
        job.send(f"j{number}", f"lane/{number % 2}", gate=gate)
    gate.touch()
    for lane, store in job.stores.items():
        job._note(job.heavy.drain(lane, store, job.now))
    assert Counter(job.ids) == Counter(f"j{number}" for number in range(4))
    assert not any(job.stores.values())


def test_a_timer_is_set_while_something_waits_and_the_child_ends_when_nothing_does(
    jobs: Callable[..., Job], tmp_path: Path
) -> None:
    job, gate = jobs(), tmp_path / "gate"
    assert job.heavy.timer_to_set("lane/0", job.now) is None
    job.send("j", gate=gate)
    armed = job.heavy.timer_to_set("lane/0", job.now)
    assert armed is not None
    assert job.heavy.timer_to_set("lane/0", job.now) is None, "one is set"
    gate.touch()
    job.until(1)
    assert job.heavy._engine._process.pid is not None
    last = job.heavy.timer_to_set("lane/0", job.now)
    assert last is not None
    assert job.now < last <= job.now + IDLE_MS
    job.tick(IDLE_MS + 1)
    assert job.heavy._engine._process.pid is None
    assert job.heavy.timer_to_set("lane/0", job.now) is None
    job.send("again")
    job.until(2)


def test_damaged_state_is_reported_and_kept_and_the_others_are_answered(jobs: Callable[..., Job]) -> None:
    job = jobs()
    content = job.take(request("whole", HEAVY))
    assert isinstance(content, bytes)
    job.stores["lane/0"] = Pieces({4: content[:12], 5: content, 6: b"\x09" + content[1:]})
    answers = job.until(3)
    assert Counter(one.get("code") for one in answers) == Counter({"internal_error": 2, None: 1})
    assert job.stores["lane/0"].keys() == {4, 6}
    job.send("later")
    job.until(4)
    assert job.ids[-1] == "later"


def test_a_skipped_record_is_passed_over_in_the_lane_too(jobs: Callable[..., Job]) -> None:
    job = jobs()
    job.queue(job.take(request("bad", HEAVY)))
    checkpoint = copied(job.stores)
    after = jobs(skip=["tda_jobs/0/0"])
    after.restore(checkpoint)
    (answer,) = after.until(1)
    assert (answer["topic"], answer["code"]) == ("tda_errors", "skipped")
