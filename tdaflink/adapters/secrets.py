"""Secrets that settings only refer to."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tdaflink.adapters.user_files import MEBIBYTE, read_text
from tdaflink.domain.errors import ConfigError, TdaflinkError

_LARGEST = MEBIBYTE  # a bundle of certificates, at most
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
        value = read_text(path, setting, limit=_LARGEST).strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except (TdaflinkError, OSError) as error:
        raise ConfigError(getattr(error, "message", f"{setting}: {error}")) from None
    if os.name == "posix" and mode & _OTHERS:
        raise ConfigError(
            f"{setting}: {path} is open to others (mode {mode:04o})", hint=f"chmod 600 '{path}'"
        )
    if not value:
        raise ConfigError(f"{setting}: {path} is empty")
    return value
