"""Versions of binary state: the first byte is the version, the rest is little-endian and packed."""

from __future__ import annotations

from collections.abc import Collection


class StateError(ValueError):
    """State that this job cannot read: written by a later release, or damaged."""


def check_version(state: bytes, what: str, known: Collection[int]) -> int:
    """Return the version of a state. Raises StateError unless it is one of `known`."""
    if not state:
        raise StateError(f"the state of {what} is empty")
    if state[0] not in known:
        readable = ", ".join(map(str, sorted(known)))
        raise StateError(
            f"the state of {what} has version {state[0]}; this job reads {readable}:"
            " restore it with the release that wrote it"
        )
    return state[0]
