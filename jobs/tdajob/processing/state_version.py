"""Versions of binary state: the first byte is the version, the rest is little-endian and packed."""

from __future__ import annotations

from collections.abc import Collection


class StateError(ValueError):
    """State that this job cannot read: written by a later release, or damaged."""


def check_version(state: bytes, name: str, versions: Collection[int]) -> int:
    """Return the version of a state. Raises StateError unless it is one of `versions`."""
    if not state:
        raise StateError(f"the state of {name} is empty")
    if state[0] not in versions:
        readable = ", ".join(map(str, sorted(versions)))
        raise StateError(
            f"the state of {name} has version {state[0]}; this job reads {readable}:"
            " restore it with the release that wrote it"
        )
    return state[0]
