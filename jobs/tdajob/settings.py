"""The job's settings, read from the resolved JSON that the command ships: no defaults, nothing unknown."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1
ROUTES = ("requests", "uploads")
DELIVERIES = ("at_least_once", "exactly_once")
STARTS = ("committed", "earliest", "latest")


class SettingsError(ValueError):
    """A setting is missing, unknown or of the wrong kind; the message names its path."""


@dataclass(frozen=True)
class Input:
    route: str
    topic: str
    output_topic: str
    source_parallelism: int


@dataclass(frozen=True)
class Kafka:
    bootstrap_servers: str
    group_id: str
    start_from: str | int
    properties: Mapping[str, Any]
    delivery: str
    transactional_id_prefix: str
    transaction_timeout_ms: int

    def resolved_properties(self) -> dict[str, str]:
        """The further client properties, with references to secrets replaced by the secrets."""
        return {name: _resolve(value, f"kafka.properties.{name}") for name, value in self.properties.items()}


@dataclass(frozen=True)
class QueryDefaults:
    """What a request that says nothing else is asked."""

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
class S3Settings:
    """Where objects are read, and with which keys: texts, references to secrets, or None for what the
    worker finds by itself."""

    endpoint: str | None
    region: str
    access_key: Any
    secret_key: Any

    def resolved(self) -> dict[str, str | None]:
        """All of it, with references to secrets replaced by the secrets."""
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        return {
            "endpoint": self.endpoint,
            "region": self.region,
            **{
                name: None if value is None else _resolve(value, f"uploads.s3.{name}")
                for name, value in keys.items()
            },
        }


@dataclass(frozen=True)
class UploadSettings:
    """`roots` are the folders, as URIs, below which uploads may lie; without one every upload is refused."""

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
    uploads: UploadSettings


def load(text: str) -> Settings:
    """The settings in a JSON text; SettingsError names the key that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"the settings are not JSON: {error}") from None
    root = _Reader(document, "")
    if root.integer("schema") != SCHEMA:
        raise SettingsError(f"schema: this job reads version {SCHEMA}, not {document['schema']}")
    settings = Settings(
        job_name=root.text("job_name"),
        environment=root.text("environment"),
        parallelism=root.integer("parallelism", least=1),
        inputs=_inputs(root),
        errors_topic=root.text("errors_topic"),
        kafka=_kafka(root.inner("kafka")),
        query=_query(root.inner("query")),
        limits=_limits(root.inner("limits")),
        uploads=_uploads(root.inner("uploads")),
    )
    root.finish()
    return settings


def _inputs(root: _Reader) -> tuple[Input, ...]:
    inputs = []
    for reader in root.inners("inputs"):
        inputs.append(
            Input(
                route=reader.choice("route", ROUTES),
                topic=reader.text("topic"),
                output_topic=reader.text("output_topic"),
                source_parallelism=reader.integer("source_parallelism", least=1),
            )
        )
        reader.finish()
    for name in ("route", "topic"):
        if len({getattr(one, name) for one in inputs}) < len(inputs):
            raise SettingsError(f"inputs: two of them have the same {name}")
    return tuple(inputs)


def _kafka(reader: _Reader) -> Kafka:
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
        _check_property(value, f"kafka.properties.{name}")
    return kafka


def _query(reader: _Reader) -> QueryDefaults:
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


def _limits(reader: _Reader) -> LimitSettings:
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


def _uploads(reader: _Reader) -> UploadSettings:
    uploads = UploadSettings(
        roots=reader.texts("roots"),
        max_bytes=reader.integer("max_bytes", least=1),
        timeout_s=reader.number("timeout_s"),
        s3=_s3(reader.inner("s3")),
    )
    reader.finish()
    return uploads


def _s3(reader: _Reader) -> S3Settings:
    s3 = S3Settings(
        endpoint=reader.text_or_none("endpoint"),
        region=reader.text("region"),
        access_key=reader.take("access_key"),
        secret_key=reader.take("secret_key"),
    )
    reader.finish()
    for name, value in (("access_key", s3.access_key), ("secret_key", s3.secret_key)):
        if value is not None:
            _check_property(value, f"uploads.s3.{name}")
    if (s3.access_key is None) != (s3.secret_key is None):
        raise SettingsError("uploads.s3: access_key and secret_key go together: give both or none")
    return s3


class _Reader:
    """Takes typed values out of one JSON object; `finish` refuses what nobody took."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise SettingsError(f"{path or 'the settings'}: must be an object, not {value!r}")
        self._values: dict[str, Any] = value
        self._left = set(value)
        self._path = path

    def take(self, key: str) -> Any:
        if key not in self._values:
            raise SettingsError(f"{self._at(key)}: is missing")
        self._left.discard(key)
        return self._values[key]

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "a text that is not empty", value)
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.take(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "a list of texts", value)
        return tuple(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.take(key)
        if value not in choices:
            raise self._wrong(key, f"one of {', '.join(choices)}", value)
        return str(value)

    def integer(self, key: str, *, least: int = 0) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._wrong(key, f"an integer of at least {least}", value)
        return value

    def number(self, key: str) -> float:
        value = self.take(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise self._wrong(key, "a finite number of at least 0", value)
        return float(value)

    def number_or_none(self, key: str) -> float | None:
        return None if self.take(key) is None else self.number(key)

    def free(self, key: str) -> dict[str, Any]:
        value = self.take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        return value

    def inner(self, key: str) -> _Reader:
        return _Reader(self.take(key), self._at(key))

    def inners(self, key: str) -> list[_Reader]:
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise self._wrong(key, "a list of at least one object", value)
        return [_Reader(item, f"{self._at(key)}[{index}]") for index, item in enumerate(value)]

    def finish(self) -> None:
        if self._left:
            raise SettingsError(f"{self._at(min(self._left))}: is not a setting of this job")

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _wrong(self, key: str, wanted: str, value: object) -> SettingsError:
        return SettingsError(f"{self._at(key)}: must be {wanted}, not {value!r}")


def _check_property(value: object, path: str) -> None:
    reference = isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("$env", "$file")
    if reference and isinstance(next(iter(value.values())), str):  # type: ignore[attr-defined]
        return
    if not isinstance(value, str):
        raise SettingsError(f'{path}: must be a text, {{"$env": NAME}} or {{"$file": PATH}}')


def _resolve(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    ((kind, name),) = value.items()
    if kind == "$env":
        if name not in os.environ:
            raise SettingsError(f"{path}: the environment variable {name} is not set on this machine")
        return os.environ[name]
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingsError(f"{path}: cannot read {name}: {error.strerror}") from None
