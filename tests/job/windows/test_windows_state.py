"""State of a stream: sizes of changes, changed settings and windows, and state of earlier versions."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from support.job.window_cases import (
    Sender,
    State,
    arrival,
    spans,
    stored_points,
    tell,
    told_of,
    window_settings,
)
from tdajob.state_version import StateError
from tdajob.windows.factory import new_window, restore_window
from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    WindowSpec,
)
from tdajob.windows.state import codec
from tdajob.windows.values import Arrival

FIXTURE = Path(__file__).with_name("windows_state_v1.json")


@pytest.mark.parametrize(
    "window",
    [CountWindow(5000, 5000, None), TumblingWindow(10**6, 0, None), SessionWindow(10**6, None)],
    ids=lambda window: window.kind,
)
def test_a_message_of_one_point_rewrites_no_big_chunk(window: WindowSpec) -> None:
    machine = new_window(window_settings(window))
    state = State()
    machine.add(arrival(range(3000)), 0)
    state.save(machine)
    for time in range(3000, 3300):
        machine.add(arrival([time]), 0)
        changes = machine.changes()
        points = [chunk for number, chunk in changes.puts.items() if codec.content_of(number) == codec.POINTS]
        assert [len(chunk) < 64 * (8 + 8 + 16) + 100 for chunk in points] == [True]
        assert sum(map(len, changes.puts.values())) < 64 * (8 + 8 + 16) + 400
        state.chunks.update(changes.puts)
    sizes = [
        len(codec.unpacked_rows(chunk)[1])
        for number, chunk in state.chunks.items()
        if codec.content_of(number) == codec.POINTS
    ]
    assert sum(sizes) == 3300
    assert max(sizes) <= 1024
    assert sum(size < 64 for size in sizes) <= 1


def test_dropped_panes_drop_their_chunks() -> None:
    stream = Sender(window_settings(SlidingWindow(20, 10, 0, None)))
    stream.send(1, 11)
    assert len(stream.state.chunks) == 2
    stream.send(25)
    assert stored_points(stream.state) == 2, "[0, 20) is dropped, so no window needs pane [0, 10)"
    stream.send(1000)
    assert stored_points(stream.state) == 1
    assert len(stream.state.chunks) == 1


def test_nothing_is_written_where_nothing_has_changed() -> None:
    machine = new_window(window_settings(TumblingWindow(10, 0, 60), dedup_ids=5))
    machine.add(arrival([1], message_id="a"), 0)
    machine.changes()
    machine.add(arrival([1], message_id="a"), 7)
    machine.tick(30)
    changes = machine.changes()
    assert (changes.header, changes.puts, changes.drops) == (None, {}, ())


def test_coordinates_come_back_bit_for_bit() -> None:
    given = window_settings(CountWindow(6, 6, None))
    values = np.array([[0.1], [-0.0], [5e-324], [1e308], [np.nextafter(1, 2)]])
    machine, state = new_window(given), State()
    machine.add(Arrival(values, np.array([-(2**60), -1, 0, 1, 2**60]), None, "a"), 0)
    state.save(machine)
    (firing,) = state.restored(given).add(Arrival(values[:1], np.array([3]), None, "b"), 0).firings
    assert firing.coordinates[:5].tobytes() == values.tobytes()
    assert firing.times.tolist() == [-(2**60), -1, 0, 1, 2**60, 3]


def test_what_was_given_out_is_not_written_to_again() -> None:
    machine = new_window(window_settings(CountWindow(3, 1, None)))
    (first,) = machine.add(arrival([1, 2, 3]), 0).firings
    coordinates, numbers = first.coordinates.copy(), first.sequences.copy()
    for time in range(4, 400):
        machine.add(arrival([time]), 0)
    assert np.array_equal(first.coordinates, coordinates)
    assert np.array_equal(first.sequences, numbers)


def test_the_message_s_own_arrays_are_not_kept() -> None:
    stream = Sender(window_settings(CountWindow(3, 1, None)))
    message = arrival([1, 2])
    stream.window.add(message, 0)
    message.times[:] = 99
    message.coordinates[:] = 99
    assert spans(stream.send(3)) == [(None, None, [1, 2, 3])]


def test_a_smaller_disorder_or_lateness_does_not_lose_and_a_greater_one_does_not_repeat() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None)))
    assert spans(stream.send(5, 12)) == [(0, 10, [5])]
    stream.restart(out_of_orderness_ms=50, allowed_lateness_ms=50)
    assert stream.send(6).late.tolist() == [0], "dropped windows stay dropped"
    assert spans(stream.send(13, 69)) == []
    assert spans(stream.send(70)) == [(10, 20, [12, 13])]
    stream.restart(out_of_orderness_ms=0)
    outcome = stream.send(15, 71)
    assert spans(outcome) == [(10, 20, [12, 13, 15]), (60, 70, [69])]
    assert told_of(outcome, "revision") == [1, 0]


def test_a_session_from_before_a_lower_bound_still_takes_what_lies_inside_it() -> None:
    stream = Sender(window_settings(SessionWindow(10, None), out_of_orderness_ms=100))
    stream.send(*range(0, 60, 10))
    stream.restart(max_duration_ms=20, max_points=50)
    stream.send(25, 55)
    assert spans(stream.send(56, 500)) == [(0, 60, [0, 10, 20, 25, 30, 40, 50]), (55, 66, [55, 56])]


def test_other_limits_hold_from_the_next_message_on() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None), max_points=5))
    stream.send(1, 2, 3, 4)
    stream.restart(max_points=3)
    assert told_of(stream.send(10), "too_large", "num_points") == [(True, 4)]
    stream.send(11, 12, 13)
    stream.restart(max_points=100, overflow="landmarks")
    assert told_of(stream.send(20), "too_large", "num_points") == [(True, 4)], "its points are gone"


def test_a_timeout_that_is_set_later_counts_from_the_last_message() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None)))
    stream.send(1, now=100)
    stream.restart(window=TumblingWindow(10, 0, 60))
    assert stream.window.next_tick() == 160
    assert spans(stream.tick(160)) == [(0, 10, [1])]


CHANGES = [
    (TumblingWindow(10, 0, 60), TumblingWindow(20, 0, 60)),
    (TumblingWindow(10, 0, 60), TumblingWindow(10, 5, 60)),
    (SlidingWindow(20, 10, 0, 60), SlidingWindow(20, 5, 0, 60)),
    (SessionWindow(10, 60), SessionWindow(5, 60)),
    (CountWindow(10, 5, 60), CountWindow(4, 4, 60)),
    (CountWindow(10, 5, 60), TumblingWindow(10, 0, 60)),
    (SlidingWindow(20, 10, 0, 60), SessionWindow(5, 60)),
    (SessionWindow(10, 60), CountWindow(4, 4, 60)),
    (TumblingWindow(10, 0, 60), NoWindow()),
    (NoWindow(), TumblingWindow(10, 0, 60)),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_other_windows_tell_first_what_waits_in_the_old_ones(old: WindowSpec, new: WindowSpec) -> None:
    stream = Sender(window_settings(old, dedup_ids=5))
    stream.send(1, 2, 3, now=100, message_id="a")
    stream.restart(window=new)
    assert stream.send(4, message_id="a", now=110).duplicate, "message ids are kept"
    stream.restart()
    assert (stream.window.next_tick() == 100) == (old.kind != "none"), "waiting points are due at once"
    outcome = stream.tick(110)
    waiting = {number for firing in outcome.firings for number in firing.sequences.tolist()}
    assert waiting == (set() if old.kind == "none" else {1, 2, 3})
    assert {firing.window.closed_by for firing in outcome.firings} <= {"changed"}
    assert {firing.window.kind for firing in outcome.firings} <= {old.kind}
    assert stored_points(stream.state) == 0
    with pytest.raises(Exception, match="wrong_dimension"):
        stream.send(4, dimension=3)
    stream.restart()
    later = stream.send(50, 51, 52, 53, now=120).firings + stream.tick(10**6).firings
    assert {number for firing in later for number in firing.sequences.tolist()} == {4, 5, 6, 7}
    names = [firing.window.identity for firing in (*outcome.firings, *later)]
    assert len(set(names)) == len(names)
    stream.restart()
    assert stream.send(4, message_id="a").duplicate


def test_what_waits_in_old_windows_comes_with_the_next_message_too() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None)))
    stream.send(1, 2)
    stream.restart(window=TumblingWindow(5, 0, None))
    stream.restart()
    outcome = stream.send(7, 12)
    assert spans(outcome) == [(0, 10, [1, 2]), (5, 10, [7])]
    assert told_of(outcome, "closed_by") == ["changed", "clock"]
    assert stream.send(11).late.tolist() == []


def test_a_message_that_is_refused_does_not_lose_what_waits_in_old_windows() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None), max_windows_per_message=3))
    stream.send(1, 2)
    stream.restart(window=TumblingWindow(5, 0, None))
    with pytest.raises(Exception, match="too_many_windows"):
        stream.send(*range(100, 1000, 100))
    stream.state.save(stream.window)
    stream.restart()
    assert spans(stream.send(7)) == [(0, 10, [1, 2])]
    stream.restart()
    assert spans(stream.send(12)) == [(5, 10, [7])], "only once"


def test_the_clock_goes_on_in_other_windows_of_event_time() -> None:
    stream = Sender(window_settings(TumblingWindow(10, 0, None)))
    stream.send(1000)
    stream.restart(window=SlidingWindow(10, 5, 0, None))
    assert stream.send(900).late.tolist() == [0]


def test_a_state_of_a_newer_version_is_refused_in_words() -> None:
    header = codec.packed_table({"window": {"kind": "none"}}).replace(b'"version":1', b'"version":2')
    with pytest.raises(StateError, match="has version 2; this job reads 1"):
        restore_window(window_settings(NoWindow()), header, {})
    stream = Sender(window_settings(TumblingWindow(10, 0, None)))
    stream.send(1)
    chunks = {number: b"\x02" + chunk[1:] for number, chunk in stream.state.chunks.items()}
    with pytest.raises(StateError, match="has version 2"):
        restore_window(stream.settings, stream.state.header, chunks)
    with pytest.raises(StateError, match="damaged table"):
        restore_window(window_settings(NoWindow()), b"\x80", {})


STREAMS: dict[str, WindowSpec] = {
    "none": NoWindow(),
    "count": CountWindow(20, 10, 60),
    "tumbling": TumblingWindow(1000, 250, 60),
    "sliding": SlidingWindow(1000, 250, 0, 60),
    "session": SessionWindow(100, 60),
}


def played(window: WindowSpec) -> Sender:
    """Return a stream whose state has late points, revisions, landmarks, merged sessions and message ids."""
    stream = Sender(
        window_settings(
            window,
            out_of_orderness_ms=400,
            allowed_lateness_ms=600,
            dedup_ids=70,
            max_points=90,
            overflow="landmarks",
        )
    )
    for number in range(80):
        times = [60 * number - (7919 * place + 104729 * number) % 560 for place in range(30)]
        stream.send(*times, now=number, message_id=f"m{number}")
        if number % 40 == 39:
            stream.tick(number + 60)
    return stream


def kept_state(kind: str) -> State:
    """The state of that stream as version 1 wrote it; the file is never recreated."""
    kept = json.loads(FIXTURE.read_text(encoding="utf-8"))[kind]
    chunks = {int(number): base64.b64decode(chunk) for number, chunk in kept["chunks"].items()}
    return State(kept["header"].encode(), chunks)


@pytest.mark.parametrize("kind", STREAMS)
def test_the_state_is_written_as_version_1_says(kind: str) -> None:
    """A change of the bytes needs a new version: existing savepoints contain these."""
    assert played(STREAMS[kind]).state == kept_state(kind)


@pytest.mark.parametrize("kind", STREAMS)
def test_the_state_that_version_1_wrote_is_still_read(kind: str) -> None:
    stream = played(STREAMS[kind])
    taken_up = kept_state(kind).restored(stream.settings)
    for number in range(80, 120):
        message = arrival(range(60 * number - 300, 60 * number, 20), number, f"m{number - 5}")
        one, other = (window.add(message, number) for window in (stream.window, taken_up))
        assert tell(one) == tell(other)
        assert one.late.tolist() == other.late.tolist()
        assert one.duplicate == other.duplicate
    assert tell(stream.tick(1000)) == tell(taken_up.tick(1000))
