"""Parameters that a job carries on the cluster for monitoring commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GROUP = "tdaflink.group"
OUTPUTS = "tdaflink.outputs"
SLIDE = "tdaflink.slide"
BUNDLE = "tdaflink.bundle_size"
SPEC = "tdaflink.spec"
TOLD = (GROUP, OUTPUTS, SLIDE, BUNDLE)

BUNDLE_SIZE = "python.fn-execution.bundle.size"  # Flink's own key


@dataclass(frozen=True)
class Slide:
    """The slide of a stream's windows, in seconds of event time or in points."""

    seconds: float | None = None
    points: int | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{self.points} points"


def facts_for_watchers(settings: Mapping[str, Any], flink: Mapping[str, str]) -> dict[str, str]:
    """Extract the parameters for monitoring from a job's resolved settings and its Flink settings.

    Consumer group, output topics, slide of the windows, and records per Beam bundle.
    """
    inputs = settings["inputs"]
    parameters = {
        GROUP: str(settings["kafka"]["group_id"]),
        OUTPUTS: ";".join(sorted({str(source["output_topic"]) for source in inputs})),
    }
    if BUNDLE_SIZE in flink:  # jobs of older releases do not set it
        parameters[BUNDLE] = flink[BUNDLE_SIZE]
    windows = [source["window"] for source in inputs if source["window"] is not None]
    slide = _slide_text(windows[0]) if windows else None
    return parameters if slide is None else {**parameters, SLIDE: slide}


def _slide_text(window: Mapping[str, Any]) -> str | None:
    """Format a resolved window's slide, such as `10000 ms` or `10 points`; sessions have none."""
    kind = window["kind"]
    if kind == "count":
        return f"{window.get('slide') or window['size']} points"
    if kind in ("sliding", "tumbling"):
        return f"{window.get('slide_ms') or window['size_ms']} ms"
    return None


def slide_of(parameters: Mapping[str, str]) -> Slide | None:
    """Return the slide of a job's windows, if it is among its parameters."""
    number, _, unit = parameters.get(SLIDE, "").partition(" ")
    if not number.isdigit():
        return None
    return Slide(seconds=int(number) / 1000) if unit == "ms" else Slide(points=int(number))


def outputs_of(parameters: Mapping[str, str]) -> list[str]:
    """Return the topics that a job writes results to."""
    return [topic for topic in parameters.get(OUTPUTS, "").split(";") if topic]


def bundle_of(parameters: Mapping[str, str]) -> int | None:
    """Return the job's records per Beam bundle, if they are among its parameters."""
    number = parameters.get(BUNDLE, "")
    return int(number) if number.isdigit() else None
