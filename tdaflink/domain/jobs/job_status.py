"""Status of one job, as shown by `status ID`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tdaflink.domain.jobs.failures import RecordAtFault
from tdaflink.domain.jobs.job import Checkpoints, Failure, Job, Vertex
from tdaflink.domain.observability.cluster_snapshot import Computation
from tdaflink.domain.observability.findings import Finding


@dataclass(frozen=True)
class JobStatus(Job):
    """One job, with more details than in `list`; the field names are the stable JSON form.

    `watermark` (epoch milliseconds) is Flink's own for jobs that use it, else the end of the newest computed
    window; `lag` and `committed_lag` are the records by topic that it has not read, and that its last
    checkpoint does not cover. Each is null where it is unknown. `records_per_second` is the rate of its
    sources, an average over the last minute. `record` is the record at which the job keeps failing.
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
