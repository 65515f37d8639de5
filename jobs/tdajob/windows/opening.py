"""The windows of a stream that is met for the first time, or that the state knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tdajob.windows.codec import MESSAGE_IDS, content_of, unpacked_table
from tdajob.windows.counting import CountMachine
from tdajob.windows.machine import Machine
from tdajob.windows.session_windows import SessionMachine
from tdajob.windows.single import SingleMachine
from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    WindowSettings,
    as_document,
    from_document,
)
from tdajob.windows.time_windows import TimeMachine
from tdajob.windows.values import StreamWindow

_ALL = 1 << 62


def new_window(settings: WindowSettings) -> StreamWindow:
    """The windows of a stream that is not known yet."""
    return _machine(settings)


def restored(settings: WindowSettings, header: bytes, chunks: Mapping[int, bytes]) -> StreamWindow:
    """The windows of a stream as `changes` has written them; they go on bit for bit as they would have.

    All settings may have changed since. Timeouts, bounds and lateness hold from now on; what had ended or
    was dropped stays so. With windows of another kind, size, slide, offset or gap, what waits in the old
    ones fires first, `closed_by` "changed", as part of the next outcome, which is due at once; until then
    `changes` gives nothing, so that none of it can be lost. The new windows begin with the next message.
    The stream keeps its dimension, its running numbers, its remembered ids and, from one kind of event-time
    windows to another, its clock. Its results get a new life, so that no id comes twice.

    Raises UnreadableState for bytes that a newer job has written.
    """
    document = unpacked_table(header)
    if document["window"] == as_document(settings.window):
        same = _machine(settings)
        same.load(document, chunks)
        return same
    old = _machine(replace(settings, window=from_document(document["window"])))
    old.load(document, chunks)
    left_over, _ = old.fire_waiting("changed", limit=_ALL)
    new = _machine(settings)
    dropped = [chunk for chunk in chunks if content_of(chunk) != MESSAGE_IDS]
    new.take_over(old, tuple(left_over), dropped)
    return new


def _machine(settings: WindowSettings) -> Machine[Any]:
    window = settings.window
    if isinstance(window, CountWindow):
        return CountMachine(settings, window)
    if isinstance(window, SessionWindow):
        return SessionMachine(settings, window)
    if isinstance(window, NoWindow):
        return SingleMachine(settings)
    return TimeMachine(settings, window)
