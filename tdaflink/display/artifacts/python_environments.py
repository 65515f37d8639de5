"""Virtual environments of local clusters, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import format_size
from tdaflink.domain.artifacts.cluster_python import PruneResult, PythonRow


@console.printed
def show_pythons(rows: Sequence[PythonRow]) -> None:
    """Show each environment with its size and its users."""
    if show_data(list(rows)):
        return
    if not rows:
        console.out().print("no virtual environment in the cache; tdaflink setup creates one if needed")
        return
    table = console.table("PYTHON", "SIZE", "USED BY", "STATE", "FOLDER")
    for row in rows:
        table.add_row(
            row.version or "?", format_size(row.size_bytes), _users(row), _state(row), str(row.path)
        )
    console.out().print(table)


@console.printed
def show_prune(result: PruneResult) -> None:
    """Show the environments that were removed, or would be."""
    if show_data(result):
        return
    verb = "would remove" if result.dry_run else "removed"
    for row in result.removed:
        console.out().print(f"{verb} {row.path} ({format_size(row.size_bytes)})", soft_wrap=True)
    for row in result.kept:
        console.out().print(f"kept {row.path}, used by {_users(row)}", soft_wrap=True)
    if not (result.removed or result.kept):
        console.out().print("no virtual environment in the cache")


def _users(row: PythonRow) -> str:
    processes = f"{len(row.processes)} processes" if row.processes else ""
    return ", ".join([*row.used_by, *([processes] if processes else [])]) or "-"


def _state(row: PythonRow) -> str:
    if not row.complete:
        return "incomplete"
    return "current" if row.current else "outdated"
