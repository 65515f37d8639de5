"""The secrets that a compose file asks for: from the environment, else made where that will do; kept 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tdaflink.adapters.folders import make_folder, writing
from tdaflink.domain.errors import ConfigError
from tdaflink.domain.profile import Profile
from tdaflink.domain.stack import parts_of

GRAFANA = "GRAFANA_ADMIN_PASSWORD"
KEY, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_TOO_WELL_KNOWN = {"admin", "password", "grafana", "changeme"}


def secret_names(profile: Profile) -> tuple[str, ...]:
    """The variables that the profile's compose file asks for."""
    parts = parts_of(profile)
    grafana = () if parts.default_passwords else (GRAFANA,)
    return grafana if parts.storage == "volume" else (*grafana, KEY, SECRET)


def stack_secrets(profile: Profile, file: Path) -> dict[str, str]:
    """Variable -> secret. Raises `ConfigError` for one that only its user knows, or that everybody knows."""
    parts = parts_of(profile)
    kept = _kept(file)
    found: dict[str, str] = {}
    if not parts.default_passwords:
        found[GRAFANA] = os.environ.get(GRAFANA) or kept.get(GRAFANA) or secrets.token_urlsafe(18)
        if found[GRAFANA].lower() in _TOO_WELL_KNOWN:
            raise ConfigError(
                f"{GRAFANA} is a password that everybody knows; {profile.name} refuses it",
                hint=f"set {GRAFANA} to another one, or leave it out: one is then generated",
            )
    if parts.storage == "bundled_s3":
        # Keys of this one service: those in the environment are for another.
        found[KEY] = kept.get(KEY) or f"tdaflink-{secrets.token_hex(4)}"
        found[SECRET] = kept.get(SECRET) or secrets.token_urlsafe(30)
    if parts.storage == "given_s3":
        for name in (KEY, SECRET):
            found[name] = os.environ.get(name) or kept.get(name) or _missing(name, profile)
    return found


def write_secrets(values: dict[str, str], file: Path) -> None:
    """Keep the secrets where `docker compose` finds them by itself, readable for their owner alone."""
    make_folder(file.parent)
    with writing(file):
        part = file.with_name(f".{file.name}.{os.getpid()}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write("".join(f"{name}='{value}'\n" for name, value in values.items()))
        os.replace(part, file)


def _kept(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip("'") for name, _, value in pairs}


def _missing(name: str, profile: Profile) -> str:
    more = "; --scale brings an S3 service along for a trial" if profile.scalable else ""
    raise ConfigError(
        f"{name} is not set: {profile.name} keeps its checkpoints on an S3 service of yours",
        hint=f"set {KEY} and {SECRET}, and name the place with --storage s3://bucket/path{more}",
    )
