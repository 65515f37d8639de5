"""A program for the cluster's own Python, which need not have tdaflink: it uses the standard library only.

It reads a JSON request from its first argument, and prints the result as one line of JSON.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
import tempfile
import time
from importlib import import_module, metadata
from typing import Any

_CONNECT_SECONDS = 3.0
_WRITTEN_BYTES = 1 << 20


def answer(request: dict[str, Any]) -> dict[str, Any]:
    modules, broken = {}, {}
    for name, package in request["modules"].items():
        try:
            import_module(name)
            modules[name] = metadata.version(package)
        except Exception as error:
            broken[name] = f"{type(error).__name__}: {error}"
    return {
        "python": platform.python_version(),
        "modules": modules,
        "broken": broken,
        "unreachable": {place: why for place in request["places"] if (why := _unreachable(place))},
        "folders": {folder: _unwritable(folder) for folder in request["folders"]},
        "now": time.time(),
    }


def _unreachable(place: str) -> str:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _unwritable(folder: str) -> str:
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        with tempfile.NamedTemporaryFile(prefix=".tdaflink-probe-", dir=folder) as file:
            file.write(os.urandom(_WRITTEN_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(sys.argv[1]))))
