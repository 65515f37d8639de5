"""Memory of the container that this process runs in, as the kernel's control groups count it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Without a limit, version 1 of control groups reports a value near 2^63.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class ContainerMemory:
    """Bytes used, without the page cache that the kernel can reclaim, and the limit in bytes."""

    used: int
    limit: int


def container_memory(root: Path = Path("/sys/fs/cgroup")) -> ContainerMemory | None:
    """Return None where this process has no limit, or the kernel does not report it."""
    for folder, limit, used, cache in (
        (root, "memory.max", "memory.current", "inactive_file"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            allowed = (folder / limit).read_text(encoding="ascii").strip()
            if not allowed.isdigit() or int(allowed) >= _NO_LIMIT:
                continue
            held = int((folder / used).read_text(encoding="ascii"))
            return ContainerMemory(max(0, held - _stat(folder, cache)), int(allowed))
        except OSError:
            continue
    return None


def _stat(folder: Path, name: str) -> int:
    lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
