"""Event loop of the dashboard: reads keys, draws frames, and restores the terminal at the end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from rich.console import Group

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.diagrams.barcode import glyphs_for
from tdaflink.display.watch.frame import Size, frame, list_rows
from tdaflink.display.watch.view import View, focus_of, press, settled
from tdaflink.domain.errors import UsageError
from tdaflink.domain.observability.cluster_snapshot import ClusterSnapshot, Focus
from tdaflink.domain.observability.dashboard import DashboardState, reduce_snapshot
from tdaflink.domain.printable import printable_value

TICK_SECONDS = 0.25  # interval of the checks for a new snapshot or terminal size
REDRAW_SECONDS = 5.0  # so that shown ages advance without new snapshots


class Snapshots(Protocol):
    """Source of snapshots that does not block the screen."""

    def latest(self) -> ClusterSnapshot | None: ...

    def look_at(self, focus: Focus) -> None: ...


def require_terminal() -> None:
    """Raise `UsageError` if no dashboard can be drawn or no key can be read."""
    out = console.out()
    if not (out.is_terminal and sys.stdin.isatty()) or out.is_dumb_terminal:
        raise UsageError(
            "watch needs a terminal", hint="tdaflink watch --once shows one frame, --once -o json the data"
        )
    if console.output_format() != "table":
        raise UsageError(f"-o {console.output_format()} needs --once", hint="tdaflink watch --once -o json")


@console.printed
def show_once(board: DashboardState, snapshot: ClusterSnapshot, stream: str | None, every: float) -> None:
    """Print one frame, as high as its content, or the snapshot as data."""
    if show_data(snapshot):
        return
    out = console.out()
    view = settled(View(stream=stream), board)
    size = Size(out.width, max(24, out.height if out.is_terminal else 40) - 1)
    glyphs = glyphs_for(sys.stdout)
    out.print(frame(board, view, size, now=time.time(), every=every, glyphs=glyphs, keys=False))


def run(source: Snapshots, stream: str | None, every: float) -> None:
    """Draw until q is pressed. Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP SystemExit."""
    import blessed
    from rich.live import Live

    out = console.out()
    screen = _Screen(source, View(stream=stream), every)
    terminal = blessed.Terminal()
    with (
        _signals_as_exceptions(),
        terminal.cbreak(),
        Live(console=out, screen=True, auto_refresh=False) as live,
    ):
        while True:
            size = Size(out.width, out.height)
            if screen.changed(size):
                live.update(screen.draw(size), refresh=True)
            stroke = terminal.inkey(timeout=TICK_SECONDS)
            if stroke and not screen.press(str(stroke.name) if stroke.is_sequence else str(stroke), size):
                return


class _Screen:
    """The state of the screen and of its last frame."""

    def __init__(self, source: Snapshots, view: View, every: float) -> None:
        self._source = source
        self._view = view
        self._every = every
        self._board: DashboardState | None = None
        self._taken: ClusterSnapshot | None = None
        self._drawn: tuple[Size, View, float] | None = None
        self._drawn_at = 0.0
        self._glyphs = glyphs_for(sys.stdout)

    def changed(self, size: Size) -> bool:
        """Read the latest snapshot; return whether the last frame is out of date."""
        snapshot = self._source.latest()
        if snapshot is not None and snapshot is not self._taken and not self._view.paused:
            self._board, self._taken = reduce_snapshot(self._board, printable_value(snapshot)), snapshot
        if self._board is not None:
            self._view = settled(self._view, self._board)
        self._source.look_at(focus_of(self._view, self._board, list_rows(size)))
        state = (size, self._view, self._board.taken_at if self._board else 0.0)
        return state != self._drawn or time.monotonic() - self._drawn_at > REDRAW_SECONDS

    def draw(self, size: Size) -> Group:
        """Draw the current frame."""
        board, view = self._board, self._view
        self._drawn = (size, view, board.taken_at if board else 0.0)
        self._drawn_at = time.monotonic()
        return frame(board, view, size, now=time.time(), every=self._every, glyphs=self._glyphs)

    def press(self, key: str, size: Size) -> bool:
        """Handle a key; return False to quit."""
        if self._board is None:
            return key not in ("q", "Q")
        view = press(self._view, key, self._board, max(1, size.height - 6))
        if view is None:
            return False
        self._view = view
        return True


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turn signals that end the program into exceptions, so that the terminal is restored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
