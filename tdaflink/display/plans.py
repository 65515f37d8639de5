"""A saved plan."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

from tdaflink.adapters.yamltext import dump_yaml
from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.plans import SavedPlan


def show_plan(plan: SavedPlan, file: Path) -> None:
    """What would be done, and how it is done."""
    if show_data(asdict(plan)):
        return
    out = console.out()
    out.print(f"tdaflink {shlex.join(plan.words)}", style="bold", markup=False, soft_wrap=True)
    out.print(dump_yaml(plan.seen), markup=False, soft_wrap=True)
    out.print(f"{file}: nothing was done; tdaflink apply {file} does it", markup=False, soft_wrap=True)
