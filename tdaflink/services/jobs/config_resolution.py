"""The job config of one call: defaults, profile, file, environment and options, by precedence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.config_files import as_yaml, parse_scalar, read_config
from tdaflink.adapters.storage.user_files import output_file, require_regular
from tdaflink.domain.config.job_config import COUNT_SIZE, COUNT_SLIDE, JobConfig
from tdaflink.domain.config.layers import Layer, Resolved, resolve
from tdaflink.domain.config.streams import TIMEOUT, parse_window
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import ConfigError
from tdaflink.resources import jobs_folder

_ADDRESSES = {"kafka_bootstrap_servers": "kafka_cluster", "schema_registry_url": "schema_registry"}


@dataclass(frozen=True)
class ConfigOverrides:
    """Config options of a call; None and empty mean not given."""

    file: Path | None = None
    job_name: str | None = None
    parallelism: int | None = None
    window_size: int | None = None
    slide_interval: int | None = None
    window: str | None = None
    settings: Sequence[str] = field(default_factory=tuple)


def configure(
    asked: ConfigOverrides,
    environment: Environment,
    profile: Mapping[str, Any],
    warn: Callable[[str], None],
    below: Layer | None = None,
) -> Resolved:
    """Merge and validate the layers; `profile` has the job settings of the environment's profile.

    `below` is the config of an earlier version of the job, above the profile and below this call.

    An environment that tdaflink set up has its own addresses: other addresses in a file cause a warning and
    are not used. Raises `ConfigError`.
    """
    layers = _layers(asked, environment, profile, warn, below)
    if asked.window is None and (asked.window_size or asked.slide_interval):
        layers.append(_inherited_window(asked, layers, below))
    return resolve(layers)


def named_job(
    asked: ConfigOverrides, environment: Environment, profile: Mapping[str, Any]
) -> tuple[str, bool]:
    """Return the job name of a call, and whether the call itself defines it."""
    layers = _layers(asked, environment, profile, lambda _: None, None)
    names = [str(layer.values["job_name"]) for layer in layers[1:] if "job_name" in layer.values]
    default = str(profile.get("job_name", JobConfig.model_fields["job_name"].default))
    return (names[-1], True) if names else (default, False)


def _layers(
    asked: ConfigOverrides,
    environment: Environment,
    profile: Mapping[str, Any],
    warn: Callable[[str], None],
    below: Layer | None,
) -> list[Layer]:
    layers = [Layer(f"profile {environment.profile}", profile), *([below] if below else [])]
    if asked.file is not None:
        require_regular(asked.file, "--config")
        values = dict(read_config(asked.file))
        if environment.is_managed:
            _drop_addresses(values, asked.file, environment, warn)
        layers.append(Layer(f"file {asked.file}", values))
    return [*layers, *_flag_layers(asked)]


def _inherited_window(asked: ConfigOverrides, layers: Sequence[Layer], below: Layer | None) -> Layer:
    """Return the parts of the lower layers' count window to keep: --window-size does not change the slide.

    A new job without a configured window has none to keep: --window-size alone gives it tumbling windows.
    """
    flags = len(_flag_layers(asked))
    config = resolve(layers[: len(layers) - flags]).config
    window = config.count_window()
    fresh = below is None and not {"window", "window_size", "slide_interval"} & config.model_fields_set
    if window is None or fresh:
        return Layer("window", {})
    kept = {"window_size": window.size, "slide_interval": window.slide, "window_timeout": window.timeout}
    given = {key for layer in layers[len(layers) - flags :] for key in layer.values}
    if window.slide is None:
        given.add("slide_interval")
    return Layer("the window before", {key: value for key, value in kept.items() if key not in given})


def _drop_addresses(
    values: dict[str, Any], file: Path, environment: Environment, warn: Callable[[str], None]
) -> None:
    for key, endpoint in _ADDRESSES.items():
        own = getattr(environment.endpoints, endpoint)
        if key in values and values[key] != own:
            address = values.pop(key)
            warn(
                f"{file} sets {key} to {address}; the environment's own ({own or 'none'}) is used."
                f" Override it with --set {key}=…"
            )


def _flag_layers(asked: ConfigOverrides) -> list[Layer]:
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


# Their values have keys that contain dots, such as security.protocol.
_DOTTED = ("flink", "kafka_properties")


def _set_layer(text: str) -> Layer:
    path, sign, value = text.partition("=")
    keys = path.strip().split(".")
    if not sign or not all(keys):
        raise ConfigError(
            f"--set: {text!r} is not key=value", hint="for example --set algorithm_params.landmarks=50"
        )
    nested: Any = parse_scalar(value)
    if keys[0] in _DOTTED and len(keys) > 1:
        keys = [keys[0], ".".join(keys[1:])]
    for key in reversed(keys[1:]):
        nested = {key: nested}
    return Layer(f"flag --set {path.strip()}", {keys[0]: nested})


def validate_file(file: Path) -> Resolved:
    """Validate one file. Raises `ConfigError` with each field, value and reason."""
    require_regular(file, "FILE")
    return resolve([Layer(f"file {file}", read_config(file))])


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of a config file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **JobConfig.model_json_schema()}


# Values that a written config sets, in addition to those of the profile: the first to decide on.
_BEGINNING = ("job_name", "checkpoint_interval", "delivery", "algorithm", "max_dimension", "window")
_WINDOW = {"kind": "count", "size": COUNT_SIZE, "slide": COUNT_SLIDE, "timeout": TIMEOUT}
_HEAD = """\
# A job config. Commented keys show their default: remove the # to change a value.
# tdaflink config validate FILE checks it, tdaflink config explain --config FILE shows each value's source.
"""


def write_config(file: Path, profile: Mapping[str, Any], *, force: bool, production: bool = False) -> None:
    """Write a config equivalent to the defaults, as JSON or YAML by the file's suffix.

    `profile` has the job settings of the environment's profile. YAML has every key with a comment; JSON
    has no comments, so it has the most important keys only. `production` writes the shipped sample.
    """
    suffix = file.suffix.lower()
    if suffix not in {".json", ".yaml", ".yml"}:
        raise ConfigError(f"{file}: the name of a config file must end in .json, .yaml or .yml")
    output = output_file(file, "FILE")
    if file.exists() and not force:
        raise ConfigError(f"{file} exists already", hint="--force replaces it, or name another file")
    sample = jobs_folder() / "sample-config.json"
    if production:
        text = sample.read_text(encoding="utf-8")
        output.write(text if suffix == ".json" else as_yaml(read_config(sample)))
        return
    values = {**JobConfig().model_dump(mode="json"), "window": _WINDOW, **profile}
    active = {key: value for key, value in values.items() if key in _BEGINNING or key in profile}
    output.write(json.dumps(active, indent=4) + "\n" if suffix == ".json" else _commented(values, active))


def _commented(values: Mapping[str, Any], active: Mapping[str, Any]) -> str:
    """Return every key of a config as YAML with its description; keys not in `active` are commented out."""
    parts = [_HEAD]
    for key, field_info in JobConfig.model_fields.items():
        sign = "" if key in active else "# "
        # JSON on one line is YAML.
        parts.append(f"\n# {field_info.description}\n{sign}{key}: {json.dumps(values[key])}\n")
    return "".join(parts)
