"""Progress on stderr: a spinner per step on a terminal, one line per step elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from tdaflink.display import console
from tdaflink.domain.progress import Step

if TYPE_CHECKING:
    from rich.status import Status


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
                self._status.update(f"{self.title} [dim]{_escaped(text)}[/dim]")

    def advance(self, done: float, total: float) -> None:
        share = done / total if total else 1.0
        filled = round(24 * min(1.0, share))
        self.update(f"{'━' * filled}{'╌' * (24 - filled)} {share:4.0%}")

    def unchanged(self, text: str) -> None:
        self.result = text


class ConsoleReporter:
    """Shows what a use case reports; nothing of it goes to stdout."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        err = console.err()
        shown = _escaped(title)
        started = time.monotonic()
        with err.status(shown) if err.is_terminal else nullcontext() as status:
            step = _ConsoleStep(shown, status)
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
        console.err().print(_escaped(console.hint(text)), soft_wrap=True)

    def warn(self, text: str) -> None:
        console.err().print(f"[yellow]Warning:[/yellow] {_escaped(console.hint(text))}", soft_wrap=True)


def _finish(step: _ConsoleStep, seconds: float) -> None:
    mark = "[red]✗[/red]" if step.failed else "[green]✓[/green]"
    tail = _escaped(step.result) if step.result and not step.failed else f"({seconds:.1f} s)"
    console.err().print(f"{mark} {step.title} [dim]{tail}[/dim]", soft_wrap=True)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
