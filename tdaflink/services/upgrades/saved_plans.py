"""Saved plans: the dry run of a command, and the check that nothing has changed since."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from shlex import quote

from tdaflink import __version__
from tdaflink.adapters.host.self_invocation import run_json
from tdaflink.adapters.storage.user_files import MEBIBYTE, output_file, read_text
from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.saved_plans import PLANNED, SCHEMA, SavedPlan, changes, check_words

_LARGEST = 64 * MEBIBYTE


def file_and_words(out: Path | None, words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return a plan's file and its command; a first word that is not a command is the file."""
    if out is None and len(words) > 1 and words[0] not in PLANNED:
        out, words = Path(words[0]), words[1:]
    check_words(words)
    return out, list(words)


def make_plan(words: Sequence[str], folder: Path, file: Path) -> int:
    """Save the dry run of a command. Returns its exit code; unless that is 0, nothing is saved."""
    check_words(words)
    # A plan contains the config of the call, which may contain a password by mistake.
    output = output_file(file, "plan", private=True)
    code, seen = run_json([*words, "--dry-run"], folder)
    if code:
        return code
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    jobs = _jobs(words, folder)
    output.write(SavedPlan(SCHEMA, __version__, made, str(folder), tuple(words), seen, jobs).to_json())
    return 0


def read_plan(file: Path) -> SavedPlan:
    """Return a saved plan. Raises `NotFound`, `UsageError` and `ConfigError`."""
    text = read_text(
        file, "plan", limit=_LARGEST, hint=f"tdaflink plan --out {quote(str(file))} COMMAND… creates it"
    )
    return SavedPlan.from_json(text, source=str(file))


def check_unchanged(plan: SavedPlan, file: Path) -> int:
    """Repeat the dry run and return its exit code. Raises `Refused` if anything has changed since."""
    folder = Path(plan.folder)
    code, seen = run_json([*plan.words, "--dry-run"], folder)
    if code:
        return code
    before = {"tdaflink": plan.tdaflink, "jobs": plan.jobs, "seen": plan.seen}
    after = {"tdaflink": __version__, "jobs": _jobs(plan.words, folder), "seen": seen}
    differing = list(changes(before, after))
    if differing:
        raise Refused(
            f"the environment has changed since {file} was made ({plan.made_at}); nothing was done",
            detail="\n".join(differing),
            hint=f"tdaflink plan --out {quote(str(file))} {shlex.join(plan.words)}",
        )
    return 0


def _jobs(words: Sequence[str], folder: Path) -> Mapping[str, str] | None:
    """Return id -> name of the running jobs of the command's environment."""
    code, rows = run_json(["list", *_environment(words)], folder, quiet=True)
    return None if code else {row["id"]: row["name"] for row in rows}


def _environment(words: Sequence[str]) -> list[str]:
    """Return the words of the command that select the environment."""
    for number, word in enumerate(words):
        if word in ("--env", "--environment"):
            return list(words[number : number + 2])
        if word.startswith(("--env=", "--environment=")):
            return [word]
    return []
