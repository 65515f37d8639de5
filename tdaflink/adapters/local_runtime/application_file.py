"""The job of an application cluster, saved in its environment's folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tdaflink.adapters.storage.paths import write_atomically
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.domain.environments.application_cluster import Application
from tdaflink.domain.errors import ConfigError
from tdaflink.domain.saved_values import from_values


def load_application(folder: Path) -> Application | None:
    """Return the job that was prepared last; None before the first."""
    path = _path(folder)
    hint = "move that file away, then tdaflink setup with --application CONFIG"
    text = read_own(path, "application", hint)
    if text is None:
        return None
    try:
        return from_values(Application, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a job of an application cluster: {error}", hint=hint) from None


def save_application(folder: Path, application: Application) -> None:
    """Save the job that the JobManager starts next."""
    write_atomically(_path(folder), json.dumps(asdict(application), indent=1) + "\n")


def _path(folder: Path) -> Path:
    return folder / "application.json"
