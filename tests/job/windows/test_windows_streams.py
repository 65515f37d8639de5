"""Common behaviour of all kinds of windows: refused messages, message ids, result ids, expiry."""

from __future__ import annotations

import hashlib

import orjson
import pytest
from support.job.window_cases import Sender, spans, stored_points, told_of, window_settings
from tdajob.errors import MessageError
from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    WindowSpec,
)
from tdajob.windows.values import identity

KINDS: list[WindowSpec] = [
    NoWindow(),
    CountWindow(3, 1, 60),
    TumblingWindow(10, 0, 60),
    SlidingWindow(10, 5, 0, 60),
    SessionWindow(5, 60),
]
every_kind = pytest.mark.parametrize("window", KINDS, ids=lambda window: window.kind)


def test_without_windows_each_message_is_answered_by_itself() -> None:
    stream = Sender(window_settings(NoWindow()))
    outcome = stream.send(5, 900, 5)
    assert spans(outcome) == [(None, None, [5, 5, 900])]
    assert told_of(outcome, "first_seq", "last_seq", "closed_by") == [(1, 3, "message")]
    assert told_of(stream.send(1), "first_seq", "last_seq") == [(4, 4)]
    assert stored_points(stream.state) == 0


@every_kind
def test_points_of_another_dimension_are_refused_until_the_stream_is_forgotten(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, state_ttl_ms=1000))
    stream.send(1, dimension=3)
    with pytest.raises(MessageError, match="have 2 coordinates, this stream's first message had 3") as caught:
        stream.send(2)
    assert caught.value.code == "wrong_dimension"
    stream.restart()
    with pytest.raises(MessageError):
        stream.send(2)
    stream.tick(60)
    assert stream.tick(1000).expired


@every_kind
def test_a_refused_message_changes_nothing(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, max_windows_per_message=2, dedup_ids=5))
    stream.send(0, now=10)
    before = (dict(stream.state.chunks), stream.state.header, stream.window.next_tick())
    with pytest.raises(MessageError) as caught:
        stream.send(
            *range(100, 1000, 100), dimension=2 if window.kind != "none" else 3, message_id="a", now=20
        )
    expected = "wrong_dimension" if window.kind == "none" else "too_many_windows"
    assert caught.value.code == expected
    stream.state.save(stream.window)
    assert (stream.state.chunks, stream.state.header, stream.window.next_tick()) == before
    outcome = stream.send(1, message_id="a", now=30)
    assert not outcome.duplicate, "its id was not stored"
    assert stream.state.chunks != before[0] or stream.state.header != before[1]


@every_kind
def test_a_refused_first_message_leaves_no_state(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, max_windows_per_message=1))
    if window.kind != "none":
        with pytest.raises(MessageError, match="max_windows_per_message = 1"):
            stream.send(*range(0, 9000, 100))
    assert stream.window.next_tick() is None
    changes = stream.window.changes()
    assert (changes.header, changes.puts, changes.drops) == (None, {}, ())
    assert stream.window.tick(10**9).firings == ()


def test_as_many_windows_as_the_limit_are_fired() -> None:
    window = TumblingWindow(10, 0, None)
    times = range(0, 1010, 10)
    assert len(Sender(window_settings(window, max_windows_per_message=100)).send(*times).firings) == 100
    with pytest.raises(MessageError, match="more than max_windows_per_message = 99 windows"):
        Sender(window_settings(window, max_windows_per_message=99)).send(*times)


def test_a_point_in_a_thousand_windows_is_refused_before_they_are_built() -> None:
    stream = Sender(window_settings(SlidingWindow(86_400_000, 1, 0, None)))
    stream.send(0)
    with pytest.raises(MessageError, match="max_windows_per_message"):
        stream.send(10**12)


@every_kind
def test_a_message_that_comes_twice_is_known_by_its_id(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, dedup_ids=2))
    assert not stream.send(1, message_id="a", now=5).duplicate
    state = stream.state.header
    again = stream.send(1, 2, 3, message_id="a", now=50)
    assert again.duplicate
    assert (again.firings, again.late.tolist()) == ((), [])
    assert stream.state.header == state, "it does not even put off the timeout"
    stream.restart()
    assert stream.send(1, message_id="a").duplicate


def test_only_the_last_ids_are_remembered() -> None:
    stream = Sender(window_settings(NoWindow(), dedup_ids=3))
    for name in "abcd":
        stream.send(1, message_id=name)
    assert [stream.send(1, message_id=name).duplicate for name in "dcba"] == [True, True, True, False]
    assert not Sender(window_settings(NoWindow())).send(1, message_id="a").duplicate


def test_ids_are_remembered_only_if_asked_and_only_where_given() -> None:
    stream = Sender(window_settings(NoWindow()))
    assert [stream.send(1, message_id="a").duplicate for _ in range(2)] == [False, False]
    stream = Sender(window_settings(NoWindow(), dedup_ids=3))
    assert [stream.send(1).duplicate for _ in range(2)] == [False, False]


