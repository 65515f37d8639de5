"""Kinds of windows and their bounds. Does not import numpy: main() on the JobManager reads these settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

OVERFLOWS = ("error", "landmarks")


@dataclass(frozen=True)
class CountWindow:
    """The newest `size` points at each arrival of point number size + k·slide; `timeout_ms` None: never."""

    kind: ClassVar[str] = "count"
    size: int
    slide: int
    timeout_ms: int | None

    def __post_init__(self) -> None:
        if not 1 <= self.slide <= self.size:
            raise ValueError(f"slide {self.slide} must be between 1 and size {self.size}")


@dataclass(frozen=True)
class TumblingWindow:
    """[k·size + offset, (k + 1)·size + offset) in ms since the epoch, for every integer k."""

    kind: ClassVar[str] = "tumbling"
    size_ms: int
    offset_ms: int
    timeout_ms: int | None

    def __post_init__(self) -> None:
        if self.size_ms < 1:
            raise ValueError(f"size {self.size_ms} ms must be at least 1 ms")

    @property
    def slide_ms(self) -> int:
        return self.size_ms


@dataclass(frozen=True)
class SlidingWindow:
    """[k·slide + offset, k·slide + offset + size) in ms since the epoch; `slide` divides `size`."""

    kind: ClassVar[str] = "sliding"
    size_ms: int
    slide_ms: int
    offset_ms: int
    timeout_ms: int | None

    def __post_init__(self) -> None:
        if self.slide_ms < 1 or self.size_ms < 1 or self.size_ms % self.slide_ms:
            raise ValueError(f"slide {self.slide_ms} ms does not divide size {self.size_ms} ms")


@dataclass(frozen=True)
class SessionWindow:
    """Points without a gap longer than `gap_ms` between them; the window ends `gap_ms` after the last one."""

    kind: ClassVar[str] = "session"
    gap_ms: int
    timeout_ms: int | None

    def __post_init__(self) -> None:
        if self.gap_ms < 1:
            raise ValueError(f"gap {self.gap_ms} ms must be at least 1 ms")


@dataclass(frozen=True)
class NoWindow:
    """Each message is processed separately."""

    kind: ClassVar[str] = "none"
    timeout_ms: ClassVar[None] = None


WindowSpec = CountWindow | TumblingWindow | SlidingWindow | SessionWindow | NoWindow
_KINDS: Mapping[str, Any] = {
    spec.kind: spec for spec in (CountWindow, TumblingWindow, SlidingWindow, SessionWindow, NoWindow)
}


@dataclass(frozen=True)
class WindowSettings:
    """The windows of one input, and their bounds; times in ms.

    `out_of_orderness_ms`: the distance of the stream's clock to its greatest event time.
    `allowed_lateness_ms`: the time, by that clock, for which a window is kept after its end.
    `max_windows_per_message`: a message that would fire more is refused; a tick fires at most that many.
    `max_duration_ms`: the greatest time between the first and the last event of a session.
    `state_ttl_ms`: a stream without messages for that long is removed.
    `dedup_ids`: the number of message ids that are kept; 0 for none.
    `max_points` of a window; `overflow` is the handling of a larger one: "error" or "landmarks".
    """

    window: WindowSpec
    out_of_orderness_ms: int
    allowed_lateness_ms: int
    max_windows_per_message: int
    max_duration_ms: int
    state_ttl_ms: int
    dedup_ids: int
    max_points: int
    overflow: str

    def __post_init__(self) -> None:
        if self.overflow not in OVERFLOWS:
            raise ValueError(f"overflow {self.overflow!r} must be one of {', '.join(OVERFLOWS)}")


def as_document(spec: WindowSpec) -> dict[str, Any]:
    """Return the shape of the windows for the state's header, without the timeout, which may change."""
    shape = {name: value for name, value in asdict(spec).items() if name != "timeout_ms"}
    return {"kind": spec.kind, **shape}


def from_document(document: Mapping[str, Any]) -> WindowSpec:
    """Return the windows of a header, without a timeout."""
    shape = {name: value for name, value in document.items() if name != "kind"}
    if document["kind"] != NoWindow.kind:
        shape["timeout_ms"] = None
    spec: WindowSpec = _KINDS[document["kind"]](**shape)
    return spec
