"""What an upgrade or rollback would change, and what that means for the state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

from tdaflink.domain.errors import Refused, UsageError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs import Job as RunningJob
from tdaflink.domain.layers import Layer, Resolved
from tdaflink.domain.ledger import Difference, JobSpec, StateMode, UpgradePlan, Version
from tdaflink.services.configuration import Asked
from tdaflink.services.control import Control

_STEPS: Mapping[StateMode, Sequence[str]] = {
    "savepoint": ("stop it with a savepoint",),
    "last-state": ("cancel it", "find its newest complete checkpoint"),
    "none": ("cancel it, and leave its state",),
}
_THEN = (
    "submit the new version from that state",
    "wait until it runs and has completed a checkpoint; else bring the version before back",
)


# -- what the new version is


def base_layer(version: Version, asked: Asked) -> Layer:
    """What the version that runs was told; a config file replaces all of it but the name."""
    config = (version.spec.config if version.spec else None) or {}
    kept = {} if asked.file is not None else dict(config)
    return Layer(f"version {version.number}", {**kept, "job_name": version.name})


def with_skipped(asked: Asked, version: Version, records: Sequence[str]) -> Asked:
    """The call with further records to pass over, beside those that the version that runs passes over."""
    if not records:
        return asked
    config = (version.spec.config if version.spec else None) or {}
    known = config.get("skip", []) if asked.file is None else []
    skip = list(dict.fromkeys([*known, *records]))
    return replace(asked, settings=(*asked.settings, f"skip={json.dumps(skip)}"))


def check_kept(version: Version, resolved: Resolved, *, script: bool, renamed: bool = False) -> JobSpec:
    """The spec of the version that runs or has run. Refuses what would be another job, unless `renamed`."""
    spec = version.spec
    if spec is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    if resolved.config.job_name != version.name and not renamed:
        raise UsageError(
            f"job_name {resolved.config.job_name} (from {resolved.sources['job_name']}): an upgrade keeps the"
            f" name {version.name}, by which its offsets and transactions are known",
            hint=f"leave job_name out; or tdaflink stop {quote(version.name)}, then tdaflink submit"
            " --from PATH --job-name with the new name",
        )
    if script and spec.settings is not None:
        raise UsageError(
            f"{version.name} is the shipped job: a script of your own cannot go on from its state",
            hint="tdaflink submit --job FILE submits it beside",
        )
    return spec


# -- the plan


def plan(
    control: Control, job: RunningJob, version: Version, target: JobSpec, state: StateMode, action: str
) -> UpgradePlan:
    """What would change, and what that means for the state."""
    old = version.spec
    if old is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    return UpgradePlan(
        env=control.env.name,
        rest_url=control.env.endpoints.rest_url,
        action=action,
        name=job.name,
        job_id=job.id,
        version=version.number,
        state=state,
        same_bundle=old.bundle_sha256 == target.bundle_sha256,
        differences=differences(old, target),
        hints=hints(old, target, state),
        steps=[*_STEPS[state], *_THEN],
    )


def differences(old: JobSpec, new: JobSpec) -> list[Difference]:
    """Every value that differs, by its dotted name, in alphabetical order."""
    before, after = dict(_flat(_comparable(old))), dict(_flat(_comparable(new)))
    return [
        Difference(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _comparable(spec: JobSpec) -> Mapping[str, Any]:
    return {
        "parallelism": spec.parallelism,
        "args": list(spec.args),
        "flink": {f"'{key}'": value for key, value in spec.flink_config.items()},
        **(spec.settings or {}),
    }


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for item in value:
            name = item.get("route") if isinstance(item, Mapping) else None
            yield from _flat(item, f"{prefix}[{name}]" if name else prefix)
    else:
        yield prefix, list(value) if isinstance(value, tuple) else value


def hints(old: JobSpec, new: JobSpec, state: StateMode) -> list[str]:
    """What the change means for the state that the new version starts from."""
    if state == "none":
        return ["windows that are open are lost; reading goes on at the offsets of the last checkpoint"]
    if old.settings is None or new.settings is None:
        return ["state is found again by the uids of operators: an operator without one may lose its own"]
    return list(_shipped_hints(JobSettings(old.settings), JobSettings(new.settings)))


def _shipped_hints(old: JobSettings, new: JobSettings) -> Iterator[str]:
    before = {entry.route: entry for entry in old.inputs}
    after = {entry.route: entry for entry in new.inputs}
    for route in before.keys() - after.keys():
        yield (
            f"the route {route} is left out: its state has no place to go, and the start is refused without"
            " --allow-non-restored-state"
        )
    for route in before.keys() & after.keys():
        one, other = before[route], after[route]
        if one.topic != other.topic:
            yield (
                f"{route} reads {other.topic} instead of {one.topic}: the partitions of the old topic"
                " stay in the state, and are read on"
            )
        if (one.window is None) != (other.window is None):
            yield (
                f"{route} is windowed in only one of the two versions: its operators differ, and the start is"
                " refused without --allow-non-restored-state"
            )
        elif one.window and other.window and one.window.shape != other.window.shape:
            yield (
                f"{route} has other windows: those that are open fire once more as they were, with"
                ' closed_by "changed", and the new ones begin'
            )
    if old.delivery != new.delivery:
        yield f"delivery becomes {new.delivery}: it holds from the first checkpoint on"
