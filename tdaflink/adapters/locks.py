"""Locks between the processes of one machine, also of different users where the system has such locks."""

from __future__ import annotations

import errno
import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tdaflink.adapters.folders import private_folder, user_runtime_folder, writing
from tdaflink.domain.errors import Locked
from tdaflink.domain.waiting import poll

_LOOK_SECONDS = 0.1


@contextmanager
def submission_lock(rest_url: str, seconds: float) -> Iterator[None]:
    """Hold the right to run a main() on the JobManager at `rest_url`.

    Flink's PythonDriver keeps its gateway in a static field, so two runs at once wedge the JobManager.
    Raises `Locked` after `seconds`.
    """
    name = hashlib.sha256(rest_url.encode()).hexdigest()[:24]
    for _ in poll(max(seconds, _LOOK_SECONDS), every=_LOOK_SECONDS):
        lock = MachineLock.taken(name)
        if lock is not None:
            with lock:
                yield
            return
    raise Locked(
        f"another submission to {rest_url} has been under way for more than {seconds:g} s",
        hint="wait for it, or end it if it hangs",
    )


class PortClaims:
    """Port offsets that no other process of this machine may choose until this is closed.

    A port that was found free is bound seconds later; in between another setup would find it free, too.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def take(self, offset: int) -> bool:
        """Whether the offset is this setup's from now on."""
        lock = MachineLock.taken(f"ports-{offset}")
        if lock is None:
            return False
        self._held.enter_context(lock)
        return True


class MachineLock:
    """A name that one process of this machine holds at a time; it is free again once that has ended.

    On Linux it is an abstract socket, which all users share and which leaves no file that another user could
    have put there; elsewhere it is a file in a folder of this user alone.
    """

    def __init__(self, held: ExitStack) -> None:
        self._held = held

    def __enter__(self) -> MachineLock:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @classmethod
    def taken(cls, name: str) -> MachineLock | None:
        """The lock of that name; None while another process has it."""
        held = ExitStack()
        taken = _take_socket(name, held) if sys.platform == "linux" else None
        if taken is None:
            taken = _take_file(name, held)
        return cls(held) if taken else None


def _take_socket(name: str, held: ExitStack) -> bool | None:
    """Whether the name is free; None where the system has no such sockets."""
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
        with writing(folder):
            held.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
    except Timeout:
        return False
    return True
