"""Job config files: JSON or YAML on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflink.domain.errors import ConfigError, NotFound

_MAX_BYTES = 4 * 2**20
_MAX_DEPTH = 64


def read_config(path: Path) -> Mapping[str, Any]:
    """The mapping that a JSON or YAML file holds.

    Raises `NotFound` for a missing file and `ConfigError` with line and column for broken text.
    """
    text = _text(path)
    value = _parse_json(path, text) if path.suffix.lower() == ".json" else _parse_yaml(path, text)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: a config is a mapping of keys to values, not {_kind(value)}")
    return value


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"--config: there is no file {path}", hint="tdaflink config init writes one") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config: {path} cannot be read: {error}") from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"--config: {path} has more than {_MAX_BYTES // 2**20} MiB: it is no job config")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: byte {error.start} is not UTF-8", hint="save the file as UTF-8"
        ) from None


def parse_scalar(text: str) -> Any:
    """The value of `--set key=value`, read as YAML: 3, 0.5, true, text, [1, 2], {a: 1}."""
    from tdaflink.adapters.yamltext import load_yaml

    return load_yaml(text, f"--set: {text[:60]!r}")


def _parse_json(path: Path, text: str) -> Any:
    from tdaflink.adapters.yamltext import MAX_INTEGER
    from tdaformats import strictjson

    try:
        return strictjson.loads(text, max_integer=MAX_INTEGER, max_depth=_MAX_DEPTH)
    except strictjson.JsonError as error:
        where = f", {error.place}" if error.place else ""
        reason = error.reason.removeprefix("is ") if error.code == "bad_json" else error.reason
        raise ConfigError(f"{path}{where}: {reason}") from None


def _parse_yaml(path: Path, text: str) -> Any:
    from tdaflink.adapters.yamltext import load_yaml

    return load_yaml(text, str(path))


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "empty")


def as_yaml(values: Mapping[str, Any]) -> str:
    """A config as YAML text, keys in their order."""
    from tdaflink.adapters.yamltext import dump_yaml

    return dump_yaml(dict(values))


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises `ConfigError` where that fails."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
