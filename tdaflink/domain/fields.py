"""Types of config fields: durations, sizes, names, secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_BY_REFERENCE = 'is given by reference: {"$env": NAME} or {"$file": PATH}'
_HOLDS_SECRET = re.compile(r"password|secret|jaas|(^|\.)key$", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*$")
_SIZES = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "k": 2**10, "m": 2**20, "g": 2**30}
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(b|kb|mb|gb|k|m|g)\s*$", re.IGNORECASE)


def seconds(value: Any) -> Any:
    """Convert a duration such as "60s", "5m" or "250ms" to seconds; numbers are seconds already."""
    if isinstance(value, str):
        match = _DURATION.match(value)
        if not match:
            raise ValueError('a duration is a number of seconds or a text such as "60s", "5m", "250ms"')
        return float(match[1]) * _UNITS[match[2]]
    return value


def milliseconds(value: Any) -> Any:
    """Convert a duration text to whole milliseconds; numbers are milliseconds already."""
    return round(seconds(value) * 1000) if isinstance(value, str) else value


def size_in_bytes(value: Any) -> Any:
    """Convert a size such as "16mb" to bytes; numbers are bytes already."""
    if isinstance(value, str):
        match = _SIZE.match(value)
        if not match:
            raise ValueError('a size is a number of bytes or a text such as "512mb"')
        return int(float(match[1]) * _SIZES[match[2].lower()])
    return value


def by_reference(value: Any) -> Any:
    """Refuse a secret in plain text."""
    if isinstance(value, str):
        raise ValueError(f"a secret {_BY_REFERENCE}")
    return value


def holds_secret(property_name: str) -> bool:
    """Return whether a Kafka client property of that name holds a secret."""
    return _HOLDS_SECRET.search(property_name) is not None


def secrets_by_reference(properties: dict[str, Any]) -> dict[str, Any]:
    """Refuse Kafka client properties that hold a secret in plain text."""
    for name, value in properties.items():
        if isinstance(value, str) and holds_secret(name):
            raise ValueError(f"{name} is a secret, which {_BY_REFERENCE}")
    return properties


Seconds = Annotated[float, BeforeValidator(seconds), Field(allow_inf_nan=False)]
Bytes = Annotated[int, BeforeValidator(size_in_bytes)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Reference = Annotated[dict[Literal["$env", "$file"], str], Field(min_length=1, max_length=1)]
Secret = Annotated[Reference, BeforeValidator(by_reference)]
Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class Model(BaseModel):
    """Base of all config models: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
