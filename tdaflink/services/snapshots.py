"""Checkpoints and savepoints: which there are, which is the newest, which may go.

The storage itself is asked: Flink's REST interface forgets jobs that have ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.ledger import Version
from tdaflink.domain.snapshots import (
    MAGIC,
    METADATA,
    Kind,
    Pruned,
    Snapshot,
    StateFiles,
    Storage,
    canonical,
    found_snapshots,
)
from tdaflink.services.control import Control

Ask = Callable[[str], bool]

_ROOTS: tuple[tuple[Kind, str], ...] = (
    ("checkpoint", "execution.checkpointing.dir"),
    ("savepoint", "execution.checkpointing.savepoint-dir"),
)


def snapshots(control: Control, *, kinds: Sequence[Kind] = ("checkpoint", "savepoint")) -> list[Snapshot]:
    """Every complete one below the cluster's folders, the newest first, with its job's name if known."""
    found = stored_snapshots(control.storage, control.cluster.jobmanager_config(), kinds)
    return sorted(_named(found, control), key=lambda one: -one.created_at)


def stored_snapshots(
    storage: Storage, flink: Mapping[str, str], kinds: Sequence[Kind] = ("checkpoint", "savepoint")
) -> list[Snapshot]:
    """Every complete one below the folders that Flink's configuration names, without its job's name."""
    found: list[Snapshot] = []
    for kind, key in _ROOTS:
        if kind in kinds and flink.get(key):
            root = canonical(flink[key])
            files = storage(root, flink)
            below = found_snapshots(root, kind, files.walk(root))
            found += [one for one in below if _is_complete(one, files)]
    return found


def snapshots_of(control: Control, name: str) -> list[Snapshot]:
    """Those of the jobs of one name, the newest first."""
    if not _job_ids(control, name):
        return []
    return [one for one in snapshots(control) if one.name == name]


def _is_complete(snapshot: Snapshot, files: StateFiles) -> bool:
    return files.head(f"{snapshot.path}/{METADATA}", len(MAGIC)) == MAGIC


def _named(found: Sequence[Snapshot], control: Control) -> list[Snapshot]:
    names = {version.job_id: version.name for version in control.ledger.versions()}
    names |= {job.id: job.name for job in control.cluster.jobs(control.env.name, ended=True)}
    places = {canonical(record.path): record.name for record in control.ledger.savepoints()}

    def name_of(one: Snapshot) -> str | None:
        if one.kind == "checkpoint":
            return names.get(one.job)
        if one.path in places:
            return places[one.path]
        possible = {name for job_id, name in names.items() if job_id.startswith(one.job)}
        return possible.pop() if len(possible) == 1 else None

    return [replace(one, name=name_of(one)) for one in found]


def _job_ids(control: Control, name: str) -> set[str]:
    known = {version.job_id for version in control.ledger.versions(name) if version.state != "refused"}
    alive = control.cluster.jobs(control.env.name, ended=True)
    return known | {job.id for job in alive if job.name == name}


# -- where a submission starts


def state_to_start_from(name: str, start: str | None, control: Control, ask: Ask | None) -> str | None:
    """The savepoint or checkpoint that a submission starts from: none, the latest, or the one at a path.

    Without a word (`start` None) a new name starts with nothing; where there is state of that name, `ask` is
    asked whether to take it, and without `ask` a `UsageError` says so.
    """
    if start is None:
        return _unsaid(name, control, ask)
    if start == "none":
        return None
    if start == "latest":
        return _latest(name, control).path
    return _given(start, control)


def owner_of(control: Control, path: str) -> str | None:
    """The name of the job that has left the state at a path, if it is known."""
    for record in control.ledger.savepoints():
        if canonical(record.path) == path:
            return record.name
    return next((one.name for one in snapshots(control) if one.path == path), None)


def _latest(name: str, control: Control) -> Snapshot:
    found = snapshots_of(control, name)
    if not found:
        raise NotFound(
            f"--from latest: there is no complete checkpoint or savepoint of a job named {name}",
            hint="--from none starts with nothing; --from PATH names one; tdaflink savepoints list",
        )
    control.reporter.note(f"starting from the {described(found[0])}")
    return found[0]


def _unsaid(name: str, control: Control, ask: Ask | None) -> str | None:
    alive = control.cluster.jobs(control.env.name, ended=False)
    if any(other.name == name for other in alive):
        return None  # a second one, which is refused, or wanted beside the first
    found = snapshots_of(control, name)
    if not found:
        return None
    if ask is None:
        raise UsageError(
            f"there is state of an earlier job named {name}: {described(found[0])}",
            hint="--from latest goes on from it with its settings, --from none starts with nothing",
        )
    return found[0].path if ask(f"Go on from the {described(found[0])}?") else None


def _given(path: str, control: Control) -> str:
    flink = control.cluster.jobmanager_config()
    place = canonical(path)
    try:
        files = control.storage(place, flink)
    except UsageError:
        return path  # storage of another kind: Flink itself will say whether it is there
    head = files.head(f"{place}/{METADATA}", len(MAGIC))
    if head == MAGIC or (not head and not files.sees(place)):
        return place
    raise NotFound(
        f"--from: {path} is not a complete savepoint or checkpoint: its _metadata is missing or damaged",
        hint="tdaflink savepoints list, or --from latest",
    )


def described(snapshot: Snapshot) -> str:
    """Kind, place and age in words."""
    return f"{snapshot.kind} {snapshot.path} of {age(time.time() - snapshot.created_at)} ago"


def age(seconds: float) -> str:
    """A duration in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


