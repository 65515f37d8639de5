"""Progress reports of use cases, independent of their display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class ProgressStep(Protocol):
    """A long step in progress."""

    def update(self, text: str) -> None:
        """Report the current activity of the step."""

    def advance(self, done: float, total: float) -> None:
        """Report the progress; `done` and `total` have the same unit."""

    def unchanged(self, text: str) -> None:
        """Report that there was nothing to do, and why."""


class Reporter(Protocol):
    """Receiver of the progress of a use case; all output goes to stderr."""

    def step(self, title: str) -> AbstractContextManager[ProgressStep]:
        """Show a step until its block ends; a raised error marks it as failed."""

    def note(self, text: str) -> None:
        """Show one line of information."""

    def warn(self, text: str) -> None:
        """Show one line as a warning."""


class _SilentStep:
    def update(self, text: str) -> None:
        pass

    def advance(self, done: float, total: float) -> None:
        pass

    def unchanged(self, text: str) -> None:
        pass


class Silent:
    """A reporter without output."""

    @contextmanager
    def step(self, title: str) -> Iterator[ProgressStep]:  # noqa: ARG002 - the protocol's name
        yield _SilentStep()

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass
