"""Plans of upgrades and rollbacks: the values that change, and the effects on state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

from tdaflink.domain.config.layers import Layer, Resolved
from tdaflink.domain.errors import Refused, UsageError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs.history import Difference, JobSpec, StateMode, UpgradePlan, Version
from tdaflink.domain.jobs.job import Job
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.config_resolution import ConfigOverrides

_STEPS: Mapping[StateMode, Sequence[str]] = {
    "savepoint": ("stop it with a savepoint",),
    "last-state": ("cancel it", "find its newest complete checkpoint"),
    "none": ("cancel it, and discard its state",),
}
_THEN = (
    "submit the new version from that state",
    "wait until it runs and has completed a checkpoint; otherwise restore the previous version",
)


# -- the new version


def base_layer(version: Version, asked: ConfigOverrides) -> Layer:
    """Return the config layer of the running version; a config file replaces all of it but the name."""
    config = (version.spec.config if version.spec else None) or {}
    kept = {} if asked.file is not None else dict(config)
    return Layer(f"version {version.number}", {**kept, "job_name": version.name})


def with_skipped(asked: ConfigOverrides, version: Version, records: Sequence[str]) -> ConfigOverrides:
    """Return the overrides with further records to skip, in addition to those of the running version."""
    if not records:
        return asked
    config = (version.spec.config if version.spec else None) or {}
    skipped = config.get("skip", []) if asked.file is None else []
    skip = list(dict.fromkeys([*skipped, *records]))
    return replace(asked, settings=(*asked.settings, f"skip={json.dumps(skip)}"))


def check_kept(version: Version, resolved: Resolved, *, script: bool, renamed: bool = False) -> JobSpec:
    """Return the spec of a version. Raises `UsageError` for a change to another job, unless `renamed`."""
    spec = version.spec
    if spec is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    if resolved.config.job_name != version.name and not renamed:
        raise UsageError(
            f"job_name {resolved.config.job_name} (from {resolved.sources['job_name']}): an upgrade keeps the"
            f" name {version.name}, which identifies its offsets and transactions",
            hint=f"leave job_name out; or tdaflink stop {quote(version.name)}, then tdaflink submit"
            " --from PATH --job-name with the new name",
        )
    if script and spec.settings is not None:
        raise UsageError(
            f"{version.name} is the shipped job: a script cannot start from its state",
            hint="tdaflink submit --job FILE submits it as a second job",
        )
    return spec


# -- the plan


def plan(
    control: JobControlContext, job: Job, version: Version, target: JobSpec, state: StateMode, action: str
) -> UpgradePlan:
    """Return the changes of an upgrade or rollback and their effects on the state."""
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
    """Return every value that differs, by its dotted name, in alphabetical order."""
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
    """Return the effects of the change on the state that the new version starts from."""
    if state == "none":
        return ["open windows are lost; reading continues at the offsets of the last checkpoint"]
    if old.settings is None or new.settings is None:
        return ["state is restored by the uids of operators: an operator without a uid may lose its state"]
    return list(_shipped_hints(JobSettings(old.settings), JobSettings(new.settings)))


def _shipped_hints(old: JobSettings, new: JobSettings) -> Iterator[str]:
    before = {source.route: source for source in old.inputs}
    after = {source.route: source for source in new.inputs}
    for route in before.keys() - after.keys():
        yield (
            f"the route {route} is removed: no operator restores its state, and Flink refuses the start"
            " without --allow-non-restored-state"
        )
    for route in before.keys() & after.keys():
        source, target = before[route], after[route]
        if source.topic != target.topic:
            yield (
                f"{route} reads {target.topic} instead of {source.topic}: the partitions of the old topic"
                " remain in the state, and are still read"
            )
        if (source.window is None) != (target.window is None):
            yield (
                f"{route} is windowed in only one of the two versions: its operators differ, and Flink"
                " refuses the start without --allow-non-restored-state"
            )
        elif source.window and target.window and source.window.shape != target.window.shape:
            yield (
                f"{route} has other windows: the open ones fire once more with their former settings and"
                ' closed_by "changed", then the new ones start'
            )
    if old.delivery != new.delivery:
        yield f"delivery becomes {new.delivery}: it applies from the first checkpoint on"
