"""A complete set of settings, as the command writes them for the job."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tdaflink.domain.config.job_config import InputRoute, JobConfig
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.services.jobs.settings_writer import job_settings

_ENDPOINTS = Endpoints("http://127.0.0.1:8082", "127.0.0.1:9092", "127.0.0.1:9092")


@cache
def _written() -> str:
    source = InputRoute(route="requests", topic="tda_jobs", output_topic="tda_results")
    config = JobConfig(inputs=[source], parallelism=2)
    local = Environment("local", "local", "process", _ENDPOINTS, "")
    return json.dumps(job_settings(config, local, {"tda_jobs": 2}))


def settings_document(**changes: Any) -> dict[str, Any]:
    """Return the settings of a local job with requests alone.

    `changes` replace parts: limits__max_points=3.
    """
    document: dict[str, Any] = json.loads(_written())
    for path, value in changes.items():
        *above, last = path.split("__")
        node = document
        for key in above:
            node = node[key]
        node[last] = value
    return document


def settings_text(**changes: Any) -> str:
    return json.dumps(settings_document(**changes))
