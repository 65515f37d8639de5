"""Python packages that an environment or an image needs, and their lock files."""

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
    """One package: exact version, environment marker, and the SHA-256 of each of its files."""

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
        """Parse pip's requirements format. Raises `ConfigError` for a line that is not pinned and hashed."""
        packages = tuple(_package(line, source) for line in _logical_lines(text))
        if not packages:
            raise ConfigError(f"{source} names no package", hint=LOCK_COMMAND)
        return cls(packages)

    def to_text(self) -> str:
        """Return the lock in pip's format, sorted and without comments."""
        lines = [
            " ".join([str(package), *(f"--hash=sha256:{digest}" for digest in sorted(package.hashes))])
            for package in sorted(self.packages, key=lambda package: package.identity)
        ]
        return "".join(f"{line}\n" for line in lines)

    @property
    def digest(self) -> str:
        """SHA-256 of the lock, independent of order and comments."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


@dataclass(frozen=True)
class PythonLockChanges:
    """The differences of a new lock from the existing one."""

    lock: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    rehashed: tuple[str, ...]
    packages: int

    @property
    def fits(self) -> bool:
        """True if the existing lock is still valid."""
        return not (self.added or self.removed or self.rehashed)


@dataclass(frozen=True)
class PythonLockResult:
    """The differences of each lock, and the platforms whose support differs from the shipped table."""

    locks: tuple[PythonLockChanges, ...]
    platforms: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """True if all shipped locks and the table are still valid."""
        return not self.platforms and all(lock.fits for lock in self.locks)


def lock_changes(name: str, old: PythonLock | None, new: PythonLock) -> PythonLockChanges:
    """Compare two locks. Files that were added later to a locked version are not a difference."""
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
    """Yield lines without comments; a line that ends with a backslash is joined with the next one."""
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(kept).replace("\\\n", " ").splitlines():
        yield " ".join(line.split())


def _package(line: str, source: str) -> LockedPackage:
    match = _REQUIREMENT.fullmatch(line)
    if not match:
        raise ConfigError(
            f"{source}: {line[:80]!r} is not name==version with SHA-256 hashes", hint=LOCK_COMMAND
        )
    hashes = tuple(_HASH.findall(match["hashes"]))
    return LockedPackage(match["name"], match["version"], (match["marker"] or "").strip(), hashes)
