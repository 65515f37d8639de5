"""The folder of an environment on Docker Compose: its files, the image's build context, mounted files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tdaflink.adapters.compose_runtime.image import IMAGE_FORKING_PYTHON, build_context, image_tag
from tdaflink.adapters.compose_runtime.renderer import EXPORTER, ComposeSettings, compose_files
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.security.alert_webhook import alert_webhook
from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors, write_atomically
from tdaflink.adapters.storage.shipped_profiles import load_lock
from tdaflink.domain.environments.compose_stack import compose_parts
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.profile import S3_ROLE, Profile
from tdaflink.domain.errors import ConfigError


def compose_settings(
    environment: Environment, profile: Profile, project: str, folder: Path | None = None
) -> ComposeSettings:
    """Return the inputs of an environment's files; `folder` is that of a saved environment."""
    return ComposeSettings(
        project=project,
        environment=environment.name,
        profile=profile,
        ports=profile.ports_at(environment.port_offset),
        image=image_tag(),
        forking_python=IMAGE_FORKING_PYTHON,
        storage=environment.details.get("storage"),
        s3_endpoint=environment.details.get("s3_endpoint"),
        s3_role=has_s3_role(environment),
        webhook=alert_webhook(environment.details, folder),
    )


def write_compose_folder(folder: Path, settings: ComposeSettings) -> None:
    """Write everything that `docker compose` needs except the secrets.

    Containers run as other users, so mounted files and those of the image, which keep their modes there, are
    readable by all.
    """
    for path, text in compose_files(settings).items():
        file = folder / path
        if not file.is_file() or file.read_bytes() != text.encode():
            write_atomically(file, text)
    ensure_dir(folder / "image")
    build_context(folder / "image")
    (agent,) = load_lock().in_place("kafka/agent")
    with map_write_errors(folder):
        if not (folder / EXPORTER).exists():
            shutil.copyfile(JarCache().path(agent), folder / EXPORTER)
        for part in ("flink", "image", "kafka", "monitoring"):
            for place, _, files in os.walk(folder / part):
                os.chmod(place, 0o755)  # noqa: S103 - the environment's folder above is closed
                for name in files:
                    os.chmod(Path(place, name), 0o644)


def has_s3_role(environment: Environment) -> bool:
    """Return whether the role of the machine gives access to the environment's S3 storage."""
    return environment.details.get(S3_ROLE) == "on"


def require_storage(environment: Environment, profile: Profile) -> None:
    """Raise `ConfigError` if the profile stores checkpoints on the user's S3 service, and none is given."""
    storage = environment.details.get("storage", "")
    if compose_parts(profile).storage == "given_s3" and not storage.startswith("s3://"):
        raise ConfigError(
            f"{environment.name} stores its checkpoints on an S3 service, and "
            + (f"{storage!r} is no s3:// address" if storage else "--storage is missing"),
            hint="--storage s3://bucket/path [--s3-endpoint URL]; --scale adds an S3 service for a trial",
        )
