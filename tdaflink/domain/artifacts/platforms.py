"""Support of tdaflink's parts on each platform."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tdaflink.domain.artifacts.python_lock_settings import Platform
from tdaflink.domain.errors import ConfigError

_CONTAINERS = {"native": "yes", "emulated": "emulated, slow", "WSL": "in WSL"}
PARTS = {
    "local": "local cluster",
    "engine": "diagrams without Flink",
    "containers": "containers",
    "control": "control",
}


@dataclass(frozen=True)
class Support:
    """Support of one part: `missing` are the packages that have no wheel."""

    works: bool
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.works:
            return f"no: {', '.join(self.missing)}"
        return f"yes, without {', '.join(self.missing)}" if self.missing else "yes"


@dataclass(frozen=True)
class PlatformSupport:
    """Support on one platform: a cluster of processes, the engine alone, containers, the command."""

    platform: str
    local: Support
    engine: Support
    containers: str
    control: Support

    def cells(self) -> dict[str, str]:
        """Map each part to the text of its cell."""
        containers = _CONTAINERS[self.containers] if self.control.works else str(self.control)
        return {
            "local": str(self.local),
            "engine": str(self.engine),
            "containers": containers,
            "control": str(self.control),
        }


def support_of(wanted: Iterable[str], needed: Sequence[str], resolved: Iterable[str] | None) -> Support:
    """Derive support from the wanted, the needed and the resolved packages; `resolved` None: no solution."""
    if resolved is None:
        return Support(False, tuple(needed))
    missing = {*wanted} - {*resolved}
    blocking = tuple(name for name in needed if name in missing)
    return Support(False, blocking) if blocking else Support(True, tuple(sorted(missing)))


def platform_named(platforms: Iterable[Platform], system: str, machine: str) -> Platform | None:
    """Find a platform by the names that Python's `platform` has for system and machine."""
    for platform in platforms:
        if platform.system == system and machine in platform.machines:
            return platform
    return None


def platforms_to_json(rows: Sequence[PlatformSupport]) -> str:
    """Return the content of the shipped table."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def platforms_from_json(text: str, *, source: str) -> tuple[PlatformSupport, ...]:
    """Read the shipped table."""
    try:
        return tuple(_row(entry) for entry in json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{source} is not a table of platforms: {error!r}", hint="tdaflink python lock"
        ) from error


def _row(entry: Mapping[str, Any]) -> PlatformSupport:
    parts = {
        part: Support(entry[part]["works"], tuple(entry[part]["missing"]))
        for part in ("local", "engine", "control")
    }
    return PlatformSupport(platform=entry["platform"], containers=entry["containers"], **parts)
