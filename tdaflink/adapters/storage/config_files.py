"""Job config files: JSON or YAML on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.user_files import read_text
from tdaflink.domain.errors import ConfigError, UsageError

_MAX_BYTES = 4 * 2**20
_MAX_DEPTH = 64


def read_config(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a JSON or YAML file contains.

    Raises `NotFound` for a missing file and `ConfigError` with line and column for broken text.
    """
    try:
        text = read_text(path, "--config", limit=_MAX_BYTES, hint="tdaflink config init writes one")
    except UsageError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    value = _parse_json(path, text) if path.suffix.lower() == ".json" else _parse_yaml(path, text)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, not {_kind(value)}")
    return value


def parse_scalar(text: str) -> Any:
    """Parse the value of `--set key=value` as YAML: 3, 0.5, true, text, [1, 2], {a: 1}."""
    from tdaflink.adapters.storage.yaml_text import load_yaml

    return load_yaml(text, f"--set: {text[:60]!r}")


def _parse_json(path: Path, text: str) -> Any:
    from tdaflink.adapters.storage.yaml_text import MAX_INTEGER
    from tdaformats import strict_json

    try:
        return strict_json.loads(text, max_integer=MAX_INTEGER, max_depth=_MAX_DEPTH)
    except strict_json.JsonError as error:
        where = f", {error.place}" if error.place else ""
        reason = error.reason.removeprefix("is ") if error.code == "bad_json" else error.reason
        raise ConfigError(f"{path}{where}: {reason}") from None


def _parse_yaml(path: Path, text: str) -> Any:
    from tdaflink.adapters.storage.yaml_text import load_yaml

    return load_yaml(text, str(path))


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "empty")


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return a config as YAML text, with keys in their order."""
    from tdaflink.adapters.storage.yaml_text import dump_yaml

    return dump_yaml(dict(values))


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises `ConfigError` where writing fails."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
