"""Limits that state and shuffle have by their form; without imports: main() reads settings with them."""

from __future__ import annotations

from tdaformats.limits import MAX_POINT_DIMENSION as MAX_POINT_DIMENSION

MAX_DURATION_MS = 10**15
"""Of any setting, about 31,700 years: event times and their sums stay within 64 bits."""
MAX_COUNT = 0xFFFF_FFFF
"""Of what is counted in 32 bits: points of a message, and delay and stride of an embedding."""
MAX_EMBEDDED_VALUES = 1 << 24
"""That a delay vector spans, and of all vectors that one message gives: 128 MiB."""
