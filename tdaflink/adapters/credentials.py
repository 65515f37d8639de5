"""Credentials that an environment keeps: generated for its own services, or typed in for another's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from tdaflink.adapters.folders import make_folder, write_atomically, writing
from tdaflink.adapters.secrets import private_text
from tdaflink.domain.errors import ConfigError

DEFAULT_PASSWORDS = frozenset({"admin", "password", "minioadmin", "changeme", "secret", "test", "flink"})
LEAST_LENGTH = 8  # characters; what S3 services demand of a secret key
_BYTES = 24


class Credentials:
    """The secrets of one environment, each a file of mode 0600 below its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "credentials"

    def password(self, name: str, variable: str, refused: Collection[str] = DEFAULT_PASSWORDS) -> str:
        """The value of the environment variable, else the generated one of that name, made when first asked.

        A variable's value counts for this call and is not kept. Raises `ConfigError`, without the value,
        for a value that is a default password, too short, or empty, and for a kept file that others may read.
        """
        given = os.environ.get(variable)
        if given is not None:
            return _checked(given, variable, refused)
        return self._kept(name)

    def keep(self, name: str, value: str) -> None:
        """Keep a secret that was typed in, in place of one of that name."""
        make_folder(self._folder)
        with writing(self._folder):
            self._folder.chmod(0o700)
        # The temporary file that is put in its place is made with mode 0600.
        write_atomically(self.path(name), value + "\n")

    def path(self, name: str) -> Path:
        """Where the generated secret of that name lies, whether it was made or not."""
        return self._folder / name

    def forget(self) -> None:
        """Remove every secret that is kept."""
        with writing(self._folder):
            if self._folder.is_dir():
                for path in self._folder.iterdir():
                    path.unlink()
                self._folder.rmdir()

    def _kept(self, name: str) -> str:
        path = self.path(name)
        if not path.exists():
            self.keep(name, secrets.token_urlsafe(_BYTES))
        return private_text(path, f"the generated secret {name}")


def _checked(value: str, variable: str, refused: Collection[str]) -> str:
    hint = f"export {variable} with one of your own, or unset it: then one is generated"
    if not value.strip():
        raise ConfigError(f"{variable} is empty", hint=hint)
    if value.lower() in {word.lower() for word in refused}:
        raise ConfigError(f"{variable} is a default password, which this environment refuses", hint=hint)
    if len(value) < LEAST_LENGTH:
        raise ConfigError(
            f"{variable} is too short: {len(value)} characters, at least {LEAST_LENGTH} are needed", hint=hint
        )
    return value
