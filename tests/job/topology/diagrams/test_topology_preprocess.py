"""Effects of scaling, landmarks and delay embedding on diagrams: theorems and hand-computed values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.job.topology_cases import (
    ROUNDING,
    MakeEngine,
    apart,
    circle,
    computed,
    hausdorff,
    query,
    uniform,
)
from tdajob.errors import MessageError
from tdajob.processing.embedding import Embedder
from tdajob.processing.preprocess import Prepared, Preprocessor, scaled
from tdajob.settings.streams import EmbedSettings, PreprocessSettings, ScaleSettings
from tdajob.topology.values import ComputationError, FloatArray

UNSCALED = ScaleSettings("none", (), ())
MINMAX = ScaleSettings("minmax", (), ())
ZSCORE = ScaleSettings("zscore", (), ())


def prepared(
    points: FloatArray,
    landmarks: int | None = None,
    scale: ScaleSettings = UNSCALED,
    algorithm: str = "vietoris_rips",
    min_persistence: float = 0.0,
    **params: object,
) -> Prepared:
    asked = PreprocessSettings(None, scale, landmarks, None)
    question = query(algorithm, min_persistence=min_persistence, **params)
    return Preprocessor(asked, question).prepare(points)


clouds = arrays(np.float64, st.tuples(st.integers(1, 14), st.just(2)), elements=st.floats(-8, 8, width=16))
algorithms = pytest.mark.parametrize(
    ("algorithm", "factor"), [("vietoris_rips", 2.0), ("alpha", 1.0), ("cech", 1.0)]
)
cuts = st.none() | st.floats(0.5, 5)


@algorithms
@settings(max_examples=60, deadline=None)
@given(first=clouds, second=clouds, cut=cuts)
def test_diagrams_differ_by_no_more_than_their_clouds(
    algorithm: str, factor: float, first: FloatArray, second: FloatArray, cut: float | None
) -> None:
    asked = query(algorithm, cut=cut)
    bound = factor * hausdorff(first, second)
    assert apart(computed(first, asked), computed(second, asked)) <= bound + ROUNDING


@algorithms
@settings(max_examples=60, deadline=None)
@given(points=clouds, landmarks=st.integers(1, 14), cut=cuts, shortest=st.sampled_from([0.0, 1.0]))
def test_landmarks_keep_within_their_bound(
    algorithm: str, factor: float, points: FloatArray, landmarks: int, cut: float | None, shortest: float
) -> None:
    asked = query(algorithm, cut=cut, min_persistence=shortest)
    few = prepared(points, landmarks, algorithm=algorithm, min_persistence=shortest)
    assert few.covering_radius == hausdorff(points, few.points)
    if not shortest:
        assert few.error_bound == factor * few.covering_radius
    assert apart(computed(points, asked), computed(few.points, asked)) <= few.error_bound + ROUNDING


@algorithms
def test_the_bound_is_met_where_the_landmarks_lie_inside(algorithm: str, factor: float) -> None:
    """Two pairs of points 2 apart, 10 between the pairs' near ends: landmarks at both far ends."""
    points = np.array([[0.0], [2.0], [12.0], [14.0]])
    few = prepared(points, 2, algorithm=algorithm)
    assert few.points.tolist() == [[0.0], [14.0]]
    assert (few.covering_radius, few.error_bound) == (2.0, 2 * factor)
    asked = query(algorithm, max_dimension=0)
    # In Rips units the bar of 10 becomes one of 14: the bound is tight.
    assert apart(computed(points, asked), computed(few.points, asked)) == 2 * factor


def test_the_bound_holds_where_only_one_of_two_bars_is_long_enough() -> None:
    points = np.array([[0.0], [2.0], [12.0], [14.0]])
    asked = query(max_dimension=0, min_persistence=12)
    few = prepared(points, 2, min_persistence=12)
    # The landmarks' bar of 14 is unmatched, 7 from the diagonal, since the bar of 10 is not published.
    assert apart(computed(points, asked), computed(few.points, asked)) == 7.0
    assert few.error_bound == 4.0 + 6.0


@pytest.mark.parametrize("landmarks", [4, 5, 1000])
def test_enough_landmarks_change_nothing(landmarks: int) -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]] * 3)
    few = prepared(corners, landmarks, min_persistence=0.5)
    assert (few.covering_radius, few.error_bound) == (0.0, 0.0)
    assert computed(few.points, query()).bars[1].tolist() == computed(corners, query()).bars[1].tolist()


def test_a_circle_of_landmarks_is_still_a_circle(make_engine: MakeEngine) -> None:
    points = circle(1500, 4)
    few = prepared(points, 80)
    assert len(few.points) == 80
    loops = make_engine().compute(few.points, query()).bars[1]
    assert (loops[:, 1] - loops[:, 0]).max() > 2 * few.error_bound


@settings(max_examples=60, deadline=None)
@given(
    points=clouds,
    landmarks=st.integers(1, 14),
    params=st.sampled_from(
        [
            {"metric": "manhattan"},
            {"metric": "chebyshev"},
            {"metric": "periodic", "period": [7.0, 5.0]},
            {"metric": "haversine", "sphere_radius": 100.0},
        ]
    ),
)
def test_landmarks_keep_within_their_bound_whatever_the_metric(
    points: FloatArray, landmarks: int, params: dict[str, object]
) -> None:
    few = prepared(points, landmarks, **params)
    whole, part = (computed(cloud, query(**params)) for cloud in (points, few.points))
    assert apart(whole, part) <= few.error_bound + ROUNDING


def test_landmarks_by_directions_are_refused() -> None:
    with pytest.raises(ComputationError, match="'vietoris_rips' and the metric 'angular': no bound"):
        prepared(np.ones((3, 2)), 2, metric="angular")


