"""Start Flink's Python processes as forks of one process that has imported what they need.

The script named by Flink's `python.executable` and `python.client.executable` runs this program instead of
the interpreter. For a job's main(), PyFlink's worker, and the workers' own child processes, the program
requests a process from the fork server of its folder, passes its arguments, environment, working directory
and files, and represents that process until it ends: a proxy for signals and exit status. The interpreter
itself runs everything else, also where no server can fork.

A fresh worker first imports Beam, PyFlink, numpy and the engines: seconds of a core for each slot, whenever a
job starts or restarts. A fork has them already, and shares their memory with the other forks.

The program runs in the cluster's own Python, which need not have tdaflink: it uses the standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import stat
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

WORKER = "pyflink.fn_execution.beam.beam_boot"
# PyFlink sets it for a job's main() only.
GATEWAY = "PYFLINK_GATEWAY_PORT"
PRELOADED_FOR_MAIN = ("pyflink.datastream.connectors", "pyflink.table")
PRELOADED = (
    *PRELOADED_FOR_MAIN,
    "pyflink.fn_execution.beam.beam_sdk_worker_main",
    "grpc",
    "numpy",
    "scipy.spatial",
    "scipy.sparse.csgraph",
    "scipy.optimize",
    "gudhi",
    "numba",
    "llvmlite.binding",
    "orjson",
)
_SOCKET, _LOCK, _LOG = "socket", "lock", "log"
# The script that starts processes through this program, for workers that start child processes, and the
# descriptors that these inherit in addition to the standard streams.
SCRIPT, DESCRIPTORS = "TDAFLINK_FORKING_PYTHON", "TDAFLINK_FORKED_DESCRIPTORS"
_KERNELS = "tdaflink_kernels_"
_STREAMS = (0, 1, 2)
_LENGTH = struct.Struct("!I")
_LONGEST_REQUEST = 16 << 20
_REPLY_SECONDS = 110.0  # Beam abandons a worker that has not connected after two minutes.
_REQUEST_SECONDS = 10.0
_MAX_DESCRIPTORS = 16
_IDLE_SECONDS = 60.0
# Settings against threads at import: those of Arrow's allocator, and of matrix products.
_SINGLE_THREADED = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class NoFork(Exception):
    """No server can fork the process; the text is the reason."""


# -- The client, which runs in place of the interpreter


@dataclass(frozen=True)
class Call:
    """The interpreter's task: a module, or else code."""

    module: str | None
    code: str | None
    arguments: list[str]
    unbuffered: bool

    @property
    def forkable(self) -> bool:
        """Return whether the call is a worker, a worker's child process, or a job's main()."""
        if self.code is not None:
            return DESCRIPTORS in os.environ
        return self.module is not None and (self.module == WORKER or GATEWAY in os.environ)


def call_of(words: list[str]) -> Call:
    """Parse the arguments of `python`; neither module nor code for all other uses."""
    unbuffered = words[:1] == ["-u"]
    option, value = [*words[unbuffered : unbuffered + 2], "", ""][:2]
    arguments = words[unbuffered + 2 :]
    return Call(value if option == "-m" else None, value if option == "-c" else None, arguments, unbuffered)


def main() -> None:
    """Run `PROGRAM FOLDER KERNELS WORDS...` as `python WORDS...`, forked where possible.

    A number as the only word is the process id of a JVM that will call later: the server starts in advance.
    """
    folder, kernels, *words = sys.argv[1:]
    owner = int(words[0]) if len(words) == 1 and words[0].isdecimal() else None
    if sys.platform == "linux" and (owner is not None or call_of(words).forkable):
        try:
            connection, pid = forked(folder, kernels, words if owner is None else [], owner)
        except (NoFork, OSError, ValueError) as error:
            print(f"tdaflink: a fresh interpreter, no fork from {folder}: {error}", file=sys.stderr)
            sys.stderr.flush()
        else:
            if owner is None:
                stand_for(connection, pid)
    if owner is not None:
        return
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 -- replaces this process on purpose


