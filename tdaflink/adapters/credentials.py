"""The secrets of an environment: given by variables, made for its own services, or typed in for another's.

Each lies in a file of mode 0600 in a folder of mode 0700, and is refused where others may open it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from tdaflink.adapters.folders import make_folder, write_atomically, writing
from tdaflink.adapters.secrets import private_text
from tdaflink.domain.errors import ConfigError
from tdaflink.domain.profile import Profile
from tdaflink.domain.stack import parts_of

GRAFANA = "GRAFANA_ADMIN_PASSWORD"
KEY, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
DEFAULT_PASSWORDS = frozenset(
    {"admin", "password", "grafana", "minioadmin", "changeme", "secret", "test", "flink"}
)
LEAST_LENGTH = 8  # characters; what S3 services demand of a secret key
_BYTES = 24
_OWN_KEY = "tdaflink-"  # so begins the key of an S3 service that comes along


class Credentials:
    """What was typed in for an environment: each secret a file of its own below the environment's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "credentials"

    def path(self, name: str) -> Path:
        """Where the secret of that name lies, whether it was kept or not."""
        return self._folder / name

    def keep(self, name: str, value: str) -> None:
        """Keep a secret in place of one of that name."""
        _keep(self.path(name), value + "\n")

    def forget(self) -> None:
        """Remove every secret that is kept."""
        with writing(self._folder):
            if self._folder.is_dir():
                for path in self._folder.iterdir():
                    path.unlink()
                self._folder.rmdir()


# -- what the containers of an environment are given by variables


VARIABLES = {
    GRAFANA: "The password of Grafana's user admin.",
    KEY: "The key of the S3 service that keeps checkpoints. On AWS both may stay empty where the role of the"
    " machine gives access (with a hop limit of 2 for its metadata, since containers ask).",
    SECRET: "The secret of that key.",
}


def secret_names(profile: Profile) -> tuple[str, ...]:
    """The variables that the profile's compose file asks for."""
    parts = parts_of(profile)
    grafana = () if parts.default_passwords else (GRAFANA,)
    return grafana if parts.storage == "volume" else (*grafana, KEY, SECRET)


def stack_secrets(profile: Profile, file: Path, *, role: bool = False) -> dict[str, str]:
    """Variable -> secret: from the environment, else the one that `file` keeps, else made where that will do.

    With `role` an S3 service of the user's is entered by the role of the machine: without keys.
    Raises `ConfigError`, without the value, for one that only its user knows, for one that everybody knows,
    and for a file that others may read.
    """
    bundled = parts_of(profile).storage == "bundled_s3"
    names = secret_names(profile)
    if role and not bundled:
        names = tuple(name for name in names if name not in (KEY, SECRET))
    kept = kept_variables(file) if names else {}
    if kept.get(KEY, "").startswith(_OWN_KEY) != bundled:
        # Of the other size of the profile, which has another S3 service.
        kept = {name: value for name, value in kept.items() if name not in (KEY, SECRET)}
    found: dict[str, str] = {}
    for name in names:
        own = bundled and name in (
            KEY,
            SECRET,
        )  # of this one service: those in the environment are for another
        given = None if own else os.environ.get(name)
        if given is not None and name == GRAFANA:
            found[name] = _checked(given, name)
        elif given:
            found[name] = given
        elif name in kept:
            found[name] = kept[name]
        elif own or name == GRAFANA:
            found[name] = (_OWN_KEY if name == KEY else "") + secrets.token_urlsafe(_BYTES)
        else:
            raise _missing(name, profile)
    return found


def keep_variables(values: Mapping[str, str], file: Path) -> None:
    """Keep secrets where `docker compose` finds them by itself."""
    _keep(file, "".join(f"{name}='{value}'\n" for name, value in values.items()))


def kept_variables(file: Path) -> dict[str, str]:
    """Variable -> secret as they were kept; none where there is no file."""
    return variables_of(private_text(file, "the environment's secrets")) if file.exists() else {}


def variables_of(text: str) -> dict[str, str]:
    """What a .env file says."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _keep(path: Path, text: str) -> None:
    make_folder(path.parent)
    with writing(path.parent):
        path.parent.chmod(0o700)
    # The temporary file that is put in its place is made with mode 0600.
    write_atomically(path, text)


def _checked(value: str, variable: str) -> str:
    hint = f"export {variable} with one of your own, or unset it: then one is generated"
    if not value.strip():
        raise ConfigError(f"{variable} is empty", hint=hint)
    if value.lower() in DEFAULT_PASSWORDS:
        raise ConfigError(f"{variable} is a default password, which this environment refuses", hint=hint)
    if len(value) < LEAST_LENGTH:
        raise ConfigError(
            f"{variable} is too short: {len(value)} characters, at least {LEAST_LENGTH} are needed", hint=hint
        )
    if {"'", '"', "\n"} & set(value):
        raise ConfigError(f"{variable} has a quote or a line break, which no .env file keeps", hint=hint)
    return value


def _missing(name: str, profile: Profile) -> ConfigError:
    more = "; --scale brings an S3 service along for a trial" if profile.scalable else ""
    return ConfigError(
        f"{name} is not set: {profile.name} keeps its checkpoints on an S3 service of yours",
        hint=f"set {KEY} and {SECRET}, and name the place with --storage s3://bucket/path; --s3-role for"
        f" the role of the machine on AWS{more}",
    )
