"""What happens to points before a window's computation and to diagrams after it, as settings of the job."""

from __future__ import annotations

from typing import Any

from tdaflink.domain.config import JobConfig
from tdaflink.domain.streams import Embedding, Preprocess


def stream_settings(config: JobConfig) -> dict[str, Any]:
    """The keys preprocess, distance_to_previous, features and events_topic of the resolved settings."""
    return {
        "preprocess": _preprocess(config.preprocess or Preprocess()),
        "distance_to_previous": _comparison(config),
        "features": [feature.model_dump() for feature in config.features],
        "events_topic": config.events_topic,
    }


def _preprocess(asked: Preprocess) -> dict[str, Any]:
    return {
        "embed": None if asked.embed is None else _embed(asked.embed),
        "scale": {"kind": asked.scale, "offset": asked.offset or [], "factor": asked.factor or []},
        "landmarks": None if asked.subsample is None else asked.subsample.landmarks,
        "error": None if asked.subsample is None else asked.subsample.error,
    }


def _embed(asked: Embedding) -> dict[str, Any]:
    return {
        "delay": asked.delay,
        "dimension": asked.dimension,
        "stride": asked.stride,
        "max_gap_ms": None if asked.max_gap is None else round(asked.max_gap * 1000),
    }


def _comparison(config: JobConfig) -> dict[str, Any] | None:
    asked = config.distance_to_previous
    if asked is None:
        return None
    return {
        "metric": asked.metric,
        "order": asked.order if asked.metric == "wasserstein" else None,
        "dimensions": asked.dimensions or list(range(config.max_dimension + 1)),
        "threshold": asked.threshold,
        "max_bars": asked.max_bars,
    }
