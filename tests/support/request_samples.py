"""Valid and invalid requests from a random seed, each with its expected output, for a real cluster."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MAX_POINTS = 5000  # the shipped config's limit


@dataclass(frozen=True)
class Expected:
    """A message to send, and its output: a result (`code` None) or an error record with `code`.

    `key` is the output's key, or None if the request id is unknown: then the key is topic-partition-offset.
    """

    value: bytes | None
    key: str | None
    code: str | None


def mixed_requests(count: int, seed: int = 0) -> list[Expected]:
    """Return `count` messages in random order: about half are valid, with each invalid kind if they fit."""
    random_state = random.Random(seed)
    kinds = list(BAD)
    chosen = []
    for index in range(count):
        job_id = f"mixed-{seed}-{index}"
        if index % 2 == 0:
            chosen.append(Expected(_good(job_id, random_state), job_id, None))
        else:
            code, make, known = BAD[kinds[index // 2 % len(kinds)]]
            chosen.append(Expected(make(job_id), job_id if known else None, code))
    random_state.shuffle(chosen)
    return chosen


def request(job_id: str, points: Any, **fields: Any) -> dict[str, Any]:
    """Return a request in the format of the original specification."""
    return {
        "job_id": job_id,
        "timestamp": "2024-01-01T12:00:00Z",
        "algorithm": "vietoris_rips",
        "point_cloud": {"points": points},
        "parameters": {},
        **fields,
    }


def circle(count: int, random_state: random.Random) -> list[list[float]]:
    angles = (random_state.uniform(0, 2 * math.pi) for _ in range(count))
    return [[math.cos(angle), math.sin(angle)] for angle in angles]


def _good(job_id: str, random_state: random.Random) -> bytes:
    message = request(job_id, circle(random_state.randrange(1, 40), random_state))
    for change in random_state.sample(_HARMLESS, k=2):
        change(message)
    return json.dumps(message).encode()


def _harmless() -> Iterator[Callable[[dict[str, Any]], Any]]:
    yield lambda message: message.pop("timestamp")
    yield lambda message: message.pop("algorithm")
    yield lambda message: message.pop("parameters", None)
    yield lambda message: message.update(sent_by="a producer's own field: 1:2")
    yield lambda message: message["point_cloud"].update(dimension=2)
    yield lambda message: message.update(timestamp=1_704_110_400_000)
    yield lambda message: message.update(parameters={"max_dimension": 1, "max_persistence": 0.5})


_HARMLESS = list(_harmless())


def _text(template: str) -> Callable[[str], bytes]:
    return lambda job_id: template.replace("JOB", job_id).encode()


def _message(points: Any = ((0, 0), (1, 0)), **fields: Any) -> Callable[[str], bytes]:
    return lambda job_id: json.dumps(request(job_id, points, **fields)).encode()


# name: (code, function that makes it, whether the request id can be read)
BAD: dict[str, tuple[str, Callable[[str], bytes | None], bool]] = {
    "no value": ("empty", lambda _: None, False),
    "empty value": ("empty", lambda _: b"", False),
    "not UTF-8": ("not_utf8", lambda job_id: b'{"job_id": "\xff' + job_id.encode() + b'"}', False),
    "broken JSON": ("bad_json", _text('{"job_id": "JOB", "point_cloud": {'), False),
    "a list": ("not_an_object", _text('["JOB"]'), False),
    "NaN": ("non_finite", _text('{"job_id": "JOB", "point_cloud": {"points": [[NaN, 1]]}}'), False),
    "Infinity": (
        "non_finite",
        _text('{"job_id": "JOB", "point_cloud": {"points": [[-Infinity, 1]]}}'),
        False,
    ),
    "1e400": ("non_finite", _text('{"job_id": "JOB", "point_cloud": {"points": [[1e400, 1]]}}'), False),
    "too far": ("non_finite", _message([[1e200, 0], [0, 0]]), True),
    "duplicate key": (
        "duplicate_key",
        _text('{"job_id": "JOB", "point_cloud": {"points": [[1]], "points": [[2]]}}'),
        True,
    ),
    "long integer": ("integer_too_large", _message([[2**53 + 1, 0], [0.5, 0]]), True),
    "deep": ("too_deep", _message(extra=json.loads("[" * 40 + "]" * 40)), True),
    "very deep": ("too_deep", _text('{"job_id": "JOB", "x": ' + "[" * 5000 + "]" * 5000 + "}"), False),
    "no job": ("missing_field", _text('{"point_cloud": {"points": [[1, 2]]}}'), False),
    "blank job": ("bad_job_id", _text('{"job_id": " ", "point_cloud": {"points": [[1, 2]]}}'), False),
    "no cloud": ("missing_field", _text('{"job_id": "JOB"}'), True),
    "no points": ("missing_field", _text('{"job_id": "JOB", "point_cloud": {}}'), True),
    "empty cloud": ("empty_cloud", _message([]), True),
    "ragged": ("ragged_points", _message([[1, 2], [3]]), True),
    "wrong dimension": ("wrong_dimension", _message(point_cloud={"points": [[1, 2]], "dimension": 3}), True),
    "text as number": ("bad_number", _message([["1", 2]]), True),
    "boolean as number": ("bad_number", _message([[True, 2.5]]), True),
    "null as number": ("bad_number", _message([[None, 2.5]]), True),
    "flat points": ("bad_points", _message([1, 2, 3]), True),
    "bad time": ("bad_timestamp", _message(timestamp="yesterday"), True),
    "time to come": ("future_timestamp", _message(timestamp="2999-01-01T00:00:00Z"), True),
    "unknown algorithm": ("unknown_algorithm", _message(algorithm="vietoris_ripz"), True),
    "misspelt parameter": ("unknown_parameter", _message(parameters={"max_dimensions": 2}), True),
    "bad parameter": ("bad_parameter", _message(parameters={"max_dimension": -1}), True),
    "no prime": ("bad_parameter", _message(parameters={"homology_coeff_field": 4}), True),
    "ragged matrix": ("bad_matrix", _message(point_cloud={"distances": [[0, 1], [1]]}), True),
    "no matrix of numbers": ("bad_matrix", _message(point_cloud={"distances": [[0, "1"], [1, 0]]}), True),
    "crooked matrix": ("bad_matrix", _message(point_cloud={"distances": [[0, 1], [2, 0]]}), True),
    "too many points": ("too_many_points", _message([[i, 0] for i in range(MAX_POINTS + 1)]), True),
}
