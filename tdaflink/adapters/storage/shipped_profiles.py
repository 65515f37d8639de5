"""Reading of the shipped profiles, topic catalogue, schemas, versions and JAR lock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tdaflink.adapters.runtimes import RUNTIMES
from tdaflink.adapters.storage.paths import write_atomically
from tdaflink.adapters.storage.yaml_text import load_yaml
from tdaflink.domain.artifacts.end_of_life import EndOfLife
from tdaflink.domain.artifacts.jars import JarLock
from tdaflink.domain.artifacts.python_lock_settings import PythonSettings
from tdaflink.domain.artifacts.versions import Versions
from tdaflink.domain.config.algorithms import AlgorithmInfo, algorithm_of
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.profile import SCALE, Profile
from tdaflink.domain.errors import ConfigError, NotFound, UsageError
from tdaflink.domain.messages.schemas import ShippedSchema
from tdaflink.domain.messages.topics import Catalogue, TopicSizing
from tdaflink.resources import profiles_folder

Model = TypeVar("Model", bound=BaseModel)


def profile_names() -> list[str]:
    """List the shipped profiles."""
    return sorted(path.parent.name for path in profiles_folder().glob("*/profile.yaml"))


def load_profile(name: str, *, scaled: bool = False) -> Profile:
    """Read and validate a shipped profile; `scaled` applies its values for a small machine."""
    if name not in profile_names():
        raise NotFound(f"no profile named {name!r}; shipped: {', '.join(profile_names())}")
    folder = profile_folder(name)
    values = _layered(folder, "profile.yaml")
    smaller = values.pop("scaled", None)
    if scaled and smaller is None:
        raise UsageError(
            f"the profile {name} has no smaller size", hint="profiles with --scale: " + ", ".join(_scalable())
        )
    sized = _merged(values, smaller) if scaled else values
    complete = {"name": name, "scalable": smaller is not None, **sized}
    profile = _validated(Profile, complete, folder / "profile.yaml")
    if profile.runtime not in RUNTIMES:
        known = ", ".join(RUNTIMES)
        raise ConfigError(
            f"{folder / 'profile.yaml'}: runtime: {profile.runtime!r} is not a runtime (known: {known})"
        )
    return profile


def profile_of(environment: Environment) -> Profile:
    """Return the profile of an environment, in its size."""
    return load_profile(environment.profile, scaled=environment.details.get(SCALE) == "on")


def _scalable() -> list[str]:
    return [name for name in profile_names() if load_profile(name).scalable]


def _layered(folder: Path, file: str) -> dict[str, Any]:
    """Merge a profile's values, flink.yaml and kafka.yaml over those of the folder that it extends."""
    values = read_yaml(folder / file)
    parts = [part for part in ("flink", "kafka") if (folder / f"{part}.yaml").exists()]
    own = {**values, **{part: read_yaml(folder / f"{part}.yaml") for part in parts}}
    below = own.pop("extends", None)
    return _merged(_layered(profile_folder(below), "base.yaml"), own) if below else own


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings key by key; all other values are replaced."""
    both = {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below[key], dict) else value
        for key, value in above.items()
        if key in below
    }
    return {**below, **above, **both}


def profile_folder(name: str) -> Path:
    """Return the folder of a profile's files."""
    return profiles_folder() / name


def topic_sizing(environment: Environment) -> TopicSizing:
    """Return how an environment scales the catalogue; external clusters use it unchanged."""
    return (
        profile_of(environment).topics
        if environment.profile in profile_names()
        else TopicSizing(replication=None)
    )


def load_catalogue() -> Catalogue:
    """Read the topic catalogue."""
    path = profiles_folder() / "topics.yaml"
    return _validated(Catalogue, read_yaml(path), path)


def load_versions() -> Versions:
    """Read the tested combination of versions."""
    path = profiles_folder() / "versions.yaml"
    return _validated(Versions, read_yaml(path), path)


def load_python_settings() -> PythonSettings:
    """Read the sources of the locks of Python packages."""
    path = profiles_folder() / "python" / "locks.yaml"
    return _validated(PythonSettings, read_yaml(path), path)


def load_end_of_life() -> EndOfLife:
    """Read the dates until which release lines of the parts are maintained."""
    path = profiles_folder() / "end-of-life.yaml"
    return _validated(EndOfLife, read_yaml(path), path)


def schema_path(name: str) -> Path:
    """Return the path of the shipped JSON Schema of that name."""
    return profiles_folder() / "schemas" / f"{name}.json"


def load_schemas() -> tuple[ShippedSchema, ...]:
    """Read the schemas of the catalogue's topics, in its order."""
    topics = load_catalogue().topics.items()
    return tuple(_schema(topic, entry.value_schema) for topic, entry in topics if entry.value_schema)


def algorithms_path() -> Path:
    """Return the path of the table of shipped algorithms."""
    return profiles_folder() / "algorithms.json"


def load_algorithms() -> tuple[AlgorithmInfo, ...]:
    """Read the shipped algorithms, by name."""
    documents = json.loads(algorithms_path().read_text(encoding="utf-8"))["algorithms"]
    return tuple(algorithm_of(document) for document in documents)


def lock_path() -> Path:
    """Return the path of the shipped JAR lock."""
    return profiles_folder() / "jars.lock.json"


def load_lock() -> JarLock:
    """Read the shipped JAR lock."""
    path = lock_path()
    try:
        return JarLock.from_json(path.read_text(encoding="utf-8"), source=str(path))
    except OSError as error:
        raise ConfigError(f"cannot read the JAR lock {path}: {error.strerror}") from error


def save_lock(lock: JarLock) -> None:
    """Write the lock file."""
    write_atomically(lock_path(), lock.to_json())


def _schema(topic: str, name: str) -> ShippedSchema:
    path = schema_path(name)
    try:
        return ShippedSchema(name, topic, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the schema {path}: {error}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a shipped YAML file, which must contain a mapping."""
    try:
        values = load_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is not a mapping")
    return values


def _validated(model: type[Model], values: dict[str, Any], path: Path) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']} (value {first['input']!r})") from error
