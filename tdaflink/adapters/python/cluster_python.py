"""The Python of local clusters: the command's interpreter if suitable, else a cached virtual environment.

Environments are stored below cache/python, one folder for each lock and interpreter; all local clusters share
them. A folder is complete once it has its record, which is written last: the next call resumes an interrupted
installation from uv's own cache.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from tdaflink.adapters.python import interpreter_program
from tdaflink.adapters.python.locks import python_lock_path, read_python_lock
from tdaflink.adapters.python.uv import INSTALL_SECONDS, find_uv, run_uv
from tdaflink.adapters.storage.paths import (
    cache_folder,
    ensure_dir,
    map_write_errors,
    require_free_disk,
    require_own,
    write_atomically,
)
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.domain.artifacts.cluster_python import (
    PACKAGES,
    Interpreter,
    PackageSources,
    PythonPlan,
    environment_key,
    misfit,
)
from tdaflink.domain.errors import (
    BadArtifact,
    ConfigError,
    Locked,
    MissingExtra,
    Refused,
    TdaflinkError,
    Unhealthy,
    Unreachable,
    UsageError,
)
from tdaflink.domain.progress import ProgressStep, Reporter
from tdaflink.domain.saved_values import checked, from_values

_PROBE_SECONDS = 30.0
_LOCK_SECONDS = 7200.0
# The packages, and uv's cache of them where it is on the same disk.
_FREE_MB = 1500
# Part of uv's error where a user's setting forbids uv to download interpreters.
_NO_DOWNLOADS = "python-downloads"
_RECORD = "tdaflink.json"
_LOCK = "requirements.lock.txt"
LOCAL = "local"


def installed_packages(python: str, environment: str, *, engines: bool = True) -> Interpreter:
    """Return the interpreter at `python` with the Flink and Java packages that a cluster needs.

    Without `engines` the job's engines may be missing: a cluster runs without them, until a job starts.

    Raises:
        MissingExtra: it does not exist, or packages are missing; the setup of `environment` installs them.
    """
    versions = load_versions()
    interpreter = _current_interpreter(python)
    missing = ["the interpreter itself"]
    if interpreter is not None:
        missing = interpreter.missing(versions.flink, versions.java, engines=engines)
    if interpreter is None or missing:
        raise MissingExtra(
            f"{python or 'the Python of the cluster'} cannot run a local cluster;"
            f" missing: {', '.join(missing)}",
            hint=f"tdaflink setup --env {environment} installs it",
        )
    return interpreter


def named_interpreter(text: str) -> str:
    """Return the path of the interpreter that --python names, if a local cluster can use it."""
    interpreter = _resolve_interpreter(text)
    if why := misfit(interpreter, load_versions().python.cluster):
        raise UsageError(f"--python {text}: {why}", hint="name another one, or --python auto")
    return str(interpreter.path)


def install_command(python: str, package: str, environment: str) -> str:
    """Return the command that installs a package for the Python of a local cluster."""
    if _record_of(python) is not None:
        return f"tdaflink setup --env {environment}"
    return f"{python} -m pip install '{package}'"


def kept_python(python: str) -> PythonPlan:
    """Return the plan for the interpreter of a running cluster: it is kept, and repaired where necessary."""
    record = _record_of(python)
    if record is None:
        return PythonPlan(python, "ready")
    action = "ready" if _is_intact(Path(python).parents[1]) else "repair"
    return PythonPlan(python, action, _interpreter(record["base"]))


def plan_python(named: str | None, saved: str) -> PythonPlan:
    """Choose the interpreter of a local cluster; nothing is installed or downloaded.

    `named` is the user's choice, `saved` the environment's interpreter so far.
    """
    minors = load_versions().python.cluster
    if named:
        interpreter = ask_interpreter(Path(named_interpreter(named)))
        return _ready_plan(interpreter) or _environment_plan(interpreter)
    own = _own_interpreter()
    if misfit(own, minors) is None and (ready := _ready_plan(own)):
        return ready
    if (record := _record_of(saved)) and is_current(record):
        return _environment_plan(_interpreter(record["base"]))
    for minor in minors:
        # The command's own interpreter precedes others of its version: it is known to work.
        for interpreter in chain([own], _installed_interpreters(minor)):
            if interpreter.minor == minor and misfit(interpreter, minors) is None:
                return _environment_plan(interpreter)
    return PythonPlan("", "download")


def prepare_python(plan: PythonPlan, sources: PackageSources, reporter: Reporter) -> str:
    """Execute the plan and return the path of the interpreter, which is ready to use.

    Idempotent; safe with several calls at once. Downloads an interpreter only if none is suitable.
    """
    if plan.ready:
        return plan.python
    if plan.action == "download":
        plan = _download_interpreter(sources, reporter)
    assert plan.interpreter is not None  # noqa: S101 - all plans but downloads have it
    folder = Path(plan.python).parents[1]
    with _locked(folder, reporter):
        # Another call may have created it while this one waited.
        if not _is_intact(folder):
            _install(folder, plan.interpreter, sources, reporter)
    return plan.python


def environments() -> list[Path]:
    """List the virtual environments in the cache, complete or not."""
    return sorted(path for path in _root().glob("*") if path.is_dir())


def environment_record(folder: Path) -> dict[str, Any] | None:
    """Return the record written when the environment was completed; None before that."""
    try:
        record = json.loads(read_own(folder / _RECORD, "record", "") or "")
        for name in ("base", "interpreter"):
            from_values(Interpreter, record[name], name)
        checked(tuple[str, ...], record["distributions"], "distributions")
        checked(str, record["lock"], "lock")
        return dict(record)
    except (ConfigError, ValueError, KeyError, TypeError, RecursionError):
        return None


def is_current(record: dict[str, Any]) -> bool:
    """Return whether an environment has the packages that this tdaflink installs."""
    return bool(record["lock"] == _digest(read_python_lock(LOCAL)))


def environment_bytes(folder: Path) -> int:
    """Return the size of an environment's files, without symbolic links, whose targets are in uv's cache."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def remove_environment(folder: Path) -> bool:
    """Remove a virtual environment; False while another call holds its lock."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock_file(folder), timeout=0), map_write_errors(folder):
            # First: an interrupted removal must not leave a folder that counts as complete.
            (folder / _RECORD).unlink(missing_ok=True)
            shutil.rmtree(folder)
    except Timeout:
        return False
    _lock_file(folder).unlink(missing_ok=True)
    return True


def _root() -> Path:
    return cache_folder() / "python"


def _python_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def _environment_plan(base: Interpreter) -> PythonPlan:
    folder = _root() / environment_key(read_python_lock(LOCAL), base)
    python = str(_python_in(folder))
    if not _is_complete(folder):
        return PythonPlan(python, "create", base)
    return PythonPlan(python, "ready" if _is_intact(folder) else "repair", base)


def _ready_plan(interpreter: Interpreter) -> PythonPlan | None:
    versions = load_versions()
    if interpreter.missing(versions.flink, versions.java):
        return None
    return PythonPlan(str(interpreter.path), "ready", interpreter)


def _resolve_interpreter(text: str) -> Interpreter:
    path = shutil.which(os.path.expanduser(text))
    if path is None:
        raise UsageError(f"--python {text}: no executable of that name", hint="name an interpreter")
    try:
        return ask_interpreter(Path(path).absolute())
    except Unhealthy as error:
        raise UsageError(f"--python {text}: {error.message}", hint="name an interpreter") from error


def _current_interpreter(python: str) -> Interpreter | None:
    """Return the interpreter's current facts; None if it cannot run.

    Starts a process only for interpreters outside of the cache.
    """
    if python and Path(python) == _own_interpreter().path:
        return _own_interpreter()
    if record := _record_of(python):
        return _interpreter(record["interpreter"]) if Path(python).exists() else None
    try:
        return ask_interpreter(Path(python))
    except TdaflinkError:
        return None


def _record_of(python: str) -> dict[str, Any] | None:
    """Return the record of the environment that contains `python`, if it is in the cache."""
    path = Path(python)
    if len(path.parts) <= 3:
        return None
    record = environment_record(path.parents[1])
    if record is not None:
        hint = "move it away: tdaflink setup installs the packages again"
        for part in (path.parents[1], path.parent, path):
            require_own(part, hint)
    return record


def _is_complete(folder: Path) -> bool:
    return environment_record(folder) is not None


@lru_cache
def _own_interpreter() -> Interpreter:
    return _to_interpreter(Path(sys.executable), interpreter_program.facts(PACKAGES))


@lru_cache
def ask_interpreter(python: Path) -> Interpreter:
    """Run an interpreter and return its version, platform and packages.

    Raises:
        Unhealthy: it cannot run, or is not Python.
    """
    program = Path(interpreter_program.__file__).read_text(encoding="utf-8")
    command = [str(python), "-c", program, *(f"{module}={package}" for module, package in PACKAGES.items())]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_SECONDS, env=environ, cwd="/", check=False
        )
        if ran.returncode:
            raise Unhealthy(f"{python} ended with {ran.returncode}", detail=ran.stderr[-2000:])
        return _to_interpreter(python, json.loads(ran.stdout.splitlines()[-1]))
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unhealthy(f"{python} cannot be run: {error}") from error
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise Unhealthy(f"{python} is not a Python interpreter") from error


def _to_interpreter(python: Path, facts: dict[str, Any]) -> Interpreter:
    return _interpreter({**facts, "path": python})


def _interpreter(values: dict[str, Any]) -> Interpreter:
    paths = {"path": Path(values["path"]), "base": Path(values["base"])}
    return Interpreter(**{**values, **paths, "folders": tuple(values["folders"])})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _to_json(interpreter: Interpreter) -> dict[str, Any]:
    return {**asdict(interpreter), "path": str(interpreter.path), "base": str(interpreter.base)}


def _installed_interpreters(minor: str) -> Iterator[Interpreter]:
    """Yield the interpreters of a version: those on the PATH, and those that uv has downloaded."""
    if find_uv() is None:
        names = (f"python{minor}", "python3", "python")
        paths = [Path(where) for name in names if (where := shutil.which(name))]
    else:
        # Not `python find`: it stops at the first shim of pyenv whose version is not selected.
        words = ("python", "list", "--only-installed", "--no-python-downloads", "--output-format", "json")
        listed = json.loads(run_uv([*words, minor], cwd=ensure_dir(_root())))
        paths = [Path(entry["path"]) for entry in listed]
    for path in paths:
        with suppress(Unhealthy):
            yield ask_interpreter(path)


def _download_interpreter(sources: PackageSources, reporter: Reporter) -> PythonPlan:
    """Download the preferred interpreter with uv and choose it."""
    minors = load_versions().python.cluster
    own = _own_interpreter()
    if why := misfit(replace(own, version=f"{minors[0]}.0"), minors):
        raise Unhealthy(
            f"no local cluster can run on this machine: {why}",
            hint="tdaflink setup --env dev runs it in containers; tdaflink env add adds an external cluster",
        )
    try:
        if sources.offline:
            raise Unreachable("--skip-jars allows no downloads")
        with reporter.step(f"downloading Python {minors[0]}") as step:
            words = ["python", "install", minors[0]]
            run_uv(words, seconds=INSTALL_SECONDS, cwd=ensure_dir(_root()), progress=step.update)
        for interpreter in _installed_interpreters(minors[0]):
            if misfit(interpreter, minors) is None:
                return _environment_plan(interpreter)
        raise Unhealthy("uv installed an interpreter, but does not list it")
    except TdaflinkError as error:
        raise MissingExtra(
            f"a local cluster needs Python {' or '.join(minors)}, and this tdaflink runs on {own.version}; no"
            f" suitable interpreter is on the PATH, and none could be downloaded: {error.message}",
            hint=_interpreter_hint(minors, allow=_NO_DOWNLOADS in error.message),
            detail=error.detail,
        ) from error


def _interpreter_hint(minors: Sequence[str], *, allow: bool) -> str:
    """Return the commands that provide an interpreter; with `allow`, if a setting forbids downloads."""
    uv = find_uv()
    install = f"{uv} python install {minors[0]}" if uv else f"{sys.executable} -m pip install uv"
    first = f"UV_PYTHON_DOWNLOADS=manual {install}" if allow else install
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    pythons = [
        path for minor in minors for path in sorted(versions.glob(f"{minor}.*/bin/python{minor}"))[-1:]
    ]
    path = str(pythons[0]) if pythons else "PATH"
    return f"{first}, then tdaflink setup; or tdaflink setup --python {path} with an installed interpreter"


def _install(folder: Path, base: Interpreter, sources: PackageSources, reporter: Reporter) -> None:
    """Install exactly the lock's packages into the folder; undamaged packages are kept."""
    require_free_disk(ensure_dir(folder), _FREE_MB)
    title = f"installing the cluster's packages for Python {base.version} (1.1 GB)"
    with reporter.step(title) as step, map_write_errors(folder):
        (folder / _RECORD).unlink(missing_ok=True)
        if _has_interpreter(folder, base):
            try:
                _sync(folder, sources, damaged_packages(folder), step)
            except Refused:
                _create_environment(folder, base)  # so damaged that uv cannot read the installed packages
                _sync(folder, sources, [], step)
        else:
            _create_environment(folder, base)
            _sync(folder, sources, [], step)
        if damaged := damaged_packages(folder):
            # Files are linked to uv's cache where the disk allows it, so the cache may be damaged, too.
            run_uv(["cache", "clean", *damaged], seconds=_LOCK_SECONDS, cwd=folder.parent)
            _sync(folder, sources, damaged, step)
        if damaged := damaged_packages(folder):
            raise BadArtifact(f"packages in {folder} are damaged again after a repair: {', '.join(damaged)}")
    _write_record(folder, base)


