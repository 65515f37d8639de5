"""Delay embedding of a stream compared with its definition, across messages, restores and gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tdajob.errors import MessageError
from tdajob.limits import MAX_EMBEDDED_VALUES
from tdajob.processing.embedding import Embedder
from tdajob.settings.streams import EmbedSettings
from tdajob.state_version import StateError

PAIRS = EmbedSettings(delay=2, dimension=2, stride=1, max_gap_ms=None)
# Written by the first release: delay 2, dimension 3, stride 2, no gap, after 0, 1, … 6 at 0, 10, … 60 ms.
VERSION_1 = (
    "0102000000030000000200000001000000" + "3c00000000000000" + "04000000"
    "0000000000000840" + "0000000000001040" + "0000000000001440" + "0000000000001840"
)  # fmt: skip

Vectors = list[tuple[int, list[float]]]


def fed(embedder: Embedder, values: Sequence[float], times: Sequence[int]) -> Vectors:
    points, at = embedder.embed(np.array(values, float).reshape(-1, 1), np.array(times, np.int64))
    assert points.shape == (len(at), points.shape[1])
    return list(zip(at.tolist(), points.tolist(), strict=True))


def by_definition(chosen: EmbedSettings, values: Iterable[float], times: Iterable[int]) -> Vectors:
    """The definition: one value at a time, with all values since the last restart."""
    since: list[float] = []
    found: Vectors = []
    complete, before = 0, None
    for value, time in zip(values, times, strict=True):
        gap = None if before is None else time - before
        if gap is not None and (gap < 0 or (chosen.max_gap_ms is not None and gap > chosen.max_gap_ms)):
            since, complete = [], 0
        before = time
        since.append(value)
        back = [len(since) - 1 - k * chosen.delay for k in reversed(range(chosen.dimension))]
        if back[0] >= 0:
            if complete % chosen.stride == 0:
                found.append((time, [since[at] for at in back]))
            complete += 1
    return found


def test_a_vector_holds_the_values_of_its_delays_and_the_newest_one_s_time() -> None:
    assert fed(Embedder(PAIRS), [5.0, 6.0, 7.0, 8.0], [0, 10, 20, 30]) == [(20, [5.0, 7.0]), (30, [6.0, 8.0])]


def test_every_stride_th_vector_is_given() -> None:
    every_third = replace(PAIRS, delay=1, stride=3)
    given_times = [time for time, _ in fed(Embedder(every_third), range(9), range(9))]
    assert given_times == [1, 4, 7]


@pytest.mark.parametrize(
    ("times", "restarts", "given_times"),
    [
        ([0, 10, 20, 31, 40, 50], 1, [20, 50]),  # 31 is more than 10 after 20
        ([0, 10, 20, 30, 29, 39, 49], 1, [20, 30, 49]),  # 29 is before 30
        ([0, 10, 10, 10, 20], 0, [10, 10, 20]),  # equal times keep their order
    ],
)
def test_starts_anew_at_a_hole_and_at_a_step_back(
    times: list[int], restarts: int, given_times: list[int]
) -> None:
    embedder = Embedder(replace(PAIRS, max_gap_ms=10))
    assert [time for time, _ in fed(embedder, range(len(times)), times)] == given_times
    assert embedder.restarts == restarts


embeddings = st.builds(
    EmbedSettings,
    delay=st.integers(1, 4),
    dimension=st.integers(1, 4),
    stride=st.integers(1, 4),
    max_gap_ms=st.none() | st.integers(1, 3),
)
streams = st.lists(st.tuples(st.integers(0, 99), st.sampled_from([0, 1, 1, 1, 1, 2, 4, -1])), max_size=60)


@settings(max_examples=200, deadline=None)
@given(chosen=embeddings, stream=streams, data=st.data())
def test_any_cut_into_messages_gives_the_vectors_of_the_definition(
    chosen: EmbedSettings, stream: list[tuple[int, int]], data: st.DataObject
) -> None:
    values = [float(value) for value, _ in stream]
    times = np.cumsum([step for _, step in stream], dtype=np.int64).tolist()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=5)))
    found: Vectors = []
    state: bytes | None = None
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        embedder = Embedder(chosen, state)
        found += fed(embedder, values[begin:end], times[begin:end])
        state = embedder.state()
    assert found == by_definition(chosen, values, times)


def test_state_is_no_longer_than_what_vectors_still_need() -> None:
    embedder = Embedder(PAIRS)
    fed(embedder, range(1000), range(1000))
    assert len(embedder.state()) == 29 + 8 * 2


def test_a_sine_embeds_as_an_ellipse() -> None:
    """The points (sin t, sin(t + φ)) lie on the ellipse x² − 2xy cos φ + y² = sin² φ."""
    delay, samples = 20, 400
    t = np.arange(samples) * 2 * np.pi / 100
    points, _ = Embedder(replace(PAIRS, delay=delay)).embed(np.sin(t)[:, None], np.arange(samples))
    phase = delay * 2 * np.pi / 100
    x, y = points.T
    np.testing.assert_allclose(x**2 - 2 * x * y * np.cos(phase) + y**2, np.sin(phase) ** 2, atol=1e-12)
    assert len(points) == samples - delay


def test_only_scalars_are_embedded_and_a_refusal_changes_nothing() -> None:
    embedder = Embedder(PAIRS)
    fed(embedder, [1.0, 2.0, 3.0], [0, 1, 2])
    before = embedder.state()
    with pytest.raises(MessageError, match=r"points have 2 coordinates, but preprocess\.embed") as caught:
        embedder.embed(np.zeros((3, 2)), np.arange(3))
    assert caught.value.code == "wrong_dimension"
    assert embedder.state() == before


def test_a_message_cannot_ask_for_more_memory_than_there_is() -> None:
    wide = EmbedSettings(delay=1, dimension=100_000, stride=1, max_gap_ms=None)
    embedder = Embedder(wide)
    count = wide.dimension + MAX_EMBEDDED_VALUES // wide.dimension
    with pytest.raises(MessageError, match=r"gives 168 delay vectors of 100000 numbers.*stride") as caught:
        embedder.embed(np.zeros((count, 1)), np.arange(count))
    assert caught.value.code == "embedding_too_large"
    assert embedder.state() == Embedder(wide).state()


def test_a_changed_embedding_starts_anew() -> None:
    old = Embedder(PAIRS)
    fed(old, [1.0, 2.0, 3.0], [0, 1, 2])
    renewed = Embedder(replace(PAIRS, delay=1), old.state())
    assert fed(renewed, [4.0, 5.0], [3, 4]) == [(4, [4.0, 5.0])]


def test_the_first_release_s_state_is_read() -> None:
    chosen = EmbedSettings(delay=2, dimension=3, stride=2, max_gap_ms=None)
    written = Embedder(chosen)
    fed(written, range(7), range(0, 70, 10))
    assert written.state().hex() == VERSION_1
    continued = Embedder(chosen, bytes.fromhex(VERSION_1))
    assert fed(continued, [7.0, 8.0], [70, 80]) == [(80, [4.0, 6.0, 8.0])]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (b"", "is empty"),
        (b"\x02" + bytes(28), "has version 2; this job reads 1"),
        (b"\x01\x00", "is truncated"),
        (bytes.fromhex(VERSION_1)[:-1], "not those of 4 values"),
    ],
)
def test_state_that_is_not_ours_is_named(state: bytes, words: str) -> None:
    with pytest.raises(StateError, match=words):
        Embedder(PAIRS, state)