def forked(
    folder: str, kernels: str, words: list[str], owner: int | None = None
) -> tuple[socket.socket, int]:
    """Fork a process; return the connection that reports its exit, and its id.

    Without `words`, the server is started and its own id is returned. The server ends with its last `owner`:
    the calling JVM by default.
    """
    directory = os.getcwd()
    try:
        os.chdir(folder)  # the path of a unix socket is short
        connection = _connect_or_start(folder, kernels)
    finally:
        os.chdir(directory)
    connection.settimeout(_REPLY_SECONDS)
    numbers = [*_STREAMS, *map(int, filter(None, os.environ.get(DESCRIPTORS, "").split(",")))]
    request = {
        "words": words,
        "numbers": numbers,
        "environ": dict(os.environ),
        "directory": directory,
        "owner": owner or (_taskmanager_pid() if call_of(words).module == WORKER else os.getppid()),
    }
    body = json.dumps(request).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(body))], numbers)
    connection.sendall(body)
    reply = _receive(connection)
    if "pid" not in reply:
        raise NoFork(reply.get("refused", "the server sent no process id"))
    return connection, reply["pid"]


def _taskmanager_pid() -> int:
    """Return the TaskManager's process id: PyFlink starts its workers through a shell."""
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8", errors="replace") as facts:
        return int(facts.read().rpartition(")")[2].split()[1])


