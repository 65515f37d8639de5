"""Flink's JobManager and TaskManagers as processes on this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from tdaflink.adapters.local_runtime.class_archives import ClassArchive
from tdaflink.adapters.local_runtime.java import (
    LocalJava,
    class_path,
    cluster_environ,
    component_log,
    digest,
    link,
    linked_jars,
)
from tdaflink.adapters.local_runtime.process_table import Launch, ProcessTable, Running
from tdaflink.adapters.local_runtime.temporary_files import TemporaryFolders
from tdaflink.adapters.monitoring.files import reporter_settings
from tdaflink.adapters.python.fork_server import SCRIPT, fork_server_files, forks
from tdaflink.adapters.storage.paths import cache_folder, ensure_dir, private_folder, write_atomically
from tdaflink.adapters.storage.shipped_profiles import profile_folder
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.adapters.storage.yaml_text import load_yaml
from tdaflink.adapters.web.json_fields import JsonObject, WrongForm
from tdaflink.adapters.web.probe import probe
from tdaflink.domain.environments.application_cluster import Application
from tdaflink.domain.environments.profile import Profile, filled_in
from tdaflink.domain.errors import Unhealthy
from tdaflink.resources import beam_guard

_RESULT = "BASH_JAVA_UTILS_EXEC_RESULT:"
_PROBE_SECONDS = 3.0
# Several heartbeat intervals of the profile, which are a few seconds long.
_SILENT_SECONDS = 20.0


@dataclass(frozen=True)
class FlinkSettings:
    """The inputs of the local Flink's files and commands."""

    folder: Path
    profile: Profile
    python: str
    ports: Mapping[str, int]
    jars: Sequence[Path]
    version: str
    metrics: bool = False
    """True if each process exposes its metrics, on all interfaces."""
    application: Application | None = None
    """The one job of an application cluster."""

    @property
    def config(self) -> dict[str, str]:
        """Return Flink's configuration for this environment."""
        values = {
            **self.ports,
            "folder": self.folder,
            "folder_uri": f"file://{self.folder}",
            "forking_python": self.forking_python,
        }
        settings = {**self.profile.flink, **(reporter_settings() if self.metrics else {})}
        filled = filled_in(settings, values, source=f"{self.profile.name}/flink.yaml")
        if self.application is None:
            return filled
        # The cluster outlives its job, so that the job's details stay available, also of a failed main().
        outliving = {
            "execution.shutdown-on-application-finish": "false",
            "execution.submit-failed-job-on-application-error": "true",
        }
        return {**filled, **outliving, **self.application.flink_config}

    @property
    def workers(self) -> Path:
        """Return the folder of the script that starts Python processes, and of the fork server's files."""
        return self.folder / "flink" / "workers"

    @property
    def forking_python(self) -> str:
        """Return the program that starts Flink's Python processes: the forking script or the interpreter."""
        return str(self.workers / SCRIPT) if forks(self.workers) else self.python

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['rest']}"

    @property
    def digest(self) -> str:
        guard = hashlib.sha256(beam_guard().read_bytes()).hexdigest()
        return digest(self.version, sorted(self.config.items()), [guard, *(jar.name for jar in self.jars)])


