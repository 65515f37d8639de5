"""Nets of windows, which often stay the same from one window to the next, and so do their diagrams."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import Diagram, FloatArray

Sequences = NDArray[np.int64]

_BYTES_PER_NUMBER = 160
"""Of a dictionary's entry, beside the coordinates."""


@dataclass(eq=False)
class _Kept:
    net: FloatArray
    numbers: dict[bytes, int]
    following: int
    diagram: Diagram | None = None

    @property
    def nbytes(self) -> int:
        bars = 0 if self.diagram is None else sum(one.nbytes for one in self.diagram.bars)
        return 2 * self.net.nbytes + len(self.numbers) * _BYTES_PER_NUMBER + bars


class KeptNets:
    """The last net of each stream, within a budget of memory: the least recently used goes first.

    A net has distinct rows in order, as `tdajob.topology.lattice.lattice_net` gives them. A cache: without
    it the same diagrams come, later.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._entries: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._held = 0
        self.unchanged = 0

    def diagram(
        self, key: Hashable, net: FloatArray, compute: Callable[[Sequences, FloatArray], Diagram]
    ) -> Diagram:
        """The diagram of the net (k, d): the last one where no point of it changed, else that of `compute`.

        `compute` gets a number for each point, which it keeps as long as the stream's nets have it.
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
        """Drop what is kept of that key."""
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
