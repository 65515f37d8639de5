"""Checkpoints and savepoints in storage: list, choice of a restart point, pruning.

They are read from the storage, since Flink's REST interface drops jobs that have ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.jobs.history import Version
from tdaflink.domain.jobs.state_snapshots import (
    MAGIC,
    METADATA,
    Kind,
    Pruned,
    StateFiles,
    StateSnapshot,
    Storage,
    canonical,
    found_snapshots,
)
from tdaflink.services.control import JobControlContext

Ask = Callable[[str], bool]

_ROOTS: tuple[tuple[Kind, str], ...] = (
    ("checkpoint", "execution.checkpointing.dir"),
    ("savepoint", "execution.checkpointing.savepoint-dir"),
)


def snapshots(
    control: JobControlContext, *, kinds: Sequence[Kind] = ("checkpoint", "savepoint")
) -> list[StateSnapshot]:
    """Return all complete ones below the cluster's folders, newest first, with their job names if known."""
    stored = stored_snapshots(control.storage, control.cluster.jobmanager_config(), kinds)
    return sorted(_named(stored, control), key=lambda snapshot: -snapshot.created_at)


def stored_snapshots(
    storage: Storage, flink: Mapping[str, str], kinds: Sequence[Kind] = ("checkpoint", "savepoint")
) -> list[StateSnapshot]:
    """Return all complete ones below the folders in Flink's configuration, without job names."""
    complete: list[StateSnapshot] = []
    for kind, key in _ROOTS:
        if kind in kinds and flink.get(key):
            root = canonical(flink[key])
            files = storage(root, flink)
            below = found_snapshots(root, kind, files.walk(root))
            complete += [snapshot for snapshot in below if _is_complete(snapshot, files)]
    return complete


def snapshots_of(control: JobControlContext, name: str) -> list[StateSnapshot]:
    """Return the snapshots of the jobs with a name, newest first."""
    if not _job_ids(control, name):
        return []
    return [snapshot for snapshot in snapshots(control) if snapshot.name == name]


def _is_complete(snapshot: StateSnapshot, files: StateFiles) -> bool:
    return files.head(f"{snapshot.path}/{METADATA}", len(MAGIC)) == MAGIC


def _named(found: Sequence[StateSnapshot], control: JobControlContext) -> list[StateSnapshot]:
    names = {version.job_id: version.name for version in control.ledger.versions()}
    names |= {job.id: job.name for job in control.cluster.jobs(control.env.name, ended=True)}
    places = {canonical(record.path): record.name for record in control.ledger.savepoints()}

    def name_of(snapshot: StateSnapshot) -> str | None:
        if snapshot.kind == "checkpoint":
            return names.get(snapshot.job)
        if snapshot.path in places:
            return places[snapshot.path]
        possible = {name for job_id, name in names.items() if job_id.startswith(snapshot.job)}
        return possible.pop() if len(possible) == 1 else None

    return [replace(snapshot, name=name_of(snapshot)) for snapshot in found]


def _job_ids(control: JobControlContext, name: str) -> set[str]:
    recorded = {version.job_id for version in control.ledger.versions(name) if version.state != "refused"}
    alive = control.cluster.jobs(control.env.name, ended=True)
    return recorded | {job.id for job in alive if job.name == name}


# -- start of a submission


def state_to_start_from(
    name: str, start: str | None, control: JobControlContext, ask: Ask | None
) -> str | None:
    """Return the savepoint or checkpoint that a submission starts from: none, the latest, or a path.

    If `start` is None, a new name starts without state; if there is state of that name, `ask` prompts
    whether to use it. Raises `UsageError` if there is state and no `ask`.
    """
    if start is None:
        return _offer_latest(name, control, ask)
    if start == "none":
        return None
    if start == "latest":
        return _latest(name, control).path
    return _at_path(start, control)


def owner_of(control: JobControlContext, path: str) -> str | None:
    """Return the name of the job that the state at a path belongs to, if it is known."""
    for record in control.ledger.savepoints():
        if canonical(record.path) == path:
            return record.name
    return next((snapshot.name for snapshot in snapshots(control) if snapshot.path == path), None)


def _latest(name: str, control: JobControlContext) -> StateSnapshot:
    candidates = snapshots_of(control, name)
    if not candidates:
        raise NotFound(
            f"--from latest: there is no complete checkpoint or savepoint of a job named {name}",
            hint="--from none starts without state; --from PATH selects one; tdaflink savepoints list",
        )
    control.reporter.note(f"starting from the {described(candidates[0])}")
    return candidates[0]


