"""Distances between consecutive diagrams of a stream."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson

from tdajob.settings.streams import ComparisonSettings, PreprocessSettings
from tdajob.state_version import StateError, check_version
from tdajob.topology.diagrams.distances import bottleneck, wasserstein
from tdajob.topology.values import Diagram, FloatArray, Query

_HEADER = struct.Struct("<B16s32sB")  # version, basis, id of the result, dimensions
_DIMENSION = struct.Struct("<BIId")  # dimension, bars kept, bars left out, length of the longest left out
_VERSION = 1


@dataclass(frozen=True)
class Comparison:
    """The distances to the diagram of the result `previous_id`.

    `distance` is the largest of `by_dimension`. Where a diagram has more than `max_bars` finite bars in a
    dimension, only its longest ones are compared, and the distance is wrong by at most `error_bound`. `alert`
    is true if the distance is above the threshold.
    """

    metric: str
    order: float | None
    distance: float
    by_dimension: Mapping[int, float]
    threshold: float | None
    alert: bool
    error_bound: float
    bars_left_out: int
    previous_id: str

    def document(self) -> dict[str, Any]:
        """Return the object for a result message."""
        return {**asdict(self), "by_dimension": {str(d): value for d, value in self.by_dimension.items()}}


@dataclass(frozen=True, eq=False)
class _Bars:
    """The longest finite bars (k, 2) of a dimension, how many shorter ones there were, and their longest."""

    kept: FloatArray
    left_out: int
    longest_left_out: float


class Comparer:
    """Compares each diagram with the previous one of its stream, as the job's settings define."""

    def __init__(self, settings: ComparisonSettings, query: Query, preprocess: PreprocessSettings) -> None:
        self._settings = settings
        self._basis = _basis(query, preprocess)
        self._distance = _distance(settings)

    def compare(
        self, diagram: Diagram, result_id: str, previous: bytes | None
    ) -> tuple[Comparison | None, bytes]:
        """Return the comparison with the stream's `previous` diagram, and this diagram as bytes.

        The bytes are the next `previous`: the caller keeps those of a window's first revision and drops those
        of later ones. `result_id` is the hexadecimal SHA-256 of the result. There is no comparison without
        `previous`, or with a diagram that was computed with other parameters (before a change of the config),
        since the two have no common scale. Raises StateError for bytes that this release cannot read.
        """
        bars = {d: self._longest(diagram.bars[d]) for d in self._settings.dimensions}
        state = _encode(self._basis, result_id, bars)
        before = None if previous is None else _decode(previous)
        if before is None or before[0] != self._basis or not bars.keys() <= before[2].keys():
            return None, state
        return self._compare(bars, before[2], before[1]), state

    def _compare(self, now: Mapping[int, _Bars], before: Mapping[int, _Bars], previous_id: str) -> Comparison:
        settings = self._settings
        by_dimension = {d: self._distance(now[d].kept, before[d].kept) for d in now}
        distance = max(by_dimension.values())
        sides = [(now[d], before[d]) for d in now]
        return Comparison(
            metric=settings.metric,
            order=settings.order,
            distance=distance,
            by_dimension=by_dimension,
            threshold=settings.threshold,
            alert=settings.threshold is not None and distance > settings.threshold,
            error_bound=max(self._error(new) + self._error(old) for new, old in sides),
            bars_left_out=sum(new.left_out + old.left_out for new, old in sides),
            previous_id=previous_id,
        )

    def _longest(self, bars: FloatArray) -> _Bars:
        finite = bars[np.isfinite(bars[:, 1])]
        order = np.argsort(finite[:, 0] - finite[:, 1], kind="stable")
        kept, rest = order[: self._settings.max_bars], order[self._settings.max_bars :]
        longest = float(finite[rest[0], 1] - finite[rest[0], 0]) if len(rest) else 0.0
        return _Bars(finite[np.sort(kept)], len(rest), longest)

    def _error(self, bars: _Bars) -> float:
        """Bound the distance between a diagram with and without its short bars, matched to the diagonal."""
        if bars.left_out == 0 or self._settings.order is None:
            return bars.longest_left_out / 2
        return float(bars.longest_left_out / 2 * bars.left_out ** (1 / self._settings.order))


def _distance(settings: ComparisonSettings) -> Callable[[FloatArray, FloatArray], float]:
    order = settings.order
    if order is None:
        return bottleneck
    return lambda first, second: wasserstein(first, second, order)


def _basis(query: Query, preprocess: PreprocessSettings) -> bytes:
    """Return a digest of the parameters that define a diagram's scale; equal digests make it comparable."""
    preprocessing = asdict(preprocess)
    if preprocess.error is None:
        # The first states were written without this setting, and must stay comparable.
        del preprocessing["error"]
    parts = {
        "algorithm": query.algorithm,
        "params": dict(query.params),
        "max_persistence": query.max_persistence,
        "min_persistence": query.min_persistence,
        "field": query.homology_coeff_field,
        "preprocess": preprocessing,
    }
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def _encode(basis: bytes, result_id: str, bars: Mapping[int, _Bars]) -> bytes:
    parts = [_HEADER.pack(_VERSION, basis, bytes.fromhex(result_id), len(bars))]
    for dimension, longest in bars.items():
        header = _DIMENSION.pack(dimension, len(longest.kept), longest.left_out, longest.longest_left_out)
        parts += [header, longest.kept.astype("<f8").tobytes()]
    return b"".join(parts)


def _decode(state: bytes) -> tuple[bytes, str, dict[int, _Bars]]:
    """Return the basis, the id of the result and its bars by dimension."""
    check_version(state, "a comparison", [_VERSION])
    try:
        _, basis, result_id, dimensions = _HEADER.unpack_from(state)
        bars: dict[int, _Bars] = {}
        position = _HEADER.size
        for _ in range(dimensions):
            dimension, count, left_out, longest = _DIMENSION.unpack_from(state, position)
            position += _DIMENSION.size
            kept = np.frombuffer(state, "<f8", count=2 * count, offset=position).astype(np.float64)
            bars[dimension] = _Bars(kept.reshape(-1, 2), left_out, longest)
            position += 16 * count
    except (struct.error, ValueError):
        raise StateError(f"the state of a comparison is truncated after {len(state)} bytes") from None
    return basis, result_id.hex(), bars
