"""Uids of the operators, by which savepoints map state: the list may grow, but no line may change."""

from __future__ import annotations

from tdajob.flink import operator_uids

RELEASED = {
    "requests-source",
    "requests-columns",
    "requests-rows",
    "uploads-source",
    "uploads-columns",
    "uploads-rows",
    "heartbeat-source",
    "heartbeat-columns",
    "heartbeat-rows",
    "compute",
    "heavy-requests",
    "answers-rows",
    "answers-columns",
    "answers-sink",
    "streams-source",
    "streams-columns",
    "streams-rows",
    "streams-reader",
    "requests-reader",
    "stream-windows",
}


def test_every_released_uid_is_still_there() -> None:
    tables = [operator_uids.HEARTBEAT, operator_uids.ANSWERS, *operator_uids.ROUTES.values()]
    now = [
        operator_uids.COMPUTE,
        operator_uids.HEAVY,
        operator_uids.STREAMS,
        *operator_uids.READERS.values(),
        *(uid for table in tables for uid in table.values()),
    ]
    assert len(set(now)) == len(now), "no two operators share a uid"
    assert set(now) >= RELEASED
