"""Ranks of lengths, which make an engine that computes in float32 exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tdajob.topology.flag.ranks import dense_ranks
from tdajob.topology.values import FloatArray

RNG = np.random.default_rng(0)


def check(lengths: FloatArray) -> None:
    ranks, values = dense_ranks(lengths)
    distinct, places = np.unique(lengths, return_inverse=True)
    assert values.tolist() == [0.0, *distinct.tolist()]
    assert ranks.tolist() == (places + 1).tolist()


@pytest.mark.parametrize(
    "lengths",
    [
        RNG.uniform(size=5000),
        RNG.integers(0, 9, 5000).astype(float),
        np.zeros(7),
        np.array([3.0]),
        1 + RNG.integers(0, 99, 5000) * 2.0**-52,  # all of them equal in 32 bits
        np.concatenate((RNG.uniform(size=999) * 1e-12, [1.0], 1e9 + RNG.uniform(size=99))),
        np.array([5e-324, 0.0, 1e-310, 5e-324]),
        np.array([1e150, 1e-150, 1.4e150, 0.0]),
    ],
    ids=["random", "ties", "zeros", "one", "near ties", "far apart", "denormal", "huge"],
)
def test_ranks_are_dense_and_in_order(lengths: FloatArray) -> None:
    check(lengths)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1e150), min_size=1, max_size=40))
def test_whatever_the_lengths(lengths: list[float]) -> None:
    check(np.array(lengths))
