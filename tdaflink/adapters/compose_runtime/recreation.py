"""The containers of a running project that `docker compose up` would recreate, determined in advance."""

from __future__ import annotations

from pathlib import Path

from tdaflink.adapters.compose_runtime.cli import Compose
from tdaflink.adapters.compose_runtime.docker_engine import DockerEngine
from tdaflink.adapters.compose_runtime.renderer import ComposeSettings, compose_files
from tdaflink.adapters.security.credential_store import stack_secrets
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.adapters.storage.yaml_text import load_yaml
from tdaflink.domain.environments import compose_stack
from tdaflink.domain.environments.recreation import Replacement, fate_of

_CONFIG = "flink/config.yaml"
_STORAGE = ("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir", "s3.endpoint")


def replacement(engine: DockerEngine, folder: Path, settings: ComposeSettings) -> Replacement:
    """Return the running containers of the folder's project that the settings no longer describe."""
    running = {n: c for n, c in engine.containers(settings.project).items() if c.status == "running"}
    if not running:
        return Replacement()
    files = compose_files(settings)
    secrets = stack_secrets(settings.profile, folder / ".env", role=settings.s3_role)
    hashes = Compose(settings.project, folder, secrets).hashes(files["compose.yaml"])
    image = engine.image_id(settings.image)
    kinds = {service.name: service.kind for service in settings.services}
    outdated = tuple(
        name
        for name, container in sorted(running.items())
        if container.config_hash != hashes.get(name)
        or (_is_flink(kinds.get(name)) and container.image != image)
    )
    fate = fate_of(
        jobmanager=any(name.startswith(compose_stack.JOBMANAGER) for name in outdated),
        taken_over=settings.profile.keeps_jobs,
        storage_moves=_storage(_written_config(folder)) != _storage(files[_CONFIG]),
    )
    return Replacement(outdated, fate)


def _is_flink(kind: str | None) -> bool:
    return kind in (compose_stack.JOBMANAGER, compose_stack.TASKMANAGER)


def _written_config(folder: Path) -> str:
    hint = f"move {folder / _CONFIG} away: setup rewrites it"
    return read_own(folder / _CONFIG, "Flink's config", hint) or ""


def _storage(config: str) -> list[object]:
    values = load_yaml(config, _CONFIG) or {}
    return [values.get(key) for key in _STORAGE]
