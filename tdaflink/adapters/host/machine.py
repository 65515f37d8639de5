"""Facts of this machine: memory, programs that set its clock, the user's rights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

_CAP_SYS_TIME = 25


def memory_megabytes() -> tuple[int, int]:
    """Return total and available memory in MB."""
    memory = psutil.virtual_memory()
    return memory.total // 2**20, memory.available // 2**20


def clock_setters() -> tuple[str, ...] | None:
    """Return the programs that can set the clock by the network; None in a container, which may not."""
    if not _may_set_clock():
        return None
    programs = [name for name in ("chronyc", "ntpdate", "busybox") if shutil.which(name)]
    return (*(["timedatectl"] if Path("/run/systemd/system").is_dir() else []), *programs)


def is_root() -> bool:
    """Return whether this user has all rights."""
    return os.geteuid() == 0


def _may_set_clock() -> bool:
    """Return whether the clock may be set: containers, and all users in them, lack CAP_SYS_TIME."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True  # not Linux, so not a container either
    allowed = next((line.split()[1] for line in lines if line.startswith("CapBnd:")), "ffffffffffffffff")
    return bool(int(allowed, 16) >> _CAP_SYS_TIME & 1)
