"""From a record to what its stream's operator gets: a key to shuffle by, and the content."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from tdajob.envelope import Envelope, packed, packed_refusal
from tdajob.errors import NOTHING_MORE, MessageError, Origin, error_record
from tdajob.guard import CODE, SKIPPED, SKIPPED_REASON, internal_error, log_failure
from tdajob.settings import Settings
from tdajob.streammessages import parse_stream_message

_log = logging.getLogger(__name__)


class StreamReader:
    """Reads the messages of one windowed input; what cannot be used goes on as a finished error record."""

    def __init__(self, settings: Settings, number: int) -> None:
        """`number` is the input's place in the settings."""
        self._limits = settings.limits
        self._skip = settings.skip
        self._number = number
        self._input = settings.inputs[number]

    def read(
        self, value: bytes | None, partition: int, offset: int, timestamp_ms: int | None
    ) -> tuple[str, bytes]:
        """Key and content of a record; whatever is wrong with it, this does not raise."""
        origin = Origin(self._input.route, self._input.topic, partition, offset, timestamp_ms)
        if self._skip and (origin.topic, partition, offset) in self._skip:
            return _refused(value, origin, SKIPPED, SKIPPED_REASON, None)
        try:
            message = parse_stream_message(value, origin, self._limits)
            content = packed(Envelope(self._number, origin, message, value or b""))
        except MessageError as error:
            return _refused(value, origin, error.code, error.reason, error.key)
        except Exception as error:
            log_failure(_log, error, "cannot read %s", origin.place)
            reason, fields = internal_error(error)
            return _refused(value, origin, CODE, reason, None, fields)
        return stream_state_key(origin.route, message.key), content


def _refused(
    value: bytes | None,
    origin: Origin,
    code: str,
    reason: str,
    key: str | None,
    more: Mapping[str, object] = NOTHING_MORE,
) -> tuple[str, bytes]:
    """A finished error record, under a key that spreads such records over the subtasks."""
    record = error_record(value, origin, code, reason, key, more)
    return origin.place, packed_refusal(code, *record)


def stream_state_key(route: str, key: str) -> str:
    """What a stream's state is found by: streams and windowed jobs may have the same names."""
    return f"{route}/{key}"
