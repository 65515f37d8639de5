"""A machine's vibration, from values to an alert: embedding, landmarks, diagram, comparison and feature."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from support.job.topology_cases import MakeEngine, query
from tdajob.processing.alert_record import alert_record
from tdajob.processing.comparison import Comparer, Comparison
from tdajob.processing.embedding import Embedder
from tdajob.processing.features import feature_documents
from tdajob.processing.preprocess import Preprocessor
from tdajob.settings.streams import (
    ComparisonSettings,
    EmbedSettings,
    Landscape,
    PreprocessSettings,
    ScaleSettings,
)
from tdajob.topology.values import FloatArray

WINDOW = 120
EMBED = EmbedSettings(delay=10, dimension=2, stride=1, max_gap_ms=100)
PREPROCESS = PreprocessSettings(EMBED, ScaleSettings("none", (), ()), 60, None)
# The loop of a turning machine has length 1.4 or more; the landmarks' error is up to 2 · 0.16.
ALERTS = ComparisonSettings("bottleneck", None, (1,), 0.4, 1000)
LOOP = Landscape(1, (0.0, 2.0), "clamp", 21, 1)


def vibration() -> FloatArray:
    """Return a noisy sine of period 40 with a pause."""
    samples = np.arange(8 * WINDOW)
    turning = np.sin(samples * 2 * np.pi / 40)
    turning[3 * WINDOW : 5 * WINDOW] = 0.0
    return turning + np.random.default_rng(0).normal(0, 0.02, len(samples))


def test_a_machine_that_stops_and_starts_raises_two_alerts(make_engine: MakeEngine) -> None:
    values = vibration()
    times = np.arange(len(values)) * 50
    # Gaps of ten seconds before the stop and before the start: no delay vector spans them.
    times[3 * WINDOW :] += 10_000
    times[5 * WINDOW :] += 10_000
    engine, asked = make_engine(), query()
    preprocessor = Preprocessor(PREPROCESS, asked)
    embedded: bytes | None = None
    previous: bytes | None = None
    comparisons: list[Comparison | None] = []
    heights = []
    for number, begin in enumerate(range(0, len(values), WINDOW)):
        # Every object is recreated from bytes, as after a restore.
        embedder = Embedder(EMBED, embedded)
        points, at = embedder.embed(values[begin : begin + WINDOW, None], times[begin : begin + WINDOW])
        embedded = embedder.state()
        assert len(at) == (WINDOW - 10 if number in (0, 3, 5) else WINDOW)
        window = preprocessor.prepare(points)
        assert 0 < window.error_bound < 0.35
        diagram = engine.compute(window.points, asked)
        comparer = Comparer(ALERTS, asked, PREPROCESS)
        comparison, previous = comparer.compare(
            diagram, hashlib.sha256(bytes([number])).hexdigest(), previous
        )
        comparisons.append(comparison)
        (landscape,) = feature_documents([LOOP], diagram)
        heights.append(max(landscape["values"]))
    assert comparisons[0] is None
    alerts = [number for number, found in enumerate(comparisons) if found is not None and found.alert]
    assert alerts == [3, 5]
    turning = [number for number, height in enumerate(heights) if height > 0.5]
    assert turning == [0, 1, 2, 5, 6, 7]
    comparison = comparisons[3]
    assert comparison is not None
    record = json.loads(alert_record("machine", "ab" * 32, {"kind": "count"}, comparison)[1])
    assert record["distance_to_previous"]["previous_id"] == hashlib.sha256(bytes([2])).hexdigest()
