"""The runtime `compose`: a cluster of containers, whose compose.yaml also runs without tdaflink."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tdaflink.adapters.compose_runtime.cli import Compose, stop_process
from tdaflink.adapters.compose_runtime.docker_engine import Container, DockerEngine
from tdaflink.adapters.compose_runtime.image import IMAGE_PYTHON
from tdaflink.adapters.compose_runtime.project_folder import (
    compose_settings,
    has_s3_role,
    require_storage,
    write_compose_folder,
)
from tdaflink.adapters.compose_runtime.recreation import replacement
from tdaflink.adapters.compose_runtime.renderer import ComposeSettings
from tdaflink.adapters.compose_runtime.volume_storage import ContainerFiles
from tdaflink.adapters.local_runtime.java import digest, end_of_file
from tdaflink.adapters.local_runtime.process_table import port_holder, port_is_free
from tdaflink.adapters.security.credential_store import KEY, SECRET, keep_variables, stack_secrets
from tdaflink.adapters.storage.paths import map_write_errors, require_free_disk
from tdaflink.adapters.storage.shipped_profiles import profile_of
from tdaflink.adapters.storage.state_storage import S3Access, S3Files, s3_access, state_files
from tdaflink.adapters.web.json_fields import WrongForm
from tdaflink.adapters.web.probe import probe
from tdaflink.domain.artifacts.cluster_python import PackageSources, PythonPlan
from tdaflink.domain.environments import compose_stack
from tdaflink.domain.environments.compose_stack import Service, compose_parts, require_capacity
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
from tdaflink.domain.errors import NotFound, PortTaken, Unhealthy
from tdaflink.domain.jobs.state_snapshots import StateFiles, canonical
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep, Reporter

_POLL_SECONDS = 0.3
_PROBE_SECONDS = 3.0
_BUILD_SECONDS = 1800.0
_REGISTRY_PATH = "/apis/ccompat/v7"


def open_runtime(environment: Environment, folder: Path) -> ComposeRuntime:
    """Open the runtime of an environment; `folder` is the environment's."""
    return ComposeRuntime(environment, profile_of(environment), folder)


