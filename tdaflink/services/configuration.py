"""The job config of one call: defaults, profile, file, environment and flags, by precedence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflink.adapters.configfiles import as_yaml, parse_scalar, read_config
from tdaflink.adapters.user_files import output_file, require_regular
from tdaflink.domain.config import COUNT_SIZE, COUNT_SLIDE, JobConfig
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import ConfigError
from tdaflink.domain.layers import Layer, Resolved, resolve
from tdaflink.domain.streams import TIMEOUT, parse_window
from tdaflink.resources import jobs_folder

_ADDRESSES = {"kafka_bootstrap_servers": "kafka_cluster", "schema_registry_url": "schema_registry"}


@dataclass(frozen=True)
class Asked:
    """What the flags of a call say; None and empty mean: not said."""

    file: Path | None = None
    job_name: str | None = None
    parallelism: int | None = None
    window_size: int | None = None
    slide_interval: int | None = None
    window: str | None = None
    settings: Sequence[str] = field(default_factory=tuple)


def configure(
    asked: Asked,
    env: Environment,
    profile: Mapping[str, Any],
    warn: Callable[[str], None],
    below: Layer | None = None,
) -> Resolved:
    """Merge and validate; `profile` holds the job settings of the environment's profile.

    `below` is what an earlier version of the job was told, above the profile and below this call.

    An environment that tdaflink set up knows its own addresses: a file that names others is warned of and
    its addresses are not used. Raises `ConfigError`.
    """
    layers = _layers(asked, env, profile, warn, below)
    if asked.window is None and (asked.window_size or asked.slide_interval):
        layers.append(_rest_of_window(asked, layers, below))
    return resolve(layers)


def named_job(asked: Asked, env: Environment, profile: Mapping[str, Any]) -> tuple[str, bool]:
    """The name of the job that a call means, and whether the call itself says it."""
    layers = _layers(asked, env, profile, lambda _: None, None)
    names = [str(layer.values["job_name"]) for layer in layers[1:] if "job_name" in layer.values]
    default = str(profile.get("job_name", JobConfig.model_fields["job_name"].default))
    return (names[-1], True) if names else (default, False)


def _layers(
    asked: Asked,
    env: Environment,
    profile: Mapping[str, Any],
    warn: Callable[[str], None],
    below: Layer | None,
) -> list[Layer]:
    layers = [Layer(f"profile {env.profile}", profile), *([below] if below else [])]
    if asked.file is not None:
        require_regular(asked.file, "--config")
        values = dict(read_config(asked.file))
        if env.is_managed:
            _drop_addresses(values, asked.file, env, warn)
        layers.append(Layer(f"file {asked.file}", values))
    return [*layers, *_flag_layers(asked)]


def _rest_of_window(asked: Asked, layers: Sequence[Layer], below: Layer | None) -> Layer:
    """What the flags leave of the count window below them: --window-size alone does not change the slide.

    A new job without a word about its window has none to keep: --window-size gives it windows side by side.
    """
    flags = len(_flag_layers(asked))
    config = resolve(layers[: len(layers) - flags]).config
    window = config.count_window()
    fresh = below is None and not {"window", "window_size", "slide_interval"} & config.model_fields_set
    if window is None or fresh:
        return Layer("window", {})
    kept = {"window_size": window.size, "slide_interval": window.slide, "window_timeout": window.timeout}
    said = {key for layer in layers[len(layers) - flags :] for key in layer.values}
    if window.slide is None:
        said.add("slide_interval")
    return Layer("the window before", {key: value for key, value in kept.items() if key not in said})


def _drop_addresses(
    values: dict[str, Any], file: Path, env: Environment, warn: Callable[[str], None]
) -> None:
    for key, endpoint in _ADDRESSES.items():
        own = getattr(env.endpoints, endpoint)
        if key in values and values[key] != own:
            theirs = values.pop(key)
            warn(
                f"{file} names {key} {theirs}; the environment {env.name} has its own"
                f" ({own or 'none'}), which is used. --set {key}=… insists."
            )


def _flag_layers(asked: Asked) -> list[Layer]:
    flags: dict[str, Any] = {
        "job_name": asked.job_name,
        "parallelism": asked.parallelism,
        "window_size": asked.window_size,
        "slide_interval": asked.slide_interval,
    }
    if asked.window is not None:
        try:
            flags["window"] = parse_window(asked.window)
        except ValueError as error:
            raise ConfigError(f"--window: {error}") from None
    given = {key: value for key, value in flags.items() if value is not None}
    layers = [Layer(f"flag --{key.replace('_', '-')}", {key: value}) for key, value in given.items()]
    return layers + [_set_layer(text) for text in asked.settings]


# What they hold has keys with dots of their own, such as security.protocol.
_DOTTED = ("flink", "kafka_properties")


def _set_layer(text: str) -> Layer:
    path, sign, value = text.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise ConfigError(
            f"--set: {text!r} is not key=value", hint="--set algorithm_params.landmarks=50, for example"
        )
    nested: Any = parse_scalar(value)
    if keys[0] in _DOTTED and len(keys) > 1:
        keys = [keys[0], ".".join(keys[1:])]
    for key in reversed(keys[1:]):
        nested = {key: nested}
    return Layer(f"flag --set {path.strip()}", {keys[0]: nested})


def validate_file(file: Path) -> Resolved:
    """Check one file by itself. Raises `ConfigError` that names each field, value and reason."""
    require_regular(file, "FILE")
    return resolve([Layer(f"file {file}", read_config(file))])


def config_schema() -> dict[str, Any]:
    """The JSON Schema of a config file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **JobConfig.model_json_schema()}


