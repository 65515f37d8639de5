"""Creation of a stream's windows, new or from its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tdajob.windows.count_windows import CountMachine
from tdajob.windows.sessions.windows import SessionMachine
from tdajob.windows.single_messages import SingleMachine
from tdajob.windows.spec import (
    CountWindow,
    NoWindow,
    SessionWindow,
    WindowSettings,
    as_document,
    from_document,
)
from tdajob.windows.state.codec import MESSAGE_IDS, content_of, unpacked_table
from tdajob.windows.state_machine import WindowStateMachine
from tdajob.windows.timed.windows import TimeMachine
from tdajob.windows.values import StreamWindow

_ALL = 1 << 62


def new_window(settings: WindowSettings) -> StreamWindow:
    """Return the windows of a new stream."""
    return _machine(settings)


def restore_window(settings: WindowSettings, header: bytes, chunks: Mapping[int, bytes]) -> StreamWindow:
    """Return the windows of a stream as `changes` has written them; they continue bit-identically.

    All settings may have changed in the meantime. Timeouts, bounds and lateness apply from now on; closed
    windows stay closed. If the kind, size, slide, offset or gap of the windows has changed, the points that
    wait in the old windows fire first, `closed_by` "changed", as part of the next outcome, which is due
    immediately; until then `changes` returns nothing, so that no firing can be lost. The new windows start
    with the next message. The stream keeps its dimension, its running numbers, its message ids and, between
    kinds of event-time windows, its clock. Its results get a new `life`, so that no result id is repeated.

    Raises StateError for bytes of a later release.
    """
    document = unpacked_table(header)
    if document["window"] == as_document(settings.window):
        unchanged = _machine(settings)
        unchanged.load(document, chunks)
        return unchanged
    old = _machine(replace(settings, window=from_document(document["window"])))
    old.load(document, chunks)
    pending, _ = old.flush("changed", limit=_ALL)
    new = _machine(settings)
    dropped = [chunk for chunk in chunks if content_of(chunk) != MESSAGE_IDS]
    new.migrate_from(old, tuple(pending), dropped)
    return new


def _machine(settings: WindowSettings) -> WindowStateMachine[Any]:
    window = settings.window
    if isinstance(window, CountWindow):
        return CountMachine(settings, window)
    if isinstance(window, SessionWindow):
        return SessionMachine(settings, window)
    if isinstance(window, NoWindow):
        return SingleMachine(settings)
    return TimeMachine(settings, window)
