"""Export of the Docker Compose files of an environment or a profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tdaflink.adapters.compose_runtime.project_folder import (
    compose_settings,
    require_storage,
    write_compose_folder,
)
from tdaflink.adapters.compose_runtime.renderer import EXPORTER, ComposeSettings, compose_files
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.security.credential_store import VARIABLES, secret_names
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.paths import write_atomically
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_profile, profile_of
from tdaflink.adapters.storage.user_files import output_file, output_folder
from tdaflink.domain.environments.compose_stack import Exported, compose_parts
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.environments.profile import SCALE
from tdaflink.domain.errors import UsageError
from tdaflink.domain.progress import Reporter
from tdaflink.services.artifacts.jars import fetch_jars

_RECEIVER = """\
# TDAFLINK_ALERT_WEBHOOK has no effect here: compose export reads it, and writes the receiver of alerts into
# monitoring/alertmanager/alertmanager.yml, which can be edited.
"""


@dataclass(frozen=True)
class ExportRequest:
    """Request of an export of the environment `env`, or of a profile."""

    env: str | None
    profile: str | None
    scale: bool
    storage: str | None
    s3_endpoint: str | None
    folder: Path
    force: bool


def export(request: ExportRequest, store: EnvironmentStore, reporter: Reporter) -> Exported:
    """Write compose.yaml and the files that it uses. Raises `UsageError` for a non-empty folder."""
    environment = _environment(request, store)
    profile = profile_of(environment)
    compose_parts(profile)
    require_storage(environment, profile)
    folder = output_folder(request.folder, "DIR")
    if folder.exists() and not request.force and any(folder.iterdir()):
        raise UsageError(f"{folder} is not an empty folder", hint="choose another folder, or add --force")
    settings = compose_settings(environment, profile, f"tdaflink-{environment.name}")
    if folder.exists():
        _check_existing(folder, settings)
    fetch_jars(load_lock().only(profile.jars), JarCache(), reporter)
    write_compose_folder(folder, settings)
    variables = secret_names(profile)
    if variables:
        example = "".join(f"# {VARIABLES[name]}\n# {name}=\n" for name in variables)
        text = "# Copy to .env (mode 0600) and fill in.\n" + example
        if compose_parts(profile).alerting:
            text += _RECEIVER
        write_atomically(folder / ".env.example", text)
    names = tuple(service.name for service in settings.services)
    return Exported(str(folder / "compose.yaml"), settings.project, names, variables)


def _check_existing(folder: Path, settings: ComposeSettings) -> None:
    """Raise `UsageError` if the path of a file to write is not a regular file."""
    for name in (*compose_files(settings), EXPORTER, ".env.example"):
        for place in reversed((folder / name).relative_to(folder).parents):
            output_folder(folder / place, "DIR")
            if not (folder / place).exists():
                break
        else:
            output_file(folder / name, "DIR")


def _environment(request: ExportRequest, store: EnvironmentStore) -> Environment:
    """Return the saved environment, or the one that setup would create from the profile."""
    saved = store.find(request.env) if request.env else None
    if saved is not None and request.profile in (None, saved.profile):
        if profile_of(saved).compose is None:
            raise UsageError(
                f"{saved.name} does not run in containers", hint="--profile dev, staging or prod"
            )
        return saved
    named = request.profile or request.env
    if named is None:
        raise UsageError("no environment is given", hint="--env NAME, or --profile dev, staging or prod")
    profile = load_profile(named)
    options = {
        SCALE: "on" if request.scale else None,
        "storage": request.storage,
        "s3_endpoint": request.s3_endpoint,
    }
    details = {key: value for key, value in options.items() if value}
    name = request.env or profile.name
    return Environment(name, profile.name, profile.runtime, Endpoints("", "", ""), "", details=details)
