"""Limits set by the binary formats of state and shuffle. Light to import: main() reads settings with them."""

from __future__ import annotations

from tdaformats.limits import MAX_POINT_DIMENSION as MAX_POINT_DIMENSION

MAX_PARALLELISM = 720
"""Of all keyed state: it decides which subtask has which stream, and the command submits with the same."""
MAX_DURATION_MS = 10**15
"""Of any duration in the settings, about 31,700 years: event times and their sums stay within 64 bits."""
MAX_COUNT = 0xFFFF_FFFF
"""Of counts that are stored in 32 bits: points of a message, and delay and stride of an embedding."""
MAX_EMBEDDED_VALUES = 1 << 24
"""Greatest span of a delay vector, and of values in all vectors of one message: 128 MiB."""
