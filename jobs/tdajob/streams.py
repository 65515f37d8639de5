"""The job's whole work on streams, without Flink: messages into windows, fired windows into answers.

What is kept of a stream are small numbered pieces of bytes in a `Store` (Flink's keyed state). The objects made of
them stay in memory for the streams that are busy; they are a cache, and can be made again from the pieces.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

_log = logging.getLogger(__name__)

HEADER, EMBEDDING, PREVIOUS = (
    -1,
    -2,
    -3,
)  # pieces of a stream besides its points, which have numbers from 0 on
CACHED_BYTES = 64 << 20  # of windows that are kept in memory, points counted


class Store(Protocol):
    """The pieces of the stream at hand."""

    def pieces(self) -> Mapping[int, bytes]: ...
    def put(self, number: int, content: bytes) -> None: ...
    def drop(self, number: int) -> None: ...
    def clear(self) -> None: ...
