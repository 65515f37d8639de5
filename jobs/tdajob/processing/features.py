"""Features of a result: the vectors that the config requests of the bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdajob.settings.streams import BettiCurve, Entropy, Feature, Landscape, PersistenceImage, Silhouette
from tdajob.topology.diagrams import vectors
from tdajob.topology.values import ComputationError, Diagram, FloatArray


def feature_documents(features: Sequence[Feature], diagram: Diagram) -> list[dict[str, Any]]:
    """Return kind, dimension, shape and values of each feature, in the order of the config.

    `values` are float64 in row-major order; shape and values are null for a dimension that the diagram does
    not have. Raises ComputationError `non_finite` where values exceed float64.
    """
    return [_document(feature, index, diagram) for index, feature in enumerate(features)]


def feature_values(feature: Feature, bars: FloatArray) -> FloatArray:
    """Return the feature of the bars (n, 2).

    Shapes: (samples,), for landscapes (layers, samples), for images (lengths, births). With `essential`
    "clamp" an infinite death is replaced by the end of the range; in an image such a bar has the greatest
    length of the range, in a Betti curve it never ends. With "drop" the bar is left out.
    """
    match feature:
        case Landscape():
            return vectors.landscape(_ended(feature, bars), _grid(feature), feature.layers)
        case Silhouette():
            return vectors.silhouette(_ended(feature, bars), _grid(feature), feature.power)
        case Entropy():
            return vectors.entropy_curve(_ended(feature, bars), _grid(feature), normalized=feature.normalized)
        case BettiCurve():
            kept = bars if feature.essential == "clamp" else _finite(bars)
            return vectors.betti_curve(kept, _grid(feature))
        case PersistenceImage():
            return _image(feature, bars)


def _image(feature: PersistenceImage, bars: FloatArray) -> FloatArray:
    columns, rows = feature.resolution
    greatest = feature.persistence_range[1]
    kept = _finite(bars)
    if feature.essential == "clamp":
        born = bars[np.isinf(bars[:, 1]), 0]
        kept = np.concatenate((kept, np.column_stack((born, born + greatest))))
    births, lengths = np.linspace(*feature.range, columns), np.linspace(*feature.persistence_range, rows)
    return vectors.persistence_image(kept, births, lengths, feature.bandwidth, feature.power)


def _ended(feature: Landscape | Silhouette | Entropy, bars: FloatArray) -> FloatArray:
    if feature.essential == "drop":
        return _finite(bars)
    deaths = np.where(np.isinf(bars[:, 1]), feature.range[1], bars[:, 1])
    born = bars[:, 0] < deaths
    return np.column_stack((bars[born, 0], deaths[born]))


def _finite(bars: FloatArray) -> FloatArray:
    kept: FloatArray = bars[np.isfinite(bars[:, 1])]
    return kept


def _grid(feature: Landscape | Silhouette | Entropy | BettiCurve) -> FloatArray:
    grid: FloatArray = np.linspace(*feature.range, feature.resolution)
    return grid


def _document(feature: Feature, index: int, diagram: Diagram) -> dict[str, Any]:
    about = {"kind": feature.kind, "dimension": feature.dimension}
    if feature.dimension >= len(diagram.bars):
        return {**about, "shape": None, "values": None}
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        values = feature_values(feature, diagram.bars[feature.dimension])
    if not np.isfinite(values).all():
        raise ComputationError(
            "non_finite",
            f"features[{index}] ({feature.kind}) of these bars exceeds float64: scale the points,"
            " or change its range, bandwidth or power",
        )
    return {**about, "shape": list(values.shape), "values": values.ravel().tolist()}
