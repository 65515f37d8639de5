"""The files of an environment on Docker Compose: compose.yaml, Flink's configuration, mounted files.

Each service is a text snippet under profiles/compose/services, so that the written file keeps comments and
order.
"""

from __future__ import annotations

import base64
import hashlib
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from tdaflink import __version__
from tdaflink.adapters.compose_runtime.image import build_arguments
from tdaflink.adapters.monitoring.files import monitoring_files, reporter_settings
from tdaflink.adapters.security.credential_store import KEY, SECRET
from tdaflink.adapters.storage.shipped_profiles import load_catalogue, load_versions, profile_folder
from tdaflink.domain.environments import compose_stack
from tdaflink.domain.environments.compose_stack import Service, compose_parts, services_of
from tdaflink.domain.environments.profile import Profile, filled_in
from tdaflink.domain.environments.scrape_targets import FLINK_PORT, KAFKA_PORT, Addresses, Monitored

STATE = "file:///var/lib/flink"
BUCKET = "tdaflink"
EXPORTER = "kafka/jmx_prometheus_javaagent.jar"
_INTERNAL, _CLIENT, _CONTROLLER = 9092, 19092, 9093


_NO_WEBHOOK_NOTE = (
    "\n# Alerts are shown only: set TDAFLINK_ALERT_WEBHOOK to a webhook when this file is written,"
    "\n# or add a receiver to monitoring/alertmanager/alertmanager.yml."
)


@dataclass(frozen=True)
class ComposeSettings:
    """The inputs of one environment's files.

    `storage` and `s3_endpoint` locate the checkpoints if the profile leaves that to the user.
    """

    project: str
    environment: str
    profile: Profile
    ports: Mapping[str, int]
    image: str
    forking_python: str
    storage: str | None = None
    s3_endpoint: str | None = None
    webhook: str | None = None
    s3_role: bool = False
    """True if the role of the machine gives access to `storage` without keys."""

    @property
    def services(self) -> tuple[Service, ...]:
        return services_of(self.profile, self.ports)

    def of_kind(self, kind: str) -> list[Service]:
        return [service for service in self.services if service.kind == kind]

    @property
    def kafka_cluster(self) -> str:
        """Return the brokers' addresses inside the network of the containers."""
        return ",".join(f"{broker.name}:{_INTERNAL}" for broker in self.of_kind(compose_stack.KAFKA))

    @property
    def checkpoints(self) -> str:
        """Return the address below which Flink stores state that must outlive a container."""
        storage = compose_parts(self.profile).storage
        if storage == "volume":
            return STATE
        return f"s3://{BUCKET}" if storage == "bundled_s3" else str(self.storage).rstrip("/")


def compose_files(settings: ComposeSettings) -> dict[str, str]:
    """Return the text of each file by its path below the environment's compose folder."""
    files = {
        "flink/config.yaml": _flink_config(settings),
        "flink/log4j-console.properties": _read_shipped("log4j-console.properties"),
    }
    monitored = monitoring_files(_monitored(settings))
    alerting = compose_parts(settings.profile).alerting
    for path, text in monitored.items():
        if path.startswith("kafka/"):
            files[path] = text
        elif alerting or not path.startswith("alertmanager/"):
            files[f"monitoring/{path}"] = text
    files["compose.yaml"] = _compose(settings, files)
    return files


def _compose(settings: ComposeSettings, files: Mapping[str, str]) -> str:
    common = {
        **_common_values(settings),
        "build_arguments": _lines(6, build_arguments()),
        "flink_environment": _lines(4, _flink_environment(settings)),
    }
    texts = [_fill_snippet("header", common)]
    for service in settings.services:
        snippet = compose_stack.KAFKA if service.kind == compose_stack.CONTROLLER else service.kind
        texts.append(_fill_snippet(snippet, {**common, **_service_values(settings, service, files)}))
    return (
        "\n\n".join(texts).replace("services:\n\n", "services:\n")
        + "\n"
        + _volumes(settings, "\n".join(texts))
    )