def _offer_latest(name: str, control: JobControlContext, ask: Ask | None) -> str | None:
    alive = control.cluster.jobs(control.env.name, ended=False)
    if any(other.name == name for other in alive):
        return None  # a second job, which is refused, or allowed by --allow-duplicate
    candidates = snapshots_of(control, name)
    if not candidates:
        return None
    if ask is None:
        raise UsageError(
            f"there is state of an earlier job named {name}: {described(candidates[0])}",
            hint="--from latest continues from it with its settings, --from none starts without state",
        )
    return candidates[0].path if ask(f"Continue from the {described(candidates[0])}?") else None


def _at_path(path: str, control: JobControlContext) -> str:
    flink = control.cluster.jobmanager_config()
    place = canonical(path)
    try:
        files = control.storage(place, flink)
    except UsageError:
        return path  # another kind of storage: Flink reports whether the path exists
    head = files.head(f"{place}/{METADATA}", len(MAGIC))
    if head == MAGIC or (not head and not files.sees(place)):
        return place
    raise NotFound(
        f"--from: {path} is not a complete savepoint or checkpoint: its _metadata is missing or damaged",
        hint="tdaflink savepoints list, or --from latest",
    )


def described(snapshot: StateSnapshot) -> str:
    """Return kind, path and age as text."""
    return f"{snapshot.kind} {snapshot.path} of {age(time.time() - snapshot.created_at)} ago"


def age(seconds: float) -> str:
    """Format a duration in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


# -- pruning


def prune(
    control: JobControlContext, name: str | None, *, keep: int | None, older_than: float | None, dry_run: bool
) -> Pruned:
    """Remove savepoints beyond the newest `keep` of each job name that are older than `older_than` seconds.

    At least one of the two is required. Savepoints that an unfinished operation or a running job started
    from are kept.
    """
    if keep is None and older_than is None:
        raise UsageError("give --keep, --older-than, or both", hint="--keep 5, --older-than 7d, or both")
    needed = _needed(control)
    removed, kept = [], []
    for snapshot in _due(control, name, keep or 0, older_than or 0.0):
        if snapshot.path in needed:
            kept.append((snapshot, needed[snapshot.path]))
        else:
            removed.append(snapshot)
    if not dry_run:
        flink = control.cluster.jobmanager_config()
        for snapshot in removed:
            with control.reporter.step(f"removing {snapshot.path}"):
                control.storage(snapshot.path, flink).remove(snapshot.path)
                control.ledger.forget_savepoint(snapshot.path)
    return Pruned(removed, kept, dry_run)


def _due(control: JobControlContext, name: str | None, keep: int, older_than: float) -> list[StateSnapshot]:
    savepoints = snapshots(control, kinds=("savepoint",))
    ranks: dict[str | None, int] = {}
    due = []
    for snapshot in savepoints:  # the newest first
        ranks[snapshot.name] = ranks.get(snapshot.name, 0) + 1
        old = time.time() - snapshot.created_at >= older_than
        if (name is None or snapshot.name == name) and ranks[snapshot.name] > keep and old:
            due.append(snapshot)
    return due


def _needed(control: JobControlContext) -> dict[str, str]:
    """Return the savepoints that must be kept, with the reasons."""
    needed = {
        canonical(operation.snapshot): f"the {operation.action} of {operation.name} is not finished"
        for operation in control.ledger.operations(under_way=True)
        if operation.snapshot
    }
    alive = {job.id for job in control.cluster.jobs(control.env.name, ended=False)}
    started: list[Version] = [version for version in control.ledger.versions() if version.job_id in alive]
    needed |= {
        canonical(version.savepoint): f"{version.name} runs from it"
        for version in started
        if version.savepoint is not None
    }
    return needed


def restart_point(control: JobControlContext, job_id: str) -> StateSnapshot | None:
    """Return the latest state of a job: its own, else the state that it started from."""
    version = control.ledger.version(job_id)
    origin = canonical(version.savepoint) if version and version.savepoint else None
    newest_first = snapshots(control)
    for snapshot in newest_first:
        if snapshot.job == job_id or (snapshot.kind == "savepoint" and job_id.startswith(snapshot.job)):
            return snapshot
    return next((snapshot for snapshot in newest_first if snapshot.path == origin), None)