def test_remembered_ids_take_bounded_room_however_many_come_and_however_long() -> None:
    stream = Sender(window_settings(NoWindow(), dedup_ids=100))
    for number in range(1000):
        stream.send(1, message_id=f"{number}-" + "x" * 1000)
    assert sum(map(len, stream.state.chunks.values())) < 16 * 200
    stream.restart(dedup_ids=10)
    assert stream.send(1, message_id="989-" + "x" * 1000).duplicate is False
    assert stream.send(1, message_id="995-" + "x" * 1000).duplicate is True
    assert sum(map(len, stream.state.chunks.values())) < 16 * 128
    stream.restart(dedup_ids=0)
    assert stream.send(1, message_id="995-" + "x" * 1000).duplicate is False
    assert stream.state.chunks == {}


@every_kind
def test_a_silent_stream_fires_what_waits_and_is_forgotten(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, state_ttl_ms=50))
    stream.send(1, 2, now=100)
    assert stream.window.next_tick() == 150
    assert not stream.tick(149).expired
    outcome = stream.tick(150)
    assert outcome.expired
    assert {5, 2} >= {firing.window.num_points for firing in outcome.firings}
    assert set(told_of(outcome, "closed_by")) <= {"state_ttl"}
    assert (window.kind == "none") == (not outcome.firings)


@every_kind
def test_every_message_puts_the_forgetting_off(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, state_ttl_ms=50))
    stream.send(1, now=0)
    stream.send(now=40)
    assert not stream.tick(50).expired
    assert stream.tick(90).expired


def test_a_tick_fires_no_more_than_a_message_may_and_asks_to_be_called_again() -> None:
    stream = Sender(window_settings(SlidingWindow(10, 1, 0, 60), max_windows_per_message=4, state_ttl_ms=80))
    stream.send(0, now=0)
    first, second = stream.tick(100), stream.tick(100)
    assert (told_of(first, "start"), told_of(second, "start")) == ([-9, -8, -7, -6], [-5, -4, -3, -2])
    assert not second.expired
    assert stream.window.next_tick() == 60
    stream.restart()
    third = stream.tick(100)
    assert told_of(third, "start") == [-1, 0]
    assert third.expired


def test_the_id_is_the_hash_of_route_key_and_what_tells_the_firing_from_others() -> None:
    (count,) = Sender(window_settings(CountWindow(2, 2, None))).send(5, 6).firings
    content = orjson.dumps(["streams", "pump-7", "tda_stream_input-0-1", "count", 1, 2])
    assert identity("streams", "pump-7", count.window.identity) == hashlib.sha256(content).hexdigest()
    (time, *_) = Sender(window_settings(TumblingWindow(10, 0, None))).send(5, 10).firings
    content = orjson.dumps(["streams", "pump-7", "tda_stream_input-0-1", "tumbling", 0, 10, 0])
    assert identity("streams", "pump-7", time.window.identity) == hashlib.sha256(content).hexdigest()


@every_kind
def test_a_replay_gives_the_same_ids(window: WindowSpec) -> None:
    def ids() -> list[str]:
        stream = Sender(window_settings(window))
        outcomes = [stream.send(*range(start, start + 7)) for start in range(0, 70, 7)]
        return [
            identity("streams", "a", firing.window.identity)
            for outcome in outcomes
            for firing in outcome.firings
        ]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


@every_kind
def test_a_forgotten_stream_that_comes_back_gets_new_ids(window: WindowSpec) -> None:
    """Its numbers and windows restart with other points: no result id may be repeated."""
    settings = window_settings(window, state_ttl_ms=50)
    first, second = Sender(settings), Sender(settings, sent=100)
    old = first.send(1, 2, 3, now=0).firings + first.tick(50).firings
    new = second.send(1, 2, 3, now=100).firings + second.tick(150).firings
    assert [firing.window.start for firing in old] == [firing.window.start for firing in new]
    assert old
    assert not {firing.window.identity for firing in old} & {firing.window.identity for firing in new}


def test_streams_with_other_keys_or_routes_have_other_ids() -> None:
    (firing,) = Sender(window_settings(NoWindow())).send(1).firings
    names = {identity(route, key, firing.window.identity) for route in ("a", "b") for key in ("x", "y")}
    assert len(names) == 4


@every_kind
def test_a_message_without_points_is_a_message(window: WindowSpec) -> None:
    stream = Sender(window_settings(window, dedup_ids=1))
    outcome = stream.send(now=5, message_id="a", dimension=4)
    assert outcome.firings == ()
    assert stream.send(1, message_id="a").duplicate
    with pytest.raises(MessageError, match="had 4"):
        stream.send(1)
