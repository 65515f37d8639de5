"""The answer to a request or a window: the seed's result message, never larger than Kafka takes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import orjson

from tdajob.errors import NOTHING_MORE, VERSION, MessageError
from tdajob.parameters import Question
from tdajob.times import format_timestamp
from tdajob.topology import summary
from tdajob.topology.values import Diagram

RECORD_OVERHEAD = 512  # bytes that Kafka's record and batch headers add at most


@dataclass(frozen=True)
class Effort:
    """What a computation took."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Subject:
    """What a result is about. `id` tells it from every other one; `key` is the job's or the stream's."""

    id: str
    key: str
    streamed: bool
    num_points: int
    input: Mapping[str, Any] | None
    window: Mapping[str, Any] | None


def result_record(
    subject: Subject,
    question: Question,
    diagram: Diagram,
    effort: Effort,
    max_bytes: int,
    more: Mapping[str, Any] = NOTHING_MORE,
) -> tuple[bytes, bytes]:
    """Key and value of a result; pairs that do not fit into `max_bytes` are left out, the shortest first.

    `more` are further entries of `tda_results`.
    """
    _check_finite(diagram)
    key = subject.key.encode()
    pairs = summary.persistence_pairs(diagram, question.pairs)
    body = _body(subject, question, diagram, effort, more)
    room = max_bytes - len(key) - RECORD_OVERHEAD
    value = _encode(body, pairs, truncated=False)
    if len(value) > room:
        value = _trimmed(body, pairs, room, subject.key)
    return key, value


def _body(
    subject: Subject, question: Question, diagram: Diagram, effort: Effort, more: Mapping[str, Any]
) -> dict[str, Any]:
    asked = question.query
    found: dict[str, Any] = {
        "betti_numbers": summary.betti_numbers(diagram),
        "persistence_pairs": [],
        "homology_groups": summary.homology_groups(diagram),
        "pairs_truncated": False,
        **more,
    }
    if question.betti_at is not None:
        found["betti_at"] = {
            "t": question.betti_at,
            "betti_numbers": summary.betti_at(diagram, question.betti_at),
        }
    return {
        "id": subject.id,
        "job_id": None if subject.streamed else subject.key,
        "stream_id": subject.key if subject.streamed else None,
        "timestamp": format_timestamp(time.time_ns() // 1_000_000),
        "algorithm": asked.algorithm,
        "input": subject.input,
        "window": subject.window,
        "computation_info": {
            "num_points": subject.num_points,
            "computation_time": round(effort.seconds, 6),
            "success": True,
            "memory_usage": effort.memory_bytes,
            "max_dimension": asked.max_dimension,
            "max_persistence": diagram.cut,
            "homology_coeff_field": asked.homology_coeff_field,
            "engine": diagram.engine,
            "error_bound": diagram.error_bound,
        },
        "tda_results": found,
        "version": VERSION,
    }


def _encode(body: dict[str, Any], pairs: list[dict[str, Any]], *, truncated: bool) -> bytes:
    found = {**body["tda_results"], "persistence_pairs": pairs, "pairs_truncated": truncated}
    return orjson.dumps({**body, "tda_results": found})


def _trimmed(body: dict[str, Any], pairs: list[dict[str, Any]], room: int, key: str) -> bytes:
    """The result with as many of the longest pairs as `room` bytes hold."""
    bare = len(_encode(body, [], truncated=True))
    if bare > room:
        raise MessageError(
            "result_too_large", f"the result has {bare} bytes without any pair; {room} can be sent", key
        )
    order = _by_length(pairs)
    sizes = accumulate(len(orjson.dumps(pairs[index])) + 1 for index in order)
    kept = sum(1 for size in sizes if bare + size <= room)
    return _encode(body, [pairs[index] for index in sorted(order[:kept])], truncated=True)


def _by_length(pairs: list[dict[str, Any]]) -> list[int]:
    """The places of the pairs, from the longest to the shortest; of two equals the earlier comes first."""
    lengths = [math.inf if pair["death"] == "inf" else pair["death"] - pair["birth"] for pair in pairs]
    return sorted(range(len(pairs)), key=lambda index: -lengths[index])


def _check_finite(diagram: Diagram) -> None:
    for bars in diagram.bars:
        if len(bars) and not (np.isfinite(bars[:, 0]).all() and not np.isnan(bars[:, 1]).any()):
            raise MessageError("non_finite", "the persistence diagram holds values beyond float64")
