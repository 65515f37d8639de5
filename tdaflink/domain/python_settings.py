"""What the locks of Python packages are made from, and for which platforms: profiles/python/locks.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class LockSource(BaseModel):
    """The roots of one lock: an extra of the package, less some of it, or packages that are named here.

    Without a `platform` the lock is for all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extra: str | None = None
    without: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    platform: str | None = None


class Platform(BaseModel):
    """A system and processor: as Python's `platform` names them, and as uv does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    system: str
    machines: tuple[str, ...]
    target: str
    containers: Literal["native", "emulated", "WSL"]


class Needed(BaseModel):
    """The packages without which a part does not work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    local: tuple[str, ...]
    engine: tuple[str, ...]


class PythonSettings(BaseModel):
    """All locks, the packages that have no wheel, and the platforms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    locks: dict[str, LockSource]
    source_only: tuple[str, ...]
    platforms: tuple[Platform, ...]
    needed: Needed
