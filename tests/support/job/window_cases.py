"""Settings, messages and state of a stream, for the tests of windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tdajob.settings.job import load
from tdajob.windows.factory import new_window, restore_window
from tdajob.windows.spec import WindowSettings, WindowSpec
from tdajob.windows.state import codec
from tdajob.windows.state.rows import Rows
from tdajob.windows.values import Arrival, Firing, Identity, Outcome, StreamWindow

from support.job.settings_json import settings_document, settings_text


def _unwindowed() -> WindowSettings:
    """Return the settings of a stream without windows, the rest as the command writes it by default."""
    window = {"kind": "none", "state_ttl_ms": 86_400_000}
    source = {**settings_document()["inputs"][0], "route": "streams", "window": window}
    found = load(settings_text(inputs=[source])).inputs[0].window
    assert found is not None
    return replace(found, out_of_orderness_ms=0)


SETTINGS = _unwindowed()


def window_settings(window: WindowSpec, **changes: Any) -> WindowSettings:
    return replace(SETTINGS, window=window, **changes)


def arrival(
    times: Iterable[int], place: object = "stream-0-0", message_id: str | None = None, dimension: int = 2
) -> Arrival:
    """Return a message whose points are distinct: their coordinates start with the event time."""
    moments = np.array(list(times), dtype=np.int64)
    coordinates = np.column_stack([moments] + [np.arange(len(moments))] * (dimension - 1)).astype(np.float64)
    return Arrival(coordinates.reshape(-1, dimension), moments, message_id, str(place))


@dataclass(frozen=True)
class Told:
    """A firing in plain values that can be compared."""

    points: tuple[tuple[int, int, tuple[float, ...]], ...]  # number, time, coordinates
    start: int | None
    end: int | None
    late: int
    revision: int
    partial: bool
    closed_by: str
    supersedes: tuple[Identity, ...]
    too_large: bool
    num_points: int
    first_event: int
    last_event: int
    first_seq: int
    last_seq: int


def told(firing: Firing) -> Told:
    rows = zip(
        firing.sequences.tolist(),
        firing.times.tolist(),
        map(tuple, firing.coordinates.tolist()),
        strict=True,
    )
    info = firing.window
    return Told(
        tuple(sorted(rows)),
        info.start,
        info.end,
        info.late,
        info.revision,
        info.partial,
        info.closed_by,
        info.supersedes,
        info.too_large,
        info.num_points,
        info.first_event,
        info.last_event,
        info.first_seq,
        info.last_seq,
    )


def tell(outcome: Outcome) -> list[Told]:
    return [told(firing) for firing in outcome.firings]


@dataclass
class State:
    """The state of a stream between messages: a header and a map of chunks."""

    header: bytes = b""
    chunks: dict[int, bytes] = field(default_factory=dict)

    def save(self, window: StreamWindow) -> None:
        changes = window.changes()
        if changes.header is not None:
            self.header = changes.header
        for chunk in changes.drops:
            self.chunks.pop(chunk, None)
        self.chunks.update(changes.puts)

    def restored(self, settings: WindowSettings) -> StreamWindow:
        return restore_window(settings, self.header, dict(self.chunks))


class Sender:
    """A sender of messages to the windows of one stream; each message has its own `place`."""

    def __init__(self, settings: WindowSettings, sent: int = 0) -> None:
        self.settings = settings
        self.window = new_window(settings)
        self.state = State()
        self._sent = sent  # messages of its partition before its first

    def send(self, *times: int, now: int = 0, message_id: str | None = None, dimension: int = 2) -> Outcome:
        self._sent += 1
        place = f"tda_stream_input-0-{self._sent}"
        outcome = self.window.add(arrival(times, place, message_id, dimension), now)
        self.state.save(self.window)
        return outcome

    def tick(self, now: int) -> Outcome:
        outcome = self.window.tick(now)
        self.state.save(self.window)
        return outcome

    def restart(self, **changes: Any) -> None:
        """Restore the stream from its state, with settings that may have changed."""
        self.settings = replace(self.settings, **changes)
        self.window = self.state.restored(self.settings)


def spans(outcome: Outcome) -> list[tuple[int | None, int | None, list[int]]]:
    """Return start, end and the sorted event times of each firing."""
    return [
        (firing.window.start, firing.window.end, sorted(firing.times.tolist())) for firing in outcome.firings
    ]


def told_of(outcome: Outcome, *names: str) -> list[Any]:
    """Return attributes of each firing's window: values for one name, tuples for several."""
    told_each = [tuple(getattr(firing.window, name) for name in names) for firing in outcome.firings]
    return [values[0] for values in told_each] if len(names) == 1 else told_each


def stored_points(state: State) -> int:
    """Return the number of points in the chunks of a state."""
    return sum(len(rows) for rows in stored_rows(state))


def stored_rows(state: State) -> list[Rows]:
    return [
        codec.unpacked_rows(chunk)[1]
        for number, chunk in state.chunks.items()
        if codec.content_of(number) == codec.POINTS
    ]
