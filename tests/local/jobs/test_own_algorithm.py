"""A custom algorithm, shipped with the job from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_runner import Cluster
from support.stream_samples import make_streams

pytestmark = pytest.mark.cluster

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "cubical.py"
VALLEY = [[1, 1, 1, 5, 0], [1, 9, 1, 5, 2], [1, 1, 1, 5, 4]]  # the grid that docs/algorithms.md shows


def test_the_example_of_the_docs_answers_requests(cluster: Cluster, tmp_path: Path) -> None:
    topics = make_streams(cluster)
    places = {"input": topics.input, "output": topics.output, "errors": topics.errors}
    words = [f"--set={kind}_topic={topic}" for kind, topic in places.items()]
    ship = ("--include", str(EXAMPLE), "--set", "algorithm=cubical")
    submit = ("submit", "--job-name", "hills", *ship, *words, "-o", "json")
    assert cluster.run(*submit, timeout=240).json()["state"] == "RUNNING"
    try:
        grid = [[row, column, value] for row, line in enumerate(VALLEY) for column, value in enumerate(line)]
        (tmp_path / "hills.json").write_text(json.dumps(grid))
        send = ("send", str(tmp_path / "hills.json"), "--job-id", "h", "--topic", topics.input)
        assert cluster.run(*send).code == 0
        done = cluster.run(
            "results", "--topic", topics.output, "--job-id", "h", "--timeout", "60", "-o", "json"
        )
        pairs = done.json()["tda_results"]["persistence_pairs"]
    finally:
        cluster.run("cancel", "hills", timeout=90)
    assert sorted(
        (pair["dimension"], pair["birth"], pair["death"]) for pair in pairs if pair["dimension"]
    ) == [(1, 1.0, 9.0)]
    assert [pair["death"] for pair in pairs if pair["dimension"] == 0 and pair["birth"] == 1.0] == [5.0]


def test_a_file_that_is_no_algorithm_stops_the_job_with_its_reason(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "nothing.py").write_text("x = 1\n")
    ship = ("--include", str(tmp_path / "nothing.py"), "--set", "algorithm=nothing")
    done = cluster.run("submit", "--job-name", "no-algorithm", *ship, timeout=240)
    assert done.code == 5
    assert "nothing" in done.stderr
    cluster.run("cancel", "no-algorithm", timeout=90)
