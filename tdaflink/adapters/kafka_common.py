"""What reading and writing Kafka share: deadlines and errors.

The library is loaded where it is first used, and its errors end here.
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
# What every consumer reads with, as the job's sources do (`CONSUMER_DEFAULTS` in jobs/tdajob/pipeline.py).
CONSUMER_DEFAULTS = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
}
# Short enough for Ctrl-C to be noticed at once: the library does not return to Python while it waits.
TICK_SECONDS = 0.1

# The library writes its connection troubles to stderr unless it is given a logger; we report them as errors.
quiet = logging.getLogger("tdaflink.kafka")
quiet.addHandler(logging.NullHandler())
quiet.propagate = False


def mapped(error: KafkaError, bootstrap: str) -> TdaflinkError:
    """The library's error as ours."""
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
            f"a message is larger than Kafka at {bootstrap} takes", hint="send fewer points per message"
        )
    if error.code() in (Code.UNKNOWN_TOPIC_OR_PART, Code._UNKNOWN_TOPIC, Code._UNKNOWN_PARTITION):
        return NotFound(f"Kafka at {bootstrap}: {error.str()}", hint="tdaflink topics create")
    return Refused(f"Kafka at {bootstrap}: {error.str()} ({error.name()})")
