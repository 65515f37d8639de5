"""Saved plans."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

from tdaflink.display import console
from tdaflink.display.data import as_yaml, show_data
from tdaflink.domain.jobs.saved_plans import SavedPlan


@console.printed
def show_plan(plan: SavedPlan, file: Path) -> None:
    """Show the planned changes and the command that applies them."""
    if show_data(asdict(plan)):
        return
    out = console.out()
    out.print(f"tdaflink {shlex.join(plan.words)}", style="bold", soft_wrap=True)
    out.print(as_yaml(plan.seen), soft_wrap=True)
    out.print(f"{file}: nothing was changed; tdaflink apply {file} applies the plan", soft_wrap=True)