# -- pruning


def prune(
    control: Control, name: str | None, *, keep: int | None, older_than: float | None, dry_run: bool
) -> Pruned:
    """Remove savepoints beyond the newest `keep` of each job name that are older than `older_than` seconds.

    Of the two at least one is given. What an unfinished operation or a running job started from stays.
    """
    if keep is None and older_than is None:
        raise UsageError("say what may go", hint="--keep 5, --older-than 7d, or both")
    needed = _needed(control)
    removed, kept = [], []
    for one in _due(control, name, keep or 0, older_than or 0.0):
        if one.path in needed:
            kept.append((one, needed[one.path]))
        else:
            removed.append(one)
    if not dry_run:
        flink = control.cluster.jobmanager_config()
        for one in removed:
            with control.reporter.step(f"removing {one.path}"):
                control.storage(one.path, flink).remove(one.path)
                control.ledger.forget_savepoint(one.path)
    return Pruned(removed, kept, dry_run)


def _due(control: Control, name: str | None, keep: int, older_than: float) -> list[Snapshot]:
    found = snapshots(control, kinds=("savepoint",))
    ranks: dict[str | None, int] = {}
    due = []
    for one in found:  # the newest first
        ranks[one.name] = ranks.get(one.name, 0) + 1
        old = time.time() - one.created_at >= older_than
        if (name is None or one.name == name) and ranks[one.name] > keep and old:
            due.append(one)
    return due


def _needed(control: Control) -> dict[str, str]:
    """Savepoints that must stay, and why."""
    needed = {
        canonical(operation.snapshot): f"the {operation.action} of {operation.name} is not finished"
        for operation in control.ledger.operations(under_way=True)
        if operation.snapshot
    }
    alive = {job.id for job in control.cluster.jobs(control.env.name, ended=False)}
    started: list[Version] = [one for one in control.ledger.versions() if one.job_id in alive]
    needed |= {
        canonical(one.savepoint): f"{one.name} runs from it" for one in started if one.savepoint is not None
    }
    return needed


def restart_point(control: Control, job_id: str) -> Snapshot | None:
    """The newest state of one job: its own, else what it started from."""
    version = control.ledger.version(job_id)
    origin = canonical(version.savepoint) if version and version.savepoint else None
    found = snapshots(control)
    for one in found:
        if one.job == job_id or (one.kind == "savepoint" and job_id.startswith(one.job)):
            return one
    return next((one for one in found if one.path == origin), None)
