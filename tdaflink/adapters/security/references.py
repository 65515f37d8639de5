"""Secrets that settings refer to by variable or file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tdaflink.adapters.storage.user_files import MEBIBYTE, read_text
from tdaflink.domain.errors import ConfigError, TdaflinkError

_LARGEST = MEBIBYTE  # enough for a bundle of certificates
_OTHERS_MODE = stat.S_IRWXG | stat.S_IRWXO


def secret(reference: Mapping[Literal["$env", "$file"], str], setting: str) -> str:
    """Resolve {"$env": NAME} or {"$file": PATH}; errors name setting and reference, never the value."""
    ((kind, target),) = reference.items()
    if kind == "$env":
        value = os.environ.get(target)
        if not value:
            raise ConfigError(
                f"{setting}: the environment variable {target} is not set",
                hint=f"read -rs {target} && export {target}",
            )
        return value
    return private_text(Path(target).expanduser(), setting)


def private_text(path: Path, setting: str) -> str:
    """Return the content of a secret's file. Raises `ConfigError` if other users may open it."""
    try:
        value = read_text(path, setting, limit=_LARGEST).strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except (TdaflinkError, OSError) as error:
        raise ConfigError(getattr(error, "message", f"{setting}: {error}")) from None
    if os.name == "posix" and mode & _OTHERS_MODE:
        raise ConfigError(
            f"{setting}: {path} is open to others (mode {mode:04o})", hint=f"chmod 600 '{path}'"
        )
    if not value:
        raise ConfigError(f"{setting}: {path} is empty")
    return value
