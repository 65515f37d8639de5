"""The contract of command and job: names and numbers of which each has a copy, and the job's settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.job.settings_json import settings_document
from support.job.stream_job import NONE, Job
from tdajob import errors, limits
from tdajob.flink import operator_uids
from tdajob.flink.metrics import OperatorMetrics
from tdajob.flink.record_in_flight import RecordEndsWorker
from tdajob.processing.requests import ComputationCost, ComputationStats, OutputRecord
from tdajob.settings import job as settings
from tdajob.timestamps import EARLIEST_MS, LATEST_MS
from tdajob.windows import spec

from tdaflink.adapters.storage.shipped_profiles import load_profile, profile_names
from tdaflink.domain import job_contract
from tdaflink.domain.config.job_config import JobConfig
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs.failures import record_at_fault
from tdaflink.domain.messages.models import outputs, parts
from tdaflink.services.jobs.preparation import shipped_job_config
from tdaflink.services.jobs.settings_writer import job_settings

LOCAL = Environment(
    "local", "local", "process", Endpoints("http://127.0.0.1:8082", "127.0.0.1:9092", "kafka:9092"), ""
)
TOPICS = {"requests": "tda_jobs", "uploads": "tda_uploads", "streams": "tda_stream_input"}
WINDOWS: list[dict[str, Any]] = [
    {"kind": "count", "size": 8, "slide": 4},
    {"kind": "tumbling", "size": 10.0, "offset": 2.0, "timeout": None},
    {"kind": "sliding", "size": 10.0, "slide": 5.0},
    {"kind": "session", "gap": 3.0},
    {"kind": "none"},
]


class Group:
    """A metric group of Flink that lists the names that are registered in it."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def add_group(self, *_: str) -> Group:
        return self

    def counter(self, name: str) -> Group:
        self.names.add(name)
        return self

    def gauge(self, name: str, _: Callable[[], int]) -> None:
        self.names.add(name)

    def inc(self, _: int = 1) -> None:
        """Count nothing."""


def written(window: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    """Return the settings that the command writes for one input of each route."""
    inputs = [
        {"route": route, "topic": topic, "output_topic": f"{topic}_results", "window": window}
        for route, topic in TOPICS.items()
    ]
    chosen = JobConfig.model_validate({"inputs": inputs, "parallelism": 3, **config})
    return job_settings(chosen, LOCAL, dict.fromkeys(TOPICS.values(), 2), ("plugin_module",))


def test_constants_of_command_equal_those_of_job() -> None:
    assert job_contract.SETTINGS_VERSION == settings.SCHEMA
    assert job_contract.MAX_PARALLELISM == limits.MAX_PARALLELISM
    assert job_contract.KEPT_BYTES == outputs.KEPT_BYTES == errors.KEPT_BYTES
    assert (parts.EARLIEST_MS, parts.LATEST_MS) == (EARLIEST_MS, LATEST_MS)


def test_max_parallelism_reaches_job_and_every_profile() -> None:
    most = job_contract.MAX_PARALLELISM
    assert shipped_job_config(JobConfig())["pipeline.max-parallelism"] == str(most)
    for name in profile_names():
        assert load_profile(name).flink["pipeline.max-parallelism"] == most
    with pytest.raises(ValueError, match="less than or equal to 720"):
        JobConfig(parallelism=most + 1)


def test_operator_names_of_command_are_uids_of_job() -> None:
    sources = {operators["source"] for operators in (*operator_uids.ROUTES.values(), operator_uids.HEARTBEAT)}
    readers = set(operator_uids.READERS.values())
    others = {
        operator_uids.COMPUTE,
        operator_uids.HEAVY,
        operator_uids.STREAMS,
        *operator_uids.ANSWERS.values(),
    }
    for operators in (*operator_uids.ROUTES.values(), operator_uids.HEARTBEAT):
        others |= {operators["calc"], operators["to rows"]}
    everything = sources | readers | others
    assert operator_uids.HEARTBEAT["source"] == job_contract.HEARTBEAT_SOURCE
    assert {name for name in everything if job_contract.SOURCE_SUFFIX in name} == sources
    assert {name for name in everything if name.endswith(job_contract.READER_SUFFIX)} == readers


def test_metrics_that_command_reads_are_registered_by_job() -> None:
    names: set[str] = set()
    meters = OperatorMetrics(Group(names))
    job = Job(NONE)
    meters.show(job.answerer.stats)
    job.answerer.close()
    meters.count(OutputRecord("t", b"", b"", ComputationStats(1, 1, ComputationCost(0.1, 1)), None))
    read = {
        value
        for key, value in vars(job_contract).items()
        if key.isupper() and isinstance(value, str) and value.startswith(job_contract.METRIC_PREFIX)
    } - {job_contract.METRIC_PREFIX}
    assert len(read) == 12
    assert read <= names
    assert all(name.startswith(job_contract.METRIC_PREFIX) for name in names)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: str(window["kind"]))
