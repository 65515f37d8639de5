"""JARs that an environment needs, and their lock file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tdaflink.domain.errors import ConfigError


@dataclass(frozen=True)
class Coordinates:
    """group:artifact:version[:classifier][@extension] of a JAR, or of another file with that extension."""

    group: str
    artifact: str
    version: str
    classifier: str = ""
    extension: str = "jar"

    @classmethod
    def parse(cls, text: str) -> Coordinates:
        named, at, extension = text.partition("@")
        parts = named.split(":")
        if len(parts) not in (3, 4) or not all(parts) or (at and not extension):
            raise ConfigError(
                f"JAR coordinates {text!r} are not group:artifact:version[:classifier][@extension]"
            )
        coordinates = cls(*parts)
        return replace(coordinates, extension=extension) if extension else coordinates

    def __str__(self) -> str:
        parts = [self.group, self.artifact, self.version, self.classifier]
        tail = "" if self.extension == "jar" else f"@{self.extension}"
        return ":".join(part for part in parts if part) + tail

    @property
    def filename(self) -> str:
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{tail}.{self.extension}"

    @property
    def path(self) -> str:
        """The path of the JAR in a Maven repository, relative to the repository's address."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.filename}"


@dataclass(frozen=True)
class LockedJar:
    """One JAR of the lock, with its exact content and its place in an environment."""

    coordinates: Coordinates
    size: int
    sha256: str
    place: str


@dataclass(frozen=True)
class JarLock:
    """All JARs, sorted by place and coordinates."""

    jars: tuple[LockedJar, ...]

    @classmethod
    def from_json(cls, text: str, *, source: str) -> JarLock:
        try:
            document = json.loads(text)
            if document["schema"] != 1:
                raise ConfigError(f"{source}: schema is {document['schema']!r}, this tdaflink reads 1")
            return cls(tuple(_locked(entry) for entry in document["jars"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{source} is not a JAR lock: {error!r}", hint="tdaflink jars lock") from error

    def to_json(self) -> str:
        entries = [
            {
                "coordinates": str(jar.coordinates),
                "size": jar.size,
                "sha256": jar.sha256,
                "place": jar.place,
            }
            for jar in self.jars
        ]
        return json.dumps({"schema": 1, "jars": entries}, indent=1) + "\n"

    def in_place(self, place: str) -> tuple[LockedJar, ...]:
        return tuple(jar for jar in self.jars if jar.place == place)

    def only(self, places: Iterable[str]) -> JarLock:
        """Return the part of the lock for these places."""
        wanted = set(places)
        return JarLock(tuple(jar for jar in self.jars if jar.place in wanted))

    @property
    def size(self) -> int:
        return sum(jar.size for jar in self.jars)


def sorted_lock(jars: Iterable[LockedJar]) -> JarLock:
    """Return a lock in a fixed order, so that two runs write the same bytes."""
    return JarLock(tuple(sorted(jars, key=lambda jar: (jar.place, str(jar.coordinates)))))


@dataclass(frozen=True)
class JarStatus:
    """A locked JAR; `cached` is true if the cache has it."""

    jar: LockedJar
    cached: bool


@dataclass(frozen=True)
class Fetched:
    """The result of a fetch."""

    fetched: tuple[str, ...]
    cached: int
    bytes: int


@dataclass(frozen=True)
class LockChanges:
    """The differences of a new lock from the old one."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    rehashed: tuple[str, ...]
    jars: int
    bytes: int


def differences(old: JarLock, new: JarLock) -> LockChanges:
    """Return the JARs that were added, removed, or have other bytes under the same coordinates."""
    before = {str(jar.coordinates): jar for jar in old.jars}
    after = {str(jar.coordinates): jar for jar in new.jars}
    return LockChanges(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        rehashed=tuple(n for n, jar in after.items() if n in before and before[n].sha256 != jar.sha256),
        jars=len(new.jars),
        bytes=new.size,
    )


def _locked(entry: dict[str, Any]) -> LockedJar:
    return LockedJar(
        Coordinates.parse(entry["coordinates"]), int(entry["size"]), entry["sha256"], entry["place"]
    )
