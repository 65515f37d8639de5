"""The secrets of an environment: from variables, generated for its services, or entered for external ones.

Each is stored in a file of mode 0600 in a folder of mode 0700, and is refused if other users may open it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from tdaflink.adapters.security.references import private_text
from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors, write_atomically
from tdaflink.domain.environments.compose_stack import compose_parts
from tdaflink.domain.environments.profile import Profile
from tdaflink.domain.errors import ConfigError

GRAFANA = "GRAFANA_ADMIN_PASSWORD"
KEY, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
DEFAULT_PASSWORDS = frozenset(
    {"admin", "password", "grafana", "minioadmin", "changeme", "secret", "test", "flink"}
)
LEAST_LENGTH = 8  # characters; the minimum that S3 services require of a secret key
_BYTES = 24
_OWN_KEY = "tdaflink-"  # prefix of the key of a bundled S3 service


class Credentials:
    """Secrets entered by the user: one file for each below the environment's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "credentials"

    def path(self, name: str) -> Path:
        """Return the path of the secret of that name, whether it exists or not."""
        return self._folder / name

    def keep(self, name: str, value: str) -> None:
        """Save a secret, replacing one of the same name."""
        _save(self.path(name), value + "\n")

    def forget(self) -> None:
        """Remove all saved secrets."""
        with map_write_errors(self._folder):
            if self._folder.is_dir():
                for path in self._folder.iterdir():
                    path.unlink()
                self._folder.rmdir()


# -- variables of an environment's containers


VARIABLES = {
    GRAFANA: "The password of Grafana's user admin.",
    KEY: "The key of the S3 service that stores checkpoints. On AWS both may stay empty if the role of the"
    " machine gives access (with a hop limit of 2 for its metadata: the requests come from containers).",
    SECRET: "The secret of that key.",
}


def secret_names(profile: Profile) -> tuple[str, ...]:
    """Return the variables that the profile's compose.yaml requires."""
    parts = compose_parts(profile)
    grafana = () if parts.default_passwords else (GRAFANA,)
    return grafana if parts.storage == "volume" else (*grafana, KEY, SECRET)


def stack_secrets(profile: Profile, file: Path, *, role: bool = False) -> dict[str, str]:
    """Return the secrets by variable: from the environment, else from `file`, else generated where possible.

    With `role`, the role of the machine gives access to the user's S3 service: without keys.
    Raises `ConfigError`, without the value, for a secret that only the user can provide, for a default
    password, and for a file that other users may read.
    """
    bundled = compose_parts(profile).storage == "bundled_s3"
    names = secret_names(profile)
    if role and not bundled:
        names = tuple(name for name in names if name not in (KEY, SECRET))
    kept = kept_variables(file) if names else {}
    if kept.get(KEY, "").startswith(_OWN_KEY) != bundled:
        # These are the keys of the profile's other size, which has another S3 service.
        kept = {name: value for name, value in kept.items() if name not in (KEY, SECRET)}
    values: dict[str, str] = {}
    for name in names:
        # Keys in the process environment belong to another S3 service than the bundled one.
        own = bundled and name in (KEY, SECRET)
        given = None if own else os.environ.get(name)
        if given is not None and name == GRAFANA:
            values[name] = _check_password(given, name)
        elif given:
            values[name] = given
        elif name in kept:
            values[name] = kept[name]
        elif own or name == GRAFANA:
            values[name] = (_OWN_KEY if name == KEY else "") + secrets.token_urlsafe(_BYTES)
        else:
            raise _missing_error(name, profile)
    return values


def keep_variables(values: Mapping[str, str], file: Path) -> None:
    """Save secrets in the .env file that `docker compose` reads automatically."""
    _save(file, "".join(f"{name}='{value}'\n" for name, value in values.items()))


def kept_variables(file: Path) -> dict[str, str]:
    """Return the saved secrets by variable; none if the file does not exist."""
    return variables_of(private_text(file, "the environment's secrets")) if file.exists() else {}


def variables_of(text: str) -> dict[str, str]:
    """Parse the text of a .env file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _save(path: Path, text: str) -> None:
    ensure_dir(path.parent)
    with map_write_errors(path.parent):
        path.parent.chmod(0o700)
    # The temporary file that replaces it is created with mode 0600.
    write_atomically(path, text)


def _check_password(value: str, variable: str) -> str:
    hint = f"export {variable} with a password of your own, or unset it to have one generated"
    if not value.strip():
        raise ConfigError(f"{variable} is empty", hint=hint)
    if value.lower() in DEFAULT_PASSWORDS:
        raise ConfigError(f"{variable} is a default password, which this environment refuses", hint=hint)
    if len(value) < LEAST_LENGTH:
        raise ConfigError(
            f"{variable} is too short: {len(value)} characters, at least {LEAST_LENGTH} are needed", hint=hint
        )
    if {"'", '"', "\n"} & set(value):
        raise ConfigError(f"{variable} has a quote or a line break, which a .env file cannot hold", hint=hint)
    return value


def _missing_error(name: str, profile: Profile) -> ConfigError:
    more = "; --scale adds an S3 service for a trial" if profile.scalable else ""
    return ConfigError(
        f"{name} is not set: {profile.name} stores its checkpoints on your S3 service",
        hint=f"set {KEY} and {SECRET}, and give the location with --storage s3://bucket/path; --s3-role uses"
        f" the role of the machine on AWS{more}",
    )
