"""The runtime `process`: a cluster of processes on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.local_runtime.application_file import load_application
from tdaflink.adapters.local_runtime.class_archives import ClassArchive
from tdaflink.adapters.local_runtime.flink import (
    ApplicationManager,
    FlinkFiles,
    FlinkSettings,
    JobManager,
    TaskManager,
    bash_available,
)
from tdaflink.adapters.local_runtime.java import (
    LocalJava,
    component_log,
    end_of_file,
    find_local_java,
    run_in_python,
)
from tdaflink.adapters.local_runtime.kafka import KafkaBroker, KafkaSettings
from tdaflink.adapters.local_runtime.log_files import read_log
from tdaflink.adapters.local_runtime.process_table import (
    Launch,
    ProcessTable,
    Running,
    port_holder,
    port_is_free,
)
from tdaflink.adapters.local_runtime.temporary_files import TemporaryFolders
from tdaflink.adapters.monitoring.files import write_monitoring_files
from tdaflink.adapters.python.cluster_python import (
    installed_packages,
    kept_python,
    plan_python,
    prepare_python,
)
from tdaflink.adapters.security.alert_webhook import alert_webhook
from tdaflink.adapters.storage.paths import map_write_errors, require_free_disk
from tdaflink.adapters.storage.shipped_profiles import load_catalogue, load_lock, load_versions, profile_of
from tdaflink.adapters.storage.state_storage import state_files
from tdaflink.domain.artifacts.cluster_python import PYTHON, PackageSources, PythonPlan
from tdaflink.domain.environments.application_cluster import is_application
from tdaflink.domain.environments.environment import (
    Changes,
    Component,
    Endpoints,
    Environment,
    Health,
    LogLine,
)
from tdaflink.domain.environments.profile import Profile
from tdaflink.domain.environments.recreation import Replacement
from tdaflink.domain.environments.scrape_targets import PROMETHEUS_PORT, Addresses, Monitored, shows_metrics
from tdaflink.domain.errors import MissingExtra, NotFound, PortTaken, Unhealthy
from tdaflink.domain.jobs.state_snapshots import StateFiles
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep, Reporter

_POLL_SECONDS = 0.1
# A component that was ready before counts as hung if it does not respond within this time.
_HUNG_SECONDS = 12.0

# Processes that are replaced get less time to stop.
_REPLACED_SECONDS = 8.0


class LocalComponent(Protocol):
    """One process of the cluster. `needs` names the ports that it listens on."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def needs(self) -> Sequence[str]: ...
    @property
    def log(self) -> Path: ...
    @property
    def settings(self) -> str: ...

    def prepare(self) -> ClassArchive:
        """Write the process's files, and return the archive of its classes, which need not exist."""

    def launch(self, processes: ProcessTable) -> Launch:
        """Return the command that starts the process; `prepare` must be called before."""

    def problem(self, running: Running) -> str | None:
        """Return why the running process is not ready; None if it is."""


def open_runtime(environment: Environment, folder: Path) -> ProcessRuntime:
    """Open the runtime of an environment; `folder` is the environment's."""
    return ProcessRuntime(environment, profile_of(environment), folder)