def _create_environment(folder: Path, base: Interpreter) -> None:
    """Create a virtual environment without packages in place of the folder's content."""
    words = ["venv", "--python", str(base.base), "--no-python-downloads", str(folder)]
    lock = _lock_of(folder)
    shutil.rmtree(folder)
    run_uv(words, seconds=_PROBE_SECONDS, cwd=folder.parent)
    write_atomically(folder / _LOCK, lock)


def _lock_of(folder: Path) -> str:
    """Return the lock that the environment is named after: an older one where a newer tdaflink repairs it."""
    try:
        lock = (folder / _LOCK).read_text(encoding="utf-8")
    except (OSError, ValueError):
        lock = ""
    return lock or read_python_lock(LOCAL)


def _write_record(folder: Path, base: Interpreter) -> None:
    """Write the record that marks the environment as complete."""
    ask_interpreter.cache_clear()
    installed = ask_interpreter(_python_in(folder))
    versions = load_versions()
    if missing := installed.missing(versions.flink, versions.java):
        raise BadArtifact(f"packages are missing from the lock of the cluster's Python: {', '.join(missing)}")
    record = {
        "lock": _digest(_lock_of(folder)),
        "base": _to_json(base),
        "interpreter": _to_json(installed),
        "distributions": [path.name for path in _distributions(folder)],
    }
    write_atomically(folder / _RECORD, json.dumps(record) + "\n")


