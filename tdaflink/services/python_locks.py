"""The locks of Python packages: make them, and say whether they fit what they are made from."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.adapters.profiles import load_python_settings
from tdaflink.adapters.python_lock import compile_lock, load_python_lock, python_lock_path, save_python_lock
from tdaflink.domain.errors import NotFound
from tdaflink.domain.progress import Reporter
from tdaflink.domain.python_lock import PythonLock, PythonLockChanges, lock_changes


def lock_python(
    reporter: Reporter, *, upgrade: bool = False, write: bool = True
) -> Sequence[PythonLockChanges]:
    """Resolve every lock; versions that still fit are kept unless `upgrade`. Files change only if `write`."""
    changes = []
    for name, source in load_python_settings().locks.items():
        with reporter.step(f"resolving {name}") as step:
            path = python_lock_path(name)
            before = path.read_text(encoding="utf-8") if path.is_file() else None
            text = compile_lock(source, None if upgrade else before)
            found = lock_changes(name, _existing(name), PythonLock.from_text(text, source=str(path)))
            changes.append(found)
            if found.fits:
                step.unchanged(f"{name}: {found.packages} packages, as locked")
            elif write:
                save_python_lock(name, text)
    return changes


def _existing(name: str) -> PythonLock | None:
    try:
        return load_python_lock(name)
    except NotFound:
        return None
