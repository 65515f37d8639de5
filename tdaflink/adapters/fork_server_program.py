"""Start Flink's Python processes as forks of one process that has imported what they need.

A script that Flink's `python.executable` and `python.client.executable` name runs this program in the
interpreter's place. For a job's main(), PyFlink's worker, and the workers' own child processes it asks the
fork server of its folder for a process, hands over its arguments, environment, working directory and files,
and stands for that process until it ends. All else, and what no server can fork, the interpreter runs itself.

A fresh worker imports Beam, PyFlink, numpy and the engines first: seconds of a core for each slot, whenever a
job starts or restarts. A fork has them, and shares their memory with the others.

It runs in the cluster's own Python, which need not have tdaflink: the standard library alone.
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
# PyFlink sets it for a job's main(), and for nothing else.
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
# The script that starts processes through this program, for a worker that starts some of its own, and the
# descriptors that those inherit beside the streams.
SCRIPT, DESCRIPTORS = "TDAFLINK_FORKING_PYTHON", "TDAFLINK_FORKED_DESCRIPTORS"
_KERNELS = "tdaflink_kernels_"
_STREAMS = (0, 1, 2)
_LENGTH = struct.Struct("!I")
_LONGEST_REQUEST = 16 << 20
_ANSWER_SECONDS = 110.0  # Beam gives up a worker that has not connected after two minutes.
_REQUEST_SECONDS = 10.0
_MOST_DESCRIPTORS = 16
_IDLE_SECONDS = 60.0
# What libraries start threads by when they are imported: Arrow's allocator, and matrix products.
_SINGLE_THREADED = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class NoFork(Exception):
    """No process can be had from a server; the text says why."""


# -- In place of the interpreter: the one that asks


@dataclass(frozen=True)
class Call:
    """What the interpreter is to run: a module, or else code."""

    module: str | None
    code: str | None
    arguments: list[str]
    unbuffered: bool

    @property
    def forkable(self) -> bool:
        """Whether that is a worker, a child process of one, or a job's main()."""
        if self.code is not None:
            return DESCRIPTORS in os.environ
        return self.module is not None and (self.module == WORKER or GATEWAY in os.environ)


def call_of(words: list[str]) -> Call:
    """What the words after `python` mean; neither module nor code where it is something else."""
    unbuffered = words[:1] == ["-u"]
    kind, named = [*words[unbuffered : unbuffered + 2], "", ""][:2]
    arguments = words[unbuffered + 2 :]
    return Call(named if kind == "-m" else None, named if kind == "-c" else None, arguments, unbuffered)


def main() -> None:
    """Run `PROGRAM FOLDER KERNELS WORDS...` as `python WORDS...`, forked where that is possible.

    A number as the only word is the id of a JVM that will call later: the server comes up for it.
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
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 -- that is the point


def forked(
    folder: str, kernels: str, words: list[str], owner: int | None = None
) -> tuple[socket.socket, int]:
    """The connection that reports how the process ends, and its id; the server's, where nothing is to run.

    The server ends with the last process that was an `owner`: the JVM that calls, unless another is named.
    """
    directory = os.getcwd()
    try:
        os.chdir(folder)  # the path of a unix socket is short
        connection = _connected(folder, kernels)
    finally:
        os.chdir(directory)
    connection.settimeout(_ANSWER_SECONDS)
    numbers = [*_STREAMS, *map(int, filter(None, os.environ.get(DESCRIPTORS, "").split(",")))]
    request = {
        "words": words,
        "numbers": numbers,
        "environ": dict(os.environ),
        "directory": directory,
        "owner": owner or (_flink() if call_of(words).module == WORKER else os.getppid()),
    }
    body = json.dumps(request).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(body))], numbers)
    connection.sendall(body)
    answer = _received(connection)
    if "pid" not in answer:
        raise NoFork(answer.get("refused", "it has no answer"))
    return connection, answer["pid"]


def _flink() -> int:
    """The TaskManager: PyFlink starts its workers through a shell."""
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8", errors="replace") as facts:
        return int(facts.read().rpartition(")")[2].split()[1])


def _connected(folder: str, kernels: str) -> socket.socket:
    """A connection to the folder's server, which is started where there is none."""
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
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", found)[1] != os.getuid():
        raise NoFork("another user's process has its socket")


