"""The answer to a request: the seed's result message, never larger than Kafka takes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import orjson

from tdajob.errors import VERSION, MessageError, Origin
from tdajob.messages import Request
from tdajob.times import format_timestamp
from tdajob.topology import summary
from tdajob.topology.values import Diagram

RECORD_OVERHEAD = 512  # bytes that Kafka's record and batch headers add at most


@dataclass(frozen=True)
class Effort:
    """What a computation took."""

    seconds: float
    memory_bytes: int


def result_record(
    request: Request, origin: Origin, diagram: Diagram, effort: Effort, max_bytes: int
) -> tuple[bytes, bytes]:
    """Key and value of a result; pairs that do not fit into `max_bytes` are left out, the shortest first."""
    _check_finite(diagram)
    key = request.job_id.encode()
    pairs = summary.persistence_pairs(diagram, request.question.pairs)
    body = _body(request, origin, diagram, effort)
    room = max_bytes - len(key) - RECORD_OVERHEAD
    value = _encode(body, pairs, truncated=False)
    if len(value) > room:
        value = _trimmed(body, pairs, room, request.job_id)
    return key, value


def _body(request: Request, origin: Origin, diagram: Diagram, effort: Effort) -> dict[str, Any]:
    asked = request.question.query
    found: dict[str, Any] = {
        "betti_numbers": summary.betti_numbers(diagram),
        "persistence_pairs": [],
        "homology_groups": summary.homology_groups(diagram),
        "pairs_truncated": False,
    }
    if request.question.betti_at is not None:
        found["betti_at"] = {
            "t": request.question.betti_at,
            "betti_numbers": summary.betti_at(diagram, request.question.betti_at),
        }
    return {
        "id": origin.identity(request.job_id),
        "job_id": request.job_id,
        "stream_id": None,
        "timestamp": format_timestamp(time.time_ns() // 1_000_000),
        "algorithm": asked.algorithm,
        "input": {
            "timestamp": format_timestamp(request.timestamp_ms),
            "timestamp_source": "message" if request.own_timestamp else "kafka",
        },
        "window": None,
        "computation_info": {
            "num_points": len(request.points),
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


def _trimmed(body: dict[str, Any], pairs: list[dict[str, Any]], room: int, job_id: str) -> bytes:
    """The result with as many of the longest pairs as `room` bytes hold."""
    bare = len(_encode(body, [], truncated=True))
    if bare > room:
        raise MessageError(
            "result_too_large", f"the result has {bare} bytes without any pair; {room} can be sent", job_id
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
