"""A Kafka broker, which is its own controller, as a process on this machine."""

from __future__ import annotations

import base64
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from tdaflink.adapters.monitoring.files import kafka_exporter_config
from tdaflink.adapters.storage.paths import ensure_dir, write_atomically
from tdaflink.adapters.storage.shipped_profiles import profile_folder
from tdaflink.domain.environments.profile import Profile, filled_in
from tdaflink.domain.errors import Unhealthy

_PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class KafkaSettings:
    """The inputs of the local broker's files and command."""

    folder: Path
    profile: Profile
    python: str
    ports: Mapping[str, int]
    jars: Sequence[Path]
    max_message_bytes: int
    agent: Path | None = None
    """The JMX exporter's JAR, if the broker exposes its metrics."""

    @property
    def properties(self) -> dict[str, str]:
        values = {**self.ports, "folder": self.folder, "max_message_bytes": self.max_message_bytes}
        return filled_in(self.profile.kafka, values, source=f"{self.profile.name}/kafka.yaml")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports['kafka']}"

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options of its JVM."""
        if self.agent is None:
            return self.profile.kafka_java_options
        place = f"127.0.0.1:{self.ports['kafka_metrics']}:{kafka_exporter_config()}"
        return (*self.profile.kafka_java_options, f"-javaagent:{self.agent}={place}")

    @property
    def digest(self) -> str:
        options = self.options
        return digest(sorted(self.properties.items()), options, [jar.name for jar in self.jars])


class KafkaBroker:
    """The broker's process."""

    name = "kafka"
    title = "Kafka broker"

    def __init__(self, settings: KafkaSettings, java: LocalJava) -> None:
        self._settings = settings
        self.needs = ("kafka", "kafka_controller", *(("kafka_metrics",) if settings.agent else ()))
        self._java = java
        self._home = settings.folder / "kafka"
        self._temporary = TemporaryFolders(settings.folder)
        self.log = component_log(settings.folder, self.name)
        self._logs = self.log.parent
        self.settings = settings.digest

    def prepare(self) -> ClassArchive:
        self._write_files()
        return self._archive

    def launch(self, processes: ProcessTable) -> Launch:
        self._temporary.make(self.name)
        self._format_once()
        ensure_dir(self._logs)
        options = (*self._settings.options, *processes.markers(self.name))
        command = (
            *self._java_command(*options),
            *("kafka.Kafka", str(self._home / "server.properties")),
        )
        return Launch(self.name, command, self._environ(), self._logs / f"{self.name}.out", self.settings)

    def problem(self, _running: Running) -> str | None:
        """Return why it is not ready; None if it responds with metadata."""
        if not _listens(self._settings.ports["kafka"]):
            return f"nothing listens at {self._settings.address}"
        from tdaflink.adapters.kafka.admin import KafkaAdmin
        from tdaflink.domain.errors import Unreachable

        try:
            KafkaAdmin(self._settings.address).check(_PROBE_SECONDS)
        except Unreachable as error:
            return error.message
        return None

    def _write_files(self) -> None:
        lines = [f"{key}={_escaped(value)}\n" for key, value in self._settings.properties.items()]
        write_atomically(self._home / "server.properties", "".join(lines))
        logging = profile_folder(self._settings.profile.name) / "log4j2.properties"
        write_atomically(self._home / "log4j2.properties", logging.read_text(encoding="utf-8"))
        library = ensure_dir(self._home / "libs")
        names = {jar.name for jar in self._settings.jars}
        for stale in [path for path in library.iterdir() if path.name not in names]:
            stale.unlink()
        for jar in self._settings.jars:
            link(jar, library / jar.name)

    def _format_once(self) -> None:
        if (self._home / "data" / "meta.properties").exists():
            return
        command = [
            *self._java_command("-XX:TieredStopAtLevel=1"),
            *("kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", _cluster_id()),
            *("--config", str(self._home / "server.properties")),
        ]
        ran = subprocess.run(
            command, capture_output=True, text=True, env=self._environ(), timeout=60, check=False
        )
        if ran.returncode:
            raise Unhealthy(
                f"Kafka could not format its storage in {self._home / 'data'}",
                detail=(ran.stdout + ran.stderr).strip(),
            )

    @property
    def _archive(self) -> ClassArchive:
        return ClassArchive("kafka", self._java, linked_jars(self._home / "libs"))

    def _java_command(self, *options: str) -> tuple[str, ...]:
        archive = self._archive
        return (
            *(str(self._java.java), *options, *archive.options, f"-Dtdaflink.log.file={self.log}"),
            f"-Djava.io.tmpdir={self._temporary.of_java(self.name)}",
            f"-Dlog4j2.configurationFile={(self._home / 'log4j2.properties').as_uri()}",
            *("-classpath", class_path(archive.class_path)),
        )

    def _environ(self) -> dict[str, str]:
        return cluster_environ(self._settings.python, {"JAVA_HOME": str(self._java.java_home)})


def _cluster_id() -> str:
    """Return 22 characters of base64, as Kafka requires; a leading dash would be parsed as an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _escaped(value: str) -> str:
    """Escape a value for a Java properties file: backslashes doubled, everything beyond ASCII as \\uXXXX."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join(chr(code) if 32 <= code < 127 else f"\\u{code:04x}" for code in codes)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
