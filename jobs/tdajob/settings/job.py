"""Settings of the job, read from the resolved JSON that the command submits: no defaults, no unknown keys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdajob.settings.json_object import JsonObjectReader
from tdajob.settings.json_object import SettingsError as SettingsError  # re-exported for main() and others
from tdajob.settings.secrets import check_login, check_property, login_text, resolve
from tdajob.settings.streams import StreamSettings, read_stream_settings
from tdajob.settings.windows import read_window, read_window_bounds
from tdajob.windows.spec import WindowSettings

SCHEMA = 1
ROUTES = ("requests", "uploads", "streams")
DELIVERIES = ("at_least_once", "exactly_once")
STARTS = ("committed", "earliest", "latest")


_SKIPPED = re.compile(r"([A-Za-z0-9._-]{1,249})/([0-9]{1,10})/([0-9]{1,18})")

RecordPosition = tuple[str, int, int]


@dataclass(frozen=True)
class Input:
    route: str
    topic: str
    output_topic: str
    source_parallelism: int
    window: WindowSettings | None
    """The windows of its points; None where each message is a request of its own."""


@dataclass(frozen=True)
class Kafka:
    bootstrap_servers: str
    group_id: str
    start_from: str | int
    properties: Mapping[str, Any]
    delivery: str
    transactional_id_prefix: str
    transaction_timeout_ms: int

    def resolved_properties(self, login_packages: str = "") -> dict[str, str]:
        """Return the further client properties, with references to secrets replaced by the secrets.

        `login_packages` is the prefix of the names of Kafka's classes in a shaded JAR.
        """
        return {
            name: (
                login_text(value["$login"], f"kafka.properties.{name}.$login", login_packages)
                if _is_login(value)
                else resolve(value, f"kafka.properties.{name}")
            )
            for name, value in self.properties.items()
        }


@dataclass(frozen=True)
class QueryDefaults:
    """The computation of a request that sets no parameters."""

    algorithm: str
    max_dimension: int
    max_persistence: float | None
    min_persistence: float
    betti_at: float | None
    homology_coeff_field: int
    engine: str
    algorithm_params: Mapping[str, Any]
    pairs: str


@dataclass(frozen=True)
class LimitSettings:
    max_points: int
    max_predicted_bytes: int
    compute_timeout_s: float
    max_ambient_dimension: int
    max_message_bytes: int
    max_future_s: float


@dataclass(frozen=True)
class HeavySettings:
    """The bounds of heavy requests, which are predicted to take, or do take, longer than `after_s`.

    They are computed concurrently with the others; None: no request is heavy. A subtask queues up to `queue`.
    """

    after_s: float | None
    queue: int


@dataclass(frozen=True)
class S3Settings:
    """The object storage and its keys: texts, references to secrets, or None for the worker's own."""

    endpoint: str | None
    region: str
    access_key: Any
    secret_key: Any

    def resolved(self) -> dict[str, str | None]:
        """Return all settings, with references to secrets replaced by the secrets."""
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        return {
            "endpoint": self.endpoint,
            "region": self.region,
            **{
                name: None if value is None else resolve(value, f"uploads.s3.{name}")
                for name, value in keys.items()
            },
        }


@dataclass(frozen=True)
class UploadSettings:
    """`roots` are the URIs of the folders that may contain uploads; without one every upload is refused."""

    roots: tuple[str, ...]
    max_bytes: int
    timeout_s: float
    s3: S3Settings


@dataclass(frozen=True)
class Settings:
    job_name: str
    environment: str
    parallelism: int
    inputs: tuple[Input, ...]
    errors_topic: str
    kafka: Kafka
    query: QueryDefaults
    limits: LimitSettings
    stream: StreamSettings
    incremental_bytes: int
    plugins: tuple[str, ...]
    """Modules of the bundle that register algorithms."""
    uploads: UploadSettings
    heavy: HeavySettings
    skip: frozenset[RecordPosition] = frozenset()
    """Records that are skipped: topic, partition and offset of each. The only key that may be missing: the
    settings of earlier releases do not contain it."""


