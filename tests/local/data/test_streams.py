"""Streams in a real job: one result per window, lateness per stream, exact counts after failures."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.command_runner import Cluster
from support.stream_samples import Streams, job, make_streams

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

NOW = int(time.time() * 1000) // 60_000 * 60_000  # a full minute
HOUR = 3_600_000


@pytest.fixture
def streams(cluster: Cluster) -> Streams:
    return make_streams(cluster)


def points(count: int, seed: int) -> list[list[float]]:
    numbers = random.Random(seed)
    return [[round(numbers.random(), 3), round(numbers.random(), 3)] for _ in range(count)]


def message(
    stream: str, count: int, seed: int, timestamp: int | None = None, **fields: Any
) -> dict[str, Any]:
    return {"stream_id": stream, "points": points(count, seed), "timestamp": timestamp or NOW, **fields}


def test_count_windows_come_once_each_and_the_last_by_timeout(streams: Streams, tmp_path: Path) -> None:
    """Three streams of 95 points in messages of 5 have windows at 20, 30, … 90, and one by timeout at 95."""
    sent = [message(f"s{number}", 5, part) for part in range(19) for number in range(3)]
    with job(streams, tmp_path, {"kind": "count", "size": 20, "slide": 10, "timeout": "3s"}, parallelism=2):
        streams.send(sent)
        found = streams.records(3 * 9)
    spans = Counter((r["stream_id"], r["window"]["first_seq"], r["window"]["last_seq"]) for r in found)
    regular = {(f"s{n}", last - 19, last) for n in range(3) for last in range(20, 91, 10)}
    assert set(spans) == regular | {(f"s{n}", 76, 95) for n in range(3)}
    assert set(spans.values()) == {1}
    closed = Counter(r["window"]["closed_by"] for r in found)
    assert closed == {"count": 24, "timeout": 3}
    assert all(r["computation_info"]["num_points"] == 20 for r in found)
    assert all(r["tda_results"]["betti_numbers"] == {"0": [1], "1": [0]} for r in found)


def test_a_time_from_the_future_makes_nobody_late(streams: Streams, tmp_path: Path) -> None:
    """A timestamp more than an hour ahead is refused; one a few minutes ahead affects its own stream only."""
    sent = []
    for second in range(30):
        sent.append(message("steady", 1, second, NOW + 1000 * second))
        if second == 10:
            sent.append(message("steady", 1, 99, NOW + HOUR + 360_000))
            sent.append(message("hasty", 1, 98, NOW + 240_000))
    for one in sent:
        one["kafka_timestamp"] = NOW + 30_000
    with job(streams, tmp_path, {"kind": "tumbling", "size": "10s", "timeout": "3s"}):
        streams.send(sent)
        found = streams.records(4)
        (refused,) = streams.records(1, topics=[streams.errors])
    steady = [r["window"] for r in found if r["stream_id"] == "steady"]
    assert sorted(window["num_points"] for window in steady) == [10, 10, 10]
    assert {window["late"] for window in steady} == {0}
    assert [r["window"]["closed_by"] for r in found if r["stream_id"] == "hasty"] == ["timeout"]
    assert (refused["code"], refused["stream_id"]) == ("future_timestamp", "steady")


def test_late_points_are_kept_as_errors_and_the_others_counted(streams: Streams, tmp_path: Path) -> None:
    sent = [message("s", 3, second, NOW + 1000 * second) for second in range(20)]
    late = {"stream_id": "s", "points": points(2, 5), "timestamps": [NOW + 100, NOW + 19_900]}
    with job(
        streams,
        tmp_path,
        {"kind": "sliding", "size": "4s", "slide": "2s", "timeout": "3s"},
        out_of_orderness=0,
    ):
        streams.send([*sent, late])
        found = streams.records(11)
        (record,) = streams.records(1, topics=[streams.errors])
    assert sum(r["window"]["num_points"] for r in found) == 2 * (3 * 20 + 1)
    assert [r["window"]["revision"] for r in found] == [0] * 11
    assert (record["code"], record["late"]) == ("late", {"count": 1, "points": [0]})


def test_an_alert_is_an_event(streams: Streams, tmp_path: Path) -> None:
    """A loop that appears between two clouds has a distance above the threshold and causes an event."""
    disk = [[0.001 * x, 0.002 * y] for x in range(4) for y in range(4)]
    square = [[x, y] for x in range(5) for y in range(5) if x in (0, 4) or y in (0, 4)]
    compare = {"metric": "bottleneck", "dimensions": [1], "threshold": 0.5}
    with job(streams, tmp_path, {"kind": "none"}, distance_to_previous=compare):
        streams.send(
            [{"stream_id": "s", "points": cloud, "timestamp": NOW} for cloud in (disk, disk, square)]
        )
        found = streams.records(3)
        (event,) = streams.records(1, topics=[streams.events])
    told = [r["tda_results"]["distance_to_previous"] for r in found]
    assert told[0] is None
    assert [one["alert"] for one in told[1:]] == [False, True]
    # The square's loop is born at 1 and dies where its 16 points fill it; half its length is the distance.
    assert (event["stream_id"], event["kind"]) == ("s", "alert")
    assert event["distance_to_previous"]["distance"] == told[2]["distance"] > 0.5


def metrics(cluster: Cluster, name: str) -> dict[str, list[float]]:
    """Return the job's own metrics from Flink: the values of all subtasks, by the last part of the name."""
    (job_id,) = [one["id"] for one in cluster.run("list", "-o", "json").json() if one["name"] == name]
    found: dict[str, list[float]] = {}
    for vertex in httpx.get(f"{cluster.rest_url}/jobs/{job_id}").json()["vertices"]:
        url = f"{cluster.rest_url}/jobs/{job_id}/vertices/{vertex['id']}/metrics"
        ids = [one["id"] for one in httpx.get(url).json() if ".tda_" in one["id"]]
        values = httpx.get(url, params={"get": ",".join(ids)}).json() if ids else []
        for one in values:
            found.setdefault(one["id"].rsplit(".", 1)[1], []).append(float(one["value"]))
    return found


