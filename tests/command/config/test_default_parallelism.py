"""The parallelism of a submission that names none: a share of the free slots, with room for other jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.samples import LOCAL
from support.servers.replying import replying

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.services.jobs.preparation import SubmitRequest, shipped_job
from tdaflink.services.jobs.run_request import JobPackage
from tdaflink.services.jobs.submission import fitted

PARTITIONS = {"tda_jobs": 6, "tda_uploads": 3, "tda_stream_input": 6}


def job(free: int | None, **said: Any) -> JobPackage:
    def partitions(topics: Any) -> dict[str, int]:
        return {topic: PARTITIONS.get(topic, 1) for topic in topics}

    return shipped_job(
        resolve([Layer("file", said)]), LOCAL, SubmitRequest(), partitions, lambda _: None, free
    )


@pytest.mark.parametrize(
    ("free", "said", "expected"),
    [
        (0, {}, 1),
        (1, {}, 1),
        (7, {}, 1),
        (8, {}, 2),
        (24, {}, 6),
        (400, {}, 6),  # at most the number of partitions
        (24, {"input_topic": "tda_uploads"}, 3),
        (24, {"parallelism": 1}, 1),
        (0, {"parallelism": 4}, 4),
        (None, {}, 1),  # an upgrade, which keeps the parallelism of the previous version
    ],
)
def test_a_quarter_of_the_free_slots_is_taken(free: int | None, said: dict[str, Any], expected: int) -> None:
    made = job(free, **said)
    assert made.parallelism == expected
    assert made.settings is not None
    assert made.settings["parallelism"] == expected
    for one in made.settings["inputs"]:
        assert one["source_parallelism"] == min(PARTITIONS[one["topic"]], expected)
    assert (made.chosen is None) == (free is None or "parallelism" in said)


def test_what_was_chosen_is_kept_by_later_versions() -> None:
    assert job(24).config == {"parallelism": 6}
    assert job(None, **(job(24).config or {})).parallelism == 6


@pytest.fixture
def answering() -> Iterator[Callable[[int, list[int]], FlinkRest]]:
    """Provide a JobManager by its number of free slots, of eight, and the slots of each job."""
    replies: dict[str, Any] = {}

    def serve(free: int, held: list[int]) -> FlinkRest:
        listed = []
        for number, parallelism in enumerate(held):
            job_id = f"{number:032x}"
            tasks = {"total": 1, "running": 1}
            one = {"jid": job_id, "name": "j", "state": "RUNNING", "start-time": 1, "duration": 1}
            listed.append({**one, "tasks": tasks})
            vertex = {"id": "v", "name": "v", "parallelism": parallelism, "tasks": {}}
            replies[f"/jobs/{job_id}"] = {"vertices": [vertex]}
        slots = {"taskmanagers": 1, "slots-total": 8, "slots-available": free, "flink-version": "2.2.1"}
        replies.update({"/jobs/overview": {"jobs": listed}, "/overview": slots})
        return FlinkRest(url)

    with replying(replies) as url:
        yield serve


@pytest.mark.parametrize(
    ("free", "held", "expected"),
    [
        (8, [], 2),
        (8, [2], 1),  # submitted a moment ago, not yet with slots
        (6, [2], 1),
        (0, [8], 1),
    ],
)
def test_submissions_at_once_leave_each_other_room(
    answering: Callable[[int, list[int]], FlinkRest], free: int, held: list[int], expected: int
) -> None:
    flink = answering(free, held)
    try:
        found = fitted(job(8), flink)
        assert fitted(job(8, parallelism=4), flink).parallelism == 4
    finally:
        flink.close()
    assert found.parallelism == expected
    assert found.settings is not None
    assert {one["source_parallelism"] for one in found.settings["inputs"]} == {expected}
    assert found.config == {"parallelism": expected}
