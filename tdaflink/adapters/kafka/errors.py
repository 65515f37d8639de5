"""Deadlines, consumer settings and error mapping of all Kafka clients.

The library is imported where it is first used.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, TdaflinkError, Unreachable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

CONNECT_SECONDS = 2.0  # with the start of Python, a dead endpoint is reported within 3 s
DELIVERY_SECONDS = 30.0
MAX_MESSAGE_BYTES = 16 * 2**20
# The settings of every consumer, as of the job's sources (jobs/tdajob/flink/kafka_options.py).
CONSUMER_DEFAULTS = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
}
# Short enough for an immediate reaction to Ctrl-C: the library does not return to Python while it waits.
TICK_SECONDS = 0.1

# Without a logger the library writes connection problems to stderr; they are reported as errors instead.
quiet = logging.getLogger("tdaflink.kafka")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


def mapped(error: KafkaError, bootstrap: str) -> TdaflinkError:
    """Map an error of the library to one of tdaflink's."""
    from confluent_kafka import KafkaError as Code

    unreachable = (Code._TRANSPORT, Code._ALL_BROKERS_DOWN, Code._TIMED_OUT, Code._RESOLVE)
    if error.code() in unreachable:
        return Unreachable(
            f"no Kafka broker answers at {bootstrap}",
            hint="tdaflink setup starts the local one; KAFKA_BOOTSTRAP_SERVERS names another",
        )
    if error.code() == Code._MSG_TIMED_OUT:
        return DeadlinePassed(
            f"Kafka at {bootstrap} did not confirm a message within {DELIVERY_SECONDS:.0f} s",
            hint="tdaflink topics describe shows which partitions have no leader",
        )
    if error.code() == Code.MSG_SIZE_TOO_LARGE:
        return Refused(
            f"a message is larger than Kafka at {bootstrap} accepts", hint="send fewer points per message"
        )
    if error.code() in (Code.UNKNOWN_TOPIC_OR_PART, Code._UNKNOWN_TOPIC, Code._UNKNOWN_PARTITION):
        return NotFound(f"Kafka at {bootstrap}: {error.str()}", hint="tdaflink topics create")
    return Refused(f"Kafka at {bootstrap}: {error.str()} ({error.name()})")
