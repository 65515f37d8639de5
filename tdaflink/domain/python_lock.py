"""The Python packages that an environment or an image needs, as a lock file names them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tdaflink.domain.errors import ConfigError

_REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^#]+?))?"
    r"(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
LOCK_COMMAND = "tdaflink python lock"


@dataclass(frozen=True)
class LockedPackage:
    """One package: its exact version, where it is needed, the SHA-256 of each file that it may come from."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.name, self.version, self.marker)

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")


@dataclass(frozen=True)
class PythonLock:
    """All packages of one lock file, in its order."""

    packages: tuple[LockedPackage, ...]

    @classmethod
    def from_text(cls, text: str, *, source: str) -> PythonLock:
        """Read pip's requirements format. Raises `ConfigError` for a line that is not pinned and hashed."""
        packages = tuple(_package(line, source) for line in _logical_lines(text))
        if not packages:
            raise ConfigError(f"{source} names no package", hint=LOCK_COMMAND)
        return cls(packages)

    def to_text(self) -> str:
        """Return all that is installed by it in pip's format, sorted and without comments."""
        lines = [
            " ".join([str(package), *(f"--hash=sha256:{digest}" for digest in sorted(package.hashes))])
            for package in sorted(self.packages, key=lambda package: package.identity)
        ]
        return "".join(f"{line}\n" for line in lines)

    @property
    def digest(self) -> str:
        """SHA-256 of all that is installed by it."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


@dataclass(frozen=True)
class PythonLockChanges:
    """How a lock that was made now differs from the one that is there."""

    lock: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    rehashed: tuple[str, ...]
    packages: int

    @property
    def fits(self) -> bool:
        """Whether the lock that is there serves as it is."""
        return not (self.added or self.removed or self.rehashed)


@dataclass(frozen=True)
class PythonLockResult:
    """How each lock differs, and the platforms on which other parts work than the shipped table says."""

    locks: tuple[PythonLockChanges, ...]
    platforms: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether all that is shipped serves as it is."""
        return not self.platforms and all(lock.fits for lock in self.locks)


def lock_changes(name: str, old: PythonLock | None, new: PythonLock) -> PythonLockChanges:
    """Compare two locks. Files that were published since for a locked version are no difference."""
    before = {package.identity: package for package in old.packages} if old else {}
    after = {package.identity: package for package in new.packages}
    return PythonLockChanges(
        lock=name,
        added=tuple(str(package) for key, package in after.items() if key not in before),
        removed=tuple(str(package) for key, package in before.items() if key not in after),
        rehashed=tuple(
            str(package)
            for key, package in after.items()
            if key in before and not set(before[key].hashes) <= set(package.hashes)
        ),
        packages=len(after),
    )


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, a backslash at the end joined with what follows."""
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(kept).replace("\\\n", " ").splitlines():
        yield " ".join(line.split())


def _package(line: str, source: str) -> LockedPackage:
    found = _REQUIREMENT.fullmatch(line)
    if not found:
        raise ConfigError(
            f"{source}: {line[:80]!r} is not name==version with SHA-256 hashes", hint=LOCK_COMMAND
        )
    hashes = tuple(_HASH.findall(found["hashes"]))
    return LockedPackage(found["name"], found["version"], (found["marker"] or "").strip(), hashes)
