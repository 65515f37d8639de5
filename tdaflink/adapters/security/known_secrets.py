"""The secrets of an environment on this machine, for the redaction of output."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tdaflink.adapters.security.credential_store import variables_of
from tdaflink.adapters.storage.user_files import MEBIBYTE, read_text
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.redaction import secret_values


def known_secrets(folder: Path) -> list[str]:
    """Return the values of variables with secret names, of the environment's credentials and .env files."""
    values = secret_values(os.environ)
    with suppress(OSError):
        values += [_text(path) for path in (folder / "credentials").iterdir() if path.is_file()]
    for path in folder.glob("**/.env"):
        values += list(variables_of(_text(path)).values())
    return [value for value in values if value]


def referred_secrets(config: object) -> list[str]:
    """Return the values of the references {"$env": NAME} and {"$file": PATH} in a config, if readable."""
    return [value for kind, place in _references(config) if (value := _resolve(kind, place))]


def _references(config: object) -> Iterator[tuple[str, str]]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key in ("$env", "$file") and isinstance(value, str):
                yield key, value
            else:
                yield from _references(value)
    elif isinstance(config, list | tuple):
        for item in config:
            yield from _references(item)


def _resolve(kind: str, place: str) -> str:
    return os.environ.get(place, "") if kind == "$env" else _text(Path(place).expanduser())


def _text(path: Path) -> str:
    try:
        return read_text(path, "secret", limit=MEBIBYTE).strip()
    except TdaflinkError:
        return ""