def _common_values(settings: ComposeSettings) -> dict[str, object]:
    dev = compose_parts(settings.profile).default_passwords
    password = "admin" if dev else "${GRAFANA_ADMIN_PASSWORD:?is the password of Grafana's user admin}"
    return {
        "about": f"{settings.environment}: {settings.profile.about}",
        "version": __version__,
        "profile": settings.profile.name,
        "project": settings.project,
        "flink_image": settings.image,
        "grafana_password": password,
        "kafka_cluster": settings.kafka_cluster,
        "zookeeper_servers": " ".join(
            f"server.{node.number}={node.name}:2888:3888;2181"
            for node in settings.of_kind(compose_stack.ZOOKEEPER)
        ),
        "memory_gb": f"{sum(service.memory_mb for service in settings.services) / 1000:.1f}",
        "alerts_note": _NO_WEBHOOK_NOTE
        if compose_parts(settings.profile).alerting and not settings.webhook
        else "",
        "bucket": BUCKET,
        "slots": settings.profile.slots,
        "cluster_id": _cluster_id(settings.project),
        "storage_mount": "      - flink-state:/var/lib/flink" if settings.checkpoints == STATE else "",
        "after_storage": _depends_on(settings, (compose_stack.ZOOKEEPER, compose_stack.S3)),
        "after_brokers": _conditions(settings.of_kind(compose_stack.KAFKA)),
    }


def _service_values(
    settings: ComposeSettings, service: Service, files: Mapping[str, str]
) -> dict[str, object]:
    """Return the values for the placeholders of one service's snippet."""
    images = load_versions().images.model_dump()
    kind = service.kind
    image = images.get({compose_stack.CONTROLLER: "kafka"}.get(kind, kind.replace("-", "_")), settings.image)
    own: dict[str, object] = {
        "name": service.name,
        "title": service.title,
        "number": service.number,
        "image": image,
        "memory": service.memory_mb,
        "heap": service.memory_mb // 2,
        "port": service.port or "",
        "digest": _digest(kind, files),
    }
    return own | (
        _kafka_values(settings, service) if kind in (compose_stack.KAFKA, compose_stack.CONTROLLER) else {}
    )


# -- Kafka


def _kafka_values(settings: ComposeSettings, service: Service) -> dict[str, object]:
    broker = service.kind == compose_stack.KAFKA
    controllers = settings.of_kind(compose_stack.CONTROLLER) or settings.of_kind(compose_stack.KAFKA)
    is_controller = service in controllers
    roles = [role for role, has in (("broker", broker), ("controller", is_controller)) if has]
    voters = ",".join(f"{_node(node)}@{node.name}:{_CONTROLLER}" for node in controllers)
    values = {"max_message_bytes": load_catalogue().max_message_bytes}
    source = f"{settings.profile.name}/kafka.yaml"
    properties = {
        "process.roles": ",".join(roles),
        "node.id": str(_node(service)),
        "controller.quorum.voters": voters,
        **_listeners(service, broker=broker, controller=is_controller),
        **filled_in(settings.profile.kafka, values, source=source),
    }
    if not broker:
        del properties["inter.broker.listener.name"]
    environment = {_variable(key): value for key, value in properties.items()}
    agent = f"-javaagent:/opt/tdaflink/{EXPORTER.partition('/')[2]}={KAFKA_PORT}:/opt/tdaflink/kafka-jmx.yaml"
    return {
        "roles": " and ".join(roles),
        "java_options": " ".join(settings.profile.kafka_java_options),
        "agent": agent,
        "kafka_environment": _lines(6, environment),
        "kafka_ports": f'    ports: ["127.0.0.1:{service.port}:{_CLIENT}"]' if broker else "",
        "probe_port": _INTERNAL if broker else _CONTROLLER,
    }


def _node(service: Service) -> int:
    return service.number if service.kind == compose_stack.KAFKA else 100 + service.number


def _listeners(service: Service, *, broker: bool, controller: bool) -> dict[str, str]:
    listeners = [f"CONTROLLER://:{_CONTROLLER}"] if controller else []
    if not broker:
        return {"listeners": listeners[0]}
    advertised = f"INTERNAL://{service.name}:{_INTERNAL},CLIENT://127.0.0.1:{service.port}"
    own = [f"INTERNAL://:{_INTERNAL}", f"CLIENT://:{_CLIENT}", *listeners]
    return {"listeners": ",".join(own), "advertised.listeners": advertised}


def _variable(key: str) -> str:
    """Return the name of the variable by which the image sets a broker property."""
    return "KAFKA_" + key.replace("-", "___").replace("_", "__").replace(".", "_").upper()


def _cluster_id(project: str) -> str:
    """Return 22 characters of base64, constant for a project, since its brokers' storage contains the id."""
    return (
        base64.urlsafe_b64encode(b"T" + hashlib.sha256(project.encode()).digest()[:15]).decode().rstrip("=")
    )


# -- Flink


