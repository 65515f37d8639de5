"""Locked JARs as a table, and the results of fetch and lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import format_size
from tdaflink.domain.artifacts.jars import Fetched, JarStatus, LockChanges


@console.printed
def show_jars(rows: Sequence[JarStatus]) -> None:
    """Show artifact, version, size and place of each JAR, and whether it is in the cache."""
    if show_data([_plain(row) for row in rows]):
        return
    table = console.table("ARTIFACT", "VERSION")
    table.add_column("SIZE", justify="right")
    table.add_column("WHERE")
    table.add_column("CACHED")
    for row in rows:
        coordinates, cached = row.jar.coordinates, "yes" if row.cached else "no"
        size = format_size(row.jar.size)
        table.add_row(coordinates.artifact, coordinates.version, size, row.jar.place, cached)
    console.out().print(table)
    total = sum(row.jar.size for row in rows)
    in_cache = sum(row.cached for row in rows)
    console.out().print(f"{len(rows)} JARs, {format_size(total)}; {in_cache} in the cache")


@console.printed
def show_fetched(result: Fetched, *, dry_run: bool = False) -> None:
    """Show how many JARs were fetched, and how many were in the cache."""
    if not show_data(result):
        verb = "would fetch" if dry_run else "fetched"
        text = (
            f"{verb} {len(result.fetched)} JARs ({format_size(result.bytes)}); {result.cached} in the cache"
        )
        console.out().print(text)


@console.printed
def show_lock(changes: LockChanges, path: Path, *, dry_run: bool) -> None:
    """Show the differences of the new lock from the old one."""
    if show_data(changes):
        return
    out = console.out()
    for sign, names in (("+", changes.added), ("-", changes.removed), ("~", changes.rehashed)):
        for name in names:
            out.print(f"{sign} {name}", soft_wrap=True)
    verb = "would write" if dry_run else "wrote"
    out.print(f"{verb} {path}: {changes.jars} JARs, {format_size(changes.bytes)}", soft_wrap=True)


def _plain(row: JarStatus) -> dict[str, str | int | bool]:
    jar = row.jar
    return {
        "coordinates": str(jar.coordinates),
        "size": jar.size,
        "sha256": jar.sha256,
        "place": jar.place,
        "cached": row.cached,
    }
