"""Parent's side of a child process that is kept between requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tdajob.topology import wire

_START_SECONDS = 60.0
_END_SECONDS = 5.0
# A local cluster's interpreter may be a fork server's client: tdaflink.adapters.python.fork_server_program.
_FORKING_PYTHON, _FORKED_DESCRIPTORS = "TDAFLINK_FORKING_PYTHON", "TDAFLINK_FORKED_DESCRIPTORS"
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main(*map(int, sys.argv[3:]))"
)


class ProcessEndedError(Exception):
    """The child process ended without a reply; the text describes how."""


@dataclass(frozen=True)
class _Child:
    process: subprocess.Popen[bytes]
    requests: int
    replies: int

    def end(self) -> None:
        for fd in (self.requests, self.replies):
            os.close(fd)
        self.process.kill()
        self.process.wait()

    def describe_end(self) -> str:
        try:
            status = self.process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its pipes"
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with exit code {status}"


class WorkerProcess:
    """A child process, started at the first exchange or before, and kept until it fails or is closed.

    It is a fresh interpreter, not a fork: the parent has threads and a main module of PyFlink. It imports
    from the parent's `sys.path`, which may contain zips. Frames use separate pipes, because engines may
    print. `module` has the child's `main`, which calls `serving.serve`.
    """

    def __init__(self, module: str, memory_bytes: int) -> None:
        self._module = module
        self._memory_bytes = memory_bytes
        self._child: _Child | None = None
        self._ready = False

    @property
    def pid(self) -> int | None:
        """The process id; None if no process runs."""
        return None if self._child is None else self._child.process.pid

    def start(self) -> None:
        """Start the process, unless it runs, and wait until it is ready: loading may take seconds.

        A failure to start is reported by the first exchange.
        """
        with suppress(ProcessEndedError):
            self._ensure_ready()

    def start_soon(self) -> None:
        """Start the process, unless it runs, without waiting for it to be ready."""
        if self._child is None:
            with suppress(ProcessEndedError):
                self._child, self._ready = self._spawn(), False

    def exchange(self, header: wire.Header, payload: bytes, timeout: float) -> tuple[wire.Header, bytearray]:
        """Send a request and return the reply.

        Raises TimeoutError after `timeout` seconds (excluding the start of the process) and
        ProcessEndedError if the process dies. After either, the next exchange starts a new process.
        """
        deadline = self.send(header, payload, timeout)
        return self.receive(deadline)

    def send(self, header: wire.Header, payload: bytes, timeout: float) -> float:
        """Send a request without waiting for the reply, and return its deadline (time.monotonic).

        The deadline is `timeout` seconds from now. Raises as `exchange` does.
        """
        child, deadline = self._ensure_ready(), time.monotonic() + timeout
        with self._closed_on_failure(child):
            wire.send(child.requests, header, payload, deadline)
        return deadline

    def receive(self, deadline: float) -> tuple[wire.Header, bytearray]:
        """Wait for the reply to the sent request; raises as `exchange` does."""
        child = self._child
        if child is None:
            raise ProcessEndedError("was closed")
        with self._closed_on_failure(child):
            return wire.receive(child.replies, deadline)

    def has_reply(self, seconds: float = 0.0) -> bool:
        """Wait up to `seconds` and return whether the reply, or the end of the process, can be received."""
        return self._child is None or wire.readable(self._child.replies, seconds)

    @contextmanager
    def _closed_on_failure(self, child: _Child) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            self.close()
            raise
        except (EOFError, BrokenPipeError):
            outcome = child.describe_end()
            self.close()
            raise ProcessEndedError(outcome) from None
        except BaseException:
            # Bytes left in the pipes would be read as the reply to the next request.
            self.close()
            raise

    def close(self) -> None:
        """Kill the process, if it runs, and wait for its end."""
        if self._child is not None:
            child, self._child = self._child, None
            child.end()

    def _ensure_ready(self) -> _Child:
        if self._child is None or self._child.process.poll() is not None:
            self.close()
            self._child, self._ready = self._spawn(), False
        if not self._ready:
            self._wait_until_ready(self._child)
            self._ready = True
        return self._child

    def _wait_until_ready(self, child: _Child) -> None:
        try:
            wire.receive(child.replies, time.monotonic() + _START_SECONDS)
        except TimeoutError:
            self.close()
            raise ProcessEndedError(f"was not ready after {_START_SECONDS:g} s") from None
        except EOFError:
            outcome = child.describe_end()
            self.close()
            raise ProcessEndedError(f"{outcome} while it started") from None

    def _spawn(self) -> _Child:
        child_in, requests = os.pipe()
        replies, child_out = os.pipe()
        # A full pipe to a stuck child must not block beyond the deadline.
        os.set_blocking(requests, False)
        try:
            return _Child(self._launch(child_in, child_out), requests, replies)
        except OSError as error:
            os.close(requests)
            os.close(replies)
            raise ProcessEndedError(f"cannot be started: {error}") from error
        finally:
            os.close(child_in)
            os.close(child_out)

    def _launch(self, request_fd: int, reply_fd: int) -> subprocess.Popen[bytes]:
        search_path = json.dumps([os.path.abspath(entry) for entry in sys.path])
        arguments = (request_fd, reply_fd, os.getpid(), self._memory_bytes)
        # One thread per library: idle threads only cost start-up time and address space.
        single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [
                os.environ.get(_FORKING_PYTHON, sys.executable),
                *("-c", _BOOTSTRAP, search_path, self._module, *map(str, arguments)),
            ],
            pass_fds=(request_fd, reply_fd),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **single, _FORKED_DESCRIPTORS: f"{request_fd},{reply_fd}"},
        )
