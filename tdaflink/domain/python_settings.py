"""What the locks of Python packages are made from: profiles/python/locks.yaml."""

from __future__ import annotations

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


class PythonSettings(BaseModel):
    """All locks, and the packages that have no wheel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    locks: dict[str, LockSource]
    source_only: tuple[str, ...]
