"""What travels with a job on the cluster for those who watch it, and how it is read there."""

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
    """How often a stream's windows come: every so many seconds of event time, or every so many points."""

    seconds: float | None = None
    points: int | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{self.points} points"


def facts_for_watchers(settings: Mapping[str, Any], flink: Mapping[str, str]) -> dict[str, str]:
    """What those who watch a job need of its resolved settings and of what it tells Flink.

    Whose offsets, which results, how often, and how many records are computed in one go.
    """
    inputs = settings["inputs"]
    facts = {
        GROUP: str(settings["kafka"]["group_id"]),
        OUTPUTS: ";".join(sorted({str(one["output_topic"]) for one in inputs})),
    }
    if BUNDLE_SIZE in flink:  # not with jobs of older releases
        facts[BUNDLE] = flink[BUNDLE_SIZE]
    windows = [one["window"] for one in inputs if one["window"] is not None]
    slide = _slide_text(windows[0]) if windows else None
    return facts if slide is None else {**facts, SLIDE: slide}


def _slide_text(window: Mapping[str, Any]) -> str | None:
    """A resolved window's slide as it travels, such as `10000 ms` or `10 points`; sessions have none."""
    kind = window["kind"]
    if kind == "count":
        return f"{window.get('slide') or window['size']} points"
    if kind in ("sliding", "tumbling"):
        return f"{window.get('slide_ms') or window['size_ms']} ms"
    return None


def slide_of(parameters: Mapping[str, str]) -> Slide | None:
    """The slide of a job, where it tells one."""
    number, _, unit = parameters.get(SLIDE, "").partition(" ")
    if not number.isdigit():
        return None
    return Slide(seconds=int(number) / 1000) if unit == "ms" else Slide(points=int(number))


def outputs_of(parameters: Mapping[str, str]) -> list[str]:
    """The topics that a job writes results to."""
    return [topic for topic in parameters.get(OUTPUTS, "").split(";") if topic]


def bundle_of(parameters: Mapping[str, str]) -> int | None:
    """How many records the job computes in one go, where it tells."""
    number = parameters.get(BUNDLE, "")
    return int(number) if number.isdigit() else None
