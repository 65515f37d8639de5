"""What to type to change the jobs of an environment: one that takes many, or one that is made for one job."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote


@dataclass(frozen=True)
class Commands:
    """Each is a whole line, for a cluster that is made for `one_job` or takes any."""

    env: str
    one_job: bool = False

    def start(self) -> str:
        """Starts a job."""
        return self._typed("setup" if self.one_job else "submit")

    def go_on(self, name: str) -> str:
        """Starts a job again that has ended, from its newest state."""
        return self._typed("setup" if self.one_job else f"resume {quote(name)}")

    def change(self, job: str, setting: str) -> str:
        """Gives a running job another config."""
        if self.one_job:
            return f"{self._typed(f'stop {job}')} && {self._typed(f'setup --set {setting}')}"
        return self._typed(f"upgrade {job} --set {setting}")

    def rescale(self, job: str, count: int) -> str:
        """Gives a running job another parallelism."""
        return (
            self.change(job, f"parallelism={count}")
            if self.one_job
            else self._typed(f"rescale {job} {count}")
        )

    def finish(self, name: str) -> str:
        """Takes the steps that are left of a change of a job that was interrupted."""
        return self._typed(f"upgrade {quote(name)} --resume")

    def bring_back(self) -> str:
        """Submits again what was stopped for a JobManager that was replaced."""
        return self._typed("setup --resume-jobs")

    def stop(self, job: str) -> str:
        """Ends a job with a savepoint."""
        return self._typed(f"stop {quote(job)}")

    def upgrade(self, job: str) -> str:
        """Gives a running job another config or bundle."""
        return self._typed(f"stop {quote(job)}" if self.one_job else f"upgrade {quote(job)}")

    def end(self, job: str) -> str:
        """Ends a job that takes no savepoint; its checkpoints stay."""
        return self._typed(f"cancel {quote(job)}")

    def look(self, job: str) -> str:
        """Shows a job, with the cause of its failures."""
        return self._typed(f"status {quote(job)}")

    def _typed(self, words: str) -> str:
        return f"tdaflink {words} --env {self.env}"
