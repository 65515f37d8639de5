"""What an application cluster is to run, in its environment's folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tdaflink.adapters.folders import write_atomically
from tdaflink.domain.application import Application
from tdaflink.domain.errors import ConfigError


def load_application(folder: Path) -> Application | None:
    """The job that was last prepared; None where there was none yet."""
    path = _path(folder)
    try:
        return Application(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a job of an application cluster: {error}",
            hint="delete that file, then tdaflink setup with --application CONFIG",
        ) from error


def save_application(folder: Path, application: Application) -> None:
    """Remember what the JobManager is to start next."""
    write_atomically(_path(folder), json.dumps(asdict(application), indent=1) + "\n")


def _path(folder: Path) -> Path:
    return folder / "application.json"
