"""Settings, messages and the state of a stream, for the tests of windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tdajob.windows.opening import restored
from tdajob.windows.spec import NoWindow, WindowSettings, WindowSpec
from tdajob.windows.values import Arrival, Firing, Identity, Outcome, StreamWindow

SETTINGS = WindowSettings(
    window=NoWindow(),
    out_of_orderness_ms=0,
    allowed_lateness_ms=0,
    max_windows_per_message=1000,
    max_duration_ms=86_400_000,
    state_ttl_ms=86_400_000,
    dedup_ids=0,
    max_points=5000,
    overflow="error",
)


def window_settings(window: WindowSpec, **changes: Any) -> WindowSettings:
    return replace(SETTINGS, window=window, **changes)


def arrival(
    times: Iterable[int], place: object = "stream-0-0", message_id: str | None = None, dimension: int = 2
) -> Arrival:
    """A message whose points can be told apart by their coordinates: each begins with its event time."""
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
    """What is kept of a stream between messages: a header and a map of chunks."""

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
        return restored(settings, self.header, dict(self.chunks))