def _connect_or_start(folder: str, kernels: str) -> socket.socket:
    """Connect to the folder's server, which is started if it does not run."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return _connect()
    with open(_LOCK, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _connect()
        _start_server(folder, kernels)
        return _connect()


def _connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_REQUEST_SECONDS)
        connection.connect(_SOCKET)
        _require_same_user(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _require_same_user(connection: socket.socket) -> None:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", credentials)[1] != os.getuid():
        raise NoFork("the socket belongs to another user's process")


def _start_server(folder: str, kernels: str) -> None:
    import subprocess

    with contextlib.suppress(FileNotFoundError):
        os.unlink(_SOCKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener, open(_LOG, "wb") as log:
        listener.bind(_SOCKET)
        listener.listen(64)
        # If the first call is a main(), this is a JobManager's machine, which runs no engine.
        kernels = "" if GATEWAY in os.environ else kernels
        # The server must not import modules of a job: PYTHONPATH applies to the job's processes.
        environ = {
            name: value for name, value in os.environ.items() if name != "PYTHONPATH"
        } | _SINGLE_THREADED
        subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), folder, kernels, f"--serve={listener.fileno()}"],
            env=environ,
            pass_fds=(listener.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def stand_for(connection: socket.socket, pid: int) -> NoReturn:
    """Forward signals to the process, and end with its exit status or signal."""

    def forward(number: int, _frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _SIGNALS:
        signal.signal(number, forward)
    connection.settimeout(None)
    try:
        status = _receive(connection)["status"]
    except (NoFork, OSError, KeyError):
        os._exit(1)  # the server was killed, and the process ended because of that
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # some signals, such as SIGKILL, cannot have a handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _receive(connection: socket.socket) -> dict[str, Any]:
    return dict(
        json.loads(
            _receive_exactly(connection, _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))[0])
        )
    )


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    if size > _LONGEST_REQUEST:
        raise NoFork(f"a message of {size} bytes exceeds {_LONGEST_REQUEST}")
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise NoFork("the server closed the connection")
        parts += part
    return bytes(parts)


def _send(connection: socket.socket, reply: dict[str, Any]) -> None:
    body = json.dumps(reply).encode()
    with contextlib.suppress(OSError):  # the client may have ended
        connection.sendall(_LENGTH.pack(len(body)) + body)


# -- The server


@dataclass
class ForkRequest:
    """The description of a process to fork."""

    connection: socket.socket
    received: list[int]
    words: list[str]
    numbers: list[int]
    """The numbers that the received descriptors get in the process."""
    environ: dict[str, str]
    directory: str
    owner: int


class Server:
    """The fork server: forks a process for each request, until all owners have ended."""

    def __init__(self, folder: str, kernels: str, listener: socket.socket) -> None:
        self._kernels = kernels
        self._socket = os.path.join(folder, _SOCKET)
        self._inode = os.stat(self._socket).st_ino
        self._listener = listener
        self._path = list(sys.path)
        self._owners: dict[int, int] = {}
        self._children: dict[int, socket.socket] = {}
        self._wakeup_reader, self._wakeup_writer = socket.socketpair()
        self._preloaded: frozenset[str] = frozenset()

    def preload(self) -> None:
        """Import the processes' modules. Import errors are left to the processes, which report them."""
        ours = set(sys.modules)
        for name in PRELOADED if self._kernels else PRELOADED_FOR_MAIN:
            try:
                import_module(name)
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
        if self._kernels:
            _load_kernels(self._kernels)
        roots = {name.partition(".")[0] for name in set(sys.modules) - ours}
        self._preloaded = frozenset(roots - sys.stdlib_module_names)
        if (threads := len(os.listdir("/proc/self/task"))) > 1:
            raise NoFork(f"the modules started {threads - 1} threads, which a fork would not have")
        gc.collect()
        # Pages that the collector does not touch stay shared.
        gc.freeze()

    def serve(self) -> ForkRequest | None:
        """Fork for each request. Return the request in each forked process, None in the server at its end."""
        for wakes in (self._wakeup_reader, self._wakeup_writer, self._listener):
            wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        while True:
            watched: list[Any] = [self._listener, self._wakeup_reader, *self._owners.values()]
            ready, _, _ = select.select(watched, [], [], _IDLE_SECONDS)
            self._reap()
            for pid, descriptor in list(self._owners.items()):
                if descriptor in ready:
                    os.close(self._owners.pop(pid))
            if (not self._owners and self._listener not in ready) or not self._is_current():
                return None
            if self._listener in ready and (request := self._accept_request()) and self._fork(request):
                return request

    def _is_current(self) -> bool:
        """Return whether the folder's socket is still this server's: it may be removed or replaced."""
        try:
            return os.stat(self._socket).st_ino == self._inode
        except OSError:
            return False

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wakeup_reader.recv(4096):
                pass
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._children.pop(pid) as connection:
                _send(connection, {"status": status})

    def _accept_request(self) -> ForkRequest | None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return None
        received: list[int] = []
        try:
            _require_same_user(connection)
            connection.settimeout(_REQUEST_SECONDS)
            head, received, _, _ = socket.recv_fds(connection, _LENGTH.size, _MAX_DESCRIPTORS)
            fields = json.loads(_receive_exactly(connection, _LENGTH.unpack(head)[0]))
            request = ForkRequest(connection, received, **fields)
            if shadowed := self._shadowed(request):
                _send(connection, {"refused": f"the job brings its own {shadowed}"})
                raise NoFork(shadowed)
            if request.owner not in self._owners:
                self._owners[request.owner] = os.pidfd_open(request.owner)
            connection.settimeout(None)
        except (NoFork, OSError, ValueError, TypeError, struct.error) as error:
            print(f"refused: {error}", flush=True)
            connection.close()
            _close(received)
            return None
        return request

    def _shadowed(self, request: ForkRequest) -> str | None:
        """Return a preloaded package that the process would import from another path, if there is one."""
        from importlib.machinery import PathFinder

        own = _search_path(request)
        for name in sorted(self._preloaded):
            spec = PathFinder.find_spec(name, own)
            loaded = getattr(sys.modules.get(name), "__spec__", None)
            # A folder without __init__.py, which has no origin, ranks below every package of that name.
            if spec is not None and spec.origin and (loaded is None or spec.origin != loaded.origin):
                return name
        return None

    def _fork(self, request: ForkRequest) -> bool:
        """Fork, and return True in the forked process."""
        pid = os.fork() if request.words else None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._listener, self._wakeup_reader, self._wakeup_writer, *self._children.values()):
                other.close()
            _close(list(self._owners.values()))
            sys.path[:] = [*_search_path(request), *self._path]
            return True
        _close(request.received)
        _send(request.connection, {"pid": pid or os.getpid()})
        if pid is None:
            request.connection.close()
        else:
            self._children[pid] = request.connection
        return False


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _load_kernels(folder: str) -> None:
    """Import the machine code that a job compiled last, as the job does: its name depends on its content."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    try:
        status = os.lstat(folder)
        if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISDIR(status.st_mode):
            return
        names = [name for name in os.listdir(folder) if name.startswith(_KERNELS)]
        if not names:
            return
        name = max(names, key=lambda name: os.stat(os.path.join(folder, name)).st_mtime)
        package = os.path.join(folder, name)
        spec = PathFinder.find_spec(name, [folder])
        if spec is None or spec.loader is None:
            return
        module = sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        for file in sorted(os.listdir(package)):
            if file.endswith(".py") and file != "__init__.py":
                import_module(f"{name}.{file[:-3]}")
    except Exception as error:
        # A job would treat partly imported kernels as complete.
        for name in [name for name in sys.modules if name.startswith(_KERNELS)]:
            del sys.modules[name]
        print(f"kernels in {folder}: {type(error).__name__}: {error}", flush=True)


def _search_path(request: ForkRequest) -> list[str]:
    """Return the folders that `python -m` searches before the interpreter's own."""
    added = request.environ.get("PYTHONPATH", "")
    return [request.directory, *filter(None, added.split(os.pathsep))]


