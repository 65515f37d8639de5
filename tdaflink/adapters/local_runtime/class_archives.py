"""Archives of loaded classes (class data sharing), which shorten the start of a local JVM by a third.

The Java of local clusters has no archive of its own. An archive is created once for a Java and its JARs, from
the shipped list of the classes that a cluster loads, and is stored in the cache folder. A JVM checks an
archive against both, and starts without it where it does not match.

Creating an archive takes half a minute of a core. Without one, setup starts the cluster immediately, and a
process of the lowest priority creates the archive in the background, for later starts.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tdaflink.adapters.local_runtime.java import LocalJava, class_path, cluster_environ
from tdaflink.adapters.storage.locks import MachineLock
from tdaflink.adapters.storage.paths import (
    cache_folder,
    ensure_dir,
    map_write_errors,
    require_own,
    write_atomically,
)
from tdaflink.domain.errors import TdaflinkError, Unhealthy
from tdaflink.resources import profiles_folder

_MAKE_SECONDS = 1800.0
_UNUSED_SECONDS = 30 * 86_400.0


@dataclass(frozen=True)
class ClassArchive:
    """The archive for JVMs with that class path, each entry of which is a JAR."""

    program: str
    """The owner of the classes: `flink` or `kafka`."""
    java: LocalJava
    class_path: Sequence[Path]
    """The JARs with links resolved: links differ between environments; an archive is valid for one path."""

    @cached_property
    def path(self) -> Path:
        """Return the archive's path, whether it exists or not; it depends on JARs, Java and class list."""
        digest = hashlib.sha256(self._class_list.read_bytes())
        for jar in (self.java.java_home / "lib" / "server" / "libjvm.so", *self.class_path):
            status = jar.stat()
            digest.update(f"{jar} {status.st_size} {int(status.st_mtime)}\0".encode())
        return _root() / f"{self.program}-{digest.hexdigest()[:16]}.jsa"

    @property
    def options(self) -> tuple[str, ...]:
        """Return the JVM's option that uses the archive; none where it does not exist."""
        path = self.path
        if not path.is_file():
            return ()
        require_own(path, f"remove {path}: setup recreates it")
        os.utime(path)
        return (f"-XX:SharedArchiveFile={path}",)

    def make_later(self) -> None:
        """Create the archive in a background process, unless it exists or an earlier attempt has failed."""
        path = self.path
        if path.exists() or path.with_suffix(".failed").exists():
            return
        command = [sys.executable, "-m", __name__, self.program, str(self.java.java_home)]
        environ = {**os.environ, "TDAFLINK_CACHE_DIR": str(cache_folder())}
        subprocess.Popen(
            [*command, *map(str, self.class_path)],
            cwd=ensure_dir(path.parent),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def make(self) -> None:
        """Write the archive atomically.

        Raises:
            Unhealthy: the JVM could not write it.
        """
        path = self.path
        with map_write_errors(path):
            ensure_dir(path.parent)
            _remove_unused(path.parent)
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                archive = Path(folder, path.name)
                self._dump(Path(folder), archive)
                archive.replace(path)

    @property
    def _class_list(self) -> Path:
        return profiles_folder() / "local" / "classes" / f"{self.program}.txt.gz"

    def _dump(self, folder: Path, archive: Path) -> None:
        names = gzip.decompress(self._class_list.read_bytes())
        # A JVM crashes at a lambda of a class that is missing in other versions of the JARs.
        without_lambdas = b"".join(line for line in names.splitlines(keepends=True) if line[:1] != b"@")
        for listed in (names, without_lambdas):
            (folder / "classes.txt").write_bytes(listed)
            ran = self._run(folder, archive)
            if ran.returncode == 0 and archive.is_file():
                return
        raise Unhealthy(f"the JVM could not write {archive.name}", detail=ran.stderr[-2000:])

    def _run(self, folder: Path, archive: Path) -> subprocess.CompletedProcess[str]:
        command = [
            *(str(self.java.java), "-Xshare:dump", "-Xlog:disable", "-Xlog:all=error:stderr"),
            *(f"-XX:SharedClassListFile={folder / 'classes.txt'}", f"-XX:SharedArchiveFile={archive}"),
            *(f"-XX:ErrorFile={folder / 'crash.log'}", "-XX:-CreateCoredumpOnCrash"),
            *("-classpath", class_path(self.class_path)),
        ]
        environ = cluster_environ(str(self.java.java), {})
        try:
            return subprocess.run(
                command, capture_output=True, text=True, env=environ, timeout=_MAKE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unhealthy(f"the JVM did not write {archive.name} within {_MAKE_SECONDS:g} s") from error


def main(arguments: Sequence[str]) -> None:
    """Create the archive of a program, its Java and its JARs, unless another process is creating it."""
    program, java_home, *jars = arguments
    java = LocalJava(Path(java_home), Path(), ())
    archive = ClassArchive(program, java, [Path(jar) for jar in jars])
    os.nice(19)
    lock = MachineLock.taken(archive.path.stem)
    if lock is None:
        return
    with lock:
        if archive.path.exists():
            return
        try:
            archive.make()
        except TdaflinkError as error:
            if not all(jar.exists() for jar in archive.class_path):
                return
            write_atomically(archive.path.with_suffix(".failed"), f"{error.message}\n{error.detail or ''}")


def _root() -> Path:
    return cache_folder() / "java"


def _remove_unused(folder: Path) -> None:
    """Remove archives that no JVM has used for 30 days, and temporary files of killed calls."""
    oldest = time.time() - _UNUSED_SECONDS
    for path in folder.iterdir():
        if path.lstat().st_mtime < oldest:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
