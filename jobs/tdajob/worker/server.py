"""Child's side of a kept process: request loop, resource limits, and its end when the parent ends."""

from __future__ import annotations

import math
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from tdajob.topology import wire

Reply = Callable[[wire.Header, bytearray], tuple[wire.Header, bytes]]

_PARENT_CHECK_SECONDS = 0.5
_SPARE_BYTES = 256 << 20
"""Address space in addition to the computation's: thread stacks, allocator arenas, lazy imports."""
_SPARE_CPU_SECONDS = 2


def serve(
    request_fd: int,
    reply_fd: int,
    parent: int,
    memory_bytes: int,
    *,
    load: Callable[[], None],
    reply: Reply,
) -> None:
    """Answer requests by `reply` until the parent closes its pipe or ends.

    `load` imports all dependencies before memory is limited to `memory_bytes` above the memory in use. A
    request's header has its time limit in seconds as `timeout`.
    """
    # The parent handles an interrupt from the terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    load()
    _bound_memory(memory_bytes)
    try:
        wire.send(reply_fd, {"ready": True})
        while True:
            header, payload = wire.receive(request_fd)
            _bound_cpu_time(header["timeout"])
            wire.send(reply_fd, *reply(header, payload))
    except (EOFError, BrokenPipeError):
        return


def _end_with(parent: int) -> None:
    """End this process when the parent has ended, even during a computation.

    The parent is the process that requested the start, which may differ from the process that forked it.
    """
    if hasattr(os, "pidfd_open"):
        with suppress(ProcessLookupError):
            select.select([os.pidfd_open(parent)], [], [])
    else:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(1)


def _bound_memory(memory_bytes: int) -> None:
    """Limit memory, so that a computation fails with MemoryError before the system's OOM killer acts."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            in_use = int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        # Only Linux has /proc, and only Linux enforces the limit.
        return
    _lower_limit(resource.RLIMIT_AS, in_use + memory_bytes + _SPARE_BYTES)


def _bound_cpu_time(timeout: float) -> None:
    """Limit CPU time, for computations that hold the GIL: `_end_with` cannot run then, if the parent ends."""
    used = time.process_time()
    allowed = timeout * (os.cpu_count() or 1) + _SPARE_CPU_SECONDS
    _lower_limit(resource.RLIMIT_CPU, math.ceil(used + allowed))


def _lower_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))
