"""The secrets that this machine knows of an environment, so that they can be taken out of what leaves it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tdaflink.adapters.credentials import variables_of
from tdaflink.adapters.user_files import MEBIBYTE, read_text
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.redaction import secret_values


def known_secrets(folder: Path) -> list[str]:
    """Values of variables whose names tell it, of the environment's credentials, and of its .env files."""
    found = secret_values(os.environ)
    with suppress(OSError):
        found += [_text(path) for path in (folder / "credentials").iterdir() if path.is_file()]
    for path in folder.glob("**/.env"):
        found += list(variables_of(_text(path)).values())
    return [value for value in found if value]


def referred_secrets(config: object) -> list[str]:
    """What the references {"$env": NAME} and {"$file": PATH} in a config lead to, where it can be read."""
    return [value for kind, place in _references(config) if (value := _referred(kind, place))]


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


def _referred(kind: str, place: str) -> str:
    return os.environ.get(place, "") if kind == "$env" else _text(Path(place).expanduser())


def _text(path: Path) -> str:
    try:
        return read_text(path, "secret", limit=MEBIBYTE).strip()
    except TdaflinkError:
        return ""
