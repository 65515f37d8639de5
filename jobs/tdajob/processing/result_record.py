"""Result messages of requests and windows, in the original specification's format and limited in size."""

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
from tdajob.messages.parameters import RequestedComputation
from tdajob.timestamps import format_timestamp
from tdajob.topology.diagrams import summary
from tdajob.topology.values import Diagram

RECORD_OVERHEAD = 512  # bytes that Kafka's record and batch headers add at most


@dataclass(frozen=True)
class ComputationCost:
    """The time and memory that a computation used."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class ResultSubject:
    """The subject of a result: a request or a window.

    `id` is the unique id of the result; `key` is the request id, or the stream id where `streamed` is true.
    """

    id: str
    key: str
    streamed: bool
    num_points: int
    input: Mapping[str, Any] | None
    window: Mapping[str, Any] | None


def result_record(
    subject: ResultSubject,
    question: RequestedComputation,
    diagram: Diagram,
    effort: ComputationCost,
    max_bytes: int,
    more: Mapping[str, Any] = NOTHING_MORE,
) -> tuple[bytes, bytes]:
    """Return key and value of a result; pairs that exceed `max_bytes` are left out, the shortest first.

    `more` are further fields of `tda_results`. Raises MessageError `result_too_large` or `non_finite`.
    """
    _check_finite(diagram)
    key = subject.key.encode()
    pairs = summary.persistence_pairs(diagram, question.pairs)
    body = _body(subject, question, diagram, effort, more)
    room = max_bytes - len(key) - RECORD_OVERHEAD
    value = _encode(body, pairs, truncated=False)
    if len(value) > room:
        value = _truncate(body, pairs, room, subject.key)
    return key, value


def _body(
    subject: ResultSubject,
    question: RequestedComputation,
    diagram: Diagram,
    effort: ComputationCost,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    query = question.query
    tda_results: dict[str, Any] = {
        "betti_numbers": summary.betti_numbers(diagram),
        "persistence_pairs": [],
        "homology_groups": summary.homology_groups(diagram),
        "pairs_truncated": False,
        **more,
    }
    if question.betti_at is not None:
        tda_results["betti_at"] = {
            "t": question.betti_at,
            "betti_numbers": summary.betti_at(diagram, question.betti_at),
        }
    return {
        "id": subject.id,
        "job_id": None if subject.streamed else subject.key,
        "stream_id": subject.key if subject.streamed else None,
        "timestamp": format_timestamp(time.time_ns() // 1_000_000),
        "algorithm": query.algorithm,
        "input": subject.input,
        "window": subject.window,
        "computation_info": {
            "num_points": subject.num_points,
            "computation_time": round(effort.seconds, 6),
            "success": True,
            "memory_usage": effort.memory_bytes,
            "max_dimension": query.max_dimension,
            "max_persistence": diagram.cut,
            "homology_coeff_field": query.homology_coeff_field,
            "engine": diagram.engine,
            "error_bound": diagram.error_bound,
        },
        "tda_results": tda_results,
        "version": VERSION,
    }


def _encode(body: dict[str, Any], pairs: list[dict[str, Any]], *, truncated: bool) -> bytes:
    tda_results = {**body["tda_results"], "persistence_pairs": pairs, "pairs_truncated": truncated}
    return orjson.dumps({**body, "tda_results": tda_results})


def _truncate(body: dict[str, Any], pairs: list[dict[str, Any]], room: int, key: str) -> bytes:
    """Return the result with as many of the longest pairs as fit into `room` bytes."""
    bare = len(_encode(body, [], truncated=True))
    if bare > room:
        raise MessageError(
            "result_too_large",
            f"the result has {bare} bytes without any pair; max_message_bytes leaves {room}: raise it",
            key,
        )
    order = _by_length(pairs)
    sizes = accumulate(len(orjson.dumps(pairs[index])) + 1 for index in order)
    kept = sum(1 for size in sizes if bare + size <= room)
    return _encode(body, [pairs[index] for index in sorted(order[:kept])], truncated=True)


def _by_length(pairs: list[dict[str, Any]]) -> list[int]:
    """Return the indices of the pairs from the longest to the shortest; equal lengths keep their order."""
    lengths = [math.inf if pair["death"] == "inf" else pair["death"] - pair["birth"] for pair in pairs]
    return sorted(range(len(pairs)), key=lambda index: -lengths[index])


def _check_finite(diagram: Diagram) -> None:
    for bars in diagram.bars:
        if len(bars) and not (np.isfinite(bars[:, 0]).all() and not np.isnan(bars[:, 1]).any()):
            raise MessageError("non_finite", "the persistence diagram has values beyond float64")