def load(text: str) -> Settings:
    """Parse the settings. Raises SettingsError, which names the wrong key."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"the settings are not JSON: {error}") from None
    root = JsonObjectReader(document, "")
    if root.integer("schema") != SCHEMA:
        raise SettingsError(f"schema: this job reads version {SCHEMA}, not {document['schema']}")
    limits = _limits(root.inner("limits"))
    bounds = read_window_bounds(root.inner("windows"))
    settings = Settings(
        job_name=root.text("job_name"),
        environment=root.text("environment"),
        parallelism=root.integer("parallelism", least=1),
        inputs=_inputs(root, bounds, limits.max_points),
        errors_topic=root.text("errors_topic"),
        kafka=_kafka(root.inner("kafka")),
        query=_query(root.inner("query")),
        limits=limits,
        stream=read_stream_settings(root),
        incremental_bytes=root.integer("incremental_bytes"),
        plugins=root.texts("plugins"),
        uploads=_uploads(root.inner("uploads")),
        heavy=_heavy(root.inner("heavy")),
        skip=_skip(root),
    )
    root.finish()
    return settings


def _skip(root: JsonObjectReader) -> frozenset[RecordPosition]:
    places = set()
    for text in root.texts("skip") if root.has("skip") else ():
        match = _SKIPPED.fullmatch(text)
        if not match:
            raise SettingsError(f"skip: {text[:300]!r} is not TOPIC/PARTITION/OFFSET")
        places.add((match[1], int(match[2]), int(match[3])))
    return frozenset(places)


def _inputs(root: JsonObjectReader, bounds: dict[str, Any], max_points: int) -> tuple[Input, ...]:
    inputs = []
    for reader in root.inners("inputs"):
        window = reader.inner_or_none("window")
        inputs.append(
            Input(
                route=reader.choice("route", ROUTES),
                topic=reader.text("topic"),
                output_topic=reader.text("output_topic"),
                source_parallelism=reader.integer("source_parallelism", least=1),
                window=None if window is None else read_window(window, bounds, max_points),
            )
        )
        reader.finish()
    for source in inputs:
        if source.route == "streams" and source.window is None:
            raise SettingsError(f"inputs: {source.topic} is a stream and has no window")
    for name in ("route", "topic"):
        if len({getattr(source, name) for source in inputs}) < len(inputs):
            raise SettingsError(f"inputs: two of them have the same {name}")
    return tuple(inputs)


def _kafka(reader: JsonObjectReader) -> Kafka:
    start = reader.take("start_from")
    if not (isinstance(start, int) and not isinstance(start, bool) and start >= 0) and start not in STARTS:
        raise SettingsError(
            f"kafka.start_from: must be one of {', '.join(STARTS)}, or epoch milliseconds, not {start!r}"
        )
    kafka = Kafka(
        bootstrap_servers=reader.text("bootstrap_servers"),
        group_id=reader.text("group_id"),
        start_from=start,
        properties=reader.free("properties"),
        delivery=reader.choice("delivery", DELIVERIES),
        transactional_id_prefix=reader.text("transactional_id_prefix"),
        transaction_timeout_ms=reader.integer("transaction_timeout_ms", least=1),
    )
    reader.finish()
    for name, value in kafka.properties.items():
        if _is_login(value):
            check_login(value["$login"], f"kafka.properties.{name}.$login")
        else:
            check_property(value, f"kafka.properties.{name}")
    return kafka


def _query(reader: JsonObjectReader) -> QueryDefaults:
    query = QueryDefaults(
        algorithm=reader.text("algorithm"),
        max_dimension=reader.integer("max_dimension", least=0),
        max_persistence=reader.number_or_none("max_persistence"),
        min_persistence=reader.number("min_persistence"),
        betti_at=reader.number_or_none("betti_at"),
        homology_coeff_field=reader.integer("homology_coeff_field", least=2),
        engine=reader.text("engine"),
        algorithm_params=reader.free("algorithm_params"),
        pairs=reader.text("pairs"),
    )
    reader.finish()
    return query


def _limits(reader: JsonObjectReader) -> LimitSettings:
    limits = LimitSettings(
        max_points=reader.integer("max_points", least=1),
        max_predicted_bytes=reader.integer("max_predicted_bytes", least=1),
        compute_timeout_s=reader.number("compute_timeout_s"),
        max_ambient_dimension=reader.integer("max_ambient_dimension", least=1),
        max_message_bytes=reader.integer("max_message_bytes", least=1024),
        max_future_s=reader.number("max_future_s"),
    )
    reader.finish()
    return limits


def _heavy(reader: JsonObjectReader) -> HeavySettings:
    heavy = HeavySettings(reader.number_or_none("after_s"), reader.integer("queue", least=1))
    reader.finish()
    return heavy


def _uploads(reader: JsonObjectReader) -> UploadSettings:
    uploads = UploadSettings(
        roots=reader.texts("roots"),
        max_bytes=reader.integer("max_bytes", least=1),
        timeout_s=reader.number("timeout_s"),
        s3=_s3(reader.inner("s3")),
    )
    reader.finish()
    return uploads


def _s3(reader: JsonObjectReader) -> S3Settings:
    s3 = S3Settings(
        endpoint=reader.text_or_none("endpoint"),
        region=reader.text("region"),
        access_key=reader.take("access_key"),
        secret_key=reader.take("secret_key"),
    )
    reader.finish()
    for name, value in (("access_key", s3.access_key), ("secret_key", s3.secret_key)):
        if value is not None:
            check_property(value, f"uploads.s3.{name}")
    if (s3.access_key is None) != (s3.secret_key is None):
        raise SettingsError("uploads.s3: access_key and secret_key go together: give both or none")
    return s3


def _is_login(value: Any) -> bool:
    return isinstance(value, dict) and "$login" in value
