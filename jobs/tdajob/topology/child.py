"""The child process in which computations run that may run away or crash."""

from __future__ import annotations

import math
import os
import resource
import signal
import threading
import time
from importlib import import_module

from tdajob.topology import registry, wire
from tdajob.topology.execution import execute
from tdajob.topology.values import ComputationError

_PARENT_CHECK_SECONDS = 0.5
_SPARE_BYTES = 256 << 20
"""Address space beyond the computation's own: thread stacks, allocator arenas, lazy imports."""
_SPARE_CPU_SECONDS = 2


def main(request_fd: int, reply_fd: int, parent: int, memory_bytes: int) -> None:
    """Answer requests until the parent closes its end, or ends."""
    # The parent decides what an interrupt from the terminal means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    registry.load_built_in()
    _bound_memory(memory_bytes)
    try:
        wire.send(reply_fd, {"ready": True})
        while True:
            header, payload = wire.receive(request_fd)
            wire.send(reply_fd, *_reply(header, payload))
    except (EOFError, BrokenPipeError):
        return


def _reply(header: wire.Header, payload: bytes) -> tuple[wire.Header, bytes]:
    _bound_cpu_time(header["timeout"])
    try:
        modules, points, query = wire.unpacked_request(header, payload)
        # Algorithms of others register themselves when their modules are imported.
        for module in modules:
            import_module(module)
        return wire.packed_diagram(execute(registry.get(query.algorithm), points, query))
    except ComputationError as error:
        return {"error": {"code": error.code, "reason": error.reason}}, b""


def _end_with(parent: int) -> None:
    """End this process when the parent has: it may be killed in the middle of a computation."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(1)


def _bound_memory(memory_bytes: int) -> None:
    """Make a runaway fail with MemoryError instead of bringing the system's memory killer."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            in_use = int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        # Only Linux tells, and only Linux enforces the limit.
        return
    _lower_limit(resource.RLIMIT_AS, in_use + memory_bytes + _SPARE_BYTES)


def _bound_cpu_time(timeout: float) -> None:
    """End a computation that holds the interpreter lock, so that `_end_with` cannot run, without a parent."""
    used = time.process_time()
    allowed = timeout * (os.cpu_count() or 1) + _SPARE_CPU_SECONDS
    _lower_limit(resource.RLIMIT_CPU, math.ceil(used + allowed))


def _lower_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))
