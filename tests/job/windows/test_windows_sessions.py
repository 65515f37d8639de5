"""Sessions: hand-computed examples of joins, merges, late merges, and bounds that close them."""

from __future__ import annotations

from support.job.window_cases import Sender, spans, stored_points, told_of, window_settings
from tdajob.windows.spec import SessionWindow


def sessions(gap: int, *, timeout: int | None = None, **changes: int) -> Sender:
    return Sender(window_settings(SessionWindow(gap, timeout), **changes))


def test_a_distance_of_just_the_gap_joins_and_one_more_does_not() -> None:
    stream = sessions(10)
    assert spans(stream.send(0, 10, 21)) == [(0, 20, [0, 10])]
    assert spans(stream.send(100)) == [(21, 31, [21])]


def test_a_session_ends_the_gap_after_its_last_point() -> None:
    stream = sessions(10, out_of_orderness_ms=30)
    assert spans(stream.send(0, 5, 44)) == []
    assert spans(stream.send(45)) == [(0, 15, [0, 5])]


def test_a_point_between_two_sessions_makes_them_one() -> None:
    stream = sessions(10, out_of_orderness_ms=100)
    stream.send(0, 20)
    outcome = stream.send(10, 200)
    assert spans(outcome) == [(0, 30, [0, 10, 20])]
    assert told_of(outcome, "revision", "supersedes", "late") == [(0, (), 0)]


def test_an_earlier_point_moves_the_start_back() -> None:
    stream = sessions(10, out_of_orderness_ms=10)
    assert spans(stream.send(50, 45, 100)) == [(45, 60, [45, 50])]


def test_a_point_that_joins_a_session_is_not_late_however_old() -> None:
    stream = sessions(10, out_of_orderness_ms=5)
    stream.send(0, 9, 18, 27, 36)
    outcome = stream.send(15, -9)
    assert outcome.late.tolist() == []
    assert spans(stream.send(100)) == [(-9, 46, [-9, 0, 9, 15, 18, 27, 36])]


def test_a_point_whose_session_is_not_kept_is_late() -> None:
    stream = sessions(10)
    stream.send(0, 50)
    assert stream.send(5, 39, 41).late.tolist() == [0, 1]
    assert spans(stream.send(100)) == [(41, 60, [41, 50])]


def test_a_late_point_inside_a_fired_session_makes_its_next_revision() -> None:
    stream = sessions(10, allowed_lateness_ms=100)
    first = stream.send(0, 5, 50)
    assert spans(first) == [(0, 15, [0, 5])]
    second = stream.send(3, 4)
    assert spans(second) == [(0, 15, [0, 3, 4, 5])]
    assert told_of(second, "revision", "late") == [(1, 2)]
    assert told_of(second, "supersedes") == [(first.firings[0].window.identity,)]
    third = stream.send(2)
    assert told_of(third, "supersedes") == [(second.firings[0].window.identity,)]


def test_a_late_point_that_joins_two_fired_sessions_supersedes_both() -> None:
    stream = sessions(10, allowed_lateness_ms=100)
    first = stream.send(0, 20, 70)
    assert spans(first) == [(0, 10, [0]), (20, 30, [20])]
    second = stream.send(10)
    assert spans(second) == [(0, 30, [0, 10, 20])]
    assert told_of(second, "revision", "late", "closed_by") == [(1, 1, "clock")]
    assert told_of(second, "supersedes") == [tuple(firing.window.identity for firing in first.firings)]


def test_a_fired_session_that_reaches_further_is_open_again_until_its_new_end() -> None:
    stream = sessions(10, allowed_lateness_ms=100)
    first = stream.send(0, 12)
    assert spans(first) == [(0, 10, [0])]
    assert stream.send(8).firings == ()
    second = stream.send(23)
    assert spans(second) == [(0, 22, [0, 8, 12])]
    assert told_of(second, "supersedes") == [(first.firings[0].window.identity,)]


def test_the_timeout_closes_open_sessions_and_what_joins_them_supersedes_that() -> None:
    stream = sessions(10, timeout=60, out_of_orderness_ms=100)
    stream.send(0, 50, now=0)
    first = stream.tick(60)
    assert spans(first) == [(0, 10, [0]), (50, 60, [50])]
    assert told_of(first, "closed_by") == ["timeout", "timeout"]
    stream.send(55, now=70)
    assert told_of(stream.tick(130), "first_event", "revision", "supersedes") == [
        (50, 1, (first.firings[1].window.identity,))
    ]


def test_a_session_grows_no_longer_than_max_duration() -> None:
    stream = sessions(10, max_duration_ms=25)
    outcome = stream.send(*range(0, 60, 5), 100)
    assert spans(outcome) == [
        (0, 35, [0, 5, 10, 15, 20, 25]),
        (30, 65, [30, 35, 40, 45, 50, 55]),
    ]
    assert told_of(outcome, "closed_by") == ["max_duration", "clock"]


def test_two_sessions_that_would_be_too_long_together_stay_two() -> None:
    stream = sessions(10, max_duration_ms=25, out_of_orderness_ms=100)
    stream.send(0, 8, 16, 30, 33)
    stream.send(24)
    outcome = stream.send(300)
    assert spans(outcome) == [(0, 26, [0, 8, 16]), (24, 43, [24, 30, 33])], "nearer to the second"
    assert told_of(outcome, "closed_by") == ["max_duration", "clock"]


def test_a_session_with_max_points_fires_at_once_and_takes_no_more() -> None:
    stream = sessions(10, max_points=3)
    outcome = stream.send(0, 1, 2, 3, 4)
    assert spans(outcome) == [(0, 12, [0, 1, 2])]
    assert told_of(outcome, "closed_by", "too_large") == [("max_points", False)]
    assert stored_points(stream.state) == 2


def test_sessions_of_the_same_milliseconds_have_ids_of_their_own() -> None:
    stream = sessions(10, max_points=2)
    first, second = (firing.window for firing in stream.send(0, 5, 0, 5).firings)
    assert (first.start, first.end, first.revision) == (second.start, second.end, second.revision)
    assert first.identity != second.identity


def test_long_sessions_keep_all_points_when_they_merge() -> None:
    stream = sessions(100, out_of_orderness_ms=10_000, allowed_lateness_ms=50)
    stream.send(*range(200))
    stream.send(*range(399, 599))
    stream.send(299)
    stream.restart()
    assert stored_points(stream.state) == 401
    (merged,) = stream.send(20_000).firings
    assert sorted(merged.times.tolist()) == [*range(200), 299, *range(399, 599)]
    assert len(set(merged.sequences.tolist())) == merged.window.num_points == 401
    stream.send(40_000)
    assert stored_points(stream.state) == 1


def test_nothing_joins_a_session_that_is_no_longer_kept() -> None:
    stream = sessions(10, allowed_lateness_ms=20)
    stream.send(0, 25)
    stream.send(30)
    stream.send(35)
    outcome = stream.send(9)
    assert spans(outcome) == [(9, 19, [9])]
    assert told_of(outcome, "revision", "supersedes") == [(0, ())]
    assert stored_points(stream.state) == 4
