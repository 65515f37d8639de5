"""Features: vectors computed from the bars of one dimension, on a range that is fixed in the config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tdaflink.domain.config.fields import Finite, Model

MOST_VALUES = 10_000  # of one feature
BYTES_PER_VALUE = 25  # of the longest float64 in JSON, comma included


def _ascending(ends: list[float]) -> list[float]:
    if ends[0] >= ends[1]:
        raise ValueError("a range is two numbers in ascending order")
    return ends


Range = Annotated[list[Finite], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
Power = Annotated[Finite, Field(ge=0, le=10)]
Samples = Annotated[int, Field(ge=2, le=1000)]


class _OfBars(Model):
    """`essential`: an infinite death becomes the end of the range (clamp), or the bar is omitted (drop)."""

    dimension: int = Field(ge=0)
    range: Range
    essential: Literal["clamp", "drop"] = "clamp"


class Landscape(_OfBars):
    """The `layers` highest persistence landscapes, at `resolution` values of the range."""

    kind: Literal["landscape"]
    resolution: Samples = 100
    layers: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _bounded(self) -> Landscape:
        if self.values > MOST_VALUES:
            raise ValueError(
                f"resolution {self.resolution} times layers {self.layers} is more than {MOST_VALUES} values:"
                " lower one of them"
            )
        return self

    @property
    def values(self) -> int:
        return self.resolution * self.layers


class Silhouette(_OfBars):
    """The mean of all landscapes' tents, weighted by length to the `power`."""

    kind: Literal["silhouette"]
    resolution: Samples = 100
    power: Power = 1.0

    @property
    def values(self) -> int:
        return self.resolution


class BettiCurve(_OfBars):
    """The number of bars at each of `resolution` values of the range."""

    kind: Literal["betti_curve"]
    resolution: Samples = 100

    @property
    def values(self) -> int:
        return self.resolution


class Entropy(_OfBars):
    """The entropy summary function; `normalized` makes its samples sum to 1."""

    kind: Literal["entropy"]
    resolution: Samples = 100
    normalized: bool = False

    @property
    def values(self) -> int:
        return self.resolution


class PersistenceImage(_OfBars):
    """Gaussians at (birth, length) of standard deviation `bandwidth`, weighted by length to the `power`.

    `range` is that of births; `resolution` counts the samples along births and along lengths.
    """

    kind: Literal["persistence_image"]
    persistence_range: Range
    resolution: list[Annotated[int, Field(ge=1, le=1000)]] = Field(
        default=[20, 20], min_length=2, max_length=2
    )
    bandwidth: float = Field(gt=1e-100, allow_inf_nan=False)
    power: Power = 1.0

    @model_validator(mode="after")
    def _bounded(self) -> PersistenceImage:
        if self.persistence_range[0] < 0:
            raise ValueError(f"persistence_range {self.persistence_range}: no bar is shorter than 0")
        if self.values > MOST_VALUES:
            raise ValueError(f"resolution {self.resolution} is more than {MOST_VALUES} values: lower it")
        return self

    @property
    def values(self) -> int:
        return self.resolution[0] * self.resolution[1]


Feature = Annotated[
    Landscape | Silhouette | BettiCurve | Entropy | PersistenceImage, Field(discriminator="kind")
]


def bytes_of(features: Iterable[Feature]) -> int:
    """Return the most bytes that features add to each result message."""
    return sum(feature.values * BYTES_PER_VALUE for feature in features)
