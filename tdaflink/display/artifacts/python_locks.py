"""Locks of Python packages, and the table of platforms."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.artifacts.platforms import PARTS, PlatformSupport
from tdaflink.domain.artifacts.python_lock import PythonLockResult


@console.printed
def show_python_locks(result: PythonLockResult, *, check: bool) -> None:
    """Show the differences of each new lock from the old one."""
    if show_data(result):
        return
    out = console.out()
    for lock in result.locks:
        for sign, names in (("+", lock.added), ("-", lock.removed), ("~", lock.rehashed)):
            for name in names:
                out.print(f"{lock.lock}: {sign} {name}", soft_wrap=True)
        state = "as locked" if lock.fits else "differs" if check else "written"
        out.print(f"{lock.lock}: {lock.packages} packages, {state}", soft_wrap=True)
    platforms = f"different on {', '.join(result.platforms)}" if result.platforms else "as locked"
    out.print(f"platforms: {platforms}", soft_wrap=True)


@console.printed
def show_platforms(rows: Sequence[PlatformSupport]) -> None:
    """Show one row per platform, one column per part."""
    if show_data(list(rows)):
        return
    table = console.table("PLATFORM", *(title.upper() for title in PARTS.values()))
    for row in rows:
        table.add_row(row.platform, *row.cells().values())
    console.out().print(table)