def _flink_config(settings: ComposeSettings) -> str:
    first = settings.of_kind(compose_stack.JOBMANAGER)[0]
    values = {
        "jobmanager": first.name,
        "forking_python": settings.forking_python,
        "storage": settings.checkpoints,
        "project": settings.project,
        "zookeepers": ",".join(f"{node.name}:2181" for node in settings.of_kind(compose_stack.ZOOKEEPER)),
    }
    source = f"{settings.profile.name}/flink.yaml"
    config = filled_in({**settings.profile.flink, **reporter_settings()}, values, source=source)
    return yaml.safe_dump(config | _s3(settings), sort_keys=False, width=1_000_000)


def _s3(settings: ComposeSettings) -> dict[str, str]:
    """Return Flink's S3 settings without keys, which S3 clients read from their usual variables."""
    if settings.checkpoints == STATE:
        return {}
    bundled = compose_parts(settings.profile).storage == "bundled_s3"
    endpoint = "http://s3:8080" if bundled else settings.s3_endpoint
    if not endpoint:
        return {}
    region = {"fs.s3a.endpoint.region": "us-east-1"} if bundled else {}
    return {"s3.endpoint": endpoint, "s3.path.style.access": "true", **region}


def _flink_environment(settings: ComposeSettings) -> dict[str, str]:
    environment = dict(settings.profile.environment)
    if settings.checkpoints != STATE:
        environment |= {
            KEY: f"${{{KEY}:?names the key of the S3 service}}",
            SECRET: f"${{{SECRET}:?is the secret of that key}}",
        }
    if compose_parts(settings.profile).storage == "given_s3" and not settings.s3_endpoint:
        # Both may stay empty: the S3 client then uses the role of the machine.
        environment |= {KEY: f"${{{KEY}:-}}", SECRET: f"${{{SECRET}:-}}"}
    return environment


# -- monitoring


def _monitored(settings: ComposeSettings) -> Monitored:
    nodes = [*settings.of_kind(compose_stack.CONTROLLER), *settings.of_kind(compose_stack.KAFKA)]
    alerting = [f"{service.name}:9093" for service in settings.of_kind(compose_stack.ALERTMANAGER)]
    return Monitored(
        environment=settings.environment,
        jobmanagers=Addresses(dns=("jobmanagers",), port=FLINK_PORT),
        taskmanagers=Addresses(dns=("taskmanagers",), port=FLINK_PORT),
        taskmanagers_expected=settings.profile.taskmanagers,
        kafka=Addresses(static=tuple(f"{node.name}:{KAFKA_PORT}" for node in nodes)),
        alertmanager=Addresses(static=tuple(alerting)),
        webhook=settings.webhook,
    )


# -- text


def _fill_snippet(snippet: str, values: Mapping[str, object]) -> str:
    text = string.Template(_read_shipped(f"services/{snippet}.yaml")).substitute(values)
    return "\n".join(line for line in text.splitlines() if line.strip() or snippet == "header")


def _lines(indent: int, values: Mapping[str, str]) -> str:
    return "\n".join(f"{' ' * indent}{key}: {_quote(value)}" for key, value in values.items())


def _quote(value: str) -> str:
    """Return the value as a YAML scalar, plain where YAML reads that as the same text."""
    plain = yaml.safe_load(value) == value and ": " not in value and not value.startswith("$")
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _depends_on(settings: ComposeSettings, kinds: Sequence[str]) -> str:
    services = [service for kind in kinds for service in settings.of_kind(kind)]
    return "    depends_on:\n" + _conditions(services) if services else ""


def _conditions(services: Sequence[Service]) -> str:
    return "\n".join(f"      {service.name}: {{condition: service_healthy}}" for service in services)


def _volumes(settings: ComposeSettings, text: str) -> str:
    mounts = [line.strip()[2:].split(":")[0] for line in text.splitlines() if line.startswith("      - ")]
    services = {service.name for service in settings.services}
    volumes = [m for m in dict.fromkeys(mounts) if m == "flink-state" or m.removesuffix("-log") in services]
    return "\nvolumes:\n" + "\n".join(f"  {volume}:" for volume in volumes) + "\n"


def _digest(kind: str, files: Mapping[str, str]) -> str:
    """Return a digest of the mounted files, so that Compose recreates the container when they change."""
    folder = {
        compose_stack.JOBMANAGER: "flink/",
        compose_stack.TASKMANAGER: "flink/",
        compose_stack.PROMETHEUS: "monitoring/prometheus/",
        compose_stack.ALERTMANAGER: "monitoring/alertmanager/",
        compose_stack.GRAFANA: "monitoring/grafana/",
    }.get(kind)
    mounted = sorted((path, text) for path, text in files.items() if folder and path.startswith(folder))
    return hashlib.sha256(repr(mounted).encode()).hexdigest()[:12]


def _read_shipped(path: str) -> str:
    return (profile_folder("compose") / path).read_text(encoding="utf-8")
