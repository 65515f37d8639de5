"""Restoring the current job from savepoints of earlier versions: no record is lost or processed twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from support import saved_job
from support.command_runner import Cluster

pytestmark = pytest.mark.cluster

KEPT = sorted(path.parent for path in (Path(__file__).parent / "savepoints").glob("*/_metadata"))


@pytest.fixture
def topics(cluster: Cluster) -> Iterator[None]:
    saved_job.make_topics(cluster.kafka)
    yield
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    for done in admin.delete_topics(saved_job.topics()).values():
        done.result(timeout=30)


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_the_job_goes_on_from_a_kept_savepoint(cluster: Cluster, tmp_path: Path, kept: Path) -> None:
    # Restore from another folder than the original one: savepoints are relocatable.
    savepoint = shutil.copytree(kept, tmp_path / "moved")
    kafka = cluster.kafka
    saved_job.send(kafka, tmp_path, 1)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(saved_job.config(tmp_path)))
    words = ("--config", str(file), "--from", str(savepoint), "-o", "json")
    job = cluster.run("submit", *words, timeout=240).json()["id"]
    try:
        saved_job.send(kafka, tmp_path, 2)
        windows = saved_job.records(kafka, saved_job.WINDOWS, 2 * len(saved_job.STREAMS))
        results = saved_job.records(kafka, saved_job.RESULTS, 2, quiet=1.0)
        errors = saved_job.records(kafka, saved_job.ERRORS, 1, quiet=1.0)
    finally:
        cluster.run("cancel", job, timeout=90)
    # No record of the first part is processed again: the savepoint contains the offsets.
    assert sorted(one["job_id"] for one in results) == ["asked-2", "uploaded-2"]
    assert [(one["code"], one["source"]["offset"]) for one in errors] == [("bad_json", 3)]
    # The first window of the second part contains points of the first and is compared with its diagram; the
    # message that is in both parts is recognised as a duplicate.
    for stream in saved_job.STREAMS:
        mine = [one for one in windows if one["stream_id"] == stream]
        assert [(one["window"]["first_seq"], one["window"]["last_seq"]) for one in mine] == [(3, 6), (5, 8)]
        assert [one["window"]["num_points"] for one in mine] == [saved_job.SIZE] * 2
        assert all(one["tda_results"]["distance_to_previous"] is not None for one in mine)


def test_there_are_kept_savepoints() -> None:
    assert KEPT
