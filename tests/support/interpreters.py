"""Interpreters of this machine by version, and the interpreter of local clusters."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tdaflink.adapters.local_runtime.java import LocalJava, find_local_java
from tdaflink.adapters.python.cluster_python import plan_python, prepare_python
from tdaflink.domain.artifacts.cluster_python import PackageSources
from tdaflink.domain.progress import Silent


def find_interpreter(version: str) -> Path | None:
    """Return an executable interpreter X.Y on the PATH or of pyenv; None if there is none."""
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in _candidates(version):
        try:
            ran = subprocess.run([path, "-c", asked], capture_output=True, text=True, timeout=60, check=False)
        except OSError:
            continue
        if ran.stdout.strip() == version:
            return path
    return None


@lru_cache
def local_packages() -> LocalJava:
    """Return Flink and Java of a local cluster; install them in the cache if this Python has none."""
    python = prepare_python(plan_python(None, ""), PackageSources(), Silent())
    return find_local_java(python, "local")


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        path = Path(folder) / f"python{version}"
        if path.is_file():
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
