"""Calls of this command in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tdaflink.domain.errors import ConfigError


def run_json(words: Sequence[str], folder: Path, *, quiet: bool = False) -> tuple[int, Any]:
    """Return exit code and JSON of a call; its stderr is shown unless `quiet`."""
    ran = subprocess.run(
        _command([*words, "-o", "json"]),
        cwd=_existing(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    return ran.returncode, json.loads(ran.stdout) if ran.returncode == 0 else None


def run_in(words: Sequence[str], folder: Path) -> int:
    """Run a call in the terminal and return its exit code."""
    return subprocess.run(_command(words), cwd=_existing(folder), check=False).returncode


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tdaflink", *arguments]


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"the folder {folder}, in which the plan was made, no longer exists")
    return folder