class ComposeRuntime:
    """One Compose project. Its files are in the environment's folder, under compose/."""

    def __init__(self, environment: Environment, profile: Profile, folder: Path) -> None:
        self._environment = environment
        self._profile = profile
        self._folder = folder / "compose"
        self._engine = DockerEngine()
        self._ports = profile.ports_at(environment.port_offset)
        self.project = f"tdaflink-{environment.name}-{digest(str(folder))[:6]}"

    def settings(self) -> ComposeSettings:
        """Return the inputs of the environment's files."""
        return compose_settings(self._environment, self._profile, self.project, self._folder.parent)

    # -- the protocol

    def endpoints(self) -> Endpoints:
        """Return the endpoints: on 127.0.0.1 for the command, by the containers' names for the job."""
        settings = self.settings()
        rest, *standby = [_url(manager) for manager in settings.of_kind(compose_stack.JOBMANAGER)]
        brokers = settings.of_kind(compose_stack.KAFKA)
        alerting = settings.of_kind(compose_stack.ALERTMANAGER)
        return Endpoints(
            rest_url=rest,
            rest_standby=tuple(standby),
            kafka=",".join(f"127.0.0.1:{broker.port}" for broker in brokers),
            kafka_cluster=settings.kafka_cluster,
            schema_registry=_url(settings.of_kind(compose_stack.REGISTRY)[0]) + _REGISTRY_PATH,
            prometheus=_url(settings.of_kind(compose_stack.PROMETHEUS)[0]),
            alertmanager=_url(alerting[0]) if alerting else None,
            grafana=_url(settings.of_kind(compose_stack.GRAFANA)[0]),
        )

    def state_files(self, address: str, flink: Mapping[str, str]) -> StateFiles:
        """Return access to a volume through the JobManager, or to the S3 service with the saved keys."""
        storage = compose_parts(self._profile).storage
        if canonical(address).startswith("file://") and storage == "volume":
            manager = self.settings().of_kind(compose_stack.JOBMANAGER)[0].name
            return ContainerFiles(partial(self.run_python, manager))
        if not address.startswith("s3") or storage == "volume":
            return state_files(address, flink)
        access = s3_access(flink)
        if storage == "bundled_s3":
            access = S3Access(f"http://127.0.0.1:{self._ports['s3']}")
        keys = self._secrets()
        return S3Files(replace(access, key=keys.get(KEY), secret=keys.get(SECRET)))

    def python_plan(self) -> PythonPlan:
        """Return the image's interpreter, which is always ready."""
        return PythonPlan(IMAGE_PYTHON, "ready")

    def prepare(self, sources: PackageSources, reporter: Reporter) -> str:  # noqa: ARG002
        """Return the image's interpreter; the image contains everything that jobs need."""
        return IMAGE_PYTHON

    def python_places(self) -> list[str]:
        """Return the TaskManagers' containers."""
        return [service.name for service in self.settings().of_kind(compose_stack.TASKMANAGER)]

    def run_python(self, component: str, program: str, *arguments: str) -> str:
        """Run a program in the interpreter of the component's container and return its output."""
        return self._engine.execute(self.project, component, [IMAGE_PYTHON, "-c", program, *arguments])

    def preflight(self) -> None:
        """Check Docker, memory and cores, disk, secrets and ports before `up`."""
        self._engine.check()
        require_capacity(self._profile, *self._engine.room())
        require_free_disk(self._folder, self._profile.min_free_disk_mb)
        require_storage(self._environment, self._profile)
        self._secrets()
        containers = self._engine.containers(self.project)
        running = {name for name, container in containers.items() if _runs(container)}
        for service in self.settings().services:
            if service.port and service.name not in running and not port_is_free(service.port):
                raise PortTaken(
                    f"port {service.port} ({service.name}) is held by {port_holder(service.port)}",
                    hint=f"tdaflink setup --env {self._environment.name} --port-offset auto; "
                    "or stop that process",
                )

    def pending_recreation(self) -> Replacement:
        """Return the containers that `docker compose up` would recreate."""
        return replacement(self._engine, self._folder, self.settings())

    def up(self, reporter: Reporter) -> Changes:
        """Build the image unless it exists, start what is not running, wait until all is healthy."""
        compose = self._write_project()
        self._build(compose, reporter)
        before = self._engine.containers(self.project)
        self._replace_unhealthy(compose, before, reporter)
        self._start(compose, reporter)
        services = self.settings().services
        for service in services:
            with reporter.step(service.title) as step:
                self._wait_until_healthy(service, step, before.get(service.name))
        with reporter.step("TaskManagers registered") as step:
            self._wait_for_workers(step)
        after = self._engine.containers(self.project)
        started = [s.name for s in services if _is_new(before.get(s.name), after.get(s.name))]
        return Changes(
            started=tuple(started), unchanged=tuple(s.name for s in services if s.name not in started)
        )

    def down(self, reporter: Reporter) -> Changes:
        """Stop and remove containers and network; volumes stay."""
        containers = self._engine.containers(self.project)
        alive = [name for name, container in containers.items() if _runs(container)]
        with reporter.step("stopping containers") as step:
            if not alive:
                step.unchanged("none was running")
            Compose(self.project, self._folder, {}).down(self._profile.stopped_within)
        names = [service.name for service in self.settings().services]
        order = sorted(alive, key=lambda name: names.index(name) if name in names else len(names))
        return Changes(stopped=tuple(order), unchanged=tuple(n for n in names if n not in alive))

    def purge(self) -> None:
        """Remove the volumes and the environment's folder; images stay."""
        self._engine.remove_volumes(self.project)
        folder = self._folder.parent
        if folder.exists():
            with map_write_errors(folder):
                shutil.rmtree(folder)

    def components(self) -> list[Component]:
        """Return the current state of each service's container."""
        containers = self._engine.containers(self.project)
        return [_component(service, containers.get(service.name)) for service in self.settings().services]

    def ended(self) -> list[str]:
        """Return nothing: Docker restarts containers itself."""
        return []

    def is_running(self) -> bool:
        """Return whether any of its containers is alive."""
        return any(component.health != "dead" for component in self.components())

    def logs(
        self, component: str, *, since: datetime | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the output of the component's container, with the engine's timestamps."""
        names = [service.name for service in self.settings().services]
        if component not in names:
            raise NotFound(
                f"environment {self._environment.name} has no component {component!r}: {', '.join(names)}"
            )
        return self._engine.logs(self.project, component, since=since, follow=follow)

    # -- steps of `up`

    def _secrets(self) -> dict[str, str]:
        return stack_secrets(self._profile, self._folder / ".env", role=has_s3_role(self._environment))

    def _write_project(self) -> Compose:
        secrets = self._secrets()
        write_compose_folder(self._folder, self.settings())
        keep_variables(secrets, self._folder / ".env")
        return Compose(self.project, self._folder, secrets)

    def _build(self, compose: Compose, reporter: Reporter) -> None:
        tag = self.settings().image
        with reporter.step(f"image {tag}") as step:
            if self._engine.image_id(tag) is not None:
                step.unchanged("built already")
                return
            log = self._folder / "build.log"
            worker = self.settings().of_kind(compose_stack.TASKMANAGER)[0].name
            process = compose.start(log, "build", worker)
            self._watch(process, _BUILD_SECONDS, lambda: step.update(end_of_file(log, 1)[:100]))
            if process.returncode:
                raise Unhealthy(
                    f"the image {tag} could not be built", detail=end_of_file(log), hint=f"see {log}"
                )

    def _replace_unhealthy(
        self, compose: Compose, before: Mapping[str, Container], reporter: Reporter
    ) -> None:
        unhealthy = sorted(name for name, c in before.items() if _runs(c) and c.health == "unhealthy")
        if unhealthy:
            with reporter.step("restarting " + ", ".join(unhealthy)):
                process = compose.start(self._folder / "restart.log", "restart", *unhealthy)
                self._watch(process, self._profile.ready_within, lambda: None)

    def _start(self, compose: Compose, reporter: Reporter) -> None:
        """Run `up`, which waits for services that others depend on and reports those that stay unhealthy."""
        log = self._folder / "up.log"
        with reporter.step("containers") as step:
            process = compose.start(log, "up", "--detach", "--no-build", "--remove-orphans")
            self._watch(process, self._profile.ready_within, lambda: step.update(self._waiting()))
            if process.returncode:
                raise self._failed("docker compose could not start all containers", end_of_file(log))

    def _watch(self, process: subprocess.Popen[bytes], seconds: float, show_progress: Any) -> None:
        try:
            for _ in poll(seconds, every=_POLL_SECONDS):
                if process.poll() is not None:
                    return
                show_progress()
        finally:
            stop_process(process)

    def _waiting(self) -> str:
        waiting = [component for component in self.components() if component.health != "healthy"]
        return ", ".join(f"{c.name} {c.detail or c.health}" for c in waiting[:3])

    def _wait_until_healthy(self, service: Service, step: ProgressStep, before: Container | None) -> None:
        for _ in poll(self._profile.ready_within, every=_POLL_SECONDS):
            container = self._engine.containers(self.project).get(service.name)
            component = _component(service, container)
            if component.health == "healthy":
                if not _is_new(before, container):
                    step.unchanged("running, unchanged")
                return
            step.update(component.detail or component.health)
            if container is not None and container.status in ("exited", "dead"):
                break
        raise self._failed(
            f"{service.title} is not healthy: {component.detail or component.health}", "", [service.name]
        )

    def _wait_for_workers(self, step: ProgressStep) -> None:
        expected = self._profile.taskmanagers * self._profile.slots
        urls = [self.endpoints().rest_url, *self.endpoints().rest_standby]
        registered = 0
        for _ in poll(self._profile.ready_within, every=_POLL_SECONDS):
            registered = max(_slots(url) for url in urls)
            if registered >= expected:
                return
            step.update(f"{registered} of {expected} slots")
        workers = [service.name for service in self.settings().of_kind(compose_stack.TASKMANAGER)]
        raise self._failed(f"Flink has {registered} of {expected} slots", "", workers)

    def _failed(self, message: str, output: str, names: Sequence[str] = ()) -> Unhealthy:
        """Return an error with the end of the log of each container that is not healthy."""
        containers = self._engine.containers(self.project)
        shown = names or [c.name for c in self.components() if c.health != "healthy"]
        ends = [f"--- end of {n}\n{self._engine.end_of_log(containers[n])}" for n in shown if n in containers]
        return Unhealthy(
            message,
            detail="\n".join([output, *ends]).strip(),
            hint=f"tdaflink setup --env {self._environment.name} tries again; files in {self._folder}",
        )


def _url(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def _runs(container: Container) -> bool:
    return container.status == "running"


def _is_new(before: Container | None, after: Container | None) -> bool:
    """Return whether a container was created or started between two observations."""
    if before is None or after is None:
        return True
    return (before.id, before.started_at) != (after.id, after.started_at)


def _component(service: Service, container: Container | None) -> Component:
    if container is None:
        return Component(service.name, "dead", "no container")
    if not _runs(container):
        killed = ", out of memory" if container.out_of_memory else ""
        return Component(service.name, "dead", f"{container.status}, code {container.exit_code}{killed}")
    reported: dict[str, Health] = {"healthy": "healthy", "unhealthy": "unhealthy"}
    health = reported.get(container.health, "starting")
    detail = "" if health == "healthy" else container.health
    return Component(service.name, health, detail, started_at=container.started_at)


def _slots(rest_url: str) -> int:
    overview = probe(f"{rest_url}/overview", _PROBE_SECONDS)
    try:
        return overview.count("slots-total", 0) if overview else 0
    except WrongForm:
        return 0
