"""Lock files of Python packages: resolution, and comparison with their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tdaflink.adapters.python.locks import (
    command_requirements,
    compile_lock,
    extra_requirements,
    load_platforms,
    load_python_lock,
    lock_roots,
    package_name,
    python_lock_path,
    resolve,
    save_platforms,
    save_python_lock,
)
from tdaflink.adapters.storage.shipped_profiles import load_python_settings, load_versions
from tdaflink.domain.artifacts.platforms import PlatformSupport, support_of
from tdaflink.domain.artifacts.python_lock import PythonLock, PythonLockResult, lock_changes
from tdaflink.domain.artifacts.python_lock_settings import Platform
from tdaflink.domain.errors import NotFound
from tdaflink.domain.progress import Reporter

_PARALLEL = 4


def lock_python(reporter: Reporter, *, upgrade: bool = False, write: bool = True) -> PythonLockResult:
    """Resolve every lock and the table of platforms; compatible versions are kept unless `upgrade`."""
    sources = load_python_settings().locks
    with reporter.step("resolving the locks"), ThreadPoolExecutor(_PARALLEL) as pool:
        texts = dict(
            zip(sources, pool.map(lambda name: _compiled(name, upgrade=upgrade), sources), strict=True)
        )
    changes = []
    for name, text in texts.items():
        change = lock_changes(name, _existing(name), PythonLock.from_text(text, source=name))
        changes.append(change)
        if write and not change.fits:
            save_python_lock(name, text)
    platforms, shipped = platform_table(reporter), _shipped_platforms()
    changed = tuple(row.platform for row in platforms if row not in shipped)
    if write:
        save_platforms(platforms)
    return PythonLockResult(tuple(changes), changed)


def _compiled(name: str, *, upgrade: bool) -> str:
    path = python_lock_path(name)
    before = path.read_text(encoding="utf-8") if path.is_file() and not upgrade else None
    return compile_lock(load_python_settings().locks[name], before)


def platform_table(reporter: Reporter) -> Sequence[PlatformSupport]:
    """Resolve the command, the engine, and the cluster's locked packages for each platform."""
    settings = load_python_settings()
    with reporter.step("resolving for each platform") as step, ThreadPoolExecutor(_PARALLEL) as pool:
        rows = []
        for row in pool.map(_support, settings.platforms):
            rows.append(row)
            step.advance(len(rows), len(settings.platforms))
    return rows


def _support(platform: Platform) -> PlatformSupport:
    settings, pythons = load_python_settings(), load_versions().python
    newest = next(python for python in pythons.command if python not in pythons.pyflink)
    local, engine, control = (
        lock_roots(settings.locks["local"]),
        extra_requirements("engine"),
        command_requirements(),
    )
    resolved = resolve(local, platform.target, pythons.cluster[0], load_python_lock("local"))
    # The Java package has wheels for every platform: it is excluded where Flink has none.
    optional = {package_name(root) for root in engine} | {*settings.needed.local}
    return PlatformSupport(
        platform=platform.name,
        local=support_of(optional, settings.needed.local, resolved),
        engine=support_of(
            map(package_name, engine), settings.needed.engine, resolve(engine, platform.target, newest)
        ),
        containers=platform.containers,
        control=support_of((), ("tdaflink",), resolve(control, platform.target, newest)),
    )


def _shipped_platforms() -> Sequence[PlatformSupport]:
    try:
        return load_platforms()
    except NotFound:
        return ()


def _existing(name: str) -> PythonLock | None:
    try:
        return load_python_lock(name)
    except NotFound:
        return None
