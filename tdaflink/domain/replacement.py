"""Containers that are made anew while jobs run in them, and what becomes of the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs import Job

Fate = Literal["kept", "lost", "stranded"]


@dataclass(frozen=True)
class Replacement:
    """Running components that the next `up` makes anew or removes, and what becomes of the jobs meanwhile.

    They are kept, or lost with their JobManager, or stranded: lost, and no checkpoint or savepoint of theirs
    lies where the new JobManager looks.
    """

    components: tuple[str, ...] = ()
    fate: Fate = "kept"


def fate_of(*, jobmanager: bool, taken_over: bool, storage_moves: bool) -> Fate:
    """What becomes of the jobs where containers are replaced."""
    if not jobmanager:
        return "kept"
    if storage_moves:
        return "stranded"
    return "kept" if taken_over else "lost"


def require_care(
    environment: str, replacement: Replacement, jobs: Sequence[Job], slots: int, *, resume: bool
) -> None:
    """Raise `Refused` unless the jobs that run may be stopped now and find `slots` enough afterwards."""
    if replacement.fate == "kept" or not jobs:
        return
    named = ", ".join(f"{job.name} ({job.id[:12]})" for job in jobs)
    anew = f"setup would make anew {', '.join(replacement.components)} of {environment}"
    if replacement.fate == "stranded":
        raise Refused(
            f"{anew}, with another place for checkpoints, where these jobs find no state of theirs: {named}",
            hint=f"end them first: tdaflink stop {jobs[0].name} --env {environment}; their savepoints stay",
        )
    if not resume:
        raise Refused(
            f"{anew}, and these jobs would be lost with the JobManager: {named}",
            hint=f"tdaflink setup --env {environment} --resume-jobs stops each with a savepoint and goes on"
            " from it; or end them first: tdaflink stop, tdaflink cancel",
        )
    names = [job.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(
            f"{anew}, and of jobs of one name only one could be brought back: {', '.join(twice)}",
            hint=f"stop one of them first: tdaflink stop ID --env {environment}",
        )
    needed = sum(job.parallelism for job in jobs)
    if needed > slots:
        raise Refused(
            f"{anew}, which would have {slots} slots, and the jobs that run need {needed}: {named}",
            hint="end some first, or rescale them:"
            f" tdaflink rescale {jobs[0].name} --parallelism N --env {environment}",
        )
