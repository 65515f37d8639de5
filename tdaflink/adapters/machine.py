"""What this machine has."""

from __future__ import annotations

import psutil


def memory_megabytes() -> tuple[int, int]:
    """All memory, and what programs can have of it now."""
    memory = psutil.virtual_memory()
    return memory.total // 2**20, memory.available // 2**20
