"""Locked JARs: list, download, resolve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tdaflink.adapters.jars.cache import JarCache, repository_address, runtime_jars
from tdaflink.domain.artifacts.jars import Coordinates, Fetched, JarLock, JarStatus, LockedJar, sorted_lock
from tdaflink.domain.errors import NotFound
from tdaflink.domain.progress import Reporter


def list_jars(lock: JarLock, cache: JarCache) -> list[JarStatus]:
    """Return every locked JAR, with whether the cache has it."""
    return [JarStatus(jar, cache.has(jar)) for jar in lock.jars]


def fetch_jars(
    lock: JarLock, cache: JarCache, reporter: Reporter, *, mirror: str | None = None, thorough: bool = False
) -> Fetched:
    """Download the missing locked JARs into the cache; `thorough` verifies the hashes of cached ones."""
    with reporter.step("JARs") as step:
        missing = [jar for jar in lock.jars if not cache.has(jar, thorough=thorough)]
        if not missing:
            step.unchanged(f"all {len(lock.jars)} in the cache")
            return Fetched((), len(lock.jars), 0)
        cache.fetch(missing, repository_address(mirror), step.advance)
    fetched = tuple(str(jar.coordinates) for jar in missing)
    return Fetched(fetched, len(lock.jars) - len(missing), sum(jar.size for jar in missing))


def plan_fetch(lock: JarLock, cache: JarCache) -> Fetched:
    """Return the JARs that `fetch_jars` would download."""
    missing = [jar for jar in lock.jars if not cache.has(jar)]
    names = tuple(str(jar.coordinates) for jar in missing)
    return Fetched(names, len(lock.jars) - len(missing), sum(jar.size for jar in missing))


def require_cached(lock: JarLock, cache: JarCache) -> None:
    """Raise `NotFound` if the cache lacks a JAR and downloads are disabled."""
    missing = [jar for jar in lock.jars if not cache.has(jar)]
    if missing:
        first = missing[0].coordinates
        raise NotFound(
            f"{len(missing)} of {len(lock.jars)} JARs are not in the cache (the first is {first})",
            hint="tdaflink jars fetch, or omit --skip-jars",
        )


def lock_jars(
    roots: Mapping[str, Iterable[str]], cache: JarCache, reporter: Reporter, *, mirror: str | None = None
) -> JarLock:
    """Resolve the roots, download their dependencies, and return the lock with their hashes."""
    address = repository_address(mirror)
    wanted: list[tuple[Coordinates, str]] = []
    for place, coordinates in roots.items():
        with reporter.step(f"resolving {place}"):
            wanted += [(jar, place) for jar in runtime_jars(coordinates, address)]
    with reporter.step(f"downloading {len(wanted)} JARs") as step, ThreadPoolExecutor(8) as pool:
        locked: list[LockedJar] = []
        for jar in pool.map(lambda item: cache.add(item[0], item[1], address), wanted):
            locked.append(jar)
            step.advance(len(locked), len(wanted))
    return sorted_lock(locked)
