"""Saved plans: what a command would do, and whether that is still so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from tdaflink import __version__
from tdaflink.adapters.folders import write_atomically
from tdaflink.adapters.own_command import data_of
from tdaflink.domain.errors import NotFound, Refused
from tdaflink.domain.plans import SCHEMA, SavedPlan, changes, check_words


def make_plan(words: Sequence[str], folder: Path, file: Path) -> int:
    """Look, and save what was seen; the dry run's exit code, with which nothing is saved unless it is 0."""
    check_words(words)
    code, seen = data_of([*words, "--dry-run"], folder)
    if code:
        return code
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    jobs = _jobs(words, folder)
    write_atomically(
        file, SavedPlan(SCHEMA, __version__, made, str(folder), tuple(words), seen, jobs).to_json()
    )
    return 0


def read_plan(file: Path) -> SavedPlan:
    """A plan as it was saved. Raises `NotFound` and `ConfigError`."""
    try:
        return SavedPlan.from_json(file.read_text(encoding="utf-8"), source=str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read the plan {file}: {getattr(error, 'strerror', error)}") from error


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
            hint=f"tdaflink plan {file} {' '.join(plan.words)}",
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
