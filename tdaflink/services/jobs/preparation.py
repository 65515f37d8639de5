"""Jobs that can be submitted, from the options of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tdaflink.adapters.host.git import git_state
from tdaflink.domain.config.job_config import JobConfig
from tdaflink.domain.config.layers import Resolved
from tdaflink.domain.environments.application_cluster import is_application
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import ConfigError, UsageError
from tdaflink.domain.job_contract import MAX_PARALLELISM
from tdaflink.domain.jobs.job_parameters import BUNDLE_SIZE
from tdaflink.services.jobs.bundle import included_files, script_bundle, shipped_bundle
from tdaflink.services.jobs.run_request import JobPackage
from tdaflink.services.jobs.settings_writer import job_settings

# A job without a set parallelism leaves slots for three more of its size.
SHARE_OF_SLOTS = 4

PartitionCounts = Callable[[Sequence[str]], Mapping[str, int]]


@dataclass(frozen=True)
class SubmitRequest:
    """Parts of a submission in addition to the config: `script` None means the shipped job.

    `carried` are files that the version before had included, by name.
    """

    script: Path | None = None
    include: Sequence[str] = ()
    arguments: Sequence[str] = ()
    carried: Mapping[str, bytes] = field(default_factory=dict)


def shipped_job(
    resolved: Resolved,
    environment: Environment,
    wanted: SubmitRequest,
    partitions: PartitionCounts,
    warn: Callable[[str], None],
    free_slots: int | None = None,
) -> JobPackage:
    """Return the shipped job with its settings; without a set parallelism it gets a share of `free_slots`.

    Raises `ConfigError`, and `NotFound` for a topic that is missing.
    """
    if wanted.arguments:
        raise UsageError("the shipped job takes no arguments", hint="--job FILE takes them")
    config = resolved.config
    if config.execution_mode == "thread" and not is_application(environment):
        raise ConfigError(
            f'execution_mode "thread": {environment.name} runs several jobs, and threads of one TaskManager'
            " would run a former job's modules",
            hint="tdaflink setup --env NAME --application CONFIG makes a cluster for this job alone",
        )
    if config.stream_keys() and not any(config.window_of(source) for source in config.all_inputs()):
        warn(
            f"{', '.join(config.stream_keys())}: valid, but apply to the stream route only;"
            " each request is answered by itself"
        )
    uploads = config.names_inputs and any(source.route == "uploads" for source in config.all_inputs())
    if uploads and not config.uploads.roots:
        warn(
            "uploads.roots is empty: every upload is refused; --set 'uploads.roots=[file:///data/]' opens one"
        )
    topics = sorted(
        {topic for source in config.all_inputs() for topic in (source.topic, source.output_topic)}
    )
    counts = partitions([*topics, config.errors_topic])
    plugins = _modules([*(path.name for path in included_files(wanted.include)), *wanted.carried])
    chosen = None
    if free_slots is not None and "parallelism" not in config.model_fields_set:
        most = max(counts[source.topic] for source in config.all_inputs())
        share = max(1, min(free_slots // SHARE_OF_SLOTS, most))
        chosen = f"a quarter of {free_slots} free slots, at most {most} as the largest input has partitions"
        config = config.model_copy(update={"parallelism": share})
        resolved = replace(resolved, config=config)
    settings = job_settings(config, environment, counts, plugins)
    return JobPackage(
        name=config.job_name,
        parallelism=config.parallelism,
        bundle=shipped_bundle(wanted.include, wanted.carried),
        settings=settings,
        flink_config=shipped_job_config(config),
        config=_said(resolved),
        chosen=chosen,
    )


def narrowed(job: JobPackage, parallelism: int) -> JobPackage:
    """Return the job with a smaller parallelism."""
    assert job.settings is not None  # noqa: S101 - only the shipped job's parallelism is chosen
    inputs = [
        {**one, "source_parallelism": min(one["source_parallelism"], parallelism)}
        for one in job.settings["inputs"]
    ]
    settings = {**job.settings, "parallelism": parallelism, "inputs": inputs}
    return replace(
        job,
        parallelism=parallelism,
        settings=settings,
        config={**(job.config or {}), "parallelism": parallelism},
    )


def _modules(files: Sequence[str]) -> list[str]:
    """Return the modules among the included files: each registers algorithms. Raises `UsageError`."""
    names = [name.removesuffix(".py") for name in files if name.endswith(".py")]
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"--include: {name}.py cannot be imported", hint="name it like a Python module")
    return names


def script_job(resolved: Resolved, wanted: SubmitRequest) -> JobPackage:
    """Return the job of a user's script; the config may set name, parallelism and checkpoint interval."""
    if wanted.script is None:
        raise UsageError("a script job needs a script", hint="--job FILE")
    config, given = resolved.config, resolved.sources
    return JobPackage(
        name=config.job_name if "job_name" in given else wanted.script.stem,
        parallelism=config.parallelism,
        bundle=script_bundle(wanted.script, wanted.include),
        settings=None,
        args=tuple(wanted.arguments),
        flink_config=_script_flink_config(resolved),
        config=_said(resolved),
        git=git_state(wanted.script.resolve().parent),
    )


def rebuild_script_job(resolved: Resolved, before: JobPackage, arguments: Sequence[str]) -> JobPackage:
    """Return a running script's job with the new config; without new arguments it keeps its own."""
    return replace(
        before,
        parallelism=resolved.config.parallelism,
        args=tuple(arguments) or before.args,
        flink_config=_script_flink_config(resolved),
        config=_said(resolved),
    )


def _script_flink_config(resolved: Resolved) -> dict[str, str]:
    config, given = resolved.config, resolved.sources
    flink_config = _further_flink_config(config)
    if "job_name" in given:
        flink_config["pipeline.name"] = config.job_name
    if "checkpoint_interval" in given:
        flink_config["execution.checkpointing.interval"] = f"{config.checkpoint_interval} ms"
    return flink_config


def shipped_job_config(config: JobConfig) -> dict[str, str]:
    """Return the Flink settings that the shipped job requires in every environment."""
    return {
        "execution.checkpointing.interval": f"{config.checkpoint_interval} ms",
        # Every operator has a uid of its own: a missing one is an error now, not a lost savepoint later.
        "pipeline.auto-generate-uids": "false",
        "pipeline.max-parallelism": str(MAX_PARALLELISM),
        "python.execution-mode": config.execution_mode,
        # A bundle must end soon: results, metrics and checkpoints wait for it. docs/performance.md has what
        # was measured with other numbers of records and other times.
        BUNDLE_SIZE: "300",
        "python.fn-execution.bundle.time": "20",
        "execution.buffer-timeout.interval": "10 ms",
        # A bundle may touch the state of thousands of streams; what does not fit is written and read again.
        "python.state.cache-size": "8192",
        "python.map-state.write-cache-size": "4096",
        "python.map-state.read-cache-size": "256",
        **_further_flink_config(config),
    }


def _further_flink_config(config: JobConfig) -> dict[str, str]:
    """Return the Flink settings in the config, as Flink writes values."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in config.flink.items()
    }


def _said(resolved: Resolved) -> dict[str, Any]:
    """Return the settings of the user and the profile, as one layer of the config."""
    return resolved.config.model_dump(mode="json", exclude_unset=True)
