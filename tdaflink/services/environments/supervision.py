"""Supervisor of a local environment: restarts processes that exit unexpectedly, and resumes their jobs."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

from tdaflink.adapters.local_runtime.supervisor_file import SupervisorFile, is_supervised
from tdaflink.adapters.runtimes import runtime_for
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.domain.environments.alerts import WEBHOOK
from tdaflink.domain.environments.environment import Environment, Runtime
from tdaflink.domain.environments.setup import SetupRequest
from tdaflink.domain.environments.supervision import SUPERVISOR, Repair
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.jobs.history import AuditEntry
from tdaflink.domain.progress import ProgressStep
from tdaflink.domain.timestamps import timestamp_now
from tdaflink.services.environments.alerts import LocalAlerts

_CHECK_SECONDS = 2.0
# Seconds between repairs; doubled after each, until nothing has exited for _STABLE_SECONDS.
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
_STABLE_SECONDS = 300.0


class Supervisor:
    """Monitor of the processes of one environment, until it is stopped or the environment is removed."""

    def __init__(self, name: str, store: EnvironmentStore) -> None:
        self._name = name
        self._store = store
        self._file = SupervisorFile(store.folder(name))
        self._alerts = LocalAlerts(store.folder(name), _log)
        self._repairs = 0
        self._pause = _FIRST_PAUSE
        self._watched: tuple[Environment, Runtime] | None = None

    def run(self) -> None:
        """Check every two seconds; return when the environment is removed or no longer supervised."""
        if not self._file.hold():
            return  # another supervisor is running
        repaired_at = time.monotonic()
        unfinished: Sequence[str] = ()
        while (runtime := self._runtime()) is not None:
            if time.monotonic() - repaired_at > _STABLE_SECONDS:
                self._pause = _FIRST_PAUSE
            ended = runtime.ended() or unfinished
            if not ended:
                self._alert(())
                time.sleep(_CHECK_SECONDS)
                continue
            unfinished = () if self._repair(ended) else ended
            repaired_at = time.monotonic()
            time.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _runtime(self) -> Runtime | None:
        environment = self._store.find(self._name)
        if environment is None or not is_supervised(environment):
            return None
        if self._watched is None or self._watched[0] != environment:
            self._watched = environment, runtime_for(environment, self._store)
        return self._watched[1]

    def _repair(self, ended: Sequence[str]) -> bool:
        """Run setup with `--resume-jobs`; return False if it must be retried."""
        from tdaflink.services.environments.setup import set_up

        _log(f"not running: {', '.join(ended)}")
        self._alert(ended)
        request = SetupRequest(env=self._name, skip_jars=True, resume_jobs=True, unattended=True)
        try:
            result = set_up(request, self._store, _Log())
        except TdaflinkError as error:
            _log(f"failed: {error.message}")
            self._record(ended, problem=error.message)
            return False
        if result.started or result.jobs_resumed:  # otherwise another command has repaired it meanwhile
            _log(f"started {', '.join(result.started)}; jobs: {', '.join(result.jobs_resumed) or 'none'}")
            self._record(ended, resumed=result.jobs_resumed)
        return True

    def _alert(self, ended: Sequence[str]) -> None:
        """Post alerts of exited or restarted processes and of jobs; failures are only logged."""
        environment = self._watched[0] if self._watched else None
        if environment is None or WEBHOOK not in environment.details:
            return
        try:
            if ended:
                self._alerts.lost(environment, tuple(ended))
            else:
                self._alerts.repaired(environment)
                self._alerts.look_at_jobs(environment)
        except Exception as error:
            _log(f"warning: alerts: {type(error).__name__}")

    def _record(self, ended: Sequence[str], *, resumed: Sequence[str] = (), problem: str = "") -> None:
        self._repairs += 1
        now = timestamp_now("seconds")
        repair = Repair(now, tuple(ended), tuple(resumed), problem)
        detail = {"ended": list(ended), "jobs_resumed": list(resumed), "problem": problem}
        outcome = "failed" if problem else "done"
        # A full disk ends components: failing writes must not end the supervisor, too.
        with suppress(TdaflinkError, OSError):
            self._file.write(self._repairs, repair)
        with suppress(TdaflinkError, OSError):
            ledger = Ledger(self._store.folder(self._name))
            ledger.note(AuditEntry(time.time(), "repair", outcome, "", "", SUPERVISOR, detail))


class _LogStep:
    def update(self, text: str) -> None:
        """Ignore the current action."""

    def advance(self, done: float, total: float) -> None:
        """Ignore the progress."""

    def unchanged(self, text: str) -> None:
        """Ignore that nothing has changed."""


class _Log:
    """A reporter that writes to the supervisor's log."""

    @contextmanager
    def step(self, title: str) -> Iterator[ProgressStep]:
        _log(title)
        yield _LogStep()

    def note(self, text: str) -> None:
        _log(text)

    def warn(self, text: str) -> None:
        _log(f"warning: {text}")


def _log(text: str) -> None:
    with suppress(OSError):
        print(f"{datetime.now(timezone.utc).isoformat(timespec='seconds')} {text}", flush=True)


def main() -> None:
    """Supervise the environment in the first argument; the others mark the process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Supervisor(sys.argv[1], EnvironmentStore()).run()


if __name__ == "__main__":
    main()
