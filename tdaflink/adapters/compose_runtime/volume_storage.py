"""Checkpoints and savepoints in a volume, which only the containers of an environment can open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tdaflink.domain.jobs.state_snapshots import MAGIC, METADATA, StoredFile, canonical

# Runs in a container and prints JSON. It includes the first bytes of _metadata: one call for all.
_WALK = """
import json, os, sys
files = []
for place, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(place, name)
        try:
            status = os.stat(path)
            head = open(path, "rb").read(int(sys.argv[3])).hex() if name == sys.argv[2] else ""
        except OSError:
            continue
        files.append([path, status.st_size, status.st_mtime, head])
print(json.dumps(files))
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
    """Files in the file system of a container. `run` runs a Python program there and returns its output."""

    def __init__(self, run: Callable[..., str]) -> None:
        self._run = run
        self._heads: dict[str, bytes] = {}

    def walk(self, folder: str) -> list[StoredFile]:
        files = self._run_json(_WALK, _container_path(folder), METADATA, str(len(MAGIC)))
        self._heads = {f"file://{path}": bytes.fromhex(head) for path, _, _, head in files if head}
        return [StoredFile(f"file://{path}", size, modified) for path, size, modified, _ in files]

    def head(self, path: str, count: int) -> bytes:
        head = self._heads.get(path, b"")
        if len(head) >= count:
            return head[:count]
        return bytes.fromhex(self._run_json(_HEAD, _container_path(path), str(count)))

    def remove(self, folder: str) -> None:
        self._run_json(_REMOVE, _container_path(folder))

    def sees(self, path: str) -> bool:  # noqa: ARG002 - the volume is mounted in every Flink container
        return True

    def _run_json(self, program: str, *arguments: str) -> Any:
        return json.loads(self._run(program, *arguments))


def _container_path(address: str) -> str:
    return canonical(address).removeprefix("file://")
