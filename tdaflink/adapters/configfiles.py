"""Job config files: JSON or YAML on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflink.domain.errors import ConfigError, NotFound


def read_config(path: Path) -> Mapping[str, Any]:
    """The mapping that a JSON or YAML file holds.

    Raises `NotFound` for a missing file and `ConfigError` with line and column for broken text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"--config: there is no file {path}", hint="tdaflink config init writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config: {path} cannot be read: {error}") from error
    value = _parse_json(path, text) if path.suffix.lower() == ".json" else _parse_yaml(path, text)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, not {type(value).__name__}")
    return value


def parse_scalar(text: str) -> Any:
    """The value of `--set key=value`, read as YAML: 3, 0.5, true, text, [1, 2], {a: 1}."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set: {text!r} is not a YAML value: {error}") from error


def _parse_json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key {twice[0]} is given twice: keep one")
    return dict(pairs)


def _parse_yaml(path: Path, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise ConfigError(f"{path}{where}: not YAML: {problem}") from None


def as_yaml(values: Mapping[str, Any]) -> str:
    """A config as YAML text, keys in their order."""
    import yaml

    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises `ConfigError` where that fails."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
