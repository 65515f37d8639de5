"""Locks between the processes of one machine; on Linux also between different users."""

from __future__ import annotations

import errno
import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tdaflink.adapters.storage.paths import map_write_errors, private_folder, user_runtime_folder
from tdaflink.domain.errors import Locked
from tdaflink.domain.polling import poll

_POLL_SECONDS = 0.1


@contextmanager
def submission_lock(rest_url: str, seconds: float) -> Iterator[None]:
    """Hold the lock for running a main() on the JobManager at `rest_url`.

    Flink's PythonDriver keeps its gateway in a static field, so two concurrent runs block the JobManager.
    Raises `Locked` after `seconds`.
    """
    name = hashlib.sha256(rest_url.encode()).hexdigest()[:24]
    for _ in poll(max(seconds, _POLL_SECONDS), every=_POLL_SECONDS):
        lock = MachineLock.taken(name)
        if lock is not None:
            with lock:
                yield
            return
    raise Locked(
        f"another submission to {rest_url} has been under way for more than {seconds:g} s",
        hint="wait for it, or stop it if it hangs",
    )


class PortClaims:
    """Port offsets that no other process of this machine may choose until the claims are closed.

    A free port is bound only seconds after the check; until then another setup would also consider it free.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def take(self, offset: int) -> bool:
        """Claim the offset; False if another process has it."""
        lock = MachineLock.taken(f"ports-{offset}")
        if lock is None:
            return False
        self._held.enter_context(lock)
        return True


class MachineLock:
    """A named lock of this machine, which is released at the latest when its process ends.

    On Linux it is an abstract socket, which all users share and which needs no file that another user could
    create first; elsewhere it is a file in a folder of this user alone.
    """

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    def __enter__(self) -> MachineLock:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @classmethod
    def taken(cls, name: str) -> MachineLock | None:
        """Take the lock of that name; None while another process holds it."""
        held = ExitStack()
        taken = _take_socket(name, held) if sys.platform == "linux" else None
        if taken is None:
            taken = _take_file(name, held)
        return cls(held) if taken else None


def _take_socket(name: str, held: ExitStack) -> bool | None:
    """Bind the abstract socket; False if the name is taken, None if the system has no such sockets."""
    try:
        claim = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        claim.bind(f"\0tdaflink/{name}")
    except OSError as error:
        held.close()
        return False if error.errno == errno.EADDRINUSE else None
    return True


def _take_file(name: str, held: ExitStack) -> bool:
    from filelock import FileLock, Timeout

    folder = private_folder(user_runtime_folder() / "locks")
    try:
        with map_write_errors(folder):
            held.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
    except Timeout:
        return False
    return True
