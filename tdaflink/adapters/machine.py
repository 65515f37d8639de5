"""What this machine has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

_CAP_SYS_TIME = 25


def memory_megabytes() -> tuple[int, int]:
    """All memory, and what programs can have of it now."""
    memory = psutil.virtual_memory()
    return memory.total // 2**20, memory.available // 2**20


def clock_setters() -> tuple[str, ...] | None:
    """The programs here that set this machine's clock by the network; None in a container, which has none."""
    if not _may_set_clock():
        return None
    found = [name for name in ("chronyc", "ntpdate", "busybox") if shutil.which(name)]
    return (*(["timedatectl"] if Path("/run/systemd/system").is_dir() else []), *found)


def is_root() -> bool:
    """Whether everything may be done without asking for more rights."""
    return os.geteuid() == 0


def _may_set_clock() -> bool:
    """Containers lack the capability CAP_SYS_TIME, and so does everybody in them."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True  # not a Linux, so not a container either
    allowed = next((line.split()[1] for line in lines if line.startswith("CapBnd:")), "ffffffffffffffff")
    return bool(int(allowed, 16) >> _CAP_SYS_TIME & 1)