class FlinkFiles:
    """The config and lib folders of a local Flink, and the commands that use them."""

    def __init__(self, settings: FlinkSettings, java: LocalJava) -> None:
        self.settings = settings
        self.java = java
        self._home = settings.folder / "flink"

    def _write(self) -> None:
        """Write the config and lib folders for the current settings."""
        for folder in (self._home / "conf", self._home / "uploads"):
            ensure_dir(folder)
        config = yaml.safe_dump(self.settings.config, sort_keys=False, width=1_000_000)
        write_atomically(self._home / "conf" / "config.yaml", config)
        logging = profile_folder(self.settings.profile.name) / "log4j2.properties"
        write_atomically(self._home / "conf" / "log4j2.properties", logging.read_text(encoding="utf-8"))
        workers = private_folder(self.settings.workers)
        for name, text in fork_server_files(str(workers), self.settings.python, str(cache_folder())).items():
            write_atomically(workers / name, text)
        (workers / SCRIPT).chmod(0o700)
        jars = {path.name: path for path in (*self._shipped_jars(), *self.settings.jars)}
        library = ensure_dir(self._home / "lib")
        for stale in [path for path in library.iterdir() if path.name not in jars]:
            stale.unlink()
        for name, target in jars.items():
            link(target, library / name)

    @cached_property
    def prepared(self) -> ClassArchive:
        """Write the processes' files on first use, and return the class archive of all processes."""
        self._write()
        jars = linked_jars(self._home / "lib")
        # The order of Flink's scripts: sorted, with flink-dist last.
        jars.sort(key=lambda jar: jar.name.startswith("flink-dist"))
        return ClassArchive("flink", self.java, jars)

    def launch(
        self,
        kind: str,
        component: str,
        main: Sequence[str],
        processes: ProcessTable,
        port: int,
        tag: str = "",
    ) -> Launch:
        """Return a component's start: `kind` JM or TM, `main` class and arguments, `port` for metrics."""
        log = self.log(component)
        logs = ensure_dir(log.parent)
        temporary = TemporaryFolders(self.settings.folder)
        temporary.make(component)
        options, dynamic = self._resource_parameters(kind)
        command = (
            *(str(self.java.java), *options, *self._java_options(kind), *self.prepared.options),
            *processes.markers(component),
            f"-Djava.io.tmpdir={temporary.of_java(component)}",
            # Not Flink's own log.file: RocksDB would write its logs to the same folder, with names as long as
            # the paths of its folders, which after a rescaling are too long for any file system.
            f"-Dtdaflink.log.file={log}",
            f"-Dlog4j2.configurationFile={(self._home / 'conf' / 'log4j2.properties').as_uri()}",
            *("-classpath", class_path(self.prepared.class_path), main[0]),
            *("--configDir", str(self._home / "conf"), *dynamic),
            *("-D", f"io.tmp.dirs={temporary.of_java(component)}"),
            *("-D", f"{'web.log.path' if kind == 'JM' else 'taskmanager.log.path'}={log}"),
            *(("-D", f"taskmanager.resource-id={tag}") if tag else ()),
            *(("-D", f"metrics.reporter.prom.port={port}") if self.settings.metrics else ()),
            *main[1:],
        )
        additions = {
            **self.settings.profile.environment,
            **self._folders(),
            "FLINK_LOG_DIR": str(logs),
            "TMPDIR": str(temporary.of_python(component)),
        }
        if self.settings.application and self.settings.application.mode == "thread":
            # The Python inside the JVM searches no other folders for packages.
            additions["PYTHONPATH"] = os.pathsep.join(self.java.package_folders)
        environ = cluster_environ(self.settings.python, additions)
        # The fork server starts together with the TaskManager.
        companion = self.settings.forking_python if kind == "TM" and forks(self.settings.workers) else None
        out = logs / f"{component}.out"
        return Launch(component, command, environ, out, self.settings.digest, tag, companion)

    def log(self, component: str) -> Path:
        return component_log(self.settings.folder, component)

    def _shipped_jars(self) -> list[Path]:
        # flink-python must be in lib as well: see flink.yaml, classloader.parent-first-patterns.
        home = self.java.flink_home
        return [beam_guard(), *sorted(home.glob("lib/*.jar")), *sorted(home.glob("opt/flink-python-*.jar"))]

    def _java_options(self, kind: str) -> list[str]:
        names = ("all", "jobmanager" if kind == "JM" else "taskmanager")
        return " ".join(self.settings.config.get(f"env.java.opts.{name}", "") for name in names).split()

    def _folders(self) -> dict[str, str]:
        """Return the variables that Flink's own scripts export."""
        home = self.java.flink_home
        return {
            "JAVA_HOME": str(self.java.java_home),
            "FLINK_HOME": str(home),
            "FLINK_CONF_DIR": str(self._home / "conf"),
            "FLINK_LIB_DIR": str(self._home / "lib"),
            "FLINK_BIN_DIR": str(home / "bin"),
            "FLINK_OPT_DIR": str(home / "opt"),
            "FLINK_PLUGINS_DIR": str(home / "plugins"),
        }

    def _resource_parameters(self, kind: str) -> tuple[list[str], list[str]]:
        """Return the JVM options and dynamic settings that Flink derives from the config's memory sizes."""
        # The program's own JAR is last, since the archive matches class paths that begin with its own.
        jars = [*self.prepared.class_path, self.java.flink_home / "bin" / "bash-java-utils.jar"]
        command = [
            *(str(self.java.java), "-XX:TieredStopAtLevel=1", *self.prepared.options),
            *("-classpath", class_path(jars)),
            "org.apache.flink.runtime.util.bash.BashJavaUtils",
            *(f"GET_{kind}_RESOURCE_PARAMS", "--configDir", str(self._home / "conf")),
        ]
        environ = cluster_environ(self.settings.python, {})
        ran = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
        results = [line.removeprefix(_RESULT) for line in ran.stdout.splitlines() if line.startswith(_RESULT)]
        if len(results) != 2:
            raise Unhealthy(
                "Flink does not accept the memory sizes of its configuration",
                detail=ran.stdout + ran.stderr,
                hint=f"correct the memory sizes of the profile {self.settings.profile.name}; "
                f"the rejected file is {self._home / 'conf' / 'config.yaml'}",
            )
        return results[0].split(), results[1].split()


