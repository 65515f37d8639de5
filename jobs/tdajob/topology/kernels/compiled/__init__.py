"""Loops of incremental Rips persistence, compiled by numba.

`machine_code` copies this package out of the bundle and imports the copy, so it may import numpy and numba,
but nothing of tdajob. A function is compiled, or loaded from numba's cache, when it is defined: the import
may take seconds, the first call does not.

Slots number the points of a window. An edge is a pair of slots (high, low), high > low. Edges are ordered by
(length, high, low), so the order of two edges does not change while both are live. A set of slots is a row
of 64-bit words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numba import njit
from numpy.typing import NDArray

Flags = Annotated[NDArray[np.bool_], "b1[::1]"]
Ints = Annotated[NDArray[np.int64], "i8[::1]"]
Reals = Annotated[NDArray[np.float64], "f8[::1]"]
Slots = Annotated[NDArray[np.int16], "i2[::1]"]
Words = Annotated[NDArray[np.uint64], "u8[::1]"]
IntRows = Annotated[NDArray[np.int64], "i8[:,::1]"]
ShortRows = Annotated[NDArray[np.int32], "i4[:,::1]"]
RealRows = Annotated[NDArray[np.float64], "f8[:,::1]"]
WordRows = Annotated[NDArray[np.uint64], "u8[:,::1]"]

P = ParamSpec("P")
R = TypeVar("R")

ONE = np.uint64(1)
_DE_BRUIJN = 0x03F79D71B4CB0A89
_MULTIPLIER, _TOP_SIX_BITS = np.uint64(_DE_BRUIJN), np.uint64(58)
_BIT_OF_HASH = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _BIT_OF_HASH[(_DE_BRUIJN << _bit & 0xFFFFFFFFFFFFFFFF) >> 58] = _bit


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function for the types in its annotations (decorator); numba caches the code on disk."""
    hints = get_type_hints(function, include_extras=True)
    returns = _numba_name(hints.pop("return"))
    signature = f"{returns}({', '.join(map(_numba_name, hints.values()))})"
    made: Callable[P, R] = njit(signature, cache=True, nogil=True, error_model="numpy")(function)
    return made


def _numba_name(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"Tuple(({', '.join(map(_numba_name, get_args(hint)))},))"
    if get_origin(hint) is Annotated:
        return str(get_args(hint)[1])
    return {int: "i8", float: "f8", bool: "b1", np.uint64: "u8", type(None): "void"}[hint]


@compiled
def triangle_index(high: int, low: int) -> int:
    """Return the index of the edge (high, low) in a packed lower triangle."""
    return high * (high - 1) // 2 + low


@compiled
def lowest_bit(word: np.uint64) -> int:
    """Return the index of the lowest set bit: Leiserson et al., "Using de Bruijn sequences", 1998."""
    bit: int = _BIT_OF_HASH[((word & (~word + ONE)) * _MULTIPLIER) >> _TOP_SIX_BITS]
    return bit
