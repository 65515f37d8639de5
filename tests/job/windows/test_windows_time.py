"""Tumbling and sliding windows: hand-computed examples of clock, lateness, revisions and the last window."""

from __future__ import annotations

import pytest
from support.job.window_cases import Sender, spans, told_of, window_settings
from tdajob.timestamps import parse_timestamp
from tdajob.windows.spec import SlidingWindow, TumblingWindow

HOUR = 3_600_000
DAY = 24 * HOUR


def tumbling(size: int, *, offset: int = 0, timeout: int | None = None, **changes: int) -> Sender:
    return Sender(window_settings(TumblingWindow(size, offset, timeout), **changes))


def sliding(size: int, slide: int, *, timeout: int | None = None, **changes: int) -> Sender:
    return Sender(window_settings(SlidingWindow(size, slide, 0, timeout), **changes))


def test_windows_hold_their_start_and_not_their_end() -> None:
    stream = tumbling(10)
    stream.send(0, 9, 10)
    assert spans(stream.send(20)) == [(10, 20, [10])]


def test_windows_are_aligned_to_the_epoch() -> None:
    outcome = tumbling(10).send(-11, -10, -1, 0, 25)
    assert spans(outcome) == [(-20, -10, [-11]), (-10, 0, [-10, -1]), (0, 10, [0])]


def test_a_day_begins_at_midnight_utc_whatever_clocks_are_put_forward() -> None:
    noon = parse_timestamp("2024-03-31T12:00:00Z")
    (day,) = tumbling(DAY).send(noon, noon + DAY).firings
    assert (day.window.start, day.window.end) == (noon - 12 * HOUR, noon + 12 * HOUR)


@pytest.mark.parametrize("offset", [-5 * HOUR, 19 * HOUR, 43 * HOUR])
def test_an_offset_moves_the_alignment(offset: int) -> None:
    noon = parse_timestamp("2024-03-31T12:00:00Z")
    (day,) = tumbling(DAY, offset=offset).send(noon, noon + DAY).firings
    assert day.window.start == parse_timestamp("2024-03-30T19:00:00Z")


def test_a_sliding_point_is_in_every_window_around_it() -> None:
    assert spans(sliding(30, 10).send(35, 100)) == [(10, 40, [35]), (20, 50, [35]), (30, 60, [35])]


def test_empty_windows_give_nothing_and_one_point_a_result() -> None:
    outcome = tumbling(10).send(5, 1005, 2005)
    assert spans(outcome) == [(0, 10, [5]), (1000, 1010, [1005])]
    assert told_of(outcome, "num_points") == [1, 1]


def test_the_clock_is_the_greatest_event_time_minus_the_disorder() -> None:
    stream = tumbling(10, out_of_orderness_ms=5)
    assert spans(stream.send(3, 14)) == []
    assert spans(stream.send(9)) == [], "five behind is not late"
    assert spans(stream.send(15)) == [(0, 10, [3, 9])]
    outcome = stream.send(9, 10)
    assert (outcome.late.tolist(), outcome.firings) == ([0], ())


def test_one_far_ahead_point_touches_only_its_own_stream() -> None:
    mistaken, other = tumbling(10), tumbling(10)
    for stream in (mistaken, other):
        stream.send(1)
    mistaken.send(300_000)
    assert mistaken.send(2, 3).late.tolist() == [0, 1]
    outcome = other.send(2, 3, 11)
    assert outcome.late.tolist() == []
    assert spans(outcome) == [(0, 10, [1, 2, 3])]


def test_points_of_one_message_are_applied_one_by_one() -> None:
    outcome = tumbling(10).send(1, 11, 5, 12, 21, 15)
    assert spans(outcome) == [(0, 10, [1]), (10, 20, [11, 12])]
    assert outcome.late.tolist() == [2, 5]


def test_a_backlog_in_one_message_gives_what_single_points_give() -> None:
    times = [3, 1, 12, 9, 25, 18, 40, 22, 60]
    at_once = spans(sliding(20, 5, out_of_orderness_ms=7).send(*times))
    stream = sliding(20, 5, out_of_orderness_ms=7)
    assert [span for time in times for span in spans(stream.send(time))] == at_once


