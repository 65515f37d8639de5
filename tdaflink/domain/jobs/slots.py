"""Task slots of a cluster, and whether a job fits in them."""

from __future__ import annotations

from tdaflink.domain.errors import Refused


def require_slots(name: str, needed: int, free: int, total: int, *, held: int = 0) -> None:
    """Raise `Refused` where a job needs more slots than are free; `held` are those that it gives up first."""
    available = free + held
    if needed <= available:
        return
    own = f"; it holds {held} itself" if held else ""
    hint = f"use a parallelism of at most {available}" if available else "start more TaskManagers"
    if available < total:
        hint += "; tdaflink list shows which jobs hold the other slots, tdaflink stop ID frees them"
    raise Refused(
        f"{name} needs {needed} slots (parallelism {needed}),"
        f" and {free} of the cluster's {total} are free{own}",
        hint=hint,
    )
