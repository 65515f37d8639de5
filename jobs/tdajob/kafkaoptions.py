"""Options of Kafka's SQL connector, for sources and for the sink; without PyFlink."""

from __future__ import annotations

from collections.abc import Mapping

from tdajob.settings import Input, Kafka, LimitSettings

CONSUMER_DEFAULTS = {"isolation.level": "read_committed"}
"""Of every source, unless the config's Kafka properties say otherwise; the command reads with the same."""
MIN_RECORD = 1 << 20
"""Bytes that a record may always have: one on the errors topic holds 64 KiB of a message, however small
`max_message_bytes` is."""
REQUEST_OVERHEAD = 64 * 1024  # room in a produce request beside the record itself
MIN_PRODUCER_MEMORY = 32 * 1024 * 1024


def source_options(one: Input, kafka: Kafka, client: Mapping[str, str]) -> dict[str, str]:
    """The options of an input's source; `client` are those of every client."""
    return {
        **{f"properties.{name}": value for name, value in CONSUMER_DEFAULTS.items()},
        **client,
        **_start_options(kafka),
        "topic": one.topic,
        "properties.group.id": kafka.group_id,
        "scan.parallelism": str(one.source_parallelism),
        "format": "raw",
    }


def sink_options(kafka: Kafka, limits: LimitSettings) -> dict[str, str]:
    """What the sink has beside the options of every client."""
    largest = max(limits.max_message_bytes, MIN_RECORD)
    options = {
        "sink.delivery-guarantee": kafka.delivery.replace("_", "-"),
        "properties.compression.type": "zstd",
        "properties.max.request.size": str(largest + REQUEST_OVERHEAD),
        "properties.buffer.memory": str(max(2 * largest, MIN_PRODUCER_MEMORY)),
    }
    if kafka.delivery == "exactly_once":
        options["sink.transactional-id-prefix"] = kafka.transactional_id_prefix
        options["properties.transaction.timeout.ms"] = str(kafka.transaction_timeout_ms)
    return options


def _start_options(kafka: Kafka) -> dict[str, str]:
    if isinstance(kafka.start_from, int):
        return {
            "scan.startup.mode": "timestamp",
            "scan.startup.timestamp-millis": str(kafka.start_from),
        }
    if kafka.start_from == "committed":
        return {"scan.startup.mode": "group-offsets", "properties.auto.offset.reset": "earliest"}
    return {"scan.startup.mode": f"{kafka.start_from}-offset"}
