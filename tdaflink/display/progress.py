"""Progress on stderr: a spinner per step on a terminal, one line per step elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from tdaflink.display import console
from tdaflink.display.standard_streams import can_show
from tdaflink.domain.printable import printable, printable_lines
from tdaflink.domain.progress import ProgressStep

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text

_DOTS = "⠋"  # a character of the default spinner


class _ConsoleStep:
    def __init__(self, title: str, status: Status | None) -> None:
        self.title = title
        self._status = status
        self._lock = threading.Lock()
        self.result = ""
        self.failed = False

    def update(self, text: str) -> None:
        if self._status is not None:
            with self._lock:
                self._status.update(_text(self.title, text))

    def advance(self, done: float, total: float) -> None:
        share = done / total if total else 1.0
        filled = round(24 * min(1.0, share))
        self.update(f"{'━' * filled}{'╌' * (24 - filled)} {share:4.0%}")

    def unchanged(self, text: str) -> None:
        self.result = text


class ConsoleReporter:
    """Shows the progress of a use case on stderr; nothing goes to stdout."""

    @contextmanager
    def step(self, title: str) -> Iterator[ProgressStep]:
        err = console.err()
        spinner = "dots" if can_show(_DOTS, sys.stderr) else "line"
        started = time.monotonic()
        with err.status(_text(title), spinner=spinner) if err.is_terminal else nullcontext() as status:
            step = _ConsoleStep(title, status)
            try:
                yield step
            except BaseException:
                step.failed = True
                raise
            finally:
                if status is not None:
                    status.stop()
                _finish(step, time.monotonic() - started)

    def note(self, text: str) -> None:
        console.err().print(console.hint(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        from rich.text import Text

        shown = printable_lines(console.hint(text))
        console.err().print(Text.assemble(("Warning: ", "yellow"), shown), soft_wrap=True)


def _finish(step: _ConsoleStep, seconds: float) -> None:
    from rich.text import Text

    mark = ("✗", "red") if step.failed else ("✓", "green")
    tail = step.result if step.result and not step.failed else f"({seconds:.1f} s)"
    console.err().print(Text.assemble(mark, " ", _text(step.title, tail)), soft_wrap=True)


def _text(title: str, tail: str = "") -> Text:
    from rich.text import Text

    return Text.assemble(printable(title), (f" {printable(tail)}" if tail else "", "dim"))
