"""Tables of schemas."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.messages.schemas import SchemaChanges, SchemaCheck, SchemaStatus

_STATE_TEXTS = {
    "current": "ok",
    "missing": "not registered",
    "behind": "other versions only",
    "ahead": "ok (there is a later version)",
    "unknown": "no registry",
}


@console.printed
def show_schemas(rows: Sequence[SchemaStatus]) -> None:
    """Show the shipped and the registered schemas side by side."""
    if show_data([_plain(row) for row in rows]):
        return
    table = console.table("SUBJECT", "SHIPPED", "REGISTERED")
    for title in ("AS VERSION", "ID"):
        table.add_column(title, justify="right")
    table.add_column("STATE")
    for row in rows:
        versions = ", ".join(map(str, row.versions)) or "-"
        registered = (str(row.registered.version), str(row.registered.id)) if row.registered else ("-", "-")
        table.add_row(row.schema.subject, row.schema.name, versions, *registered, _STATE_TEXTS[row.state])
    console.out().print(table)


@console.printed
def show_checks(checks: Sequence[SchemaCheck]) -> None:
    """Show the registry's verdict on each schema."""
    if show_data([_checked(check) for check in checks]):
        return
    table = console.table("SUBJECT", "SHIPPED", "LEVEL", "STATE", "COMPATIBLE")
    for check in checks:
        schema, state = check.status.schema, _STATE_TEXTS[check.status.state]
        verdict = "yes" if check.compatible else "no"
        table.add_row(schema.subject, schema.name, check.level, state, verdict)
    console.out().print(table)


@console.printed
def show_schema_changes(changes: SchemaChanges, *, dry_run: bool = False) -> None:
    """Show the schemas that were registered, and those that already were."""
    plain = {
        "registered": changes.registered,
        "unchanged": changes.unchanged,
        "schemas": [_plain(row) for row in changes.schemas],
    }
    if show_data(plain):
        return
    verb = "would register" if dry_run else "registered"
    out = console.out()
    out.print(f"{verb}: {', '.join(changes.registered) or 'nothing'}", soft_wrap=True)
    if changes.unchanged:
        out.print(f"unchanged: {', '.join(changes.unchanged)}", soft_wrap=True)


def _plain(row: SchemaStatus) -> dict[str, object]:
    return {
        "subject": row.schema.subject,
        "topic": row.schema.topic,
        "schema": row.schema.name,
        "state": row.state,
        "versions": row.versions,
        "version": row.registered.version if row.registered else None,
        "id": row.registered.id if row.registered else None,
    }


def _checked(check: SchemaCheck) -> dict[str, object]:
    return {
        **_plain(check.status),
        "level": check.level,
        "compatible": check.compatible,
        "reasons": check.reasons,
        "differences": check.differences,
    }
