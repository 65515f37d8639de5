"""Uids of the operators, by which savepoints map state: the list may grow, but no line may change."""

from __future__ import annotations

from tdajob import uids

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
    tables = [uids.HEARTBEAT, uids.ANSWERS, *uids.ROUTES.values()]
    now = [
        uids.COMPUTE,
        uids.HEAVY,
        uids.STREAMS,
        *uids.READERS.values(),
        *(uid for table in tables for uid in table.values()),
    ]
    assert len(set(now)) == len(now), "no two operators share a uid"
    assert set(now) >= RELEASED
