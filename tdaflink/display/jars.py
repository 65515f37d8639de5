"""The locked JARs as a table, and what fetch and lock did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import format_size
from tdaflink.domain.jars import Fetched, JarStatus, LockChanges


@console.printed
def show_jars(rows: Sequence[JarStatus]) -> None:
    """Artifact, version, size, place, and whether the cache has it."""
    if show_data([_plain(row) for row in rows]):
        return
    table = console.table("ARTIFACT", "VERSION")
    table.add_column("SIZE", justify="right")
    table.add_column("WHERE")
    table.add_column("CACHED")
    for row in rows:
        made, there = row.jar.coordinates, "yes" if row.cached else "no"
        table.add_row(made.artifact, made.version, format_size(row.jar.size), row.jar.place, there)
    console.out().print(table)
    total = sum(row.jar.size for row in rows)
    cached = sum(row.cached for row in rows)
    console.out().print(f"{len(rows)} JARs, {format_size(total)}; {cached} in the cache")


@console.printed
def show_fetched(result: Fetched, *, dry_run: bool = False) -> None:
    """How many JARs came, and how many were there."""
    if not show_data(result):
        verb = "would fetch" if dry_run else "fetched"
        text = (
            f"{verb} {len(result.fetched)} JARs ({format_size(result.bytes)}); {result.cached} in the cache"
        )
        console.out().print(text)


@console.printed
def show_lock(changes: LockChanges, path: Path, *, dry_run: bool) -> None:
    """What the new lock has that the old one had not."""
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
