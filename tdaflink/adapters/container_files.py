"""Checkpoints and savepoints in a volume, which the containers of an environment alone can open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tdaflink.domain.snapshots import MAGIC, METADATA, StoredFile, canonical

# Runs in a container and prints JSON. The first bytes of _metadata come with it: one call for all.
_WALK = """
import json, os, sys
found = []
for place, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(place, name)
        try:
            status = os.stat(path)
            head = open(path, "rb").read(int(sys.argv[3])).hex() if name == sys.argv[2] else ""
        except OSError:
            continue
        found.append([path, status.st_size, status.st_mtime, head])
print(json.dumps(found))
"""
_HEAD = """
import json, sys
try:
    head = open(sys.argv[1], "rb").read(int(sys.argv[2])).hex()
except OSError:
    head = ""
print(json.dumps(head))
"""
_REMOVE = "import shutil, sys; shutil.rmtree(sys.argv[1]); print('null')"


class ContainerFiles:
    """Files as a container sees them. `run` prints what a Python program prints there."""

    def __init__(self, run: Callable[..., str]) -> None:
        self._run = run
        self._heads: dict[str, bytes] = {}

    def walk(self, folder: str) -> list[StoredFile]:
        files = self._ask(_WALK, _inside(folder), METADATA, str(len(MAGIC)))
        found = [StoredFile(f"file://{path}", size, modified) for path, size, modified, _ in files]
        self._heads = {f"file://{path}": bytes.fromhex(head) for path, _, _, head in files if head}
        return found

    def head(self, path: str, count: int) -> bytes:
        known = self._heads.get(path, b"")
        if len(known) >= count:
            return known[:count]
        return bytes.fromhex(self._ask(_HEAD, _inside(path), str(count)))

    def remove(self, folder: str) -> None:
        self._ask(_REMOVE, _inside(folder))

    def sees(self, path: str) -> bool:  # noqa: ARG002 - every container of the cluster has the volume
        return True

    def _ask(self, program: str, *arguments: str) -> Any:
        return json.loads(self._run(program, *arguments))


def _inside(address: str) -> str:
    return canonical(address).removeprefix("file://")
