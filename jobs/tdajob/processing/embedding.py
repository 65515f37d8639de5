"""Delay embedding of a scalar stream."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from tdajob.errors import MessageError
from tdajob.limits import MAX_EMBEDDED_VALUES
from tdajob.settings.streams import EmbedSettings
from tdajob.state_version import StateError, check_version
from tdajob.topology.values import FloatArray

_HEADER = struct.Struct("<BIIIIqI")  # version, delay, dimension, stride, phase, last time, values in the tail
_VERSION = 1


class Embedder:
    """Turns the values of one scalar stream into delay vectors, message by message.

    The vector of the value x_t is (x_{t-(m-1)τ}, …, x_{t-τ}, x_t) with m = `dimension` and τ = `delay`,
    counted in values: Takens, "Detecting strange attractors in turbulence", 1981. Its time is that of
    x_t. Of the complete vectors every `stride`-th is returned, the first one included.

    The embedding restarts, without earlier values, at a value more than `max_gap_ms` after the previous one,
    and at a value with an earlier time than the previous one: a vector across a gap or a step back in time
    belongs to no signal. Values of equal time are used in order of arrival.
    """

    def __init__(self, settings: EmbedSettings, state: bytes | None = None) -> None:
        """Continue from `state`; restart without one, or with one of another delay, dimension or stride.

        Raises StateError for bytes that this release cannot read.
        """
        self._settings = settings
        self._span = (settings.dimension - 1) * settings.delay
        self._tail: FloatArray = np.empty(0)
        self._last_time = 0
        self._phase = 0  # number of complete vectors since the last restart, modulo stride
        self.restarts = 0
        if state is not None:
            self._restore(state)

    def embed(self, values: FloatArray, times: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return the delay vectors (m, dimension) that the next values (n, 1) complete, and their times (m,).

        `times` (n,) are the times of the values; all times in ms. Sets `restarts` to the number of restarts
        within these values. Raises MessageError `wrong_dimension` or `embedding_too_large`, and is then
        unchanged.
        """
        _check_scalar(values)
        earlier = len(self._tail)
        series = np.concatenate((self._tail, values[:, 0]))
        index = np.arange(earlier, len(series))
        breaks = self._breaks(times)
        run_start = np.maximum.accumulate(np.where(breaks, index, 0))
        continued = run_start == 0
        complete_from = np.where(continued, max(self._span, earlier), run_start + self._span)
        ordinal = index - complete_from + np.where(continued, self._phase, 0)
        complete = index >= complete_from
        ends = index[complete & (ordinal % self._settings.stride == 0)]
        self._check_size(len(ends))
        delays = np.arange(self._settings.dimension) * self._settings.delay - self._span
        points = series[ends[:, None] + delays]
        self.restarts = int(breaks.sum())
        if len(times):
            self._phase = int(ordinal[-1] + 1) % self._settings.stride if complete[-1] else 0
            self._tail = series[int(run_start[-1]) :][-max(self._span, 1) :].copy()
            self._last_time = int(times[-1])
        return points, times[ends - earlier]

    def state(self) -> bytes:
        """Return the bytes from which another Embedder continues exactly here."""
        settings = self._settings
        header = _HEADER.pack(
            _VERSION,
            settings.delay,
            settings.dimension,
            settings.stride,
            self._phase,
            self._last_time,
            len(self._tail),
        )
        return header + self._tail.astype("<f8").tobytes()

    def _restore(self, state: bytes) -> None:
        check_version(state, "an embedding", [_VERSION])
        if len(state) < _HEADER.size:
            raise StateError(f"the state of an embedding is truncated after {len(state)} bytes")
        _, delay, dimension, stride, phase, last_time, count = _HEADER.unpack_from(state)
        if len(state) != _HEADER.size + 8 * count:
            raise StateError(f"the state of an embedding has {len(state)} bytes, not those of {count} values")
        settings = self._settings
        if (delay, dimension, stride) != (settings.delay, settings.dimension, settings.stride):
            return
        self._tail = np.frombuffer(state, "<f8", offset=_HEADER.size).astype(np.float64)
        self._phase, self._last_time = phase, last_time

    def _breaks(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask (n,) of the new values at which the embedding restarts; never a stream's first."""
        step = np.diff(times, prepend=self._last_time)
        breaks: NDArray[np.bool_] = step < 0
        if self._settings.max_gap_ms is not None:
            breaks |= step > self._settings.max_gap_ms
        if len(breaks) and not len(self._tail):
            breaks[0] = False
        return breaks

    def _check_size(self, vectors: int) -> None:
        if vectors * self._settings.dimension > MAX_EMBEDDED_VALUES:
            raise MessageError(
                "embedding_too_large",
                f"the message gives {vectors} delay vectors of {self._settings.dimension} numbers, more than"
                f" {MAX_EMBEDDED_VALUES} numbers in all: send fewer values in one message, or raise"
                " preprocess.embed.stride",
            )


def _check_scalar(values: FloatArray) -> None:
    if values.shape[1] != 1:
        raise MessageError(
            "wrong_dimension",
            f"points have {values.shape[1]} coordinates, but preprocess.embed takes scalar streams:"
            " send one number per point, or remove preprocess.embed",
        )
