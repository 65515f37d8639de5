"""Settings of the steps before and after a window's computation: preprocessing, comparison and features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from tdajob.limits import MAX_COUNT, MAX_DURATION_MS, MAX_EMBEDDED_VALUES, MAX_POINT_DIMENSION
from tdajob.settings.json_object import JsonObjectReader, SettingsError

SCALES = ("none", "minmax", "zscore", "fixed")
METRICS = ("bottleneck", "wasserstein")
ESSENTIAL = ("clamp", "drop")


@dataclass(frozen=True)
class EmbedSettings:
    """A delay embedding; `delay` and `stride` count values, `max_gap_ms` is None for no limit."""

    delay: int
    dimension: int
    stride: int
    max_gap_ms: int | None


@dataclass(frozen=True)
class ScaleSettings:
    """`offset` and `factor` have one number per coordinate for the kind "fixed", and are empty otherwise."""

    kind: str
    offset: tuple[float, ...]
    factor: tuple[float, ...]


@dataclass(frozen=True)
class PreprocessSettings:
    """The steps of preprocessing, in their order.

    `landmarks` is the number of points that are kept, `error` the error of the diagram that a net of the
    points may cause; at most one of them is not None.
    """

    embed: EmbedSettings | None
    scale: ScaleSettings
    landmarks: int | None
    error: float | None


@dataclass(frozen=True)
class ComparisonSettings:
    """The comparison of diagrams; `order` is None for the bottleneck distance."""

    metric: str
    order: float | None
    dimensions: tuple[int, ...]
    threshold: float | None
    max_bars: int


@dataclass(frozen=True)
class _OnRange:
    """A vector of the bars of one dimension, on a range that is the same for all windows."""

    kind: ClassVar[str]
    dimension: int
    range: tuple[float, float]
    essential: str


@dataclass(frozen=True)
class Landscape(_OnRange):
    kind = "landscape"
    resolution: int
    layers: int


@dataclass(frozen=True)
class Silhouette(_OnRange):
    kind = "silhouette"
    resolution: int
    power: float


@dataclass(frozen=True)
class BettiCurve(_OnRange):
    kind = "betti_curve"
    resolution: int


@dataclass(frozen=True)
class Entropy(_OnRange):
    kind = "entropy"
    resolution: int
    normalized: bool


@dataclass(frozen=True)
class PersistenceImage(_OnRange):
    """`range` is that of births; `resolution` counts the samples along births and along lengths."""

    kind = "persistence_image"
    persistence_range: tuple[float, float]
    resolution: tuple[int, int]
    bandwidth: float
    power: float


Feature = Landscape | Silhouette | BettiCurve | Entropy | PersistenceImage


@dataclass(frozen=True)
class StreamSettings:
    """All settings of these steps; `comparison` is None where diagrams are not compared."""

    preprocess: PreprocessSettings
    comparison: ComparisonSettings | None
    features: tuple[Feature, ...]
    events_topic: str


def read_stream_settings(root: JsonObjectReader) -> StreamSettings:
    """Read the keys preprocess, distance_to_previous, features and events_topic. Raises SettingsError."""
    compared = root.inner_or_none("distance_to_previous")
    return StreamSettings(
        preprocess=_preprocess(root.inner("preprocess")),
        comparison=None if compared is None else _comparison(compared),
        features=tuple(_feature(reader) for reader in root.inners("features", may_be_empty=True)),
        events_topic=root.text("events_topic"),
    )


def _preprocess(reader: JsonObjectReader) -> PreprocessSettings:
    embed = reader.inner_or_none("embed")
    settings = PreprocessSettings(
        embed=None if embed is None else _embed(embed),
        scale=_scale(reader.inner("scale")),
        landmarks=reader.integer_or_none("landmarks", least=1),
        error=reader.number_or_none("error"),
    )
    reader.finish()
    return settings


def _embed(reader: JsonObjectReader) -> EmbedSettings:
    settings = EmbedSettings(
        delay=reader.integer("delay", least=1, most=MAX_COUNT),
        dimension=reader.integer("dimension", least=1, most=MAX_POINT_DIMENSION),
        stride=reader.integer("stride", least=1, most=MAX_COUNT),
        max_gap_ms=reader.integer_or_none("max_gap_ms", least=1, most=MAX_DURATION_MS),
    )
    reader.finish()
    span = (settings.dimension - 1) * settings.delay + 1
    if span > MAX_EMBEDDED_VALUES:
        raise SettingsError(
            f"preprocess.embed: a vector spans {span} values, more than {MAX_EMBEDDED_VALUES}: lower delay or"
            " dimension"
        )
    return settings


def _scale(reader: JsonObjectReader) -> ScaleSettings:
    settings = ScaleSettings(
        kind=reader.choice("kind", SCALES),
        offset=reader.numbers("offset"),
        factor=reader.numbers("factor"),
    )
    reader.finish()
    return settings


def _comparison(reader: JsonObjectReader) -> ComparisonSettings:
    settings = ComparisonSettings(
        metric=reader.choice("metric", METRICS),
        order=reader.number_or_none("order"),
        dimensions=reader.integers("dimensions"),
        threshold=reader.number_or_none("threshold"),
        max_bars=reader.integer("max_bars", least=1),
    )
    reader.finish()
    return settings


def _feature(reader: JsonObjectReader) -> Feature:
    feature = _FEATURES[reader.choice("kind", tuple(_FEATURES))](reader)
    reader.finish()
    return feature


def _landscape(reader: JsonObjectReader) -> Feature:
    return Landscape(*_common(reader), _resolution(reader), reader.integer("layers", least=1))


def _silhouette(reader: JsonObjectReader) -> Feature:
    return Silhouette(*_common(reader), _resolution(reader), reader.number("power"))


def _betti_curve(reader: JsonObjectReader) -> Feature:
    return BettiCurve(*_common(reader), _resolution(reader))


def _entropy(reader: JsonObjectReader) -> Feature:
    return Entropy(*_common(reader), _resolution(reader), reader.flag("normalized"))


def _persistence_image(reader: JsonObjectReader) -> Feature:
    births, lengths = reader.integers("resolution", least=1, count=2)
    return PersistenceImage(
        *_common(reader),
        reader.span("persistence_range"),
        (births, lengths),
        reader.number("bandwidth"),
        reader.number("power"),
    )


def _common(reader: JsonObjectReader) -> tuple[int, tuple[float, float], str]:
    return reader.integer("dimension"), reader.span("range"), reader.choice("essential", ESSENTIAL)


def _resolution(reader: JsonObjectReader) -> int:
    return reader.integer("resolution", least=1)


_FEATURES: Mapping[str, Callable[[JsonObjectReader], Feature]] = MappingProxyType(
    {
        Landscape.kind: _landscape,
        Silhouette.kind: _silhouette,
        BettiCurve.kind: _betti_curve,
        Entropy.kind: _entropy,
        PersistenceImage.kind: _persistence_image,
    }
)
