"""Versions of saved state, and the one error of state that this job cannot read."""

from __future__ import annotations

from collections.abc import Collection


class StateError(ValueError):
    """State that this job cannot read: written by a later release, or damaged."""


def check_version(state: bytes, name: str, versions: Collection[int]) -> int:
    """Return the first byte of a packed state, its version. Raises StateError unless it is of `versions`."""
    if not state:
        raise StateError(f"the state of {name} is empty")
    require_version(state[0], name, versions)
    return state[0]


def require_version(version: int, name: str, versions: Collection[int]) -> None:
    """Raise StateError unless the version of the state is one of `versions`."""
    if version not in versions:
        readable = ", ".join(map(str, sorted(versions)))
        raise StateError(
            f"the state of {name} has version {version}; this job reads {readable}:"
            " restore it with the release that wrote it"
        )
