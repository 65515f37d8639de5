"""Types of config fields: durations, sizes, names, secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tdaflink.domain.units import seconds, size_in_bytes

_BY_REFERENCE = 'is given by reference: {"$env": NAME} or {"$file": PATH}'
_HOLDS_SECRET = re.compile(r"password|secret|jaas|(^|\.)key$", re.IGNORECASE)


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
