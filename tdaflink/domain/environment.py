"""Environments, where they answer, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tdaflink.domain.progress import Reporter

Health = Literal["healthy", "starting", "unhealthy", "dead"]


@dataclass(frozen=True)
class Endpoints:
    """Addresses as the command sees them; `kafka_cluster` is the broker list as the job sees it."""

    rest_url: str
    kafka: str
    kafka_cluster: str
    schema_registry: str | None = None


@dataclass(frozen=True)
class Environment:
    """A saved environment.

    `python` is the interpreter that the cluster runs jobs with; `port_offset` was added to every
    first-choice port; `profile` names the folder under profiles/ that it was made from.
    """

    name: str
    profile: str
    runtime: str
    endpoints: Endpoints
    python: str
    port_offset: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """One process or container of an environment, and how it is."""

    name: str
    health: Health
    detail: str = ""
    pid: int | None = None
    log: Path | None = None


@dataclass(frozen=True)
class Changes:
    """What bringing an environment up or down did: names of components, in order."""

    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Runtime(Protocol):
    """Where an environment's cluster runs. Every method is idempotent and has deadlines of its own."""

    def preflight(self) -> None:
        """Raise the first thing that would stop `up`: missing parts, taken ports, a full disk."""

    def up(self, reporter: Reporter) -> Changes:
        """Start what is not running, repair what is half dead, return when all is ready."""

    def down(self, reporter: Reporter) -> Changes:
        """Stop exactly what was started here; data stays."""

    def purge(self) -> None:
        """Remove the data of an environment that is down."""

    def endpoints(self) -> Endpoints:
        """Where the environment answers."""

    def components(self) -> list[Component]:
        """Each component with its health as seen now."""
