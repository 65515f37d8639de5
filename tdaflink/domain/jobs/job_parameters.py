"""Parameters that a job carries on the cluster for monitoring commands."""

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

PARAMETER_KEYS = (GROUP_PARAMETER, OUTPUTS_PARAMETER, SLIDE_PARAMETER, BUNDLE_SIZE_PARAMETER)

BUNDLE_SIZE = "python.fn-execution.bundle.size"  # Flink's own key


@dataclass(frozen=True)
class Slide:
    """The slide of a stream's windows, in seconds of event time or in points."""

    seconds: float | None = None
    points: int | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{self.points} points"


def watch_parameters(settings: JobSettings, flink: Mapping[str, str]) -> dict[str, str]:
    """Extract the parameters for monitoring from a job's resolved settings and its Flink settings.

    Consumer group, output topics, slide of the windows, and records per Beam bundle.
    """
    facts = {
        GROUP_PARAMETER: settings.group_id,
        OUTPUTS_PARAMETER: ";".join(settings.output_topics),
    }
    if BUNDLE_SIZE in flink:  # jobs of older releases do not set it
        facts[BUNDLE_SIZE_PARAMETER] = flink[BUNDLE_SIZE]
    windows = [entry.window for entry in settings.inputs if entry.window is not None]
    slide = windows[0].slide if windows else None
    return facts if slide is None else {**facts, SLIDE_PARAMETER: slide}


def slide_of(parameters: Mapping[str, str]) -> Slide | None:
    """Return the slide of a job's windows, if it is among its parameters."""
    number, _, unit = parameters.get(SLIDE_PARAMETER, "").partition(" ")
    if not number.isdigit():
        return None
    return Slide(seconds=int(number) / 1000) if unit == "ms" else Slide(points=int(number))


def outputs_of(parameters: Mapping[str, str]) -> list[str]:
    """Return the topics that a job writes results to."""
    return [topic for topic in parameters.get(OUTPUTS_PARAMETER, "").split(";") if topic]


def bundle_of(parameters: Mapping[str, str]) -> int | None:
    """Return the job's records per Beam bundle, if they are among its parameters."""
    number = parameters.get(BUNDLE_SIZE_PARAMETER, "")
    return int(number) if number.isdigit() else None
