"""Sources and platforms of the locks of Python packages: profiles/python/locks.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class LockSource(BaseModel):
    """The roots of one lock: an extra of the package without some of its packages, or listed packages.

    Without a `platform` the lock is for all platforms.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    extra: str | None = None
    without: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    platform: str | None = None


class Platform(BaseModel):
    """A system and processor, by the names of Python's `platform` and of uv."""

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
