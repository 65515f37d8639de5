"""Saved plans: what a command would do, and whether that is still so."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from shlex import quote

from tdaflink import __version__
from tdaflink.adapters.own_command import data_of
from tdaflink.adapters.user_files import MEBIBYTE, output_file, read_text
from tdaflink.domain.errors import Refused
from tdaflink.domain.plans import PLANNED, SCHEMA, SavedPlan, changes, check_words

_LARGEST = 64 * MEBIBYTE


def file_and_words(out: Path | None, words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Where a plan goes, and the command that is planned; a first word that is no command is a file."""
    if out is None and len(words) > 1 and words[0] not in PLANNED:
        out, words = Path(words[0]), words[1:]
    check_words(words)
    return out, list(words)


def make_plan(words: Sequence[str], folder: Path, file: Path) -> int:
    """Look, and save what was seen; the dry run's exit code, with which nothing is saved unless it is 0."""
    check_words(words)
    # A plan holds the config of the call, which may have a password in it by mistake.
    output = output_file(file, "plan", private=True)
    code, seen = data_of([*words, "--dry-run"], folder)
    if code:
        return code
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    jobs = _jobs(words, folder)
    output.write(SavedPlan(SCHEMA, __version__, made, str(folder), tuple(words), seen, jobs).to_json())
    return 0


def read_plan(file: Path) -> SavedPlan:
    """Return a plan as it was saved. Raises `NotFound`, `UsageError` and `ConfigError`."""
    text = read_text(
        file, "plan", limit=_LARGEST, hint=f"tdaflink plan --out {quote(str(file))} COMMAND… makes it"
    )
    return SavedPlan.from_json(text, source=str(file))


def still_so(plan: SavedPlan, file: Path) -> int:
    """Look again: the dry run's exit code. Raises `Refused` where the world has changed since."""
    folder = Path(plan.folder)
    code, seen = data_of([*plan.words, "--dry-run"], folder)
    if code:
        return code
    before = {"tdaflink": plan.tdaflink, "jobs": plan.jobs, "seen": plan.seen}
    after = {"tdaflink": __version__, "jobs": _jobs(plan.words, folder), "seen": seen}
    differing = list(changes(before, after))
    if differing:
        raise Refused(
            f"the world has changed since {file} was made ({plan.made_at}); nothing was done",
            detail="\n".join(differing),
            hint=f"tdaflink plan --out {quote(str(file))} {shlex.join(plan.words)}",
        )
    return 0


def _jobs(words: Sequence[str], folder: Path) -> Mapping[str, str] | None:
    """Id -> name of the jobs that run where the command would act."""
    code, rows = data_of(["list", *_environment(words)], folder, quiet=True)
    return None if code else {row["id"]: row["name"] for row in rows}


def _environment(words: Sequence[str]) -> list[str]:
    """The words that name the environment."""
    for number, word in enumerate(words):
        if word in ("--env", "--environment"):
            return list(words[number : number + 2])
        if word.startswith(("--env=", "--environment=")):
            return [word]
    return []
