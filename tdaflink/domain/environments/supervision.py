"""Supervision of local processes: its state, and the actions of the supervisor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tdaflink.domain.environments.environment import Environment

SUPERVISE = "supervise"
SUPERVISOR = "supervisor"
_OFF = "off"


@dataclass(frozen=True)
class Repair:
    """An action of the supervisor: the time (ISO-8601 UTC), the ended components, and the outcome."""

    at: str
    ended: Sequence[str]
    jobs_resumed: Sequence[str] = ()
    problem: str = ""


@dataclass(frozen=True)
class Supervision:
    """State of the supervisor in `status`; `repairs` counts since it was started."""

    running: bool
    repairs: int = 0
    last: Repair | None = None


def wants_supervision(environment: Environment) -> bool:
    """Return whether supervision is switched on, for an environment whose runtime supports it."""
    return environment.details.get(SUPERVISE) != _OFF


def with_supervision(details: Mapping[str, str], wanted: bool) -> dict[str, str]:
    """Return the details of an environment with supervision switched on or off."""
    others = {name: value for name, value in details.items() if name != SUPERVISE}
    return others if wanted else {**others, SUPERVISE: _OFF}
