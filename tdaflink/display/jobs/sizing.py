"""Recommended size of a cluster, with the figures behind it."""

from __future__ import annotations

from dataclasses import asdict

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.observability.sizing import Advice, Rule


@console.printed
def show_advice(advice: Advice) -> None:
    """Show the rule of thumb, the recommendation from measurements, and the figures behind it."""
    if show_data(_plain(advice)):
        return
    out = console.out()
    out.print(f"{advice.points} points, {advice.windows_per_second:g} windows/s", style="bold")
    rule = advice.rule
    out.print(f"  rule of thumb  parallelism {_range(rule)}, {rule.memory_gb} GB per slot")
    if advice.parallelism is not None:
        slots = (
            ""
            if advice.taskmanagers is None
            else f", {advice.taskmanagers} TaskManagers of this cluster's size"
        )
        memory = "" if advice.memory_mb is None else f", {advice.memory_mb} MB per slot"
        source = "measured " if advice.measured else "predicted"
        out.print(f"  {source}      parallelism {advice.parallelism}{slots}{memory}")
    for figure in advice.figures:
        out.print(f"    from {figure}", soft_wrap=True)
    if advice.alternatives:
        out.print(f"  by algorithm   {', '.join(advice.alternatives)}", soft_wrap=True)
    for warning in advice.warnings:
        out.print(f"  ! {warning}", soft_wrap=True)


def _range(rule: Rule) -> str:
    return f"{rule.at_least}+" if rule.at_most is None else f"{rule.at_least}-{rule.at_most}"


def _plain(advice: Advice) -> dict[str, object]:
    rule = {key: value for key, value in asdict(advice.rule).items() if key != "below"}
    return {**asdict(advice), "rule": rule}
