"""The state of a folder in git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tdaflink.domain.jobs.history import Git

_SECONDS = 5.0


def git_state(folder: Path) -> Git | None:
    """Return commit, branch and whether the folder has changes; None without git or a commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD") or ""
    return Git(commit, branch, bool(_git(folder, "status", "--porcelain", "--", ".")))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user's shell finds
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