# -- The forked process


def become(request: ForkRequest, script: str) -> NoReturn:
    """Run the requested module or code as a fresh interpreter would, and exit."""
    import atexit
    import io
    import runpy
    import tempfile
    import threading
    import time
    import types

    call = call_of(request.words)
    # Above the numbers that the received descriptors get.
    lowest = max(request.numbers) + 1
    connection = fcntl.fcntl(request.connection.detach(), fcntl.F_DUPFD_CLOEXEC, lowest)
    received = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest) for descriptor in request.received]
    for number, descriptor in zip(request.numbers, received, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environ)
    os.environ[SCRIPT] = script
    os.environ.pop(DESCRIPTORS, None)
    time.tzset()
    tempfile.tempdir = None  # to be determined from the new environment
    threading.Thread(target=_exit_with, args=(connection,), daemon=True, name="fork-server").start()
    if call.unbuffered:
        for text in (sys.stdout, sys.stderr):
            if isinstance(text, io.TextIOWrapper):
                text.reconfigure(write_through=True)
    sys.orig_argv = [sys.executable, *request.words]
    sys.argv = ["-m" if call.code is None else "-c", *call.arguments]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # Python's own generator reseeds itself after a fork
    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    code = 0
    try:
        if call.code is None:
            runpy._run_module_as_main(call.module)  # type: ignore[attr-defined]  # what `-m` calls
        else:
            exec(compile(call.code, "<string>", "exec"), main_module.__dict__)  # noqa: S102 -- as `python -c`
    except SystemExit as end:
        code = _exit_code(end.code)
    except BaseException as error:
        # Flink shows the traceback to the user: it begins at the module, as that of an interpreter.
        trace = error.__traceback__
        sys.excepthook(type(error), error.with_traceback(trace.tb_next if trace else None), trace)
        code = 1
    # The exit of an interpreter without its cleanup of modules, which takes half a second with all imports.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for text in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            text.flush()
    os._exit(code & 0xFF)


def _exit_code(value: object) -> int:
    if value is None or isinstance(value, int):
        return value or 0
    print(value, file=sys.stderr)
    return 1


def _exit_with(connection: int) -> None:
    """Exit when the process that represents this one has been killed."""
    with contextlib.suppress(OSError):
        os.read(connection, 1)
    os._exit(128 + signal.SIGKILL)


def serve(folder: str, kernels: str, descriptor: int) -> None:
    """Run the folder's server, and in each forked process its request."""
    del sys.path[0]  # this program's folder
    with socket.socket(fileno=descriptor) as listener:
        server = Server(folder, kernels, listener)
        server.preload()
        request = server.serve()
    if request is not None:
        become(request, os.path.join(folder, "python"))


if __name__ == "__main__":
    if sys.argv[3:4] and sys.argv[3].startswith("--serve="):
        serve(sys.argv[1], sys.argv[2], int(sys.argv[3].partition("=")[2]))
    else:
        main()
