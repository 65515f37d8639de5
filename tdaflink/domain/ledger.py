"""What the ledger holds: versions of jobs, operations on them, savepoints, and who did what when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

StateMode = Literal["savepoint", "last-state", "none"]
RESUME = "resume"  # the action of bringing a job back whose JobManager was replaced or is gone
Step = Literal["planned", "stopping", "submitting", "verifying", "returning", "ended"]


@dataclass(frozen=True)
class Git:
    """The state of the folder that a script came from."""

    commit: str
    branch: str
    dirty: bool


@dataclass(frozen=True)
class JobSpec:
    """All that it takes to submit a job again, but the bundle's bytes, which lie beside the ledger.

    `settings` is what the shipped job was given and `config` what the user had said, as one layer of the
    config; both are None for a script.
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
    """One submission. `number` counts those of the name that were not refused; times are epoch seconds.

    `state` is submitting, submitted, refused, or failed where it was given up for the version before it;
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
    """A change of a running job that takes several steps: an upgrade, a rescaling, a rollback, a resumption.

    `target` is what shall run; `snapshot` is what it starts from, known once the old job has ended, and
    `back_snapshot` what the version before starts from again where the target does not come up.
    `outcome` is empty as long as it is under way, then done, rolled_back, failed or superseded.
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
    step: Step = "planned"
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
        """Seconds between the request to stop and the moment that every operator was open again."""
        if self.stopped_at is None or self.running_at is None:
            return None
        return round(max(0.0, self.running_at - self.stopped_at), 1)


@dataclass(frozen=True)
class OperationStep:
    """A step of an operation, written down before it was taken."""

    operation_id: str
    number: int
    step: str
    at: float


@dataclass(frozen=True)
class SavepointRecord:
    """A savepoint that was asked for from here."""

    path: str
    job_id: str
    name: str
    created_at: float


@dataclass(frozen=True)
class Action:
    """One control action: what `history` shows and the events topic tells."""

    at: float
    action: str
    outcome: str
    job_id: str
    name: str
    submitter: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """Everything that is known of the jobs of an environment, or of one name; the newest first."""

    env: str
    name: str | None
    actions: Sequence[Action]
    versions: Sequence[Version]
    operations: Sequence[Operation]
    steps: Sequence[OperationStep]


@dataclass(frozen=True)
class Changed:
    """What `upgrade`, `rescale` and `rollback` return. Field names are the stable JSON shape."""

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
    """One value that an upgrade changes; None where there was or will be none."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class UpgradePlan:
    """What an upgrade would do: shown by --dry-run, and before it begins."""

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
