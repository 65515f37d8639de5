"""Recreation of containers in which jobs run, and its effect on the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.job import Job

JobImpact = Literal["kept", "lost", "stranded"]


@dataclass(frozen=True)
class Replacement:
    """Running components that the next `up` recreates or removes, and the effect on jobs.

    Jobs are kept, or lost with their JobManager, or stranded: lost, and the storage of the new JobManager has
    none of their checkpoints and savepoints.
    """

    components: tuple[str, ...] = ()
    fate: JobImpact = "kept"


def fate_of(*, jobmanager: bool, taken_over: bool, storage_moves: bool) -> JobImpact:
    """Return the effect on jobs of recreating containers."""
    if not jobmanager:
        return "kept"
    if storage_moves:
        return "stranded"
    return "kept" if taken_over else "lost"


def require_safe_recreation(
    environment: str, replacement: Replacement, jobs: Sequence[Job], slots: int, *, resume: bool
) -> None:
    """Raise `Refused` unless the running jobs may be stopped now and `slots` suffice for them afterwards."""
    if replacement.fate == "kept" or not jobs:
        return
    named = ", ".join(f"{job.name} ({job.id[:12]})" for job in jobs)
    recreation = f"setup would recreate {', '.join(replacement.components)} of {environment}"
    if replacement.fate == "stranded":
        raise Refused(
            f"{recreation} with another storage for checkpoints, which has no state of these jobs: {named}",
            hint=f"stop them first: tdaflink stop {jobs[0].name} --env {environment}; savepoints are kept",
        )
    if not resume:
        raise Refused(
            f"{recreation}, and these jobs would be lost with the JobManager: {named}",
            hint=f"tdaflink setup --env {environment} --resume-jobs stops each with a savepoint and resumes"
            " it; or end them first: tdaflink stop, tdaflink cancel",
        )
    names = [job.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(
            f"{recreation}, and only one of several jobs with the same name could be resumed:"
            f" {', '.join(twice)}",
            hint=f"stop one of them first: tdaflink stop ID --env {environment}",
        )
    needed = sum(job.parallelism for job in jobs)
    if needed > slots:
        raise Refused(
            f"{recreation}, which would then have {slots} slots; the running jobs need {needed}: {named}",
            hint="end some jobs first, or rescale them:"
            f" tdaflink rescale {jobs[0].name} --parallelism N --env {environment}",
        )
