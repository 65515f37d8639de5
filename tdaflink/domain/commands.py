"""What to type to change the jobs of an environment: one that takes many, or one that is made for one job."""

from __future__ import annotations

from dataclasses import dataclass


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
        return self._typed("setup" if self.one_job else f"submit --job-name {name} --from latest")

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

    def leave(self, job: str) -> str:
        """Brings a job that takes no savepoint to another version by its newest checkpoint."""
        if self.one_job:
            return f"{self._typed(f'cancel {job}')} && {self.start()}"
        return self._typed(f"upgrade {job} --state last-state")

    def _typed(self, words: str) -> str:
        return f"tdaflink {words} --env {self.env}"
