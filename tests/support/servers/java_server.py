"""Servers that tests start next to the cluster, each a local process."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tdaflink.adapters.local_runtime.java import end_of_file
from tdaflink.domain.polling import poll


@contextmanager
def started(
    command: Sequence[str], log: Path, ready: Callable[[], bool], *, seconds: float = 60, **how: Any
) -> Iterator[None]:
    """Run a server during the block, which starts when the server is ready."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **how)
    try:
        for _ in poll(seconds, every=0.1):
            if process.poll() is not None or ready():
                break
        assert process.poll() is None, f"{log.stem} has ended:\n{end_of_file(log)}"
        assert ready(), f"{log.stem} did not come up within {seconds:g} s:\n{end_of_file(log)}"
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Return whether a GET of the URL succeeds."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def listens(port: int) -> bool:
    """Return whether a server listens on a local port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a local port on which nothing listens."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])
