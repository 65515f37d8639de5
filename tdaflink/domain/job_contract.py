"""What the command and the shipped job agree on; `test_job_contract.py` compares it with the job.

The job imports nothing of the command, so each side has its own copy of these names and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SETTINGS_VERSION = 1  # the key `schema` of the settings
MAX_PARALLELISM = 720  # of all keyed state: it decides which subtask has which stream
KEPT_BYTES = 64 * 1024  # of an unusable message, in its error record

# Operators, by their uids, which are their names, too.
HEARTBEAT_SOURCE = "heartbeat-source"  # reads nothing: one row a second for each subtask
SOURCE_SUFFIX = "-source"
READER_SUFFIX = "-reader"

# Metrics that the command reads.
METRIC_PREFIX = "tda_"
READY = "tda_ready"  # 1 as soon as an operator's open() has passed
REQUESTS_ANSWERED = "tda_requests_answered"
POINTS_PROCESSED = "tda_points_processed"
PERSISTENCE_PAIRS = "tda_persistence_pairs"
ERRORS = "tda_errors"
WINDOWS = "tda_windows"
LATE_POINTS = "tda_late_points"
COMPUTATION_TIME_US = "tda_computation_time_us"
COMPUTATION_TIME_P50_US = "tda_computation_time_p50_us"
COMPUTATION_TIME_P95_US = "tda_computation_time_p95_us"
COMPUTATION_TIME_P99_US = "tda_computation_time_p99_us"
MEMORY_USAGE_BYTES = "tda_memory_usage_bytes"

# Parameters of a job on the cluster (`pipeline.global-job-parameters`), which any command reads there.
NAME_PARAMETER = "tdaflink.name"
ENVIRONMENT_PARAMETER = "tdaflink.environment"
VERSION_PARAMETER = "tdaflink.version"
BUNDLE_PARAMETER = "tdaflink.bundle"
SUBMITTER_PARAMETER = "tdaflink.submitter"
CONFIG_PARAMETER = "tdaflink.config"
SAVEPOINT_PARAMETER = "tdaflink.savepoint"
SPEC_PARAMETER = "tdaflink.spec"
GROUP_PARAMETER = "tdaflink.group"
OUTPUTS_PARAMETER = "tdaflink.outputs"
SLIDE_PARAMETER = "tdaflink.slide"
BUNDLE_SIZE_PARAMETER = "tdaflink.bundle_size"

_NOT_OF_SHAPE = ("timeout_ms", "state_ttl_ms")  # they change without new windows


@dataclass(frozen=True)
class WindowView:
    """The windows of one input in the settings of a job."""

    document: Mapping[str, Any]

    @property
    def slide(self) -> str | None:
        """How far each window is from the next, such as `10000 ms` or `10 points`; None for sessions."""
        kind = self.document["kind"]
        if kind == "count":
            return f"{self.document.get('slide') or self.document['size']} points"
        if kind in ("sliding", "tumbling"):
            return f"{self.document.get('slide_ms') or self.document['size_ms']} ms"
        return None

    @property
    def shape(self) -> Mapping[str, Any]:
        """All that requires new windows when it changes."""
        return {key: value for key, value in self.document.items() if key not in _NOT_OF_SHAPE}


@dataclass(frozen=True)
class InputView:
    """One input in the settings of a job."""

    document: Mapping[str, Any]

    @property
    def route(self) -> str:
        return str(self.document["route"])

    @property
    def topic(self) -> str:
        return str(self.document["topic"])

    @property
    def output_topic(self) -> str:
        return str(self.document["output_topic"])

    @property
    def window(self) -> WindowView | None:
        """None where each message is computed alone."""
        window = self.document["window"]
        return WindowView(window) if window else None


@dataclass(frozen=True)
class JobSettings:
    """Read-only view of the settings of a shipped job, as `services/jobs/settings_writer.py` writes them.

    They may be those of another release, which the ledger or the cluster keeps: each property reads only its
    own keys, and raises `KeyError` where one is missing that every release has.
    """

    document: Mapping[str, Any]

    @property
    def inputs(self) -> Sequence[InputView]:
        return [InputView(entry) for entry in self.document.get("inputs", ())]

    @property
    def topics(self) -> list[str]:
        """The topics that the job reads, in the order of its inputs."""
        return [entry.topic for entry in self.inputs]

    @property
    def output_topics(self) -> list[str]:
        """The topics of its results, each once, sorted."""
        return sorted({entry.output_topic for entry in self.inputs})

    @property
    def group_id(self) -> str:
        return str(self.document["kafka"]["group_id"])

    @property
    def delivery(self) -> str:
        return str(self.document["kafka"]["delivery"])

    @property
    def start_from(self) -> str | int:
        """`committed`, `earliest`, `latest`, or epoch milliseconds."""
        start: str | int = self.document["kafka"]["start_from"]
        return start

    @property
    def brokers(self) -> set[str]:
        """The brokers as host:port; empty where they are not known."""
        return set(str(self.document.get("kafka", {}).get("bootstrap_servers") or "").split(",")) - {""}

    @property
    def kafka_properties(self) -> Mapping[str, Any]:
        """Further client properties, secrets as references."""
        return self.document.get("kafka", {}).get("properties") or {}

    @property
    def plugins(self) -> Sequence[str]:
        """Modules of the bundle that register algorithms."""
        return tuple(self.document.get("plugins") or ())

    def with_parallelism(self, count: int, partitions: Mapping[str, int]) -> dict[str, Any]:
        """Return the settings with other parallelism; `partitions` are those of each topic, where known.

        Of a topic at most one subtask reads each partition.
        """
        inputs = [
            {**entry.document, "source_parallelism": min(partitions.get(entry.topic, count), count)}
            for entry in self.inputs
        ]
        return {**self.document, "parallelism": count, "inputs": inputs}

    def with_brokers(self, servers: str) -> dict[str, Any]:
        """Return the settings with other brokers."""
        return {**self.document, "kafka": {**self.document["kafka"], "bootstrap_servers": servers}}
