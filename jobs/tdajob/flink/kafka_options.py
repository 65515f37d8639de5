"""Options of Kafka's SQL connector, for sources and for the sink. Does not import PyFlink."""

from __future__ import annotations

from collections.abc import Mapping

from tdajob.settings.job import Input, Kafka, LimitSettings

CONSUMER_DEFAULTS = {"isolation.level": "read_committed"}
"""Of every source, unless the config's Kafka properties override them; the command reads with the same."""
MIN_RECORD = 1 << 20
"""Record size in bytes that is always accepted: an error record quotes up to 64 KiB of a message, however
small `max_message_bytes` is."""
REQUEST_OVERHEAD = 64 * 1024  # bytes of a produce request in addition to the record
MIN_PRODUCER_MEMORY = 32 * 1024 * 1024


def source_options(source: Input, kafka: Kafka, client: Mapping[str, str]) -> dict[str, str]:
    """Return the options of an input's source; `client` are the options that every Kafka client gets."""
    return {
        **{f"properties.{name}": value for name, value in CONSUMER_DEFAULTS.items()},
        **client,
        **_start_options(kafka),
        "topic": source.topic,
        "properties.group.id": kafka.group_id,
        "scan.parallelism": str(source.source_parallelism),
        "format": "raw",
    }


def sink_options(kafka: Kafka, limits: LimitSettings) -> dict[str, str]:
    """Return the options of the sink, without those that every Kafka client gets."""
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
