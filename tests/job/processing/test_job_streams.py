"""Processing of streams without Flink: the state, the evictable cache, and the output records of windows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from support.job.stream_job import COUNT, KAFKA_TIME, NONE, TUMBLING, Job, cloud
from tdajob.processing import streams


@pytest.fixture
def jobs() -> Iterator[Any]:
    made: list[Job] = []

    def make(window: dict[str, Any], **changes: Any) -> Job:
        made.append(Job(window, **changes))
        return made[-1]

    yield make
    for job in made:
        job.answerer.close()


def test_the_time_in_which_no_job_ran_is_no_silence_of_a_stream(jobs: Any) -> None:
    """A savepoint may be days old: its points continue to wait for those that arrive after it."""
    job, still = jobs(COUNT), 200_000
    points = cloud(10, 5)
    assert job.send(points[:5], now=0) == []
    job.fresh(still)
    assert job.tick(still + 1) == []
    (window,) = job.send(points[5:8], now=still + 2)
    assert (window["window"]["first_seq"], window["window"]["last_seq"]) == (1, 8)
    assert window["window"]["closed_by"] == "count"
    job.send(points[8:], now=still + 3)
    job.fresh(2 * still)
    assert job.tick(2 * still + 999) == []
    (waited,) = job.tick(2 * still + 1000)
    assert waited["window"]["closed_by"] == "timeout"
    assert job.tick(2 * still + 59_999) == []
    assert job.answerer.stats()["expired_streams"] == 0
    job.tick(2 * still + 60_000)
    assert job.answerer.stats()["expired_streams"] == 1


EVERYTHING: dict[str, Any] = {
    "preprocess": {
        "embed": None,
        "scale": {"kind": "fixed", "offset": [0.5, 0.5], "factor": [2.0, 2.0]},
        "landmarks": None,
        "error": None,
    },
    "distance_to_previous": {
        "metric": "bottleneck",
        "order": None,
        "dimensions": [0, 1],
        "threshold": 0.01,
        "max_bars": 100,
    },
    "windows__dedup_ids": 3,
}


@pytest.mark.parametrize("window", [{**COUNT, "size": 40}, TUMBLING, NONE])
def test_a_restart_after_any_message_changes_no_answer(jobs: Any, window: dict[str, Any]) -> None:
    kept, restarted = jobs(window, **EVERYTHING), jobs(window, **EVERYTHING)
    for number in range(30):
        fields = {"timestamp": KAFKA_TIME - 60_000 + 700 * number, "message_id": f"m{number // 6}"}
        answers = kept.send(cloud(7, number), f"s{number % 3}", **fields)
        restarted.fresh()
        assert restarted.send(cloud(7, number), f"s{number % 3}", **fields) == answers
    assert kept.stores == restarted.stores
    assert kept.answerer.stats()["duplicate_messages"] == 15


def test_streams_that_leave_the_memory_come_back_from_their_pieces(
    jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = jobs({**COUNT, "size": 40})
    expected = [roomy.send(cloud(3, number), f"s{number % 5}") for number in range(100)]
    monkeypatch.setattr(streams, "CACHED_BYTES", 2000)
    cramped = jobs({**COUNT, "size": 40})
    assert [cramped.send(cloud(3, number), f"s{number % 5}") for number in range(100)] == expected
    assert cramped.answerer.stats()["streams_in_memory"] < 5
    assert cramped.answerer.stats()["window_cache_bytes"] < 3000
    assert cramped.answerer.stats()["pending_panes"] == cramped.answerer.stats()["streams_in_memory"]


def test_panes_are_pending_until_no_window_may_fire_with_them(jobs: Any) -> None:
    job = jobs(TUMBLING, limits__max_points=10)

    def pending() -> int:
        found: int = job.answerer.stats()["pending_panes"]
        return found

    assert pending() == 0
    for stream, seconds in (("a", 3), ("b", 2)):
        for second in range(seconds):
            job.send(cloud(2, second), stream, timestamp=KAFKA_TIME + 1000 * second)
    assert pending() == 5
    # The clock of stream a, 5 s behind, ends the first two panes; the pane of this point is new.
    assert len(job.send(cloud(1, 9), "a", timestamp=KAFKA_TIME + 7500)) == 2
    assert pending() == 4
    for part in range(2):
        job.send(cloud(6, part), "a", timestamp=KAFKA_TIME + 7500)
    assert pending() == 4, "a pane with too many points, of which none is kept, still fires"
    job.fresh()
    assert pending() == 0, "only streams in memory are counted"
    job.tick(60_000, "a")
    assert pending() == 0, "the waiting points were fired, and the stream removed"
    job.send(cloud(2, 1), "b", timestamp=KAFKA_TIME + 1000)
    assert pending() == 2


def test_what_is_refused_or_was_here_before_moves_no_embedding(jobs: Any) -> None:
    """Values 0, 1, 2, … with delay 1 and dimension 2 give pairs of neighbours, across restarts, too."""
    embed = {"delay": 1, "dimension": 2, "stride": 1, "max_gap_ms": None}
    scale = {"kind": "none", "offset": [], "factor": []}
    job = jobs(
        {**NONE},
        preprocess={"embed": embed, "scale": scale, "landmarks": None, "error": None},
        windows__dedup_ids=5,
    )
    first = job.send([[0.0], [1.0], [2.0]], message_id="a")
    assert first[0]["window"]["num_points"] == 2
    assert job.send([[7.0], [8.0]], message_id="a") == []
    assert [one["code"] for one in job.send([[7.0, 8.0]], message_id="b")] == ["wrong_dimension"]
    (last,) = job.send([[3.0]], message_id="c")
    assert last["window"]["num_points"] == 1
    # (0, 1) and (1, 2) are √2 apart.
    (pair,) = [p for p in first[0]["tda_results"]["persistence_pairs"] if p["death"] != "inf"]
    assert pair["death"] == pytest.approx(math.sqrt(2))


def test_a_window_with_too_many_points_is_one_error_record(jobs: Any) -> None:
    job = jobs(TUMBLING, limits__max_points=10)
    for part in range(4):
        assert job.send(cloud(6, part), timestamp=KAFKA_TIME) == []
    (record,) = job.send(cloud(1, 9), timestamp=KAFKA_TIME + 6500)
    assert (record["topic"], record["code"], record["stream_id"]) == ("tda_errors", "window_too_large", "s")
    assert record["window"]["num_points"] == 24
    assert "24 points, more than max_points 10" in record["reason"]
    assert sum(len(piece) for piece in job.stores["streams/s"].values()) < 2000


def test_or_it_is_answered_from_landmarks_with_the_bound_of_the_error(jobs: Any) -> None:
    job = jobs(TUMBLING, limits__max_points=10, windows__overflow="landmarks")
    grid = [[x / 4, y / 4] for x in range(5) for y in range(5)]
    for start in range(0, 25, 5):
        assert job.send(grid[start : start + 5], timestamp=KAFKA_TIME) == []
    key, content = job.reader.read(
        json.dumps({"stream_id": "s", "timestamp": KAFKA_TIME + 6500, "points": [[0, 0]]}).encode(),
        0,
        99,
        KAFKA_TIME + 6500,
    )
    (answer,) = job.answerer.message(key, content, job.stores[key], 0)
    result = json.loads(answer.value)
    assert result["window"]["num_points"] == 25
    assert len([p for p in result["tda_results"]["persistence_pairs"] if p["dimension"] == 0]) <= 10
    bound = result["computation_info"]["error_bound"]
    # With ten of 25 grid points at least one is a grid step away; all are within the square's diagonal.
    assert 2 * 0.25 <= bound <= 2 * math.sqrt(2)


def test_late_points_are_told_by_their_place_in_the_message(jobs: Any) -> None:
    job = jobs(TUMBLING)
    job.send(cloud(2, 0), timestamp=KAFKA_TIME + 20_000)
    times = [KAFKA_TIME, KAFKA_TIME + 20_100, KAFKA_TIME + 1]
    (record,) = job.send(cloud(3, 1), timestamps=times)
    assert (record["code"], record["late"]) == ("late", {"count": 2, "points": [0, 2]})
    assert record["original"]["length"] > 0
    assert job.answerer.stats()["late_points"] == 2


def test_a_stream_is_forgotten_after_its_time_and_a_stale_timer_does_nothing(jobs: Any) -> None:
    job = jobs(COUNT)
    job.send(cloud(3, 0), now=1000)
    key = "streams/s"
    assert job.answerer.timer_to_set(key) == 2000
    assert job.answerer.timer_to_set(key) is None, "one timer is enough"
    (partial,) = job.tick(2000)
    assert (partial["window"]["partial"], partial["window"]["closed_by"]) == (True, "timeout")
    assert job.answerer.timer_to_set(key) == 61_000
    assert job.tick(61_000) == []
    assert job.stores[key] == {}
    assert job.answerer.timer_to_set(key) is None
    assert job.tick(70_000) == []
    assert job.stores[key] == {}
    assert job.answerer.stats()["expired_streams"] == 1


def test_diagrams_are_compared_with_the_one_before_also_after_a_restart(jobs: Any) -> None:
    job = jobs(NONE, **EVERYTHING)
    small, large = [[0, 0], [0.1, 0]], [[0, 0], [0.4, 0]]
    (first,) = job.send(small)
    assert first["tda_results"]["distance_to_previous"] is None
    job.fresh()
    second, event = job.send(large)
    # Scaled by two, the finite bars of H0 are [0, 0.2) and [0, 0.8): each is cheaper matched to the diagonal.
    compared = second["tda_results"]["distance_to_previous"]
    assert compared["distance"] == pytest.approx(0.4)
    assert compared["alert"] is True
    assert (event["topic"], event["kind"], event["result_id"]) == ("tda_events", "alert", second["id"])


def test_features_have_the_same_ranges_in_every_window(jobs: Any) -> None:
    curve = {
        "kind": "betti_curve",
        "dimension": 0,
        "range": [0.0, 1.0],
        "resolution": 3,
        "essential": "clamp",
    }
    job = jobs(NONE, features=[curve])
    (result,) = job.send([[0, 0], [0.6, 0]])
    (feature,) = result["tda_results"]["features"]
    assert feature["values"] == [2.0, 2.0, 1.0]


def test_the_points_of_a_job_may_be_windowed_too(jobs: Any) -> None:
    job = jobs(COUNT, route="requests")
    assert job.send(cloud(5, 0), "j") == []
    (result,) = job.send(cloud(5, 1), "j")
    assert (result["topic"], result["job_id"], result["stream_id"]) == ("tda_results", "j", None)
    assert (result["window"]["first_seq"], result["window"]["last_seq"]) == (1, 8)


def test_a_sliding_window_is_computed_incrementally_and_equals_a_recomputation(jobs: Any) -> None:
    kept = jobs({**COUNT, "size": 60, "slide": 3})
    anew = jobs({**COUNT, "size": 60, "slide": 3}, query__engine="gudhi")
    for number in range(50):
        points = [[round(x, 1), round(y, 1)] for x, y in cloud(3, number)]
        assert kept.send(points) == anew.send(points)
    stats = kept.answerer.stats()
    assert stats["incremental_hits"] > 20
    assert stats["incremental_bytes_held"] > 0
    assert anew.answerer.stats()["incremental_hits"] == 0


def test_nets_answer_within_the_error_that_was_asked_for_whatever_is_kept(jobs: Any) -> None:
    scale = {"kind": "none", "offset": [], "factor": []}
    net = {"embed": None, "scale": scale, "landmarks": None, "error": 0.5}
    kept = jobs({**COUNT, "size": 60, "slide": 3}, preprocess=net)
    anew = jobs({**COUNT, "size": 60, "slide": 3}, preprocess=net, incremental_bytes=0)
    for number in range(60):
        points = cloud(3, number)
        assert kept.send(points) == anew.send(points)
        if number % 9 == 0:
            anew.fresh()
    assert kept.answerer.stats()["incremental_unchanged"] > 10
    assert anew.answerer.stats()["incremental_unchanged"] == 0
    message = json.dumps({"stream_id": "s", "timestamp": KAFKA_TIME, "points": cloud(3, 0)}).encode()
    key, content = kept.reader.read(message, 0, 99, KAFKA_TIME)
    (answer,) = kept.answerer.message(key, content, kept.stores[key], 0)
    told_of = json.loads(answer.value)["computation_info"]
    assert (told_of["num_points"], 0 < told_of["error_bound"] <= 0.5) == (60, True)