# Which values a written config says itself, beside those of the profile: what is decided first.
_BEGINNING = ("job_name", "checkpoint_interval", "delivery", "algorithm", "max_dimension", "window")
_WINDOW = {"kind": "count", "size": COUNT_SIZE, "slide": COUNT_SLIDE, "timeout": TIMEOUT}
_HEAD = """\
# A job config. Keys behind a # have the value that is shown: take the sign away to change one.
# tdaflink config validate FILE checks it, tdaflink config explain --config FILE says what decides each value.
"""


def write_config(file: Path, profile: Mapping[str, Any], *, force: bool, production: bool = False) -> None:
    """Write a config that runs as the job runs without one, as JSON or YAML, by the file's ending.

    `profile` holds the job settings of the environment's profile. YAML has every key with a comment; JSON
    has no comments, so it has the keys to begin with alone. `production` writes the shipped sample.
    """
    suffix = file.suffix.lower()
    if suffix not in {".json", ".yaml", ".yml"}:
        raise ConfigError(f"{file}: a config file ends in .json, .yaml or .yml")
    output = output_file(file, "FILE")
    if file.exists() and not force:
        raise ConfigError(f"{file} exists already", hint="--force replaces it, or name another file")
    sample = jobs_folder() / "sample-config.json"
    if production:
        text = sample.read_text(encoding="utf-8")
        output.write(text if suffix == ".json" else as_yaml(read_config(sample)))
        return
    values = {**JobConfig().model_dump(mode="json"), "window": _WINDOW, **profile}
    said = {key: value for key, value in values.items() if key in _BEGINNING or key in profile}
    output.write(json.dumps(said, indent=4) + "\n" if suffix == ".json" else _commented(values, said))


def _commented(values: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Every key of a config as YAML, with what it is; those that are not `said` behind a #."""
    parts = [_HEAD]
    for key, known in JobConfig.model_fields.items():
        sign = "" if key in said else "# "
        # JSON on one line is YAML.
        parts.append(f"\n# {known.description}\n{sign}{key}: {json.dumps(values[key])}\n")
    return "".join(parts)
