"""Child process for computations that may exceed their time or memory, or crash."""

from __future__ import annotations

from importlib import import_module

from tdajob.topology import registry, wire
from tdajob.topology.kernels.loader import warm_up
from tdajob.topology.run import execute
from tdajob.topology.values import ComputationError
from tdajob.worker.server import serve


def main(request_fd: int, reply_fd: int, parent: int, memory_bytes: int) -> None:
    """Serve requests until the parent closes its pipe or ends."""
    serve(request_fd, reply_fd, parent, memory_bytes, load=_load, reply=_reply)


def _load() -> None:
    registry.load_built_in()
    # Before memory is limited, and before a request waits for its reply.
    warm_up()


def _reply(header: wire.Header, payload: bytearray) -> tuple[wire.Header, bytes]:
    try:
        modules, points, query = wire.unpacked_request(header, payload)
        # Plug-in algorithms register themselves when their modules are imported.
        for module in modules:
            import_module(module)
        return wire.packed_diagram(execute(registry.get(query.algorithm), points, query))
    except ComputationError as error:
        return {"error": {"code": error.code, "reason": error.reason}}, b""
