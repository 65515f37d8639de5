"""Changing a running job in steps: stop with its state, submit what shall run, see it run, else go back.

Each step is written to the ledger before it is taken, and finds out for itself how far an earlier attempt
came. So an operation whose command was interrupted or killed is carried on by any other.
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
from tdaflink.domain.ledger import RESUME, Changed, JobSpec, Operation, Version
from tdaflink.domain.outcomes import changed, goes_on_by, interrupted, not_resumed, rolled_back
from tdaflink.domain.snapshots import canonical
from tdaflink.domain.waiting import poll
from tdaflink.services import leaving
from tdaflink.services.control import Control
from tdaflink.services.snapshots import restart_point
from tdaflink.services.startup import UPGRADE_STABLE_SECONDS, wait_for_checkpoint, wait_until_running
from tdaflink.services.submission import Terms, launch, wait_for_other_mains
from tdaflink.services.timeouts import CANCEL_SECONDS
from tdaflink.services.versions import job_from

CHECKPOINT_SECONDS = 120.0
SLOTS_SECONDS = 30.0
KNOWN_SECONDS = 30.0


def carry_out(control: Control, operation: Operation) -> Changed:
    """Take every step that is left. Raises `JobFailed` where the version before had to be brought back,
    and `Interrupted` at Ctrl-C; `resume` goes on from there."""
    run = _Run(control, operation)
    try:
        run.to_the_end()
    except KeyboardInterrupt:
        raise interrupted(run.operation, control.env.name) from None
    except TdaflinkError:
        if not run.operation.outcome:
            words = goes_on_by(run.operation, control.env.name)
            control.reporter.warn(f"{operation.name} is at the step {run.operation.step!r}: {words} goes on")
        raise
    return changed(run.operation, control.env.name)


def leave_behind(control: Control, operation: Operation) -> Operation:
    """Take the first step alone: the job stops with its state. `carry_out` goes on from there.

    Raises `JobFailed` and `Refused` where it cannot be stopped so, and goes on as it was; `Interrupted` at
    Ctrl-C.
    """
    run = _Run(control, operation)
    try:
        run.leave()
    except KeyboardInterrupt:
        raise interrupted(run.operation, control.env.name) from None
    return run.operation


def unfinished(control: Control, reference: str | None) -> Operation:
    """The operation that is under way, of one job (by name or id) or the only one.

    Raises `NotFound` and `UsageError`.
    """
    found = [one for one in control.ledger.operations(under_way=True) if _concerns(one, reference)]
    if not found:
        whose = f" of {reference}" if reference else ""
        raise NotFound(f"no unfinished upgrade, rescaling or rollback{whose}", hint="tdaflink history")
    names = sorted({operation.name for operation in found})
    if len(names) > 1:
        raise UsageError(
            f"several are unfinished: {', '.join(names)}", hint=control.commands.finish(names[0])
        )
    return found[-1]


def _concerns(operation: Operation, reference: str | None) -> bool:
    ids = (operation.old_job_id, operation.new_job_id, operation.back_job_id)
    return reference in (None, operation.name) or any(
        job_id is not None and job_id.startswith(str(reference).lower()) for job_id in ids
    )


class _Run:
    def __init__(self, control: Control, operation: Operation) -> None:
        self.operation = operation
        self._control = control
        self._failure: TdaflinkError | None = None

    def to_the_end(self) -> None:
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
        one = self.operation
        trigger_id, since = one.trigger_id or secrets.token_hex(16), one.stopped_at or time.time()
        self._note(step="stopping", trigger_id=trigger_id, stopped_at=since)
        try:
            snapshot = leaving.leave(self._control, self.operation)
        except (JobFailed, Refused, NotFound) as error:
            if self._control.cluster.is_running(one.old_job_id):
                self._end("failed", f"{error.message}; it goes on as it was")
                raise
            # It died of it: what it was comes back from the newest state that there is.
            self._failure = error
            snapshot = self._newest_state(one.old_job_id)
            self._note(step="returning", reason=error.message, snapshot=snapshot)
            return
        self._note(step="submitting", snapshot=snapshot)

    def _submit(self) -> None:
        one = self.operation
        if not self._arrived(one.new_job_id):
            self._yield_to_others()
            try:
                self._launch(
                    one.target, one.snapshot, one.origin, lambda job_id: self._note(new_job_id=job_id)
                )
            except (JobFailed, Refused) as error:
                self._give_up(error)
                return
        self._note(step="verifying")

    def _verify(self) -> None:
        one = self.operation
        job_id = one.new_job_id or ""
        if not self._known(job_id):
            # It ended with its JobManager, while nobody looked.
            snapshot = self._newest_state(job_id) or one.snapshot
            self._note(step="submitting", snapshot=snapshot, new_job_id=None, running_at=None)
            return
        try:
            with self._control.reporter.step(f"wait until {one.name} runs") as step:
                ready = one.target.settings is not None
                cluster = self._control.cluster
                since = wait_until_running(
                    cluster,
                    job_id,
                    one.wait_seconds,
                    step,
                    expect_ready=ready,
                    stable_seconds=UPGRADE_STABLE_SECONDS,
                )
            self._note(running_at=one.running_at or since)
            with self._control.reporter.step("its first checkpoint") as step:
                wait_for_checkpoint(self._control.cluster, job_id, CHECKPOINT_SECONDS, step)
        except (JobFailed, DeadlinePassed) as error:
            self._give_up(error)
            return
        self._end("done", "")

    def _return(self) -> None:
        one = self.operation
        self._clear_away(one.new_job_id)
        version = self._control.ledger.version(one.old_job_id)
        if version is None:
            raise NotFound(f"the ledger no longer knows the version {one.old_job_id} of {one.name}")
        self._note(back_snapshot=one.back_snapshot or self._state_to_go_back_to())
        try:
            self._bring_back(version)
        except (JobFailed, Refused) as error:
            if self.operation.outcome or one.snapshot in (None, self.operation.back_snapshot):
                raise
            self._control.reporter.warn(f"{error.message}: what the failed version has answered comes again")
            self._clear_away(self.operation.back_job_id)
            self._note(back_job_id=None, back_snapshot=one.snapshot)
            return
        self._end("rolled_back", self.operation.reason)

    # -- what the steps are made of

    def _note(self, **changes: Any) -> None:
        self.operation = replace(self.operation, **changes)
        self._control.ledger.save_operation(self.operation)

    def _end(self, outcome: str, reason: str) -> None:
        self._note(step="ended", outcome=outcome, reason=reason)
        one = self.operation
        job_id = {"done": one.new_job_id, "rolled_back": one.back_job_id}.get(outcome) or one.old_job_id
        told = {
            "previous_id": one.old_job_id,
            "savepoint": one.snapshot,
            "downtime_seconds": one.downtime,
            "parallelism": one.target.parallelism,
            "reason": reason or None,
        }
        detail = {key: value for key, value in told.items() if value is not None}
        self._control.tell(one.action, outcome, job_id, one.name, **detail)

    def _give_up(self, error: TdaflinkError) -> None:
        if self.operation.action == RESUME:
            if isinstance(error, DeadlinePassed):
                raise error
            # The version before is this one.
            self._clear_away(self.operation.new_job_id)
            self._end("failed", error.message)
            raise not_resumed(self.operation, error, self._control.env.name) from error
        self._failure = error
        self._control.reporter.warn(f"{error.message}: going back to the version before")
        self._note(step="returning", reason=error.message, running_at=None)

    def _state_to_go_back_to(self) -> str | None:
        """What the failed version has committed, the one before would answer again from the older state.

        Unless it was allowed to drop state, which is in the older one alone, or was to begin without any.
        """
        one = self.operation
        if one.new_job_id is None or one.allow_non_restored or one.state_mode == "none":
            return one.snapshot
        with suppress(NotFound, Refused):
            newest = self._control.cluster.checkpoints(one.new_job_id).latest_path
            return canonical(newest) if newest else one.snapshot
        return one.snapshot

    def _bring_back(self, version: Version) -> None:
        if version.spec is None:
            raise NotFound(f"the ledger no longer knows what {version.job_id} was")
        if not self._arrived(self.operation.back_job_id):
            self._yield_to_others()
            origin = version.origin or version.job_id
            state = self.operation.back_snapshot
            self._launch(version.spec, state, origin, lambda job_id: self._note(back_job_id=job_id))
        # A job that was left without a savepoint may have been in trouble before: then it is again.
        one = self.operation
        if one.state_mode == "savepoint" or one.back_snapshot != one.snapshot:
            job_id, ready = self.operation.back_job_id or "", version.spec.settings is not None
            wait = self.operation.wait_seconds
            with self._control.reporter.step(f"wait until {self.operation.name} runs again") as step:
                cluster = self._control.cluster
                since = wait_until_running(cluster, job_id, wait, step, expect_ready=ready)
            self._note(running_at=since)

    def _launch(
        self, spec: JobSpec, state: str | None, origin: str | None, intended: Callable[[str], None]
    ) -> None:
        one = self.operation
        job = replace(
            job_from(spec, one.name, self._control),
            savepoint=state,
            allow_non_restored=one.allow_non_restored,
        )
        self._wait_for_slots(spec.parallelism)
        launch(job, self._control, Terms(action=one.action, origin=origin, intended=intended))

    def _wait_for_slots(self, count: int) -> None:
        """The slots of a job that has ended are free a moment later."""
        for _ in poll(SLOTS_SECONDS, every=0.1):
            if self._control.cluster.slots()[0] >= count:
                return

    def _arrived(self, job_id: str | None) -> bool:
        """Whether a submission that was intended has reached the cluster, even if its command was killed."""
        if job_id is None:
            return False
        with self._control.reporter.step("looking for what was submitted before") as step:
            wait_for_other_mains(self._control.cluster, step)
        return self._control.cluster.job_state(job_id) is not None

    def _yield_to_others(self) -> None:
        """Somebody may have started the job by hand since: then it is theirs."""
        one = self.operation
        ours = {one.new_job_id, one.back_job_id}
        for other in self._control.cluster.jobs(self._control.env.name, ended=False):
            if other.name == one.name and other.id not in ours:
                self._end("superseded", f"{other.id} was started in the meantime")
                raise Refused(
                    f"a job named {one.name} was started in the meantime ({other.id[:12]}):"
                    f" the {one.action} is given up",
                    hint=f"tdaflink status {other.id[:12]}",
                )

    def _known(self, job_id: str) -> bool:
        """Whether the cluster has the job; a JobManager that takes over needs a moment to know its jobs."""
        cluster = self._control.cluster
        return any(cluster.job_state(job_id) is not None for _ in poll(KNOWN_SECONDS, every=1.0))

    def _newest_state(self, job_id: str) -> str | None:
        point = restart_point(self._control, job_id)
        return point.path if point else None

    def _clear_away(self, job_id: str | None) -> None:
        """End what did not come up."""
        if job_id is None:
            return
        if self._control.cluster.is_running(job_id):
            with self._control.reporter.step(f"cancel {job_id[:12]}"):
                with suppress(NotFound, Refused):
                    self._control.cluster.cancel(job_id)
                self._control.cluster.wait_until_ended(job_id, CANCEL_SECONDS)
        version = self._control.ledger.version(job_id)
        if version is not None and version.state != "refused":
            self._control.ledger.conclude(job_id, "failed")
