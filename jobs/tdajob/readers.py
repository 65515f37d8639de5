"""From a record to what its stream's operator gets: a key to shuffle by, and the content."""

from __future__ import annotations

from tdajob.envelope import Envelope, packed, packed_refusal
from tdajob.errors import MessageError, Origin, error_record
from tdajob.settings import Settings
from tdajob.streammessages import parse_stream_message


class StreamReader:
    """Reads the messages of one windowed input; what cannot be used goes on as a finished error record."""

    def __init__(self, settings: Settings, number: int) -> None:
        """`number` is the input's place in the settings."""
        self._limits = settings.limits
        self._number = number
        self._input = settings.inputs[number]

    def read(self, value: bytes | None, partition: int, offset: int, timestamp_ms: int) -> tuple[str, bytes]:
        """Key and content of a record; whatever is wrong with it, this does not raise."""
        origin = Origin(self._input.route, self._input.topic, partition, offset, timestamp_ms)
        try:
            message = parse_stream_message(value, origin, self._limits)
        except MessageError as error:
            record = error_record(value, origin, error.code, error.reason, error.key)
            return origin.place, packed_refusal(error.code, *record)
        return stream_state_key(origin.route, message.key), packed(
            Envelope(self._number, origin, message, value or b"")
        )


def stream_state_key(route: str, key: str) -> str:
    """What a stream's state is found by: streams and windowed jobs may have the same names."""
    return f"{route}/{key}"
