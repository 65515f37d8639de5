"""Secrets that settings only refer to."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tdaflink.domain.errors import ConfigError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secret(reference: Mapping[Literal["$env", "$file"], str], setting: str) -> str:
    """What {"$env": NAME} or {"$file": PATH} refers to; errors name the setting and the place, no content."""
    ((kind, place),) = reference.items()
    if kind == "$env":
        value = os.environ.get(place)
        if not value:
            raise ConfigError(
                f"{setting}: the environment variable {place} is not set",
                hint=f"read -rs {place} && export {place}",
            )
        return value
    return private_text(Path(place).expanduser(), setting)


def private_text(path: Path, setting: str) -> str:
    """The content of a secret's file, which nobody but its owner may open."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            value = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: cannot read {path}: {getattr(error, 'strerror', error)}") from None
    if os.name == "posix" and mode & _OTHERS:
        raise ConfigError(
            f"{setting}: {path} is open to others (mode {mode:04o})", hint=f"chmod 600 '{path}'"
        )
    if not value:
        raise ConfigError(f"{setting}: {path} is empty")
    return value
