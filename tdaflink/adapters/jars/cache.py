"""JARs from a Maven repository: resolution for the lock, and downloads into a shared cache."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tdaflink.adapters.jars.repository import Repository, login_of
from tdaflink.adapters.storage.paths import (
    cache_folder,
    ensure_dir,
    map_write_errors,
    require_own,
    write_atomically,
)
from tdaflink.adapters.web.calls import CallBroken, WebError, words_of
from tdaflink.domain.artifacts.jars import Coordinates, LockedJar
from tdaflink.domain.errors import BadArtifact, NotFound, Refused, Unreachable

if TYPE_CHECKING:
    from tdaflink.adapters.web.client import Reply

PARALLEL_DOWNLOADS = 8
ATTEMPTS = 4
_RESOLVER_SECONDS = 30.0
_LOCK_SECONDS = 600.0


def repository_address(mirror: str | None = None) -> str:
    """Return the mirror given by option or by TDAFLINK_MAVEN_MIRROR, else jgo's default repository."""
    chosen = mirror or os.environ.get("TDAFLINK_MAVEN_MIRROR")
    if chosen:
        login_of(chosen, "--mirror" if mirror else "TDAFLINK_MAVEN_MIRROR")
        return chosen.strip().rstrip("/")
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL).rstrip("/")


def runtime_jars(roots: Iterable[str], address: str) -> list[Coordinates]:
    """Return the roots with their runtime dependencies; if two roots differ on a version, the first wins."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=ensure_dir(cache_folder() / "poms"), remote_repos={"main": address})
    jars: dict[tuple[str, str, str], Coordinates] = {}
    for root in roots:
        try:
            with _default_timeout():
                dependency = context.create_dependency(root)
                inputs, transitive = context.resolver.resolve([dependency], transitive=True)
        except Exception as error:  # jgo passes on all errors of its parser and of requests
            raise Refused(f"{address} could not resolve {root}: {error}") from error
        for item in [*inputs, *transitive]:
            if item.type == "jar" and item.scope in (None, "", "compile", "runtime"):
                jar = Coordinates(item.groupId, item.artifactId, item.version, item.classifier or "")
                jars.setdefault((jar.group, jar.artifact, jar.classifier), jar)
    return list(jars.values())


@contextmanager
def _default_timeout() -> Iterator[None]:
    """Set a timeout for the sockets of a library whose requests have none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_RESOLVER_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


class JarCache:
    """The cache of JARs by their SHA-256. Safe with several processes at once."""

    def __init__(self) -> None:
        self._root = cache_folder() / "jars"

    def path(self, jar: LockedJar) -> Path:
        """Return the path of the JAR in the cache, whether it is cached or not."""
        return self._root / jar.sha256 / jar.coordinates.filename

    def has(self, jar: LockedJar, *, thorough: bool = False) -> bool:
        """Return whether the cache has the JAR, byte for byte; a wrong file is deleted.

        A file that was hashed before and has the same size and time is trusted, unless `thorough`.
        """
        path = self.path(jar)
        try:
            stat = path.stat()
        except OSError:
            return False
        require_own(path, "move it away: tdaflink jars fetch downloads it again")
        seal = f"{stat.st_size} {stat.st_mtime_ns}"
        if not thorough and stat.st_size == jar.size and self._seal(path) == seal:
            return True
        if sha256_of(path) == jar.sha256:
            write_atomically(path.with_suffix(".seal"), seal)
            return True
        path.unlink(missing_ok=True)
        return False

    def is_tampered(self, jar: LockedJar) -> bool:
        """Return whether the JAR's path has another file's content; the file is not removed."""
        path = self.path(jar)
        return path.is_file() and sha256_of(path) != jar.sha256

    def fetch(
        self,
        jars: Sequence[LockedJar],
        address: str,
        progress: Callable[[float, float], None] = lambda _done, _total: None,
    ) -> None:
        """Download the JARs, several at once; interrupted downloads are resumed."""
        counter = _Counter(sum(jar.size for jar in jars), progress)
        with Repository(address) as repository, ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            tasks = [pool.submit(self._fetch_one, repository, jar, counter) for jar in jars]
            try:
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                counter.stop()
                pool.shutdown(cancel_futures=True)
                raise

    def add(self, coordinates: Coordinates, place: str, address: str) -> LockedJar:
        """Download a JAR that is not locked yet, and return its size and hash."""
        part = ensure_dir(self._root / "partial") / f"{coordinates.filename}.new"
        part.unlink(missing_ok=True)
        with Repository(address) as repository:
            _download(repository, coordinates.path, part, None, _Counter(0, lambda *_: None))
        jar = LockedJar(coordinates, part.stat().st_size, sha256_of(part), place)
        self._store(jar, part)
        return jar

    def _fetch_one(self, repository: Repository, jar: LockedJar, counter: _Counter) -> None:
        from filelock import FileLock, Timeout

        partial = ensure_dir(self._root / "partial")
        part = partial / f"{jar.sha256}.part"
        try:
            with FileLock(partial / f"{jar.sha256}.lock", timeout=_LOCK_SECONDS):
                if self.has(jar):
                    counter.add(jar.size)
                    return
                self._download_locked(repository, jar, part, counter)
        except Timeout as error:
            raise Unreachable(
                f"another process is still downloading {jar.coordinates} after {_LOCK_SECONDS:g} s",
                hint="wait for it or stop it, then try again",
            ) from error

    def _download_locked(self, repository: Repository, jar: LockedJar, part: Path, counter: _Counter) -> None:
        resumed, path = part.exists(), jar.coordinates.path
        _download(repository, path, part, jar.size, counter)
        if resumed and sha256_of(part) != jar.sha256:
            # The earlier part may be of another server with other content: download once from the start.
            part.unlink()
            _download(repository, path, part, jar.size, counter)
        sha256 = sha256_of(part)
        if sha256 != jar.sha256:
            part.unlink()
            raise BadArtifact(
                f"{jar.coordinates} from {repository.address}/{path} is not the locked file:"
                f" its SHA-256 is {sha256}, the lock requires {jar.sha256}; it was deleted",
                hint="check TDAFLINK_MAVEN_MIRROR and --mirror, or fetch through another network",
            )
        self._store(jar, part)

    def _store(self, jar: LockedJar, part: Path) -> None:
        path = self.path(jar)
        ensure_dir(path.parent)
        with map_write_errors(path):
            os.replace(part, path)
            stat = path.stat()
        write_atomically(path.with_suffix(".seal"), f"{stat.st_size} {stat.st_mtime_ns}")

    @staticmethod
    def _seal(path: Path) -> str | None:
        try:
            return path.with_suffix(".seal").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None


