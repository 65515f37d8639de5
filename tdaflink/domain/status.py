"""What `status ID` tells of one job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tdaflink.domain.failures import RecordAtFault
from tdaflink.domain.findings import Finding
from tdaflink.domain.jobs import Checkpoints, Failure, Job, Vertex
from tdaflink.domain.snapshot import Computation


@dataclass(frozen=True)
class JobStatus(Job):
    """One job, as in `list` and more; the field names are the stable JSON shape.

    `watermark` (epoch milliseconds) is Flink's own for jobs that use it, else the end of the newest window
    that the job has answered; `lag` and `committed_lag` are records by topic that it has not read, and that
    its last checkpoint does not cover. Each is null where it cannot be known. `records_per_second` is what
    its sources read, an average over the last minute. `record` is the one at which the job keeps failing.
    """

    restarts: int | None
    vertices: Sequence[Vertex]
    checkpoints: Checkpoints | None
    exceptions: Sequence[Failure]
    parameters: Mapping[str, str]
    watermark: int | None = None
    lag: Mapping[str, int] | None = None
    committed_lag: Mapping[str, int | None] | None = None
    records_per_second: float | None = None
    computation: Computation | None = None
    findings: Sequence[Finding] = ()
    record: RecordAtFault | None = None
