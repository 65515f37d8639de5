"""Requests with the distances between points instead of the points."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from support.job.settings_json import settings_text
from tdajob.processing.requests import RequestProcessor
from tdajob.settings import job

KAFKA_TIME = 1_704_110_500_000
CYCLE = [[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]]  # steps around a cycle of four


@pytest.fixture(scope="module")
def answerer() -> Iterator[RequestProcessor]:
    made = RequestProcessor(job.load(settings_text()))
    yield made
    made.close()


def ask(answerer: RequestProcessor, cloud: dict[str, Any], **fields: Any) -> Any:
    message = {"job_id": "a", "point_cloud": cloud, **fields}
    return json.loads(answerer.answer(json.dumps(message).encode(), "tda_jobs", 0, 0, KAFKA_TIME).value)


def test_the_bars_are_those_of_the_distances(answerer: RequestProcessor) -> None:
    result = ask(answerer, {"distances": CYCLE}, parameters={"max_dimension": 1})
    assert result["computation_info"]["num_points"] == 4
    assert result["tda_results"]["persistence_pairs"] == [
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": "inf"},
        {"dimension": 1, "birth": 1.0, "death": 2.0},
    ]


def test_one_point_needs_a_matrix_of_one(answerer: RequestProcessor) -> None:
    assert ask(answerer, {"distances": [[0]]})["tda_results"]["betti_numbers"] == {"0": [1], "1": [0]}


@pytest.mark.parametrize("algorithm", ["sparse_rips", "dtm_rips"])
def test_other_algorithms_of_distances_take_them(answerer: RequestProcessor, algorithm: str) -> None:
    result = ask(answerer, {"distances": CYCLE}, algorithm=algorithm)
    assert result["tda_results"]["betti_numbers"] == {"0": [1], "1": [0]}


def test_a_metric_of_the_config_does_not_disturb() -> None:
    made = RequestProcessor(
        job.load(settings_text(query__algorithm_params={"metric": "periodic", "period": [3.0]}))
    )
    try:
        assert ask(made, {"distances": CYCLE})["tda_results"]["persistence_pairs"][-1]["death"] == 2.0
        assert ask(made, {"points": [[0.5], [2.5]]})["tda_results"]["persistence_pairs"][0]["death"] == 1.0
    finally:
        made.close()


@pytest.mark.parametrize(
    ("cloud", "fields", "code", "words"),
    [
        ({"distances": CYCLE, "points": [[1]]}, {}, "bad_field", "point_cloud.points: does not go with"),
        ({"distances": CYCLE, "dimension": 2}, {}, "bad_field", "point_cloud.dimension: does not go with"),
        ({"distances": []}, {}, "empty_cloud", "holds no point"),
        ({"distances": "x"}, {}, "bad_matrix", "must be a list of rows, not a text"),
        ({"distances": [0, 1]}, {}, "bad_matrix", "distances[0]: must be a list, not a number"),
        ({"distances": [[]]}, {}, "bad_matrix", "distances[0]: has 0 numbers, but there are 1 rows"),
        ({"distances": [[0, 1], [1]]}, {}, "bad_matrix", "distances[1]: has 1 numbers"),
        ({"distances": [[0, 1, 2], [1, 0, 2]]}, {}, "bad_matrix", "has 2 rows and 3 columns"),
        (
            {"distances": [[0, True], [1, 0]]},
            {},
            "bad_matrix",
            "distances[0][1]: must be a number, not a bool",
        ),
        (
            {"distances": [[0, 1], ["1", 0]]},
            {},
            "bad_matrix",
            "distances[1][0]: must be a number, not a text",
        ),
        ({"distances": [[0, 1], [None, 0]]}, {}, "bad_matrix", "distances[1][0]: must be a number, not null"),
        ({"distances": [[0, -1], [-1, 0]]}, {}, "bad_matrix", "distances[0][1] is -1.0: send finite numbers"),
        ({"distances": [[0, 1e200], [1e200, 0]]}, {}, "bad_matrix", "distances[0][1] is 1e+200"),
        ({"distances": [[0, 1], [2, 0]]}, {}, "bad_matrix", "distances[0][1] is 1.0: differs from the one"),
        (
            {"distances": [[0, 1], [1, 3]]},
            {},
            "bad_matrix",
            "distances[1][1] is 3.0: a point has the distance 0",
        ),
        ({"distances": [[0, 2**53 + 1], [1, 0]]}, {}, "integer_too_large", "beyond 2^53"),
        ({"distances": CYCLE}, {"algorithm": "alpha"}, "bad_parameter", "needs coordinates"),
        ({"distances": CYCLE}, {"parameters": {"metric": "manhattan"}}, "bad_parameter", "parameters.metric"),
        ({"distances": CYCLE}, {"parameters": {"period": [1]}}, "bad_parameter", "parameters.period"),
        (
            {"distances": CYCLE},
            {"algorithm": "sparse_rips", "parameters": {"epsilon": 1}},
            "bad_parameter",
            "epsilon is 1: use a number between 0 and 1",
        ),
    ],
)
def test_what_is_no_matrix_of_distances_is_refused(
    answerer: RequestProcessor, cloud: dict[str, Any], fields: dict[str, Any], code: str, words: str
) -> None:
    record = ask(answerer, cloud, **fields)
    assert (record["code"], words in record["reason"]) == (code, True), record["reason"]


def test_nobody_can_ask_for_points_to_be_taken_as_distances(answerer: RequestProcessor) -> None:
    record = ask(answerer, {"points": CYCLE}, parameters={"metric": "precomputed"})
    assert record["code"] == "bad_parameter"
    assert "use one of euclidean" in record["reason"]


@pytest.mark.parametrize("max_dimension", [0, 1, 2])
@pytest.mark.parametrize("count", [256, 257])
def test_a_large_matrix_gives_the_bars_of_its_points(
    answerer: RequestProcessor, count: int, max_dimension: int
) -> None:
    """The child process uses compiled code, which only accepts writable arrays and must not modify them."""
    angles = [2 * math.pi * index / count for index in range(count)]
    points = [[math.cos(angle), math.sin(angle)] for angle in angles]
    matrix = [[math.dist(one, other) for other in points] for one in points]
    asked = {"parameters": {"max_dimension": max_dimension, "max_persistence": 1.0}}
    result = ask(answerer, {"distances": matrix}, **asked)
    assert "tda_results" in result, result
    ranks = {"0": [1], "1": [1], "2": [0]}
    assert result["tda_results"]["betti_numbers"] == {str(d): ranks[str(d)] for d in range(max_dimension + 1)}
