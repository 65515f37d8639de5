"""Settings of the stream route: windows, what comes before them and after them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tdaflink.domain.fields import Model, Seconds

MILLISECOND = 0.001  # seconds; event time is counted in whole ones
TIMEOUT = 60.0

# After that long without what it waits for, a window fires with what it has; null for never.
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
    """Windows of event time, one after the other."""

    kind: Literal["tumbling"]
    size: Seconds = Field(ge=MILLISECOND)
    offset: Seconds = 0.0
    timeout: Timeout = TIMEOUT


class SlidingWindow(Model):
    """Windows of event time that overlap; `slide` divides `size`."""

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
    """Delay embedding (Takens) of a scalar stream."""

    delay: int = Field(ge=1)
    dimension: int = Field(ge=1)
    stride: int = Field(default=1, ge=1)


class Subsample(Model):
    """Keep `landmarks` farthest points of a window; results carry the bound of the error."""

    landmarks: int = Field(ge=1)


class Preprocess(Model):
    """What is done to the points, in this order."""

    embed: Embedding | None = None
    scale: Literal["none", "minmax", "zscore", "fixed"] = "none"
    subsample: Subsample | None = None


class DistanceToPrevious(Model):
    """Compare each window's diagram with the one before; above `threshold` it is an alert."""

    metric: Literal["bottleneck", "wasserstein"]
    order: float = Field(default=1.0, ge=1, allow_inf_nan=False)
    dimensions: list[int] | None = None
    threshold: float | None = Field(default=None, ge=0, allow_inf_nan=False)


def parse_window(text: str) -> dict[str, Any]:
    """The window of a flag: `sliding:60s/10s`, `tumbling:60s`, `session:5m`, `count:100/10/60s` or `none`."""
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