class _Stopped(Exception):
    """Another download failed, or the user interrupted: this download stops."""


class _Counter:
    """The sum of downloaded bytes of all threads; after `stop`, `add` raises `_Stopped` in each."""

    def __init__(self, total: int, progress: Callable[[float, float], None]) -> None:
        self._total = total
        self._done = 0
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def add(self, count: int) -> None:
        with self._lock:
            if self._stopped:
                raise _Stopped
            self._done += count
            self._progress(self._done, self._total)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _download(repository: Repository, path: str, part: Path, size: int | None, counter: _Counter) -> None:
    """Complete `part` to the whole file; bytes that it has are not requested again."""
    url = f"{repository.address}/{path}"
    counter.add(part.stat().st_size if part.exists() else 0)
    for _ in range(ATTEMPTS):
        try:
            if _request_rest(repository, path, part, size, counter):
                return
            reason = "the connection was interrupted"
        except WebError as error:
            reason = words_of(error)
    raise Unreachable(
        f"could not download {url} in {ATTEMPTS} attempts: {reason}",
        hint="tdaflink jars fetch resumes the download; TDAFLINK_MAVEN_MIRROR names a mirror",
    )


def _request_rest(repository: Repository, path: str, part: Path, size: int | None, counter: _Counter) -> bool:
    """Request the missing bytes once; return whether the file is complete now."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have == size:
        return True
    if size is not None and have > size:
        part.unlink()
        counter.add(-have)
        have = 0
    headers: Mapping[str, str] = {"Range": f"bytes={have}-"} if have else {}
    with repository.open(path, headers, size) as response:
        if response.status == 416:
            part.unlink(missing_ok=True)
            counter.add(-have)
            return False
        _check(response, f"{repository.address}/{path}")
        if have and response.status != 206:
            counter.add(-have)
            have = 0
        with map_write_errors(part), part.open("ab" if have else "wb") as file:
            for chunk in response.chunks():
                file.write(chunk)
                counter.add(len(chunk))
                if size is not None and file.tell() > size:
                    return True  # longer than the locked file: its hash will not match
    return size is None or part.stat().st_size >= size


def _check(response: Reply, url: str) -> None:
    if response.status == 404:
        raise NotFound(f"{url} does not exist", hint="check TDAFLINK_MAVEN_MIRROR and --mirror")
    if response.status >= 500:
        raise CallBroken(f"the server responded with status {response.status}")
    if not 200 <= response.status < 300:
        raise Refused(f"{url} was refused with status {response.status}")
