"""Options of the job's Kafka clients, and their agreement with those of the command's consumers."""

from __future__ import annotations

import json

import pytest
from support.job.settings_json import settings_document, settings_text
from tdajob.errors import KEPT_BYTES, Origin, error_record
from tdajob.flink.kafka_options import CONSUMER_DEFAULTS, REQUEST_OVERHEAD, sink_options, source_options
from tdajob.settings import job

from tdaflink.adapters.kafka.errors import CONSUMER_DEFAULTS as COMMAND_DEFAULTS


@pytest.mark.parametrize(
    ("client", "level"),
    [({}, "read_committed"), ({"properties.isolation.level": "read_uncommitted"}, "read_uncommitted")],
)
def test_sources_read_committed_records_unless_the_config_says_otherwise(
    client: dict[str, str], level: str
) -> None:
    chosen = job.load(settings_text())
    options = source_options(chosen.inputs[0], chosen.kafka, client)
    assert options["properties.isolation.level"] == level
    assert (options["topic"], options["properties.group.id"]) == ("tda_jobs", chosen.kafka.group_id)


def test_the_command_reads_as_the_job_does() -> None:
    assert {name: COMMAND_DEFAULTS[name] for name in CONSUMER_DEFAULTS} == CONSUMER_DEFAULTS


def test_an_error_record_fits_whatever_the_bound_of_messages_is() -> None:
    document = settings_document(limits__max_message_bytes=1024)
    chosen = job.load(json.dumps(document))
    options = sink_options(chosen.kafka, chosen.limits)
    record = error_record(
        b"\xff" * 2 * KEPT_BYTES, Origin("requests", "t", 0, 0, 0), "bad_json", "x" * 5000, "j" * 1024
    )
    largest = int(options["properties.max.request.size"]) - REQUEST_OVERHEAD
    assert sum(map(len, record)) < largest