def test_two_thousand_streams_stay_within_the_memory_for_their_windows(
    streams: Streams, tmp_path: Path
) -> None:
    """At 30 KB per stream, most windows do not fit into the budget: they are evicted and recomputed."""
    names = [f"s{number}" for number in range(2000)]
    budget = 4 * 2**20
    window = {"kind": "count", "size": 40, "slide": 20, "timeout": None}
    with job(streams, tmp_path, window, incremental_memory=budget, pairs="none", parallelism=2) as name:
        for part in range(6):
            streams.send([message(stream, 10, part) for stream in names])
        found = streams.records(2 * len(names))
        seen: dict[str, list[float]] = {}
        for _ in poll(30, every=0.5):
            seen = metrics(streams.cluster, name)
            if sum(seen.get("tda_windows", [])) == 2 * len(names):
                break
    spans = Counter((r["stream_id"], r["window"]["last_seq"]) for r in found)
    assert spans == {(stream, last): 1 for stream in names for last in (40, 60)}
    assert sum(seen["tda_windows"]) == 2 * len(names)
    assert sum(seen["tda_points_processed"]) == 2 * 40 * len(names)
    assert "tda_errors" not in seen, "a counter of Python's shows once it has counted"
    held = seen["tda_incremental_bytes_held"]
    assert 0 < min(held) <= max(held) <= budget
    assert sum(seen["tda_incremental_evictions"]) > 0
    assert sum(seen["tda_streams_in_memory"]) == len(names)
    assert max(seen["tda_computation_time_p50_us"]) <= max(seen["tda_computation_time_p99_us"])


@pytest.mark.breaks_cluster
@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
def test_nothing_is_lost_or_doubled_when_a_taskmanager_is_killed(
    streams: Streams, tmp_path: Path, delivery: str
) -> None:
    """Twelve streams of 400 points have all windows after the only TaskManager was killed and restarted."""
    window = {"kind": "count", "size": 50, "slide": 5, "timeout": None}
    total, names = 400, [f"s{number}" for number in range(12)]
    expected = {(name, last - 49, last) for name in names for last in range(50, total + 1, 5)}
    with job(streams, tmp_path, window, delivery=delivery, parallelism=2):
        feeder = threading.Thread(target=_feed, args=(streams, names, total // 4))
        feeder.start()
        streams.records(1, quiet=0)  # with exactly-once delivery, a committed record shows a checkpoint
        streams.cluster.processes()["taskmanager-1"].kill()
        streams.cluster.run("setup", "--env", "local", timeout=180)
        feeder.join()
        found = streams.records(len(expected), seconds=180)
    spans = Counter((r["stream_id"], r["window"]["first_seq"], r["window"]["last_seq"]) for r in found)
    assert set(spans) == expected
    if delivery == "exactly_once":
        assert set(spans.values()) == {1}
    # Duplicates have the same id.
    assert len({r["id"] for r in found}) == len(expected)


@pytest.mark.breaks_cluster
@pytest.mark.timeout(480)
def test_streams_that_are_silent_after_a_kill_are_timed_out_once(streams: Streams, tmp_path: Path) -> None:
    """Each of the streams has one message: a checkpoint contains the timers of the bundle that it ends."""
    names = [f"s{number}" for number in range(1200)]
    window = {"kind": "count", "size": 20, "slide": 20, "timeout": "20s"}
    bundle = {"python.fn-execution.bundle.size": "1000", "python.fn-execution.bundle.time": "1000"}
    with job(streams, tmp_path, window, delivery="exactly_once", flink=bundle) as name:
        feeder = threading.Thread(target=_introduce, args=(streams, names))
        feeder.start()
        before = _completed_checkpoints(streams.cluster, name)
        for _ in poll(60, every=0.05):
            if _completed_checkpoints(streams.cluster, name) >= before + 3:
                break
        streams.cluster.processes()["taskmanager-1"].kill()
        streams.cluster.run("setup", "--env", "local", timeout=180)
        feeder.join()
        found = streams.records(len(names), seconds=180)
    assert Counter(r["stream_id"] for r in found) == dict.fromkeys(names, 1)
    assert {r["window"]["closed_by"] for r in found} == {"timeout"}


def _introduce(streams: Streams, names: list[str]) -> None:
    for start in range(0, len(names), 10):
        streams.send([message(name, 5, 1) for name in names[start : start + 10]])
        time.sleep(0.05)


def _completed_checkpoints(cluster: Cluster, name: str) -> int:
    (listed,) = [one for one in cluster.run("list", "-o", "json").json() if one["name"] == name]
    answer = httpx.get(f"{cluster.rest_url}/jobs/{listed['id']}/checkpoints").json()
    return int(answer["counts"]["completed"])


def _feed(streams: Streams, names: list[str], rounds: int) -> None:
    for part in range(rounds):
        streams.send([message(name, 4, part) for name in names])
        time.sleep(0.05)
