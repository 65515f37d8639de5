"""Settings from several sources, merged by precedence; the source of each value is kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tdaflink.domain.config.checkpoint_presets import spelled_out
from tdaflink.domain.config.fields import holds_secret
from tdaflink.domain.config.job_config import JobConfig
from tdaflink.domain.errors import ConfigError

DEFAULT = "default"
_WINDOWS = {"count", "tumbling", "sliding", "session", "none"}
_FEATURES = {"landscape", "silhouette", "betti_curve", "entropy", "persistence_image"}
_UNION_TAGS = _WINDOWS | _FEATURES | {"str", "constrained-int"}
# The values of these keys are not shown: a user may give a secret in plain text by mistake.
_SECRETS = frozenset({"secret_key", "schema_registry_auth"})


@dataclass(frozen=True)
class Layer:
    """The settings of one source, such as `file x.json` or `flag --parallelism`."""

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Resolved:
    """A validated config; `sources` maps each top-level key to the layer that set it."""

    config: JobConfig
    sources: Mapping[str, str]

    def explained(self) -> list[tuple[str, Any, str]]:
        """Return key, value and source of every setting."""
        values = self.config.model_dump(mode="json")
        return [(key, value, self.sources.get(key, DEFAULT)) for key, value in values.items()]


def resolve(layers: Sequence[Layer]) -> Resolved:
    """Merge the layers, lowest precedence first, and validate.

    A mapping (`algorithm_params`, `uploads`) is merged key by key; any other value is replaced. Raises
    `ConfigError`, which names each field, its value, the reason and its source.
    """
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer in layers:
        for key, value in spelled_out(layer.values).items():
            merged[key] = _merge(merged.get(key), value, key)
            sources[key] = layer.source
        for replaced in _other_forms(layer.values):
            merged.pop(replaced, None)
            sources.pop(replaced, None)
    try:
        return Resolved(JobConfig.model_validate(merged), sources)
    except ValidationError as error:
        raise ConfigError(
            _message(error, sources), hint="tdaflink config explain; tdaflink config schema lists every key"
        ) from None


def _merge(below: Any, value: Any, key: str) -> Any:
    both = isinstance(below, Mapping) and isinstance(value, Mapping)
    if not both or key == "window" or _is_reference(value):
        return value
    return {**below, **{name: _merge(below.get(name), inner, name) for name, inner in value.items()}}


def _is_reference(value: Mapping[str, Any]) -> bool:
    """Return whether a mapping is a reference to a secret, such as {"$env": NAME}, which is not merged."""
    return any(str(name).startswith("$") for name in value)


def _other_forms(values: Mapping[str, Any]) -> list[str]:
    """Return the keys of lower layers that a higher layer replaces by the other form of the same setting."""
    flat = ["window_size", "slide_interval", "window_timeout"]
    if "window" in values:
        return [key for key in flat if key not in values]
    if any(key in values for key in flat):
        return ["window"]
    if "inputs" in values:
        return [key for key in ("input_topic", "output_topic") if key not in values]
    return ["inputs"] if {"input_topic", "output_topic"} & set(values) else []


def _message(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = list(dict.fromkeys(_line(detail, sources) for detail in error.errors(include_url=False)))
    if len(lines) == 1:
        return f"invalid config: {lines[0]}"
    return "invalid config:\n  " + "\n  ".join(lines)


def _line(detail: ErrorDetails, sources: Mapping[str, str]) -> str:
    first, *rest = detail["loc"] or ("",)
    # The first part is the user's own key, even if it looks like a union tag.
    path = [str(first), *(str(part) for part in rest if not _is_union_tag(part))] if detail["loc"] else []
    field = ".".join(path)
    source = sources.get(path[0], "") if path else ""
    where = f" (from {source})" if source else ""
    if detail["type"] == "extra_forbidden":
        return f"{field}: unknown key{_did_you_mean(path)}{where}"
    if detail["type"] == "missing":
        return f"{field}: missing{where}"
    reason = str(detail["msg"]).removeprefix("Value error, ")
    if not field:
        return reason
    value = "…" if _hidden(path) else _shown(detail["input"])
    return f"{field} = {value}: {reason[:1].lower()}{reason[1:]}{where}"


def _hidden(path: list[str]) -> bool:
    """Return whether the value at a path may be a secret."""
    if path[0] == "kafka_properties":
        return len(path) == 1 or any(holds_secret(part) for part in path[1:])
    return not _SECRETS.isdisjoint(path)


def _is_union_tag(part: int | str) -> bool:
    text = str(part)
    return text in _UNION_TAGS or "[" in text


def _did_you_mean(path: list[str]) -> str:
    known = set(JobConfig.model_fields) if len(path) == 1 else _nested_keys()
    near = difflib.get_close_matches(path[-1], sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _nested_keys() -> set[str]:
    schema = JobConfig.model_json_schema()
    return {key for model in schema.get("$defs", {}).values() for key in model.get("properties", {})}


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; unbounded nesting
        return "…"
    return text if len(text) <= 60 else text[:57] + "…"
