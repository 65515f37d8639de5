"""Command lines that change the jobs of an environment, for session and application clusters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from shlex import quote


@dataclass(frozen=True)
class Commands:
    """Complete command lines; `one_job` is true for an application cluster."""

    env: str
    one_job: bool = False

    def start(self) -> str:
        """Return the command that starts a job."""
        return self._line("setup" if self.one_job else "submit")

    def restart(self, name: str) -> str:
        """Return the command that restarts an ended job from its newest state."""
        return self._line("setup" if self.one_job else f"resume {quote(name)}")

    def change(self, job: str, setting: str) -> str:
        """Return the command that changes a setting of a running job."""
        if self.one_job:
            return f"{self._line(f'stop {job}')} && {self._line(f'setup --set {setting}')}"
        return self._line(f"upgrade {job} --set {setting}")

    def skip(self, job: str, place: str) -> str:
        """Return the command that lets a job skip a record at which it fails, with its state."""
        if self.one_job:
            return self.change(job, _skipping(place))
        return self._line(f"upgrade {quote(job)} --state last-state --skip {place}")

    def go_on_without(self, name: str, place: str) -> str:
        """Return the command that restarts an ended job and skips the record at which it failed."""
        return self._line(f"{'setup' if self.one_job else f'resume {quote(name)}'} --set {_skipping(place)}")

    def rescale(self, job: str, count: int) -> str:
        """Return the command that changes the parallelism of a running job."""
        return (
            self.change(job, f"parallelism={count}")
            if self.one_job
            else self._line(f"rescale {job} --parallelism {count}")
        )

    def finish(self, name: str) -> str:
        """Return the command that finishes an interrupted upgrade, rescaling or rollback."""
        return self._line(f"upgrade {quote(name)} --resume")

    def resume_jobs(self) -> str:
        """Return the command that resubmits jobs that were stopped because their JobManager was recreated."""
        return self._line("setup --resume-jobs")

    def stop(self, job: str) -> str:
        """Return the command that stops a job with a savepoint."""
        return self._line(f"stop {quote(job)}")

    def upgrade(self, job: str) -> str:
        """Return the command that gives a running job another config or bundle."""
        return self._line(f"stop {quote(job)}" if self.one_job else f"upgrade {quote(job)}")

    def end(self, job: str) -> str:
        """Return the command that ends a job without a savepoint; its checkpoints are kept."""
        return self._line(f"cancel {quote(job)}")

    def show_status(self, job: str) -> str:
        """Return the command that shows a job with the cause of its failures."""
        return self._line(f"status {quote(job)}")

    def _line(self, words: str) -> str:
        return f"tdaflink {words} --env {self.env}"


def _skipping(place: str) -> str:
    return quote(f"skip={json.dumps([place])}")


# Commands that act on an environment, as hints name them; a subcommand with its group.
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
    """Add `--env NAME` to each command in the text that acts on an environment and does not name one."""
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
    """Return the end of a command that acts on an environment; None for another command."""
    first, second = call.group(1), call.group(2)
    if second is not None and f"{first} {second}" in IN_ENVIRONMENT:
        return call.end(2)
    return call.end(1) if first in IN_ENVIRONMENT else None