def _has_interpreter(folder: Path, base: Interpreter) -> bool:
    """Return whether the environment's interpreter exists and has the version of its base."""
    try:
        ask_interpreter.cache_clear()
        return ask_interpreter(_python_in(folder)).version == base.version
    except Unhealthy:
        return False


def _sync(folder: Path, sources: PackageSources, damaged: Iterable[str], step: ProgressStep) -> None:
    lock = folder / _LOCK
    write_atomically(lock, _lock_of(folder))
    build = str(python_lock_path("build"))
    words = [
        "pip",
        "sync",
        "--require-hashes",
        "--build-constraints",
        build,
        "--python",
        str(_python_in(folder)),
        "--no-python-downloads",
    ]
    words += [word for name in damaged for word in ("--reinstall-package", name)]
    if sources.find_links is not None:
        words += ["--find-links", str(sources.find_links.expanduser().absolute())]
    if sources.offline:
        words += ["--offline", *(["--no-index"] if sources.find_links is not None else [])]
    try:
        run_uv([*words, str(lock)], seconds=INSTALL_SECONDS, cwd=folder, progress=step.update)
    except (Refused, Unreachable) as error:
        raise type(error)(
            f"could not install the cluster's Python packages: {error.message}",
            detail=error.detail,
            hint="tdaflink setup continues; behind a mirror, set UV_DEFAULT_INDEX (or pip's index-url);"
            " without a network, give a folder of wheels: setup --find-links DIR",
        ) from error


