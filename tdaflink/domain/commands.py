"""What to type to change the jobs of an environment: one that takes many, or one that is made for one job."""

from __future__ import annotations

import json
import re
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

    def skip(self, job: str, place: str) -> str:
        """Brings a job past a record at which it fails, with its state."""
        if self.one_job:
            return self.change(job, _skipping(place))
        return self._typed(f"upgrade {quote(job)} --state last-state --skip {place}")

    def go_on_without(self, name: str, place: str) -> str:
        """Starts a job again that has ended, past the record at which it failed."""
        return self._typed(f"{'setup' if self.one_job else f'resume {quote(name)}'} --set {_skipping(place)}")

    def rescale(self, job: str, count: int) -> str:
        """Gives a running job another parallelism."""
        return (
            self.change(job, f"parallelism={count}")
            if self.one_job
            else self._typed(f"rescale {job} --parallelism {count}")
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


def _skipping(place: str) -> str:
    return quote(f"skip={json.dumps([place])}")


# Commands that act on an environment, as hints name them; those of a group by its name and theirs.
IN_ENVIRONMENT = frozenset(
    {
        *("advise", "cancel", "demo", "diagnose", "doctor", "events", "history", "list", "logs", "rescale"),
        *("results", "resume", "rollback", "savepoint", "send", "setup", "status", "stop", "submit"),
        *("teardown", "upgrade", "watch"),
        *("config explain", "config show", "savepoints list", "savepoints prune"),
        *("schemas check", "schemas list", "schemas register"),
        *("topics create", "topics describe", "topics lag", "topics list"),
    }
)
_CALL = re.compile(r"(?<![\w/.-])tdaflink ([a-z]+)(?: ([a-z]+))?")
_CALL_ENDS = re.compile(r";|&&|\n|\. |\)|(?<![\w/.-])tdaflink ")


def named_environment(text: str, name: str | None) -> str:
    """The text with `--env NAME` in each call that it shows and that names no environment itself."""
    if name is None or "tdaflink " not in text:
        return text
    parts, done = [], 0
    for call in _CALL.finditer(text):
        end = _command_end(call)
        rest = _CALL_ENDS.search(text, call.end())
        if end is None or "--env" in text[end : rest.start() if rest else None]:
            continue
        parts += [text[done:end], f" --env {quote(name)}"]
        done = end
    return "".join([*parts, text[done:]])


def _command_end(call: re.Match[str]) -> int | None:
    """Where the words of a command that acts on an environment end; None for another one."""
    first, second = call.group(1), call.group(2)
    if second is not None and f"{first} {second}" in IN_ENVIRONMENT:
        return call.end(2)
    return call.end(1) if first in IN_ENVIRONMENT else None