class JobManager:
    """Flink's JobManager: REST interface and scheduler."""

    name = "jobmanager"
    title = "Flink JobManager"

    def __init__(self, files: FlinkFiles) -> None:
        self._files = files
        self._port = files.settings.ports["jobmanager_metrics"]
        self.needs = ("rest", "jobmanager_rpc", *(("jobmanager_metrics",) if files.settings.metrics else ()))
        self.log = files.log(self.name)
        self.settings = files.settings.digest

    def prepare(self) -> ClassArchive:
        return self._files.prepared

    def launch(self, processes: ProcessTable) -> Launch:
        main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        return self._files.launch("JM", self.name, [main], processes, self._port)

    def problem(self, _running: Running) -> str | None:
        """Return why it is not ready; None if it is."""
        url = self._files.settings.rest_url
        overview = probe(f"{url}/overview", _PROBE_SECONDS)
        if overview is None:
            return f"{url} does not respond"
        expected = self._files.settings.version
        version = overview.raw.get("flink-version")
        return None if version == expected else f"{url} is Flink {version}, not {expected}"


class ApplicationManager(JobManager):
    """The JobManager of an application cluster, which starts its one job."""

    def launch(self, processes: ProcessTable) -> Launch:
        job = self._files.settings.application
        if job is None:
            raise Unhealthy(
                "this application cluster has no saved job",
                hint="tdaflink setup with --application CONFIG",
            )
        main = (
            "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint",
            *("--job-classname", job.entry_class, "--job-id", job.job_id),
            *(("--fromSavepoint", job.savepoint) if job.savepoint else ()),
            *job.arguments,
        )
        return self._files.launch("JM", self.name, main, processes, self._port)


class TaskManager:
    """One of Flink's workers."""

    needs: tuple[str, ...] = ()

    def __init__(self, files: FlinkFiles, number: int) -> None:
        self._files = files
        self._port = files.settings.ports["taskmanager_metrics"] + number - 1
        self.name = f"taskmanager-{number}"
        self.title = f"Flink TaskManager {number}"
        self.log = files.log(self.name)
        self.settings = files.settings.digest

    def prepare(self) -> ClassArchive:
        return self._files.prepared

    def launch(self, processes: ProcessTable) -> Launch:
        # A new resource id for every start distinguishes its registration from an earlier one.
        tag = f"{self.name}-{uuid.uuid4().hex[:8]}"
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        return self._files.launch("TM", self.name, [main], processes, self._port, tag)

    def problem(self, running: Running) -> str | None:
        """Return why it is not ready; None if it is registered with all its slots."""
        url = f"{self._files.settings.rest_url}/taskmanagers"
        reply = probe(url, _PROBE_SECONDS)
        if reply is None:
            return "the JobManager does not respond"
        try:
            return self._registration_problem(reply, running)
        except WrongForm as error:
            return f"{url} is not Flink's: {error}"

    def _registration_problem(self, reply: JsonObject, running: Running) -> str | None:
        registered = {worker.text("id"): worker for worker in reply.children("taskmanagers", [])}
        if running.tag not in registered:
            return "it is not registered with the JobManager"
        if any(tag.startswith(f"{self.name}-") for tag in registered if tag != running.tag):
            # A job that gets slots of the dead TaskManager would wait for them in vain.
            return "the JobManager has not yet removed the previous process of this TaskManager"
        return self._registered_problem(registered[running.tag], running.age)

    def _registered_problem(self, worker: JsonObject, age: float) -> str | None:
        slots, registered = self._files.settings.profile.slots, worker.count("slotsNumber")
        if registered != slots:
            return f"it has {registered} of {slots} slots"
        # Flink reports the time of the last heartbeat, and the epoch before the first one.
        silent = min(age, time.time() - worker.millis("timeSinceLastHeartbeat") / 1000)
        return None if silent < _SILENT_SECONDS else f"it has sent no heartbeat for {silent:.0f} s"


def written_config(folder: Path) -> dict[str, str]:
    """Return Flink's configuration at the last start of the environment in `folder`; empty before that."""
    path = folder / "flink" / "conf" / "config.yaml"
    text = read_own(path, "Flink's config", f"move {path} away: setup rewrites it")
    values = load_yaml(text or "", str(path))
    return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}


def bash_available() -> bool:
    """Return whether bash is installed: PyFlink starts its Python workers through a bash script."""
    return shutil.which("bash") is not None
