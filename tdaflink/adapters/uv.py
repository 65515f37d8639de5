"""Run uv: the program of the package of that name, else the one on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tdaflink.domain.errors import DeadlinePassed, MissingExtra

UV_SECONDS = 600.0


def find_uv() -> Path:
    """Return the path of uv. Raises `MissingExtra` where there is none."""
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return Path(found)
    raise MissingExtra("uv is not installed", hint="pip install uv")


def run_uv(
    words: Sequence[str],
    *,
    seconds: float = UV_SECONDS,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run uv without a terminal and return what it printed, whatever its exit status.

    Raises:
        MissingExtra: there is no uv.
        DeadlinePassed: it did not end within `seconds`.
    """
    command = [str(find_uv()), *words]
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlinePassed(f"uv {words[0]} did not end within {seconds:.0f} s") from error
