"""A job to submit, and the body of the REST call that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tdaflink import __version__
from tdaflink.domain.environments.application_cluster import mode_of
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.job_contract import (
    BUNDLE_PARAMETER,
    CONFIG_PARAMETER,
    ENVIRONMENT_PARAMETER,
    NAME_PARAMETER,
    SAVEPOINT_PARAMETER,
    SPEC_PARAMETER,
    SUBMITTER_PARAMETER,
    VERSION_PARAMETER,
    JobSettings,
)
from tdaflink.domain.jobs.history import Git, JobSpec
from tdaflink.domain.jobs.job_parameters import watch_parameters
from tdaflink.services.control import submitter
from tdaflink.services.jobs.bundle import Bundle

ENTRY_CLASS = "org.apache.flink.client.python.PythonDriver"
_SECRET_WORDS = ("password", "secret", "jaas", "token", "credential")


@dataclass(frozen=True)
class JobPackage:
    """A job to submit. `settings` is None for a user's script, which gets `args` only.

    `config` has the user's values as a config layer; `git` describes the script's folder. `chosen` is the
    reason of an automatic parallelism, which may still be reduced; None if the user gave one.
    """

    name: str
    parallelism: int
    bundle: Bundle
    settings: Mapping[str, Any] | None
    args: Sequence[str] = ()
    flink_config: Mapping[str, str] = field(default_factory=dict)
    savepoint: str | None = None
    allow_non_restored: bool = False
    config: Mapping[str, Any] | None = None
    git: Git | None = None
    chosen: str | None = None

    @property
    def spec(self) -> JobSpec:
        """Everything needed to submit the same job again, except the bundle's bytes."""
        return JobSpec(
            bundle_name=self.bundle.name,
            bundle_sha256=self.bundle.sha256,
            module=self.bundle.module,
            parallelism=self.parallelism,
            settings=self.settings,
            args=tuple(self.args),
            flink_config=dict(self.flink_config),
            config=self.config,
            git=self.git,
        )


def application_body(job: JobPackage, environment: Environment, job_id: str, path: str) -> dict[str, Any]:
    """Return the body of `/jars/:id/run-application`: the application gets the id of its job."""
    return run_body(job, environment, job_id, path) | {"applicationId": job_id}


def run_body(job: JobPackage, environment: Environment, job_id: str, path: str) -> dict[str, Any]:
    """Return the body of `/jars/:id/run`; `path` is the bundle's path on the JobManager."""
    args = ["-pyfs", path, "-pym", job.bundle.module]
    if job.settings is not None:
        args += ["--settings", json.dumps(job.settings, separators=(",", ":"), sort_keys=True)]
    body: dict[str, Any] = {
        "entryClass": ENTRY_CLASS,
        "jobId": job_id,
        "parallelism": job.parallelism,
        "programArgsList": [*args, *job.args],
        "flinkConfiguration": {
            **job.flink_config,
            # -pyfs alone never reaches the TaskManagers.
            "python.files": path,
            **_interpreters(job, environment),
            "pipeline.global-job-parameters": _job_parameters(job, environment),
        },
    }
    if job.savepoint:
        body |= {
            "savepointPath": job.savepoint,
            "claimMode": "NO_CLAIM",
            "allowNonRestoredState": job.allow_non_restored,
        }
    return body


def _interpreters(job: JobPackage, environment: Environment) -> dict[str, str]:
    """Return the Python interpreters that the cluster's configuration does not set, or for processes only."""
    named = {}
    if not environment.is_managed:
        named["python.client.executable"] = environment.python
    if not environment.is_managed or mode_of(job.flink_config) == "thread":
        named["python.executable"] = environment.python
    return named


def _job_parameters(job: JobPackage, environment: Environment) -> str:
    """Return the job parameters that other machines read, in Flink's notation of a map."""
    facts = {
        NAME_PARAMETER: job.name,
        ENVIRONMENT_PARAMETER: environment.name,
        VERSION_PARAMETER: __version__,
        BUNDLE_PARAMETER: job.bundle.sha256,
        SUBMITTER_PARAMETER: submitter(),
    }
    if job.settings is not None:
        facts[CONFIG_PARAMETER] = _hash(job.settings)
        facts |= watch_parameters(JobSettings(job.settings), job.flink_config)
    if job.savepoint:
        facts[SAVEPOINT_PARAMETER] = job.savepoint
    # Flink's REST interface exposes it to all of its users.
    if not plain_secrets({**kafka_properties(job), **job.flink_config}):
        facts[SPEC_PARAMETER] = json.dumps(asdict(job.spec), separators=(",", ":"), sort_keys=True)
    # Flink splits the text at commas, then each part at its colon, and unquotes at both steps.
    return ",".join(_quoted(f"{key}:{_quoted(value)}") for key, value in facts.items())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _hash(settings: Mapping[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def plain_secrets(named: Mapping[str, Any]) -> list[str]:
    """Return the names whose values are secrets in plain text."""
    return [
        key
        for key, value in named.items()
        if isinstance(value, str) and any(word in key.lower() for word in _SECRET_WORDS)
    ]


def kafka_properties(job: JobPackage) -> Mapping[str, Any]:
    """Return the additional client properties in the settings of the shipped job."""
    return JobSettings(job.settings or {}).kafka_properties