def _start_server(folder: str, kernels: str) -> None:
    import subprocess

    with contextlib.suppress(FileNotFoundError):
        os.unlink(_SOCKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener, open(_LOG, "wb") as log:
        listener.bind(_SOCKET)
        listener.listen(64)
        # Where a main() comes first it is a JobManager's machine, which runs no engine.
        kernels = "" if GATEWAY in os.environ else kernels
        # A job's own modules belong to its own processes.
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
    """Pass signals on to the process, and end as it ends."""

    def pass_on(number: int, _frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _SIGNALS:
        signal.signal(number, pass_on)
    connection.settimeout(None)
    try:
        status = _received(connection)["status"]
    except (NoFork, OSError, KeyError):
        os._exit(1)  # the server was killed, and the process ended after it
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(OSError):  # nobody handles some of them, such as SIGKILL
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _received(connection: socket.socket) -> dict[str, Any]:
    return dict(json.loads(_exactly(connection, _LENGTH.unpack(_exactly(connection, _LENGTH.size))[0])))


def _exactly(connection: socket.socket, size: int) -> bytes:
    if size > _LONGEST_REQUEST:
        raise NoFork(f"a message of {size} bytes")
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise NoFork("it closed the connection")
        parts += part
    return bytes(parts)


def _send(connection: socket.socket, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    with contextlib.suppress(OSError):  # whoever asked may be gone
        connection.sendall(_LENGTH.pack(len(body)) + body)


# -- The server


@dataclass
class Request:
    """What a forked process is to be."""

    connection: socket.socket
    received: list[int]
    words: list[str]
    numbers: list[int]
    """The descriptors as which the process has what was received."""
    environ: dict[str, str]
    directory: str
    owner: int


class Server:
    """Forks a process for each request, until the JVMs that asked have ended."""

    def __init__(self, folder: str, kernels: str, listener: socket.socket) -> None:
        self._kernels = kernels
        self._socket = os.path.join(folder, _SOCKET)
        self._inode = os.stat(self._socket).st_ino
        self._listener = listener
        self._path = list(sys.path)
        self._owners: dict[int, int] = {}
        self._children: dict[int, socket.socket] = {}
        self._woken, self._wakes = socket.socketpair()
        self._foreign: frozenset[str] = frozenset()

    def preload(self) -> None:
        """Import what the processes need. What cannot be imported is theirs to report."""
        ours = set(sys.modules)
        for name in PRELOADED if self._kernels else PRELOADED_FOR_MAIN:
            try:
                import_module(name)
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
        if self._kernels:
            _load_kernels(self._kernels)
        roots = {name.partition(".")[0] for name in set(sys.modules) - ours}
        self._foreign = frozenset(roots - sys.stdlib_module_names)
        if (threads := len(os.listdir("/proc/self/task"))) > 1:
            raise NoFork(f"the modules started {threads - 1} threads, which a fork would lack")
        gc.collect()
        # Pages that the collector does not touch stay shared.
        gc.freeze()

    def serve(self) -> Request | None:
        """Fork for each request. Returns in each forked process with what it is to be; None at the end."""
        for wakes in (self._woken, self._wakes, self._listener):
            wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        while True:
            watched: list[Any] = [self._listener, self._woken, *self._owners.values()]
            ready, _, _ = select.select(watched, [], [], _IDLE_SECONDS)
            self._reap()
            for pid, descriptor in list(self._owners.items()):
                if descriptor in ready:
                    os.close(self._owners.pop(pid))
            if (not self._owners and self._listener not in ready) or not self._is_current():
                return None
            if self._listener in ready and (request := self._accepted()) and self._fork(request):
                return request

    def _is_current(self) -> bool:
        """Whether new requests still come here: the folder may be gone, or another server may have it."""
        try:
            return os.stat(self._socket).st_ino == self._inode
        except OSError:
            return False

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._children.pop(pid) as connection:
                _send(connection, {"status": status})

    def _accepted(self) -> Request | None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return None
        received: list[int] = []
        try:
            _require_same_user(connection)
            connection.settimeout(_REQUEST_SECONDS)
            head, received, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_DESCRIPTORS)
            wanted = json.loads(_exactly(connection, _LENGTH.unpack(head)[0]))
            request = Request(connection, received, **wanted)
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

    def _shadowed(self, request: Request) -> str | None:
        """A preloaded package that the process would find elsewhere."""
        from importlib.machinery import PathFinder

        own = _search_path(request)
        for name in sorted(self._foreign):
            found = PathFinder.find_spec(name, own)
            loaded = getattr(sys.modules.get(name), "__spec__", None)
            # A folder without __init__.py, which has no origin, comes after each package of that name.
            if found is not None and found.origin and (loaded is None or found.origin != loaded.origin):
                return name
        return None

    def _fork(self, request: Request) -> bool:
        """Whether this is the forked process."""
        pid = os.fork() if request.words else None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._listener, self._woken, self._wakes, *self._children.values()):
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
    """Import the machine code that a job compiled last, as the job would: its name depends on its content."""
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
        # A job takes those that are there for whole.
        for name in [name for name in sys.modules if name.startswith(_KERNELS)]:
            del sys.modules[name]
        print(f"kernels in {folder}: {type(error).__name__}: {error}", flush=True)


def _search_path(request: Request) -> list[str]:
    """What `python -m` looks through before the interpreter's own folders."""
    added = request.environ.get("PYTHONPATH", "")
    return [request.directory, *filter(None, added.split(os.pathsep))]


# -- The forked process


def become(request: Request, script: str) -> NoReturn:
    """Run what is asked for as a fresh interpreter would, and end."""
    import atexit
    import io
    import runpy
    import tempfile
    import threading
    import time
    import types

    call = call_of(request.words)
    # Out of the way of the numbers that the received ones get.
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
    tempfile.tempdir = None  # by this environment
    threading.Thread(target=_end_with, args=(connection,), daemon=True, name="fork-server").start()
    if call.unbuffered:
        for text in (sys.stdout, sys.stderr):
            if isinstance(text, io.TextIOWrapper):
                text.reconfigure(write_through=True)
    sys.orig_argv = [sys.executable, *request.words]
    sys.argv = ["-m" if call.code is None else "-c", *call.arguments]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # Python's own generator has seeded itself
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
        # Flink shows it to the user: from the module on, as it would come from an interpreter.
        trace = error.__traceback__
        sys.excepthook(type(error), error.with_traceback(trace.tb_next if trace else None), trace)
        code = 1
    # As an interpreter ends, but for what it forgets then: half a second for all that is imported.
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


def _end_with(connection: int) -> None:
    """End when the process that stands for this one has been killed."""
    with contextlib.suppress(OSError):
        os.read(connection, 1)
    os._exit(128 + signal.SIGKILL)


def serve(folder: str, kernels: str, descriptor: int) -> None:
    """Be the folder's server, or one of the processes that it forks."""
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
