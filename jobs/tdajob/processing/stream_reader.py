"""Reading of windowed inputs: a record into the key of its stream and the content for its operator."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from tdajob.errors import NOTHING_MORE, MessageError, Origin, error_record
from tdajob.messages.streams import parse_stream_message
from tdajob.processing.envelope import Envelope, packed, packed_refusal
from tdajob.processing.guard import CODE, SKIPPED, SKIPPED_REASON, internal_error, log_failure
from tdajob.settings.job import Settings

_log = logging.getLogger(__name__)


class StreamReader:
    """Reads the messages of one windowed input; a message that cannot be used becomes an error record."""

    def __init__(self, settings: Settings, number: int) -> None:
        """Read the input with index `number` of the settings."""
        self._limits = settings.limits
        self._skip = settings.skip
        self._number = number
        self._input = settings.inputs[number]

    def read(
        self, value: bytes | None, partition: int, offset: int, timestamp_ms: int | None
    ) -> tuple[str, bytes]:
        """Return key and content of a record. Does not raise."""
        origin = Origin(self._input.route, self._input.topic, partition, offset, timestamp_ms)
        if self._skip and (origin.topic, partition, offset) in self._skip:
            return _refusal(value, origin, SKIPPED, SKIPPED_REASON, None)
        try:
            message = parse_stream_message(value, origin, self._limits)
            content = packed(Envelope(self._number, origin, message, value or b""))
        except MessageError as error:
            return _refusal(value, origin, error.code, error.reason, error.key)
        except Exception as error:
            log_failure(_log, error, "cannot read %s", origin.place)
            reason, fields = internal_error(error)
            return _refusal(value, origin, CODE, reason, None, fields)
        return stream_state_key(origin.route, message.key), content


def _refusal(
    value: bytes | None,
    origin: Origin,
    code: str,
    reason: str,
    key: str | None,
    more: Mapping[str, object] = NOTHING_MORE,
) -> tuple[str, bytes]:
    """Return a complete error record, with a key that distributes error records over the subtasks."""
    record = error_record(value, origin, code, reason, key, more)
    return origin.place, packed_refusal(code, *record)


def stream_state_key(route: str, key: str) -> str:
    """Return the key of a stream's state: stream ids and request ids of windowed requests may be equal."""
    return f"{route}/{key}"
