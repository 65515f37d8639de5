"""The state machine of upgrades, rescalings and rollbacks: stop, submit, verify, or restore the old version.

Each step is saved in the ledger before it is taken and is idempotent: it detects the progress of an earlier
attempt. So any process can complete an operation whose command was interrupted or killed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tdaflink.domain.errors import (
    DeadlinePassed,
    JobFailed,
    NotFound,
    Refused,
    TdaflinkError,
    UsageError,
)
from tdaflink.domain.jobs.history import RESUME, JobSpec, Operation, OperationResult, Version
from tdaflink.domain.jobs.operation_outcomes import (
    changed,
    interrupted,
    not_resumed,
    resume_command,
    rolled_back,
)
from tdaflink.domain.jobs.state_snapshots import canonical
from tdaflink.domain.polling import poll
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.readiness import UPGRADE_STABLE_SECONDS, wait_for_checkpoint, wait_until_running
from tdaflink.services.jobs.state_snapshots import restart_point
from tdaflink.services.jobs.submission import Terms, launch, wait_for_other_mains
from tdaflink.services.timeouts import CANCEL_SECONDS
from tdaflink.services.upgrades import suspend
from tdaflink.services.upgrades.versions import job_from

CHECKPOINT_SECONDS = 120.0
SLOTS_SECONDS = 30.0
KNOWN_SECONDS = 30.0


def run_operation(control: JobControlContext, operation: Operation) -> OperationResult:
    """Run the remaining steps of an operation.

    Raises `JobFailed` if the previous version had to be restored, and `Interrupted` at Ctrl-C; `resume`
    continues from the saved step.
    """
    run = _OperationRunner(control, operation)
    try:
        run.run_all()
    except KeyboardInterrupt:
        raise interrupted(run.operation, control.env.name) from None
    except TdaflinkError:
        if not run.operation.outcome:
            words = resume_command(run.operation, control.env.name)
            control.reporter.warn(
                f"{operation.name} is at the step {run.operation.step!r}: {words} continues from there"
            )
        raise
    return changed(run.operation, control.env.name)


def suspend_only(control: JobControlContext, operation: Operation) -> Operation:
    """Run the first step only: stop the job with its state. `carry_out` continues from there.

    Raises `JobFailed` and `Refused` if the job cannot be stopped, which then keeps running unchanged, and
    `Interrupted` at Ctrl-C.
    """
    run = _OperationRunner(control, operation)
    try:
        run.leave()
    except KeyboardInterrupt:
        raise interrupted(run.operation, control.env.name) from None
    return run.operation


def unfinished(control: JobControlContext, reference: str | None) -> Operation:
    """Return the unfinished operation of a job (by name or id), or the only unfinished one.

    Raises `NotFound` and `UsageError`.
    """
    operations = [
        operation
        for operation in control.ledger.operations(under_way=True)
        if _concerns(operation, reference)
    ]
    if not operations:
        whose = f" of {reference}" if reference else ""
        raise NotFound(f"no unfinished upgrade, rescaling or rollback{whose}", hint="tdaflink history")
    names = sorted({operation.name for operation in operations})
    if len(names) > 1:
        raise UsageError(
            f"several operations are unfinished: {', '.join(names)}", hint=control.commands.finish(names[0])
        )
    return operations[-1]


def _concerns(operation: Operation, reference: str | None) -> bool:
    ids = (operation.old_job_id, operation.new_job_id, operation.back_job_id)
    return reference in (None, operation.name) or any(
        job_id is not None and job_id.startswith(str(reference).lower()) for job_id in ids
    )


class _OperationRunner:
    def __init__(self, control: JobControlContext, operation: Operation) -> None:
        self.operation = operation
        self._control = control
        self._failure: TdaflinkError | None = None

    def run_all(self) -> None:
        steps: dict[str, Callable[[], None]] = {
            "planned": self._stop,
            "stopping": self._stop,
            "submitting": self._submit,
            "verifying": self._verify,
            "returning": self._return,
        }
        while not self.operation.outcome:
            steps[self.operation.step]()
        if self.operation.outcome == "rolled_back":
            raise rolled_back(self.operation, self._failure)

    def leave(self) -> None:
        if self.operation.step in ("planned", "stopping"):
            self._stop()

    # -- the steps

    def _stop(self) -> None:
        operation = self.operation
        trigger_id = operation.trigger_id or secrets.token_hex(16)
        since = operation.stopped_at or time.time()
        self._save(step="stopping", trigger_id=trigger_id, stopped_at=since)
        try:
            snapshot = suspend.suspend_job(self._control, self.operation)
        except (JobFailed, Refused, NotFound) as error:
            if self._control.cluster.is_running(operation.old_job_id):
                self._end("failed", f"{error.message}; the job keeps running, unchanged")
                raise
            # The job died while stopping: restart the old version from its latest state.
            self._failure = error
            snapshot = self._newest_state(operation.old_job_id)
            self._save(step="returning", reason=error.message, snapshot=snapshot)
            return
        self._save(step="submitting", snapshot=snapshot)

    def _submit(self) -> None:
        operation = self.operation
        if not self._is_submitted(operation.new_job_id):
            self._abort_if_superseded()
            try:
                self._launch(
                    operation.target,
                    operation.snapshot,
                    operation.origin,
                    lambda job_id: self._save(new_job_id=job_id),
                )
            except (JobFailed, Refused) as error:
                self._fail(error)
                return
        self._save(step="verifying")

    def _verify(self) -> None:
        operation = self.operation
        job_id = operation.new_job_id or ""
        if not self._is_known(job_id):
            # It ended with its JobManager between two commands.
            snapshot = self._newest_state(job_id) or operation.snapshot
            self._save(step="submitting", snapshot=snapshot, new_job_id=None, running_at=None)
            return
        try:
            with self._control.reporter.step(f"wait until {operation.name} runs") as step:
                ready = operation.target.settings is not None
                cluster = self._control.cluster
                since = wait_until_running(
                    cluster,
                    job_id,
                    operation.wait_seconds,
                    step,
                    expect_ready=ready,
                    stable_seconds=UPGRADE_STABLE_SECONDS,
                )
            self._save(running_at=operation.running_at or since)
            with self._control.reporter.step("its first checkpoint") as step:
                wait_for_checkpoint(self._control.cluster, job_id, CHECKPOINT_SECONDS, step)
        except (JobFailed, DeadlinePassed) as error:
            self._fail(error)
            return
        self._end("done", "")

    def _return(self) -> None:
        operation = self.operation
        self._cancel_leftover(operation.new_job_id)
        version = self._control.ledger.version(operation.old_job_id)
        if version is None:
            raise NotFound(f"the ledger has no version {operation.old_job_id} of {operation.name}")
        self._save(back_snapshot=operation.back_snapshot or self._rollback_state())
        try:
            self._restore(version)
        except (JobFailed, Refused) as error:
            if self.operation.outcome or operation.snapshot in (None, self.operation.back_snapshot):
                raise
            self._control.reporter.warn(f"{error.message}: results of the failed version are computed again")
            self._cancel_leftover(self.operation.back_job_id)
            self._save(back_job_id=None, back_snapshot=operation.snapshot)
            return
        self._end("rolled_back", self.operation.reason)

    # -- parts of the steps

    def _save(self, **changes: Any) -> None:
        self.operation = replace(self.operation, **changes)
        self._control.ledger.save_operation(self.operation)

    def _end(self, outcome: str, reason: str) -> None:
        self._save(step="ended", outcome=outcome, reason=reason)
        operation = self.operation
        ids = {"done": operation.new_job_id, "rolled_back": operation.back_job_id}
        job_id = ids.get(outcome) or operation.old_job_id
        values = {
            "previous_id": operation.old_job_id,
            "savepoint": operation.snapshot,
            "downtime_seconds": operation.downtime,
            "parallelism": operation.target.parallelism,
            "reason": reason or None,
        }
        detail = {key: value for key, value in values.items() if value is not None}
        self._control.record_action(operation.action, outcome, job_id, operation.name, **detail)

    def _fail(self, error: TdaflinkError) -> None:
        if self.operation.action == RESUME:
            if isinstance(error, DeadlinePassed):
                raise error
            # A resumed job has no other version to restore.
            self._cancel_leftover(self.operation.new_job_id)
            self._end("failed", error.message)
            raise not_resumed(self.operation, error, self._control.env.name) from error
        self._failure = error
        self._control.reporter.warn(f"{error.message}: restoring the previous version")
        self._save(step="returning", reason=error.message, running_at=None)

    def _rollback_state(self) -> str | None:
        """Return the latest state of the failed version: from an older one, its results would come again.

        The older state is used if the failed version was allowed to drop state, or started without any.
        """
        operation = self.operation
        if operation.new_job_id is None or operation.allow_non_restored or operation.state_mode == "none":
            return operation.snapshot
        with suppress(NotFound, Refused):
            newest = self._control.cluster.checkpoints(operation.new_job_id).latest_path
            return canonical(newest) if newest else operation.snapshot
        return operation.snapshot

    def _restore(self, version: Version) -> None:
        if version.spec is None:
            raise NotFound(f"the ledger has no job specification of {version.job_id}")
        if not self._is_submitted(self.operation.back_job_id):
            self._abort_if_superseded()
            origin = version.origin or version.job_id
            state = self.operation.back_snapshot
            self._launch(version.spec, state, origin, lambda job_id: self._save(back_job_id=job_id))
        # A job that was not stopped with a savepoint may have failed before: then it fails again.
        operation = self.operation
        if operation.state_mode == "savepoint" or operation.back_snapshot != operation.snapshot:
            job_id, ready = self.operation.back_job_id or "", version.spec.settings is not None
            wait = self.operation.wait_seconds
            with self._control.reporter.step(f"wait until {self.operation.name} runs again") as step:
                cluster = self._control.cluster
                since = wait_until_running(cluster, job_id, wait, step, expect_ready=ready)
            self._save(running_at=since)

    def _launch(
        self, spec: JobSpec, state: str | None, origin: str | None, intended: Callable[[str], None]
    ) -> None:
        operation = self.operation
        job = replace(
            job_from(spec, operation.name, self._control),
            savepoint=state,
            allow_non_restored=operation.allow_non_restored,
        )
        self._wait_for_slots(spec.parallelism)
        launch(job, self._control, Terms(action=operation.action, origin=origin, intended=intended))

    def _wait_for_slots(self, count: int) -> None:
        """Wait for slots: those of a job that has ended are released a moment later."""
        for _ in poll(SLOTS_SECONDS, every=0.1):
            if self._control.cluster.slots()[0] >= count:
                return

    def _is_submitted(self, job_id: str | None) -> bool:
        """Return whether an intended submission has reached the cluster, even if its command was killed."""
        if job_id is None:
            return False
        with self._control.reporter.step("looking for an earlier submission") as step:
            wait_for_other_mains(self._control.cluster, step)
        return self._control.cluster.job_state(job_id) is not None

    def _abort_if_superseded(self) -> None:
        """Abort if another job with this name was started in the meantime."""
        operation = self.operation
        ours = {operation.new_job_id, operation.back_job_id}
        for other in self._control.cluster.jobs(self._control.env.name, ended=False):
            if other.name == operation.name and other.id not in ours:
                self._end("superseded", f"{other.id} was started in the meantime")
                raise Refused(
                    f"a job named {operation.name} was started in the meantime ({other.id[:12]}):"
                    f" the {operation.action} is aborted",
                    hint=f"tdaflink status {other.id[:12]}",
                )

    def _is_known(self, job_id: str) -> bool:
        """Return whether the cluster has the job; a new leading JobManager recovers jobs after a moment."""
        cluster = self._control.cluster
        return any(cluster.job_state(job_id) is not None for _ in poll(KNOWN_SECONDS, every=1.0))

    def _newest_state(self, job_id: str) -> str | None:
        point = restart_point(self._control, job_id)
        return point.path if point else None

    def _cancel_leftover(self, job_id: str | None) -> None:
        """Cancel a submission that did not start, and mark it as failed in the ledger."""
        if job_id is None:
            return
        if self._control.cluster.is_running(job_id):
            with self._control.reporter.step(f"cancel {job_id[:12]}"):
                with suppress(NotFound, Refused):
                    self._control.cluster.cancel(job_id)
                self._control.cluster.wait_until_ended(job_id, CANCEL_SECONDS)
        version = self._control.ledger.version(job_id)
        if version is not None and version.state != "refused":
            self._control.ledger.finish_submission(job_id, "failed")
