"""Limits of messages that no config changes."""

from __future__ import annotations

MAX_POINT_DIMENSION = 0xFFFF
"""Coordinates of a point: the dimension of stored points is packed in 16 bits."""
MAX_COORDINATE = 1e150
"""Beyond it squared distances overflow float64."""
MAX_ID = 1024  # characters; an id becomes the Kafka key of the result
MAX_MESSAGE_ID_BYTES = 4096
MAX_URI = 2048  # characters
