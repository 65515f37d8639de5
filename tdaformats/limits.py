"""Limits of messages that every job has, whatever its config says."""

from __future__ import annotations

MAX_POINT_DIMENSION = 0xFFFF
"""Coordinates of a point: the dimension of stored points is packed in 16 bits."""
MAX_COORDINATE = 1e150
"""Beyond it squared distances overflow float64."""
MAX_ID = 1024  # characters; an id becomes the key of the answer
MAX_MESSAGE_ID_BYTES = 4096
MAX_URI = 2048  # characters
