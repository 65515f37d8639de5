"""Uids of the operators, by which savepoints map state to operators: never change one.

The SQL planner adds operators around sources and sinks, and names them by running numbers. Those of a kind
in this module get a fixed uid and the same name; any other operator stops the submission, since an operator
without a fixed uid would silently lose its state in an upgrade.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

COMPUTE = "compute"
HEAVY = "heavy-requests"
STREAMS = "stream-windows"

REQUESTS: Mapping[str, str] = MappingProxyType(
    {"source": "requests-source", "calc": "requests-columns", "to rows": "requests-rows"}
)
UPLOADS: Mapping[str, str] = MappingProxyType(
    {"source": "uploads-source", "calc": "uploads-columns", "to rows": "uploads-rows"}
)
HEARTBEAT: Mapping[str, str] = MappingProxyType(
    {"source": "heartbeat-source", "calc": "heartbeat-columns", "to rows": "heartbeat-rows"}
)
ANSWERS: Mapping[str, str] = MappingProxyType(
    {"from rows": "answers-rows", "calc": "answers-columns", "sink": "answers-sink"}
)
STREAM_MESSAGES: Mapping[str, str] = MappingProxyType(
    {"source": "streams-source", "calc": "streams-columns", "to rows": "streams-rows"}
)
ROUTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"requests": REQUESTS, "uploads": UPLOADS, "streams": STREAM_MESSAGES}
)
# Before the shuffle by stream, one for each input whose points are windowed.
READERS: Mapping[str, str] = MappingProxyType({"requests": "requests-reader", "streams": "streams-reader"})

_KINDS = (
    (r"(Legacy)?SourceTransformation/.*", "source"),
    (r"SinkTransformation/.*", "sink"),
    (r"OneInputTransformation/Calc\[.*", "calc"),
    (r"OneInputTransformation/TableToDataStream", "to rows"),
    (r"OneInputTransformation/(\*anonymous_datastream_source.*|DataStreamToTable)", "from rows"),
)
# Only Flink 2.3 makes these. They have no state, so no savepoint names them.
_FROM_2_3 = ((r"OneInputTransformation/ConstraintEnforcer\[.*", "answers-constraints"),)
# These only define how records are exchanged between operators; they are not operators and have no state.
_VIRTUAL = ("PartitionTransformation", "UnionTransformation", "SourceTransformationWrapper")


class UidError(RuntimeError):
    """The planner's operators do not match the table of uids."""


def settle(ends: list[Any], uids: Mapping[str, str], parallelism: int) -> None:
    """Set uid, name and parallelism of the Java transformations `ends` and of their inputs, recursively.

    Stops at those that have a uid. Raises UidError where `uids` and the operators do not match.
    """
    left = dict(uids)
    waiting = list(ends)
    seen: set[int] = set()
    while waiting:
        transformation = waiting.pop()
        if transformation.getUid() is not None or transformation.getId() in seen:
            continue
        seen.add(transformation.getId())
        waiting.extend(transformation.getInputs())
        kind = transformation.getClass().getSimpleName()
        if kind in _VIRTUAL:
            continue
        uid = _take_uid(left, f"{kind}/{transformation.getName()}")
        transformation.setUid(uid)
        transformation.setName(uid)
        transformation.setParallelism(parallelism)
    if left:
        raise UidError(f"the planner did not make the operators {', '.join(left.values())}")


def _take_uid(left: dict[str, str], label: str) -> str:
    extra_uid = next((uid for pattern, uid in _FROM_2_3 if re.fullmatch(pattern, label)), None)
    if extra_uid is not None:
        return extra_uid
    kind = next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, label)), None)
    if kind is None or kind not in left:
        raise UidError(f"the planner made the operator {label}, for which there is no uid")
    return left.pop(kind)
