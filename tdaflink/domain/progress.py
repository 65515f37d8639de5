"""How a use case tells what it is doing, without knowing who watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One long step under way."""

    def update(self, text: str) -> None:
        """Say what the step is at now."""

    def advance(self, done: float, total: float) -> None:
        """Show how far it is, in whatever unit `done` and `total` share."""

    def unchanged(self, text: str) -> None:
        """Say that there was nothing to do, and why."""


class Reporter(Protocol):
    """Receives the progress of a use case; everything it shows goes to stderr."""

    def step(self, title: str) -> AbstractContextManager[Step]:
        """Show a step until its block ends; a raised error marks it as failed."""

    def note(self, text: str) -> None:
        """Show one line that the user should see."""

    def warn(self, text: str) -> None:
        """Show one line that the user should not overlook."""


class _SilentStep:
    def update(self, text: str) -> None:
        pass

    def advance(self, done: float, total: float) -> None:
        pass

    def unchanged(self, text: str) -> None:
        pass


class Silent:
    """A reporter for callers that nobody watches."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:  # noqa: ARG002 - the protocol's name
        yield _SilentStep()

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass
