"""What travels with a job on the cluster for those who watch it, and how it is read there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdaflink.domain.job_contract import (
    BUNDLE_SIZE_PARAMETER,
    GROUP_PARAMETER,
    OUTPUTS_PARAMETER,
    SLIDE_PARAMETER,
    JobSettings,
)

TOLD = (GROUP_PARAMETER, OUTPUTS_PARAMETER, SLIDE_PARAMETER, BUNDLE_SIZE_PARAMETER)

BUNDLE_SIZE = "python.fn-execution.bundle.size"  # Flink's own key


@dataclass(frozen=True)
class Slide:
    """How often a stream's windows come: every so many seconds of event time, or every so many points."""

    seconds: float | None = None
    points: int | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{self.points} points"


def facts_for_watchers(settings: JobSettings, flink: Mapping[str, str]) -> dict[str, str]:
    """What those who watch a job need of its resolved settings and of what it tells Flink.

    Whose offsets, which results, how often, and how many records are computed in one go.
    """
    facts = {
        GROUP_PARAMETER: settings.group_id,
        OUTPUTS_PARAMETER: ";".join(settings.output_topics),
    }
    if BUNDLE_SIZE in flink:  # not with jobs of older releases
        facts[BUNDLE_SIZE_PARAMETER] = flink[BUNDLE_SIZE]
    windows = [entry.window for entry in settings.inputs if entry.window is not None]
    slide = windows[0].slide if windows else None
    return facts if slide is None else {**facts, SLIDE_PARAMETER: slide}


def slide_of(parameters: Mapping[str, str]) -> Slide | None:
    """The slide of a job, where it tells one."""
    number, _, unit = parameters.get(SLIDE_PARAMETER, "").partition(" ")
    if not number.isdigit():
        return None
    return Slide(seconds=int(number) / 1000) if unit == "ms" else Slide(points=int(number))


def outputs_of(parameters: Mapping[str, str]) -> list[str]:
    """The topics that a job writes results to."""
    return [topic for topic in parameters.get(OUTPUTS_PARAMETER, "").split(";") if topic]


def bundle_of(parameters: Mapping[str, str]) -> int | None:
    """How many records the job computes in one go, where it tells."""
    number = parameters.get(BUNDLE_SIZE_PARAMETER, "")
    return int(number) if number.isdigit() else None
