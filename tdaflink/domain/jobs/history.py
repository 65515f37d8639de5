"""Records of the ledger: versions of jobs, operations on them, savepoints, and control actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

StateMode = Literal["savepoint", "last-state", "none"]
RESUME = "resume"  # action: restart of a job whose JobManager was recreated or lost
OperationStage = Literal["planned", "stopping", "submitting", "verifying", "returning", "ended"]


@dataclass(frozen=True)
class Git:
    """The Git state of the folder of a script."""

    commit: str
    branch: str
    dirty: bool


@dataclass(frozen=True)
class JobSpec:
    """All data for submitting a job again, except the bundle, which is stored next to the ledger.

    `settings` are the resolved settings of the shipped job, and `config` is the user's own config as one
    layer; both are None for a script.
    """

    bundle_name: str
    bundle_sha256: str
    module: str
    parallelism: int
    settings: Mapping[str, Any] | None
    args: Sequence[str] = ()
    flink_config: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    git: Git | None = None


@dataclass(frozen=True)
class Version:
    """One submission. `number` counts the accepted submissions of the name; times are epoch seconds.

    `state` is submitting, submitted, refused, or failed if it was rolled back to the version before it;
    `spec` is None where only its name and hashes are known; `origin` is the job whose spec it repeats.
    """

    job_id: str
    name: str
    rest_url: str
    bundle_sha256: str
    submitter: str
    spec: JobSpec | None = None
    state: str = "submitting"
    action: str = "submit"
    savepoint: str | None = None
    origin: str | None = None
    tdaflink: str = ""
    created_at: float = 0.0
    number: int = 0


@dataclass(frozen=True)
class Operation:
    """A change of a running job in several steps: an upgrade, a rescaling, a rollback, a resumption.

    `target` is the new version; `snapshot` is its initial state, known once the old job has ended, and
    `back_snapshot` the state from which the old version restarts if the target does not start. `outcome` is
    empty while the operation is in progress, then done, rolled_back, failed or superseded.
    """

    id: str
    action: str
    name: str
    rest_url: str
    submitter: str
    old_job_id: str
    target: JobSpec
    state_mode: StateMode
    wait_seconds: float
    origin: str | None = None
    allow_non_restored: bool = False
    step: OperationStage = "planned"
    trigger_id: str | None = None
    snapshot: str | None = None
    new_job_id: str | None = None
    back_job_id: str | None = None
    back_snapshot: str | None = None
    stopped_at: float | None = None
    running_at: float | None = None
    outcome: str = ""
    reason: str = ""
    created_at: float = 0.0

    @property
    def downtime(self) -> float | None:
        """Return the seconds from the request to stop until every operator was open again."""
        if self.stopped_at is None or self.running_at is None:
            return None
        return round(max(0.0, self.running_at - self.stopped_at), 1)


@dataclass(frozen=True)
class OperationStep:
    """A step of an operation, recorded before it was taken."""

    operation_id: str
    number: int
    step: str
    at: float


@dataclass(frozen=True)
class SavepointRecord:
    """A savepoint that was requested by this tdaflink."""

    path: str
    job_id: str
    name: str
    created_at: float


@dataclass(frozen=True)
class AuditEntry:
    """One control action, as shown by `history` and written to the events topic."""

    at: float
    action: str
    outcome: str
    job_id: str
    name: str
    submitter: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobHistory:
    """The records of the jobs of an environment, or of one job name; the newest first."""

    env: str
    name: str | None
    actions: Sequence[AuditEntry]
    versions: Sequence[Version]
    operations: Sequence[Operation]
    steps: Sequence[OperationStep]


@dataclass(frozen=True)
class OperationResult:
    """The result of `upgrade`, `rescale` and `rollback`. Field names are the stable JSON form."""

    id: str
    name: str
    action: str
    outcome: str
    env: str
    parallelism: int
    previous_id: str
    snapshot: str | None
    downtime_seconds: float | None


@dataclass(frozen=True)
class Difference:
    """One value that an upgrade changes; None where there is none before or after."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class UpgradePlan:
    """The plan of an upgrade: shown by --dry-run, and before it begins."""

    env: str
    rest_url: str
    action: str
    name: str
    job_id: str
    version: int
    state: StateMode
    same_bundle: bool
    differences: Sequence[Difference]
    hints: Sequence[str]
    steps: Sequence[str]

    @property
    def changes_nothing(self) -> bool:
        return self.same_bundle and not self.differences
