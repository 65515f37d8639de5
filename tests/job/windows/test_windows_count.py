"""Count windows: hand-computed examples."""

from __future__ import annotations

import pytest
from support.job.window_cases import Sender, spans, stored_points, told_of, window_settings
from tdajob.windows.spec import CountWindow
from tdajob.windows.values import Outcome


def counting(size: int, slide: int, timeout_ms: int | None = None, **changes: int) -> Sender:
    return Sender(window_settings(CountWindow(size, slide, timeout_ms), **changes))


def numbers(outcome: Outcome) -> list[tuple[int, int]]:
    return told_of(outcome, "first_seq", "last_seq")


def test_it_fires_when_size_and_then_each_slide_more_have_come() -> None:
    stream = counting(5, 2)
    assert numbers(stream.send(1, 2, 3, 4)) == []
    assert numbers(stream.send(5)) == [(1, 5)]
    assert numbers(stream.send(6)) == []
    assert numbers(stream.send(7, 8, 9)) == [(3, 7), (5, 9)]


def test_a_slide_as_long_as_the_window_tumbles() -> None:
    assert numbers(counting(3, 3).send(*range(10))) == [(1, 3), (4, 6), (7, 9)]


def test_points_are_ordered_by_arrival_and_nothing_is_late() -> None:
    stream = counting(3, 1)
    outcome = stream.send(900, 5, 700, -3, 900)
    assert spans(outcome) == [
        (None, None, [5, 700, 900]),
        (None, None, [-3, 5, 700]),
        (None, None, [-3, 700, 900]),
    ]
    assert outcome.late.tolist() == []
    assert told_of(outcome, "first_event", "last_event", "late", "closed_by")[0] == (5, 900, 0, "count")


def test_points_keep_their_numbers_from_window_to_window() -> None:
    outcome = counting(4, 2).send(*range(6))
    first, second = (firing.sequences.tolist() for firing in outcome.firings)
    assert (first, second) == ([1, 2, 3, 4], [3, 4, 5, 6])
    assert outcome.firings[1].coordinates.tolist() == [[2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]]


def test_the_timeout_fires_fewer_points_than_the_size_as_partial() -> None:
    stream = counting(5, 5, timeout_ms=60)
    stream.send(1, 2, now=100)
    stream.send(3, now=150)
    assert stream.window.next_tick() == 160, "counted from the first waiting point, not from the last"
    assert stream.tick(159).firings == ()
    outcome = stream.tick(160)
    assert numbers(outcome) == [(1, 3)]
    assert told_of(outcome, "partial", "closed_by", "num_points") == [(True, "timeout", 3)]


def test_the_timeout_fires_a_whole_window_where_enough_points_were_seen() -> None:
    stream = counting(5, 5, timeout_ms=60)
    stream.send(*range(7), now=0)
    outcome = stream.tick(60)
    assert numbers(outcome) == [(3, 7)]
    assert told_of(outcome, "partial", "closed_by") == [(False, "timeout")]


def test_a_timeout_does_not_shift_the_windows() -> None:
    stream = counting(4, 2, timeout_ms=60)
    stream.send(1, 2, 3, now=0)
    assert numbers(stream.tick(60)) == [(1, 3)]
    assert numbers(stream.send(4, 5, 6, now=70)) == [(1, 4), (3, 6)]


def test_the_timer_starts_again_with_the_next_point() -> None:
    stream = counting(4, 2, timeout_ms=60)
    stream.send(1, now=0)
    stream.tick(60)
    assert stream.tick(10_000).firings == (), "a stream without new points fires nothing"
    stream.send(2, now=20_000)
    assert stream.window.next_tick() == 20_060


def test_points_that_are_in_a_fired_window_do_not_wait() -> None:
    stream = counting(3, 3, timeout_ms=60)
    stream.send(1, 2, 3, now=0)
    assert stream.tick(60).firings == ()
    stream.send(4, 5, 6, 7, now=100)
    assert stream.window.next_tick() == 160, "point 7 came with that message"


def test_without_a_timeout_points_wait_until_the_stream_is_forgotten() -> None:
    stream = counting(3, 3, timeout_ms=None, state_ttl_ms=500)
    stream.send(1, now=10)
    assert stream.window.next_tick() == 510
    outcome = stream.tick(510)
    assert told_of(outcome, "partial", "closed_by") == [(True, "state_ttl")]
    assert outcome.expired


@pytest.mark.parametrize("message", [1, 7, 5000])
def test_the_ring_keeps_the_newest_points_only(message: int) -> None:
    stream = counting(100, 10, max_windows_per_message=10_000)
    for _ in range(30):
        stream.send(*range(message))
    kept, seen = stored_points(stream.state), 30 * message
    assert min(seen, 100) <= kept < 100 + 128
    last = stream.send(*range(100)).firings[-1]
    assert last.sequences.tolist() == list(range(seen + 100 - 99 - (seen % 10), seen + 101 - (seen % 10)))