@pytest.mark.parametrize("algorithm", ["witness", "unruly"])
def test_landmarks_without_a_bound_are_refused(algorithm: str, plugin: Path) -> None:  # noqa: ARG001
    with pytest.raises(ComputationError, match=f"subsample with the algorithm '{algorithm}'.*use viet") as no:
        prepared(np.zeros((3, 2)), 2, algorithm=algorithm)
    assert no.value.code == "bad_parameter"
    assert len(prepared(np.zeros((3, 2)), None, algorithm=algorithm).points) == 3


def test_scales_by_hand() -> None:
    points = np.array([[2.0, 7.0, -1.0], [4.0, 7.0, -3.0], [10.0, 7.0, -2.0]])
    assert scaled(points, MINMAX).tolist() == [[0.0, 0.0, 1.0], [0.25, 0.0, 0.0], [1.0, 0.0, 0.5]]
    assert scaled(np.array([[3.0, 1.0], [1.0, 1.0]]), ZSCORE).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    fixed = ScaleSettings("fixed", (1.0, 7.0, 0.0), (10.0, 1.0, -0.5))
    assert scaled(points, fixed).tolist() == [[10.0, 0.0, 0.5], [30.0, 0.0, 1.5], [90.0, 0.0, 1.0]]
    assert scaled(points, UNSCALED) is points


@pytest.mark.parametrize("scale", [MINMAX, ZSCORE])
@pytest.mark.parametrize("value", [0.1, 1e150, -1e-300, 0.0])
def test_a_constant_coordinate_becomes_zero(scale: ScaleSettings, value: float) -> None:
    points = np.column_stack((np.full(7, value), np.arange(7.0)))
    found = scaled(points, scale)
    assert found[:, 0].tolist() == [0.0] * 7
    assert np.ptp(found[:, 1]) >= 1
    assert scaled(points[:1], scale).tolist() == [[0.0, 0.0]]


@settings(max_examples=60, deadline=None)
@given(
    points=arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2)), elements=st.integers(-50, 50)),
    stretch=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
    shift=st.tuples(st.integers(-100, 100), st.integers(-100, 100)),
)
def test_units_of_measurement_do_not_matter_after_scaling(
    points: FloatArray, stretch: tuple[float, float], shift: tuple[int, int]
) -> None:
    other = (points + np.array(shift)) * np.array(stretch)
    for scale in (MINMAX, ZSCORE):
        before, after = (prepared(cloud, scale=scale).points for cloud in (points, other))
        assert apart(computed(before, query()), computed(after, query())) <= ROUNDING


@pytest.mark.parametrize("scale", [MINMAX, ZSCORE, ScaleSettings("fixed", (0.1,) * 3, (3.0, -1.0, 0.7))])
def test_the_order_of_points_does_not_matter(scale: ScaleSettings) -> None:
    points = uniform(200, 8)
    shuffled = points[np.random.default_rng(0).permutation(200)]
    for landmarks in (None, 50):
        one, other = (prepared(cloud, landmarks, scale) for cloud in (points, shuffled))
        assert one.covering_radius == other.covering_radius
        assert sorted(one.points.tolist()) == sorted(other.points.tolist())


@pytest.mark.parametrize(
    ("asked", "per_window"),
    [
        (PreprocessSettings(None, UNSCALED, None, None), False),
        (
            PreprocessSettings(
                EmbedSettings(1, 2, 1, None), ScaleSettings("fixed", (0.0,), (2.0,)), None, None
            ),
            False,
        ),
        (PreprocessSettings(None, MINMAX, None, None), True),
        (PreprocessSettings(None, ZSCORE, None, None), True),
        (PreprocessSettings(None, UNSCALED, 5, None), True),
    ],
)
def test_tells_what_depends_on_the_whole_window(asked: PreprocessSettings, per_window: bool) -> None:
    assert Preprocessor(asked, query()).per_window is per_window


def test_a_fixed_scale_takes_points_of_its_own_dimension_alone() -> None:
    fixed = Preprocessor(
        PreprocessSettings(None, ScaleSettings("fixed", (0.0, 0.0), (1.0, 1.0)), None, None), query("alpha")
    )
    fixed.check_coordinates(np.zeros((5, 2)))
    with pytest.raises(MessageError, match=r"3 coordinates.*have 2 numbers") as caught:
        fixed.check_coordinates(np.zeros((5, 3)))
    assert caught.value.code == "wrong_dimension"


def test_a_factor_beyond_float64_is_the_engine_s_refusal(make_engine: MakeEngine) -> None:
    huge = prepared(np.array([[1e100], [2.0]]), scale=ScaleSettings("fixed", (0.0,), (1e300,)))
    with pytest.raises(ComputationError) as caught:
        make_engine().compute(huge.points, query())
    assert caught.value.code == "non_finite"


def test_a_periodic_signal_has_one_long_loop_and_a_trend_has_none() -> None:
    samples = np.arange(300)
    loops = {}
    for name, signal in {"sine": np.sin(samples * 2 * np.pi / 60), "trend": samples / 150}.items():
        embedder = Embedder(EmbedSettings(delay=15, dimension=2, stride=2, max_gap_ms=None))
        points, _ = embedder.embed(signal[:, None], samples)
        bars = computed(points, query()).bars[1]
        loops[name] = sorted((bars[:, 1] - bars[:, 0]).tolist())
    # A quarter of a period apart, sine and cosine: the unit circle, whose loop dies at the side of the
    # largest inscribed equilateral triangle.
    assert loops["sine"][-1] > 1.4
    assert loops["sine"][:-1] == [] or loops["sine"][-2] < 0.1
    assert loops["trend"] == []
