"""Secrets that settings only refer to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tdaflink.domain.errors import ConfigError


def secret(reference: Mapping[Literal["$env", "$file"], str], setting: str) -> str:
    """What {"$env": NAME} or {"$file": PATH} refers to; errors name the setting and the place, no content."""
    ((kind, place),) = reference.items()
    if kind == "$env":
        value = os.environ.get(place)
        if not value:
            raise ConfigError(f"{setting}: the environment variable {place} is not set")
        return value
    try:
        value = Path(place).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: cannot read {place}: {getattr(error, 'strerror', error)}") from None
    if not value:
        raise ConfigError(f"{setting}: {place} is empty")
    return value