def test_job_reads_what_command_writes_as_the_view_shows_it(window: dict[str, Any]) -> None:
    document = written(window, window_requests=True, delivery="exactly_once", start_from=7)
    seen, loaded = JobSettings(document), settings.load(json.dumps(document))
    assert seen.topics == [source.topic for source in loaded.inputs]
    assert [entry.route for entry in seen.inputs] == [source.route for source in loaded.inputs]
    assert seen.output_topics == sorted(source.output_topic for source in loaded.inputs)
    assert (seen.group_id, seen.delivery) == (loaded.kafka.group_id, loaded.kafka.delivery)
    assert (seen.start_from, seen.brokers) == (loaded.kafka.start_from, {"kafka:9092"})
    assert (seen.plugins, seen.kafka_properties) == (loaded.plugins, loaded.kafka.properties)
    for entry, source in zip(seen.inputs, loaded.inputs, strict=True):
        assert (entry.window is None) == (source.window is None)
    shown = seen.inputs[2].window
    assert shown is not None
    assert loaded.inputs[2].window is not None
    match loaded.inputs[2].window.window:
        case spec.CountWindow(slide=points):
            assert shown.slide == f"{points} points"
        case spec.TumblingWindow(size_ms=milliseconds) | spec.SlidingWindow(slide_ms=milliseconds):
            assert shown.slide == f"{milliseconds} ms"
        case _:
            assert shown.slide is None


def test_changed_parallelism_and_brokers_are_read_by_job_and_leave_the_rest() -> None:
    document = written()
    before = json.dumps(document)
    changed = JobSettings(document).with_parallelism(5, {"tda_jobs": 4, "tda_uploads": 9})
    loaded = settings.load(json.dumps(JobSettings(changed).with_brokers("other:1")))
    assert (loaded.parallelism, loaded.kafka.bootstrap_servers) == (5, "other:1")
    assert [source.source_parallelism for source in loaded.inputs] == [4, 5, 5]
    assert json.dumps(document) == before
    restored = JobSettings(changed).with_parallelism(3, dict.fromkeys(TOPICS.values(), 2))
    assert restored == document


def test_each_key_that_command_writes_is_needed_by_job() -> None:
    for key in settings_document():
        document = settings_document()
        del document[key]
        with pytest.raises(settings.SettingsError, match=key):
            settings.load(json.dumps(document))
    with pytest.raises(settings.SettingsError, match="further"):
        settings.load(json.dumps({**settings_document(), "further": 1}))


def test_exception_that_names_record_is_read_from_its_module_and_name() -> None:
    name = f"{RecordEndsWorker.__module__}.{RecordEndsWorker.__qualname__}"
    text = f"{name}: tda_jobs/3/4 was in progress 2 times when a worker of the job ended"
    found = record_at_fault(text)
    assert found is not None
    assert (found.topic, found.partition, found.offset) == ("tda_jobs", 3, 4)
