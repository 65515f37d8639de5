"""The locks of Python packages: their paths, and their resolution by uv."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tdaflink.adapters.python.uv import run_uv
from tdaflink.adapters.storage.paths import write_atomically
from tdaflink.adapters.storage.shipped_profiles import load_python_settings, load_versions
from tdaflink.domain.artifacts.platforms import PlatformSupport, platforms_from_json, platforms_to_json
from tdaflink.domain.artifacts.python_lock import LOCK_COMMAND, PythonLock
from tdaflink.domain.artifacts.python_lock_settings import LockSource
from tdaflink.domain.errors import ConfigError, NotFound, Refused, Unreachable
from tdaflink.resources import profiles_folder

_HEADER = f"# Made by `{LOCK_COMMAND}`. Install with: pip install --require-hashes --no-deps -r FILE\n"
# gudhi's wheels for macOS are made for this version and newer.
_ENVIRON = {"MACOSX_DEPLOYMENT_TARGET": "14.0", "UV_PYTHON_DOWNLOADS": "never"}
_COMPILE_SECONDS = 600.0
_INPUT = "tdaflink.in"
_HINT = "UV_DEFAULT_INDEX names another package index, UV_FIND_LINKS a folder of wheels"


def python_lock_path(name: str) -> Path:
    """Return the path of the shipped lock of that name."""
    return profiles_folder() / "python" / f"{name}.lock.txt"


def read_python_lock(name: str) -> str:
    """Return the text of a shipped lock: local, image or build."""
    path = python_lock_path(name)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"cannot read the lock {path}: {error.strerror}", hint=LOCK_COMMAND) from error


def load_python_lock(name: str) -> PythonLock:
    """Read a shipped lock: local, image or build."""
    return PythonLock.from_text(read_python_lock(name), source=str(python_lock_path(name)))


def save_python_lock(name: str, text: str) -> None:
    """Write a lock file."""
    write_atomically(python_lock_path(name), text)


def extra_requirements(extra: str, without: Sequence[str] = ()) -> list[str]:
    """List the requirements of an extra of the installed package, sorted, without the extra's condition."""
    condition = re.compile(rf"""(?:;\s*|\s+and\s+)extra == ['"]{re.escape(extra)}['"]$""")
    try:
        requirements = metadata.requires("tdaflink") or []
    except metadata.PackageNotFoundError as error:
        raise ConfigError(
            "the package tdaflink is not installed, so its extras cannot be read", hint="pip install tdaflink"
        ) from error
    selected = {condition.sub("", text) for text in requirements if condition.search(text)}
    if not selected:
        raise ConfigError(f"the package has no extra {extra!r}")
    return sorted(text for text in selected if package_name(text) not in without)


def package_name(requirement: str) -> str:
    """Return the normalized name that a requirement begins with."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def lock_roots(source: LockSource) -> list[str]:
    """List the requirements that a lock is made from."""
    if source.extra is None:
        return sorted(source.packages)
    return extra_requirements(source.extra, source.without)


def compile_lock(source: LockSource, before: str | None) -> str:
    """Resolve a lock's roots to versions and hashes; versions in `before` are kept if still compatible.

    Raises:
        Refused: the requirements have no solution.
        Unreachable: no package index responds.
    """
    versions = load_versions().python
    if source.platform is None:
        oldest = min(versions.cluster, key=_version_key)
        target = ["--universal", "--python-version", oldest]
    else:
        target = ["--python-platform", source.platform, "--python-version", versions.image]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "lock.txt"
        if before is not None:
            out.write_text(before, encoding="utf-8")
        _compile(folder, lock_roots(source), source.without, [*target, "--generate-hashes", "-o", str(out)])
        return _HEADER + out.read_text(encoding="utf-8")


def resolve(
    roots: Sequence[str], target: str, python: str, constraints: PythonLock | None = None
) -> frozenset[str] | None:
    """Return the names of the roots and their dependencies on a platform; None if a wheel is missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = ["--python-platform", target, "--python-version", python, "--no-annotate", "-o", "found.txt"]
        if constraints is not None:
            pinned = "".join(f"{package}\n" for package in constraints.packages)
            (folder / "locked.txt").write_text(pinned, encoding="utf-8")
            words += ["--constraint", "locked.txt"]
        try:
            _compile(folder, roots, (), words)
        except Refused as error:
            if "No solution found" in (error.detail or ""):
                return None
            raise
        lines = (folder / "found.txt").read_text(encoding="utf-8").splitlines()
        return frozenset(package_name(line) for line in lines if line)


def command_requirements() -> list[str]:
    """List the requirements of the package without extras."""
    return sorted(text for text in metadata.requires("tdaflink") or [] if "extra ==" not in text)


def platforms_path() -> Path:
    """Return the path of the shipped table of platforms."""
    return profiles_folder() / "python" / "platforms.json"


def load_platforms() -> tuple[PlatformSupport, ...]:
    """Read the shipped table of platforms."""
    path = platforms_path()
    try:
        return platforms_from_json(path.read_text(encoding="utf-8"), source=str(path))
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}", hint=LOCK_COMMAND) from error


def save_platforms(rows: Sequence[PlatformSupport]) -> None:
    """Write the table of platforms."""
    write_atomically(platforms_path(), platforms_to_json(rows))


def _compile(folder: Path, roots: Sequence[str], without: Sequence[str], words: Sequence[str]) -> None:
    (folder / _INPUT).write_text("".join(f"{root}\n" for root in roots), encoding="utf-8")
    (folder / "left-out.txt").write_text(
        "".join(f"{package} ; python_version < '0'\n" for package in without), encoding="utf-8"
    )
    source_only = [f"--no-binary={package}" for package in load_python_settings().source_only]
    fixed = ["--no-header", "--quiet", "--python", sys.executable, "--only-binary=:all:", *source_only]
    command = ["pip", "compile", _INPUT, "--override", "left-out.txt", *fixed, *words]
    try:
        run_uv(command, seconds=_COMPILE_SECONDS, environ=_ENVIRON, cwd=folder)
    except Unreachable as error:
        raise Unreachable("no package index answers uv", detail=error.detail, hint=_HINT) from error
    except Refused as error:
        raise Refused(f"uv cannot resolve {', '.join(roots)}", detail=error.detail, hint=_HINT) from error


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