class ProcessRuntime:
    """Kafka, a JobManager and TaskManagers; each is started and repaired independently.

    An application cluster has no Kafka of its own.
    """

    def __init__(self, environment: Environment, profile: Profile, folder: Path) -> None:
        self._environment = environment
        self._profile = profile
        self._folder = folder
        self._ports = profile.ports.shifted(environment.port_offset)
        self._processes = ProcessTable(folder)
        self._temporary = TemporaryFolders(folder)
        self._metrics = shows_metrics(environment)
        self._one_job = is_application(environment)

    def endpoints(self) -> Endpoints:
        """Return the loopback addresses, which are the same for the command and the cluster."""
        kafka = f"127.0.0.1:{self._ports['kafka']}"
        if self._one_job:
            kafka = self._environment.endpoints.kafka
        return Endpoints(f"http://127.0.0.1:{self._ports['rest']}", kafka, kafka)

    def preflight(self) -> None:
        """Check packages, disk space and ports before `up`."""
        installed_packages(self._environment.python, self._environment.name)
        if not bash_available():
            raise MissingExtra("PyFlink starts workers through bash, which is missing", hint="install bash")
        require_free_disk(self._folder, self._profile.min_free_disk_mb)
        for component in self._components():
            if self._processes.find(component.name) is None:
                self._require_ports(component.needs)

    def pending_recreation(self) -> Replacement:
        """Return nothing: processes with older settings cause a warning and are kept."""
        return Replacement()

    def up(self, reporter: Reporter) -> Changes:
        """Start missing components, replace hung ones, and wait until all are ready."""
        self._clear_temporary()
        components = self._components()
        if self._metrics:
            files = self._folder / "monitoring"
            write_monitoring_files(files, self._monitored())
            reporter.note(f"for Prometheus: {files / 'prometheus' / 'prometheus.yml'}")
        sound = self._healthy_components(components)
        faulty = [component for component in components if component not in sound]
        started = self._start(faulty, reporter) if faulty else {}
        for component in components:
            with reporter.step(component.title) as step:
                if component.name in started:
                    self._wait_until_ready(component, started[component.name], step)
                else:
                    step.unchanged("running, unchanged")
                    self._warn_of_older_settings(component, reporter)
        return Changes(
            started=tuple(component.name for component in components if component in faulty),
            unchanged=tuple(component.name for component in components if component in sound),
        )

    def down(self, reporter: Reporter) -> Changes:
        """Stop Flink, then Kafka; only processes that this environment started."""
        names = self._names()
        stopped: list[str] = []
        flink = [name for name in names if name != "kafka"]
        kafka = [name for name in names if name == "kafka"]
        for title, group in (("Flink", flink), ("Kafka", kafka)):
            if not group:
                continue
            with reporter.step(f"stopping {title}") as step:
                alive = self._processes.stop(group, self._profile.stopped_within)
                if not alive:
                    step.unchanged("was not running")
                stopped += alive
        self._require_all_gone(names)
        self._clear_temporary()
        return Changes(stopped=tuple(stopped), unchanged=tuple(n for n in names if n not in stopped))

    def purge(self) -> None:
        """Remove topics, checkpoints, logs and configuration."""
        self._clear_temporary()
        if self._folder.exists():
            with map_write_errors(self._folder):
                shutil.rmtree(self._folder)

    def state_files(self, address: str, flink: Mapping[str, str]) -> StateFiles:
        """Return access to folders of this machine, or to the storage in the job's config."""
        return state_files(address, flink)

    def python_plan(self) -> PythonPlan:
        """Return the plan for the chosen, else a suitable interpreter; a running cluster keeps its own."""
        saved = self._environment.python
        if self.is_running():
            return kept_python(saved)
        return plan_python(self._environment.details.get(PYTHON), saved)

    def prepare(self, sources: PackageSources, reporter: Reporter) -> str:
        """Install the cluster's packages where they are missing, and return its interpreter."""
        return prepare_python(self.python_plan(), sources, reporter)

    def python_places(self) -> list[str]:
        """Return the TaskManagers, all of which run the environment's interpreter."""
        return [f"taskmanager-{number}" for number in range(1, self._profile.taskmanagers + 1)]

    def run_python(self, component: str, program: str, *arguments: str) -> str:
        """Run a program in the interpreter of the component's jobs and return its output."""
        return run_in_python(component, self._environment.python, program, arguments)

    def components(self) -> list[Component]:
        """Return the current state of each component."""
        try:
            components = self._components()
        except MissingExtra as error:
            return [self._without_packages(name, error.message) for name in self._names()]
        return [self._state(component) for component in components]

    def ended(self) -> list[str]:
        """Return the components whose processes have ended."""
        return [name for name in self._names() if self._processes.find(name) is None]

    def is_running(self) -> bool:
        """Return whether any of its processes is alive; needs none of the cluster's packages."""
        return any(self._processes.find(name) for name in self._names())

    def logs(
        self, component: str, *, since: datetime | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the component's own log file and those that it was rolled into."""
        if component not in (names := self._names()):
            raise NotFound(
                f"environment {self._environment.name} has no component {component!r}: {', '.join(names)}"
            )
        return read_log(component_log(self._folder, component), since=since, follow=follow)

    def _components(self) -> list[LocalComponent]:
        versions = load_versions()
        java = self._java()
        cache, lock = JarCache(), load_lock()
        jars = {place: [cache.path(jar) for jar in lock.in_place(place)] for place in self._profile.jars}
        kafka = KafkaSettings(
            self._folder,
            self._profile,
            self._environment.python,
            self._ports,
            jars["kafka/libs"],
            load_catalogue().max_message_bytes,
            jars["kafka/agent"][0] if self._metrics else None,
        )
        flink = FlinkFiles(
            FlinkSettings(
                self._folder,
                self._profile,
                self._environment.python,
                self._ports,
                jars["flink/lib"],
                versions.flink,
                self._metrics,
                load_application(self._folder) if self._one_job else None,
            ),
            java,
        )
        workers = [TaskManager(flink, number) for number in range(1, self._profile.taskmanagers + 1)]
        if self._one_job:
            return [ApplicationManager(flink), *workers]
        return [KafkaBroker(kafka, java), JobManager(flink), *workers]

    def _java(self) -> LocalJava:
        return find_local_java(self._environment.python, self._environment.name)

    def _monitored(self) -> Monitored:
        """Return the targets for the user's own Prometheus on this machine."""

        def at(*ports: int) -> Addresses:
            return Addresses(static=tuple(f"127.0.0.1:{port}" for port in ports))

        count, first = self._profile.taskmanagers, self._ports["taskmanager_metrics"]
        return Monitored(
            self._environment.name,
            jobmanagers=at(self._ports["jobmanager_metrics"]),
            taskmanagers=at(*range(first, first + count)),
            taskmanagers_expected=count,
            kafka=Addresses() if self._one_job else at(self._ports["kafka_metrics"]),
            prometheus=Addresses(),
            prometheus_url=f"http://127.0.0.1:{PROMETHEUS_PORT}",
            webhook=alert_webhook(self._environment.details, self._folder),
        )

    def _names(self) -> list[str]:
        """Return the components' names; needs none of Flink's packages, so that stopping always works."""
        workers = [f"taskmanager-{number}" for number in range(1, self._profile.taskmanagers + 1)]
        recorded = [path.stem for path in (self._folder / "run").glob("taskmanager-*.json")]
        return ["jobmanager", *sorted({*workers, *recorded}), *([] if self._one_job else ["kafka"])]

    def _healthy_components(self, components: Sequence[LocalComponent]) -> list[LocalComponent]:
        """Return the components that need no restart; TaskManagers restart together with the JobManager."""
        sound: list[LocalComponent] = []
        for component in components:
            orphaned = component.name.startswith("taskmanager") and all(c.name != "jobmanager" for c in sound)
            if not orphaned and self._is_healthy(component):
                sound.append(component)
        return sound

    def _is_healthy(self, component: LocalComponent) -> bool:
        """Return whether it is alive and ready; waits for a component that has just started."""
        running = self._processes.find(component.name)
        if running is None or running.suspended:
            return False
        seconds = max(_HUNG_SECONDS, self._profile.ready_within - running.age)
        for _ in poll(seconds, every=_POLL_SECONDS):
            if component.problem(running) is None:
                return True
            if self._processes.find(component.name) is None:
                return False
        return False

    def _start(self, components: Sequence[LocalComponent], reporter: Reporter) -> dict[str, Running]:
        names = [component.name for component in components]
        with reporter.step("starting " + ", ".join(names)):
            self._processes.stop(names, min(_REPLACED_SECONDS, self._profile.stopped_within))
            self._clear_temporary()
            for component in components:
                self._require_ports(component.needs)
            prepared = [component.prepare() for component in components]
            archives = {archive.path: archive for archive in prepared}
            with ThreadPoolExecutor(len(components)) as pool:
                started = list(pool.map(self._start_one, components))
            for archive in archives.values():
                archive.make_later()
        return {running.component: running for running in started}

    def _start_one(self, component: LocalComponent) -> Running:
        return self._processes.start(component.launch(self._processes))

    def _wait_until_ready(self, component: LocalComponent, running: Running, step: ProgressStep) -> None:
        problem: str | None = "it was not checked yet"
        for _ in poll(self._profile.ready_within, every=_POLL_SECONDS):
            problem = component.problem(running)
            if problem is None:
                return
            step.update(problem)
            if (ending := self._processes.ending(running)) is not None:
                raise self._unhealthy(component, f"ended right after its start ({ending})")
        raise self._unhealthy(component, f"is not ready after {self._profile.ready_within:g} s: {problem}")

    def _unhealthy(self, component: LocalComponent, what: str) -> Unhealthy:
        out = component.log.with_suffix(".out")
        parts = [f"--- end of {path}\n{text}" for path in (component.log, out) if (text := end_of_file(path))]
        return Unhealthy(
            f"{component.title} {what}",
            detail="\n".join(parts),
            hint=f"see {component.log}; tdaflink setup --env {self._environment.name} tries again",
        )

    def _require_ports(self, purposes: Sequence[str]) -> None:
        for purpose in purposes:
            port = self._ports[purpose]
            if not port_is_free(port):
                raise PortTaken(
                    f"port {port} ({purpose}) is held by {port_holder(port)}",
                    hint=f"tdaflink setup --env {self._environment.name} --port-offset auto; "
                    "or stop that process",
                )

    def _clear_temporary(self) -> None:
        """Remove the temporary files of processes that have ended."""
        self._temporary.clear(self._processes.alive())

    def _require_all_gone(self, names: Sequence[str]) -> None:
        deadline = time.monotonic() + self._profile.stopped_within
        while time.monotonic() < deadline:
            if not self._processes.has_leftovers(names):
                return
            time.sleep(_POLL_SECONDS)
        raise Unhealthy(
            f"some processes of {self._environment.name} did not end after SIGKILL",
            hint=f"tdaflink teardown --env {self._environment.name} tries again",
        )

    def _warn_of_older_settings(self, component: LocalComponent, reporter: Reporter) -> None:
        running = self._processes.find(component.name)
        if running and running.settings and running.settings != component.settings:
            reporter.warn(
                f"{component.title} runs with older settings; "
                f"tdaflink teardown --env {self._environment.name} and setup apply the new ones"
            )

    def _without_packages(self, name: str, problem: str) -> Component:
        """Return the state of a component that cannot be checked, since its packages are not installed."""
        running, log = self._processes.find(name), component_log(self._folder, name)
        if running is None:
            return Component(name, "dead", f"not running; {problem}", log=log)
        return Component(name, "unhealthy", problem, running.pid, log, running.create_time)

    def _state(self, component: LocalComponent) -> Component:
        running = self._processes.find(component.name)
        if running is None:
            return Component(component.name, "dead", "not running", log=component.log)
        problem = component.problem(running)
        young = running.age < self._profile.ready_within
        health: Health = "healthy" if problem is None else ("starting" if young else "unhealthy")
        since = running.create_time
        return Component(component.name, health, problem or "", running.pid, component.log, since)
