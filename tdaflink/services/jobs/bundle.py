"""Bundles: the archive of a job's code for the cluster, byte-reproducible and named by its content."""

from __future__ import annotations

import glob
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tdaflink.adapters.storage.user_files import read_bytes
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.resources import formats_folder, jobs_folder

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of the zip format: builds must not differ by time
_MANIFEST = b"Manifest-Version: 1.0\r\nCreated-By: tdaflink\r\n\r\n"
_LARGEST = 64 * 2**20
_EXCLUDED_FOLDERS = {"__pycache__", "build", "dist", "node_modules", "venv"}


@dataclass(frozen=True)
class Bundle:
    """An archive of a job's code. `module` is run by PythonDriver; `files` are the paths in the archive."""

    name: str
    sha256: str
    module: str
    files: Sequence[str]
    content: bytes


def shipped_bundle(include: Sequence[str] = (), carried: Mapping[str, bytes] | None = None) -> Bundle:
    """Build the bundle of the shipped job, with the files of the `include` globs at its top level.

    `carried` has the additional files of an earlier bundle, by name; files of `include` replace them.
    Raises `NotFound` for an empty glob, and `UsageError` for a name that the job's own files have.
    """
    folder, shared = jobs_folder(), formats_folder()
    own = [folder / "main.py", *_package_files(folder / "tdajob")]
    named: dict[str, Path | bytes] = {path.relative_to(folder).as_posix(): path for path in own}
    named |= {path.relative_to(shared.parent).as_posix(): path for path in _package_files(shared)}
    further: dict[str, Path | bytes] = dict(carried or {})
    for path in included_files(include):
        if path.name in named or path.stem in ("tdajob", "tdaformats"):
            raise UsageError(f"--include: the bundle already has a {path.name}", hint="rename the file")
        further[path.name] = path
    return _build("main", folder, {**further, **named})


def included_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that match globs, relative to the current folder. Raises `NotFound`."""
    files: list[Path] = []
    for pattern in patterns:
        matched = sorted(Path(name) for name in glob.glob(pattern) if Path(name).is_file())
        if not matched:
            raise NotFound(f"--include: no file matches {pattern!r}", hint="give the path of a file")
        files += [path for path in matched if path not in files]
    return files


def script_bundle(script: Path, include: Sequence[str] = ()) -> Bundle:
    """Build the bundle of a script with the modules and packages of its folder and the `include` globs.

    Globs are relative to the script's folder. Raises `NotFound` for a missing script or an empty glob.
    """
    if not script.is_file():
        raise NotFound(f"--job: there is no file {script}", hint="give the path of a Python file")
    if script.suffix != ".py":
        raise UsageError(f"--job: {script} is not a Python file (.py)")
    folder = script.resolve().parent
    files = {script.resolve(), *(path for path in folder.glob("*.py") if path.is_file())}
    for package in folder.iterdir():
        if (package / "__init__.py").is_file() and package.name not in _EXCLUDED_FOLDERS:
            files.update(_package_files(package))
    for pattern in include:
        try:
            below = [path for path in folder.glob(pattern) if path.is_relative_to(folder)]
            matched = [path for path in below if path.is_file()]
        except (ValueError, NotImplementedError):
            raise UsageError(f"--include: {pattern!r} is not a pattern below {folder}") from None
        if not matched:
            raise NotFound(f"--include: no file below {folder} matches {pattern!r}")
        files.update(matched)
    named: dict[str, Path | bytes] = {path.relative_to(folder).as_posix(): path for path in files}
    return _build(script.stem, folder, named)


def _package_files(package: Path) -> list[Path]:
    return [
        path
        for path in package.rglob("*.py")
        if path.is_file() and not _EXCLUDED_FOLDERS & set(path.relative_to(package).parts[:-1])
    ]


def _build(module: str, folder: Path, files: Mapping[str, Path | bytes]) -> Bundle:
    named = sorted(files.items())
    buffer = io.BytesIO()
    # Stored, not deflated: zlib's output differs between its versions, and the bundle's hash must not.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "META-INF/MANIFEST.MF", _MANIFEST)
        for name, source in named:
            _add(archive, name, source if isinstance(source, bytes) else _content(source, folder))
            if buffer.tell() > _LARGEST:
                raise _too_large(folder, name)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    return Bundle(f"tdaflink-{sha256[:24]}.jar", sha256, module, [name for name, _ in named], content)


def _content(path: Path, folder: Path) -> bytes:
    """Read a file, unless it exceeds the size limit of a bundle."""
    if path.stat().st_size > _LARGEST:
        raise _too_large(folder, path.name)
    return read_bytes(path, "the bundle", limit=_LARGEST)


def _too_large(folder: Path, name: str) -> UsageError:
    return UsageError(
        f"the bundle of {folder} exceeds {_LARGEST // 2**20} MiB at {name}",
        hint="put the script into a separate folder, and add further files with --include",
    )


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content)
