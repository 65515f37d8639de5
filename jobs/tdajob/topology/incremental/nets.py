"""Cache of nets of windows, which often do not change between windows, like their diagrams."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import Diagram, FloatArray

Sequences = NDArray[np.int64]

_BYTES_PER_NUMBER = 160
"""Bytes of a dictionary entry without the coordinates."""


@dataclass(eq=False)
class _Kept:
    net: FloatArray
    numbers: dict[bytes, int]
    following: int
    diagram: Diagram | None = None

    @property
    def nbytes(self) -> int:
        bars = 0 if self.diagram is None else sum(part.nbytes for part in self.diagram.bars)
        return 2 * self.net.nbytes + len(self.numbers) * _BYTES_PER_NUMBER + bars


class KeptNets:
    """A cache of the last net of each stream, within a memory budget; evicts the least recently used.

    A net has distinct, sorted rows, as from `geometry.lattice.lattice_net`. The cache does not
    affect diagrams, only the time they take.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._entries: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._held = 0
        self.unchanged = 0

    def diagram(
        self, key: Hashable, net: FloatArray, compute: Callable[[Sequences, FloatArray], Diagram]
    ) -> Diagram:
        """Return the diagram of the net (k, d): the cached one if the net is unchanged, else from `compute`.

        `compute` gets a number for each point, which the point keeps while it is in the stream's nets.
        """
        last = self._pop(key)
        if last is not None and last.diagram is not None and np.array_equal(last.net, net):
            self.unchanged += 1
            self._push(key, last)
            return last.diagram
        kept = _numbered(net, last)
        kept.diagram = compute(np.fromiter(kept.numbers.values(), np.int64, len(net)), net)
        self._push(key, kept)
        return kept.diagram

    def forget(self, key: Hashable) -> None:
        """Drop the entry of a key, if there is one."""
        self._pop(key)

    def _pop(self, key: Hashable) -> _Kept | None:
        kept = self._entries.pop(key, None)
        self._held -= 0 if kept is None else kept.nbytes
        return kept

    def _push(self, key: Hashable, kept: _Kept) -> None:
        self._entries[key] = kept
        self._held += kept.nbytes
        while self._held > self._budget:
            self._pop(next(iter(self._entries)))


def _numbered(net: FloatArray, last: _Kept | None) -> _Kept:
    known, following = ({}, 0) if last is None else (last.numbers, last.following)
    numbers = {}
    for row in net:
        place = row.tobytes()
        if place not in known:
            following += 1
        numbers[place] = known.get(place, following)
    return _Kept(net, numbers, following)
