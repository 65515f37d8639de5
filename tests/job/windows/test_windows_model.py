"""Random streams, out of order and late, with ticks and restores, compared with a model of windows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.job.window_cases import State, Told, arrival, tell, window_settings
from support.job.window_model import Model, model
from tdajob.errors import MessageError
from tdajob.windows.factory import new_window
from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    WindowSettings,
    WindowSpec,
)


@dataclass(frozen=True)
class Message:
    """A message, by the times of its points as steps from the greatest time before the message."""

    steps: list[int]
    id: str | None


@dataclass(frozen=True)
class Pause:
    """A span of processing time."""

    ms: int


timeouts = st.none() | st.integers(5, 60)


@st.composite
def sliding(draw: st.DrawFn) -> SlidingWindow:
    slide = draw(st.integers(1, 8))
    return SlidingWindow(slide * draw(st.integers(1, 5)), slide, draw(st.integers(-9, 9)), draw(timeouts))


@st.composite
def count(draw: st.DrawFn) -> CountWindow:
    size = draw(st.integers(1, 12))
    return CountWindow(size, draw(st.integers(1, size)), draw(timeouts))


KINDS: dict[str, st.SearchStrategy[WindowSpec]] = {
    "none": st.just(NoWindow()),
    "count": count(),
    "tumbling": st.builds(TumblingWindow, st.integers(1, 20), st.integers(-9, 9), timeouts),
    "sliding": sliding(),
    "session": st.builds(SessionWindow, st.integers(1, 8), timeouts),
}
messages = st.builds(
    Message,
    st.lists(st.integers(-30, 12), max_size=6) | st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.none() | st.sampled_from("abcdef"),
)
streams = st.lists(messages | messages | st.builds(Pause, st.integers(1, 80)), max_size=25)


@st.composite
def bounds(draw: st.DrawFn, window: st.SearchStrategy[WindowSpec]) -> WindowSettings:
    return window_settings(
        draw(window),
        out_of_orderness_ms=draw(st.sampled_from([0, 0, 3, 12])),
        allowed_lateness_ms=draw(st.sampled_from([0, 0, 2, 15])),
        max_windows_per_message=draw(st.sampled_from([1000, 1000, 6, 2])),
        max_duration_ms=draw(st.sampled_from([1000, 1000, 15, 5])),
        state_ttl_ms=draw(st.sampled_from([10_000, 100])),
        dedup_ids=draw(st.sampled_from([0, 2, 4])),
        max_points=draw(st.sampled_from([5000, 5000, 7, 3, 1])),
    )


class Stream:
    """Two instances of a window, one restored from its state repeatedly, and the model."""

    def __init__(self, given: WindowSettings) -> None:
        self.settings = given
        self.now = 1000
        self.newest = 0
        self.messages = 0
        self.seen: dict[object, Told] = {}
        self._begin()

    def _begin(self) -> None:
        self.steady, self.restored = new_window(self.settings), new_window(self.settings)
        self.steady_state, self.restored_state = State(), State()
        self.model: Model = model(self.settings)

    def send(self, message: Message) -> None:
        self.messages += 1
        arrived = arrival((self.newest + step for step in message.steps), self.messages, message.id)
        expected = self.model.add(arrived, self.now)
        if expected.refused:
            for window in (self.steady, self.restored):
                with pytest.raises(MessageError) as caught:
                    window.add(arrived, self.now)
                assert caught.value.code == expected.refused
            return
        for window in (self.steady, self.restored):
            outcome = window.add(arrived, self.now)
            assert tell(outcome) == expected.firings
            assert outcome.late.tolist() == expected.late
            assert (outcome.duplicate, outcome.expired) == (expected.duplicate, False)
            assert not outcome.firings or self._new_ids(outcome.firings, window is self.restored)
        if not expected.duplicate and message.steps:
            self.newest = max(self.newest, int(arrived.times.max()))
        self._save()

    def pause(self, ms: int) -> None:
        self.now += ms
        due = self.model.next_tick()
        assert self.steady.next_tick() == self.restored.next_tick() == due
        if due is None or due > self.now:
            assert not self.steady.tick(self.now).firings
            return
        expected = self.model.tick(self.now)
        for window in (self.steady, self.restored):
            firings, expired = [], False
            while not expired and (window.next_tick() or 0) <= self.now:
                outcome = window.tick(self.now)
                assert len(outcome.firings) <= self.settings.max_windows_per_message
                assert self._new_ids(outcome.firings, window is self.restored)
                firings += tell(outcome)
                expired = outcome.expired
            assert firings == expected.firings
            assert expired == expected.expired
        if expected.expired:
            self._begin()
        else:
            self._save()

    def _save(self) -> None:
        self.steady_state.save(self.steady)
        self.restored_state.save(self.restored)
        assert self.steady_state == self.restored_state
        if self.steady_state.header:
            self.restored = self.restored_state.restored(self.settings)

    def _new_ids(self, firings: tuple[object, ...], again: bool) -> bool:
        """Return True if no firing has the identity of an earlier one."""
        names = [firing.window.identity for firing in firings]  # type: ignore[attr-defined]
        if again:
            return all(name in self.seen for name in names)
        fresh = len(set(names)) == len(names) and not any(name in self.seen for name in names)
        self.seen.update(dict.fromkeys(names))  # type: ignore[arg-type]
        return fresh


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_windows_are_what_their_definitions_say(kind: str, data: st.DataObject) -> None:
    stream = Stream(data.draw(bounds(KINDS[kind]), label="settings"))
    for event in data.draw(streams, label="stream"):
        if isinstance(event, Message):
            stream.send(event)
        else:
            stream.pause(event.ms)


def random_events(rng: random.Random, spread: int) -> Iterator[Message | Pause]:
    """Yield a long stream that advances, with late, repeated and jumping messages, and pauses."""
    for _ in range(60):
        if rng.random() < 0.2:
            yield Pause(rng.choice([1, 10, 30, 60, 150]))
            continue
        back = rng.choice([0, 0, spread, 3 * spread, 8 * spread])
        steps = [rng.randint(-back, spread) for _ in range(rng.choice([0, 1, 1, 2, 5, 12]))]
        if rng.random() < 0.05:
            steps.append(rng.randint(0, 40 * spread))
        yield Message(steps, rng.choice([None, *"abcdefgh"]))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 2**32), spread=st.sampled_from([1, 3, 6]))
def test_long_streams_too(kind: str, data: st.DataObject, seed: int, spread: int) -> None:
    stream = Stream(data.draw(bounds(KINDS[kind]), label="settings"))
    for event in random_events(random.Random(seed), spread):
        if isinstance(event, Message):
            stream.send(event)
        else:
            stream.pause(event.ms)
