"""From the words of a call to a job that can be submitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.layers import Resolved
from tdaflink.services.bundles import included_files, script_bundle, shipped_bundle
from tdaflink.services.jobsettings import job_settings
from tdaflink.services.submission import Job, further_flink_config, shipped_job_config

PartitionCounts = Callable[[Sequence[str]], Mapping[str, int]]


@dataclass(frozen=True)
class Wanted:
    """What is to be submitted besides the config: `script` None means the shipped job."""

    script: Path | None = None
    include: Sequence[str] = ()
    arguments: Sequence[str] = ()
    start: str = "none"


def shipped_job(
    resolved: Resolved,
    env: Environment,
    wanted: Wanted,
    partitions: PartitionCounts,
    warn: Callable[[str], None],
) -> Job:
    """The shipped job with its settings. Raises `ConfigError`, and `NotFound` for a topic that is missing."""
    if wanted.arguments:
        raise UsageError("the shipped job takes no arguments", hint="--job FILE takes them")
    config = resolved.config
    if config.stream_keys() and not any(config.window_of(source) for source in config.all_inputs()):
        warn(
            f"{', '.join(config.stream_keys())}: valid, and about the stream route alone;"
            " each request is answered by itself"
        )
    if any(source.route == "uploads" for source in config.all_inputs()) and not config.uploads.roots:
        warn(
            "uploads.roots is empty: every upload is refused; --set 'uploads.roots=[file:///data/]' opens one"
        )
    topics = sorted(
        {topic for source in config.all_inputs() for topic in (source.topic, source.output_topic)}
    )
    counts = partitions([*topics, config.errors_topic])
    settings = job_settings(config, env, counts, _modules(wanted.include))
    return Job(
        name=config.job_name,
        parallelism=config.parallelism,
        bundle=shipped_bundle(wanted.include),
        settings=settings,
        flink_config=shipped_job_config(config),
        savepoint=_savepoint(wanted.start),
    )


def _modules(include: Sequence[str]) -> list[str]:
    """The modules among the files that are included: each registers algorithms."""
    names = [path.stem for path in included_files(include) if path.suffix == ".py"]
    for name in names:
        if not name.isidentifier():
            raise UsageError(f"--include: {name}.py cannot be imported", hint="name it like a Python module")
    return names


def script_job(resolved: Resolved, wanted: Wanted) -> Job:
    """A user's own script. Of the config it gets name, parallelism and checkpoint interval, where given."""
    if wanted.script is None:
        raise UsageError("a script job needs a script", hint="--job FILE")
    config, given = resolved.config, resolved.sources
    flink_config = further_flink_config(config)
    if "job_name" in given:
        flink_config["pipeline.name"] = config.job_name
    if "checkpoint_interval" in given:
        flink_config["execution.checkpointing.interval"] = f"{config.checkpoint_interval} ms"
    return Job(
        name=config.job_name if "job_name" in given else wanted.script.stem,
        parallelism=config.parallelism,
        bundle=script_bundle(wanted.script, wanted.include),
        settings=None,
        args=tuple(wanted.arguments),
        flink_config=flink_config,
        savepoint=_savepoint(wanted.start),
    )


def _savepoint(start: str) -> str | None:
    if start == "none":
        return None
    local = Path(start.removeprefix("file://"))
    if local.is_absolute() and local.parent.is_dir() and not (local / "_metadata").is_file():
        raise NotFound(f"--from: {start} is not a completed savepoint or checkpoint: it has no _metadata")
    return start