def test_a_late_point_is_late_only_if_none_of_its_windows_is_kept() -> None:
    stream = sliding(20, 10)
    stream.send(5, 30)
    outcome = stream.send(15, 9)
    assert outcome.late.tolist() == [0, 1]
    assert stream.send(25).late.tolist() == [], "[20, 40) is still open"
    assert spans(stream.send(40)) == [(20, 40, [25, 30])]


def test_a_point_goes_into_those_of_its_windows_that_are_kept() -> None:
    stream = sliding(20, 10)
    stream.send(5, 20)
    assert spans(stream.send(15, 45)) == [(10, 30, [15, 20]), (20, 40, [20])]


def test_a_kept_window_fires_again_once_per_message_with_the_next_revision() -> None:
    stream = tumbling(10, allowed_lateness_ms=10)
    assert told_of(stream.send(1, 12), "revision", "late") == [(0, 0)]
    outcome = stream.send(2, 3)
    assert spans(outcome) == [(0, 10, [1, 2, 3])]
    assert told_of(outcome, "revision", "late") == [(1, 2)]
    assert told_of(stream.send(4), "revision", "late") == [(2, 3)]
    assert stream.send(20, 5).late.tolist() == [1], "kept no longer than the lateness"


def test_the_last_revision_comes_before_the_window_is_given_up() -> None:
    stream = sliding(20, 10, allowed_lateness_ms=10)
    stream.send(5, 15, 32)
    outcome = stream.send(12, 45, 13)
    assert spans(outcome) == [(10, 30, [12, 15]), (20, 40, [32])]
    assert told_of(outcome, "revision", "late") == [(1, 1), (0, 0)]
    assert outcome.late.tolist() == [2]


def test_a_window_that_was_empty_at_its_end_fires_first_with_its_first_late_point() -> None:
    stream = tumbling(10, allowed_lateness_ms=100)
    stream.send(35)
    outcome = stream.send(14, 12)
    assert spans(outcome) == [(10, 20, [12, 14])]
    assert told_of(outcome, "revision", "late", "closed_by") == [(0, 2, "clock")]
    assert told_of(stream.send(11), "revision", "late") == [(1, 3)]


def test_the_last_window_of_a_stream_that_stops_comes_by_the_timeout() -> None:
    stream = sliding(20, 10, timeout=60)
    stream.send(5, now=1000)
    stream.send(12, now=1030)
    assert stream.window.next_tick() == 1090, "counted from the last message"
    outcome = stream.tick(1090)
    assert spans(outcome) == [(0, 20, [5, 12]), (10, 30, [12])]
    assert set(told_of(outcome, "closed_by", "partial")) == {("timeout", False)}
    assert stream.tick(5000).firings == ()


def test_a_window_closed_by_the_timeout_fires_again_if_the_stream_goes_on() -> None:
    stream = tumbling(10, timeout=60)
    stream.send(1, now=0)
    assert told_of(stream.tick(60), "closed_by", "revision") == [("timeout", 0)]
    assert stream.send(2, 3, now=70).firings == (), "it is open until its end"
    outcome = stream.send(10, now=80)
    assert spans(outcome) == [(0, 10, [1, 2, 3])]
    assert told_of(outcome, "closed_by", "revision", "late") == [("clock", 1, 0)]


def test_a_window_closed_by_the_timeout_does_not_come_again_without_new_points() -> None:
    stream = sliding(20, 10, timeout=60)
    stream.send(15, now=0)
    assert spans(stream.tick(60)) == [(0, 20, [15]), (10, 30, [15])]
    assert spans(stream.send(25, now=70)) == [], "[0, 20) has ended, with nothing new"
    assert told_of(stream.send(100, now=80), "start", "revision") == [(10, 1), (20, 0)]


def test_without_a_timeout_the_last_window_waits_for_the_stream_to_be_forgotten() -> None:
    stream = tumbling(10, state_ttl_ms=500)
    stream.send(1, now=7)
    assert stream.window.next_tick() == 507
    outcome = stream.tick(507)
    assert (spans(outcome), told_of(outcome, "closed_by")) == ([(0, 10, [1])], ["state_ttl"])
    assert outcome.expired
