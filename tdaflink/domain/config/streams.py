"""Settings of the stream route: windows, preprocessing, and comparison of results."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tdaflink.domain.config.fields import Finite, Model, Seconds

LONGEST_TAIL = 65_536  # values of a stream that an embedding keeps

MILLISECOND = 0.001  # seconds; event time is counted in whole milliseconds
TIMEOUT = 60.0

# A window fires after this time without the points that it waits for; null: never.
Timeout = Annotated[Seconds | None, Field(ge=MILLISECOND)]


class CountWindow(Model):
    """The newest `size` points, every `slide` points; without `slide` each point is in one window."""

    kind: Literal["count"]
    size: int = Field(ge=1)
    slide: int | None = Field(default=None, ge=1)
    timeout: Timeout = TIMEOUT

    @model_validator(mode="after")
    def _slide_within_size(self) -> CountWindow:
        if self.slide is not None and self.slide > self.size:
            raise ValueError(f"slide {self.slide} is larger than size {self.size}: points would be skipped")
        return self


class TumblingWindow(Model):
    """Consecutive windows of event time."""

    kind: Literal["tumbling"]
    size: Seconds = Field(ge=MILLISECOND)
    offset: Seconds = 0.0
    timeout: Timeout = TIMEOUT


class SlidingWindow(Model):
    """Overlapping windows of event time; `slide` divides `size`."""

    kind: Literal["sliding"]
    size: Seconds = Field(ge=MILLISECOND)
    slide: Seconds = Field(ge=MILLISECOND)
    offset: Seconds = 0.0
    timeout: Timeout = TIMEOUT

    @model_validator(mode="after")
    def _slide_divides_size(self) -> SlidingWindow:
        size, slide = round(self.size * 1000), round(self.slide * 1000)
        if slide > size or size % slide:
            raise ValueError(f"slide {self.slide:g}s does not divide size {self.size:g}s")
        return self


class SessionWindow(Model):
    """Points with no gap longer than `gap` between them."""

    kind: Literal["session"]
    gap: Seconds = Field(ge=MILLISECOND)
    timeout: Timeout = TIMEOUT


class NoWindow(Model):
    """One result per message."""

    kind: Literal["none"]


Window = Annotated[
    CountWindow | TumblingWindow | SlidingWindow | SessionWindow | NoWindow, Field(discriminator="kind")
]


class Embedding(Model):
    """Delay embedding (Takens) of a scalar stream: vectors of `dimension` values, each `delay` values apart.

    Every `stride`-th vector is kept. The embedding restarts after a gap longer than `max_gap`, and when time
    goes backwards.
    """

    delay: int = Field(ge=1)
    dimension: int = Field(ge=1, le=100)
    stride: int = Field(default=1, ge=1, le=2**31)
    max_gap: Seconds | None = Field(
        default=None, ge=0.001, description="Null: gaps of any length are allowed."
    )

    @model_validator(mode="after")
    def _tail_is_bounded(self) -> Embedding:
        tail = self.delay * (self.dimension - 1)
        if tail > LONGEST_TAIL:
            raise ValueError(
                f"delay {self.delay} times dimension {self.dimension} - 1 is {tail} values to keep for"
                f" each stream, more than {LONGEST_TAIL}: lower one of them"
            )
        return self


class Subsample(Model):
    """Subsampling of a window; results contain the bound of the error.

    Either `landmarks` farthest points, or a net with an error bound of at most `error`.
    """

    landmarks: int | None = Field(default=None, ge=1)
    error: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _exactly_one(self) -> Subsample:
        if (self.landmarks is None) == (self.error is None):
            raise ValueError(
                "subsample needs either landmarks (number of points) or error (bound of the diagram's error)"
            )
        return self


class Preprocess(Model):
    """Transformations of the points, in this order; the scale "fixed" gives (x - offset) · factor."""

    embed: Embedding | None = None
    scale: Literal["none", "minmax", "zscore", "fixed"] = "none"
    offset: list[Finite] | None = Field(default=None, min_length=1, description="One per coordinate.")
    factor: list[Finite] | None = Field(default=None, min_length=1, description="One per coordinate.")
    subsample: Subsample | None = None

    @model_validator(mode="after")
    def _fixed_scale_is_whole(self) -> Preprocess:
        if self.scale != "fixed":
            if self.offset is not None or self.factor is not None:
                raise ValueError(f'offset and factor belong to scale "fixed"; scale is "{self.scale}"')
            return self
        if self.offset is None or self.factor is None or len(self.offset) != len(self.factor):
            raise ValueError('scale "fixed" needs offset and factor, with one number for each coordinate')
        if 0 in self.factor:
            raise ValueError(f"factor {self.factor} contains a 0, which maps a coordinate to one value")
        if self.embed is not None and len(self.factor) != self.embed.dimension:
            raise ValueError(
                f"offset and factor have {len(self.factor)} numbers; embed.dimension makes points of"
                f" {self.embed.dimension} coordinates"
            )
        return self


class DistanceToPrevious(Model):
    """Compare each window's diagram with the one before; above `threshold` it is an alert."""

    metric: Literal["bottleneck", "wasserstein"]
    order: float = Field(default=1.0, ge=1, le=100, description="Order of the Wasserstein distance.")
    dimensions: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None, min_length=1, description="Null: all dimensions up to max_dimension."
    )
    threshold: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_bars: int = Field(
        default=1000, ge=1, le=2000, description="Limit per dimension; of more bars the longest are compared."
    )

    @model_validator(mode="after")
    def _order_and_dimensions_mean_something(self) -> DistanceToPrevious:
        if self.metric == "bottleneck" and "order" in self.model_fields_set:
            raise ValueError(f'order {self.order:g} belongs to metric "wasserstein"; remove it')
        if self.dimensions is not None and len(set(self.dimensions)) < len(self.dimensions):
            raise ValueError(f"dimensions {self.dimensions} contains a duplicate: list each once")
        return self


def parse_window(text: str) -> dict[str, Any]:
    """Parse a window: `sliding:60s/10s`, `tumbling:60s`, `session:5m`, `count:100/10/60s` or `none`."""
    kind, _, rest = text.partition(":")
    parts = rest.split("/") if rest else []
    names = {
        "count": ("size", "slide", "timeout"),
        "tumbling": ("size",),
        "sliding": ("size", "slide"),
        "session": ("gap",),
        "none": (),
    }.get(kind)
    if names is None or len(parts) > len(names) or (not parts and kind != "none"):
        raise ValueError(
            f"{text!r} is not a window: sliding:60s/10s, tumbling:60s, session:5m, count:100/10/60s or none"
        )
    window: dict[str, Any] = {"kind": kind}
    for name, part in zip(names, parts, strict=False):
        whole = kind == "count" and name != "timeout"
        window[name] = int(part) if whole and part.isdigit() else part
    return window