def _is_intact(folder: Path) -> bool:
    """Return whether the environment is complete and still has each installed file."""
    record = environment_record(folder)
    present = {path.name for path in _distributions(folder)}
    return (
        record is not None
        and _python_in(folder).exists()
        and present >= set(record["distributions"])
        and not damaged_packages(folder)
    )


def _distributions(folder: Path) -> list[Path]:
    return sorted(folder.glob("lib/python3.*/site-packages/*.dist-info"))


def damaged_packages(folder: Path) -> list[str]:
    """List the packages of which a file is missing or differs in size from its installation."""
    damaged = []
    for distribution in _distributions(folder):
        site = distribution.parent
        try:
            with (distribution / "RECORD").open(encoding="utf-8", newline="") as file:
                whole = all(_matches_record(site, row) for row in csv.reader(file) if row)
        except (OSError, csv.Error, UnicodeDecodeError):
            whole = False
        if not whole:
            damaged.append(distribution.name.split("-")[0])
    return damaged


def _matches_record(site: Path, row: list[str]) -> bool:
    if len(row) != 3 or not row[2]:
        return len(row) == 3 and (row[0].endswith(".pyc") or os.path.exists(site / row[0]))
    try:
        return os.stat(os.path.join(site, row[0])).st_size == int(row[2])
    except (OSError, ValueError):
        return False


def _lock_file(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.lock"


@contextmanager
def _locked(folder: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the environment's lock; other calls wait until it is released."""
    from filelock import FileLock, Timeout

    ensure_dir(folder.parent)
    lock = FileLock(_lock_file(folder))
    with map_write_errors(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            reporter.note("waiting for another tdaflink, which installs the same Python packages")
            try:
                lock.acquire(timeout=_LOCK_SECONDS, poll_interval=0.2)
            except Timeout:
                raise Locked(
                    f"another tdaflink is still installing Python packages after {_LOCK_SECONDS:g} s",
                    hint="wait for it or stop it, then try again",
                ) from None
    try:
        yield
    finally:
        lock.release()
