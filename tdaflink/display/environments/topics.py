"""Tables of topics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.messages.topics import MOST_REPLICAS, LagRow, TopicChanges, TopicSpec, TopicStatus

_STATE_TEXTS = {
    "ok": "ok",
    "missing": "missing",
    "fewer_partitions": "too few partitions",
    "more_partitions": "ok (more partitions)",
    "other_settings": "other settings",
    "not_in_catalogue": "not in the catalogue",
}


@console.printed
def show_topics(rows: Sequence[TopicStatus]) -> None:
    """Show catalogue and broker side by side, with advice below the table."""
    if show_data([_plain(row) for row in rows]):
        return
    table = console.table()
    table.add_column("TOPIC", overflow="fold")
    for title in ("PARTITIONS", "WANTED", "REPLICAS", "WANTED"):
        table.add_column(title, justify="right", overflow="fold")
    table.add_column("STATE", overflow="fold")
    for row in rows:
        actual = (str(len(row.found.partitions)), str(row.found.replication)) if row.found else ("-", "-")
        wanted = (str(row.wanted.partitions), _replicas(row.wanted)) if row.wanted else ("-", "-")
        table.add_row(row.name, actual[0], wanted[0], actual[1], wanted[1], _STATE_TEXTS[row.state])
    console.out().print(table)
    for row in rows:
        if row.advice:
            console.err().print(f"{row.name}: {row.advice}", soft_wrap=True)


def _replicas(wanted: TopicSpec) -> str:
    return f"up to {MOST_REPLICAS}" if wanted.replication is None else str(wanted.replication)


@console.printed
def show_topic_changes(changes: TopicChanges, *, dry_run: bool = False) -> None:
    """Show the topics that were created or got more partitions."""
    plain = {
        "created": changes.created,
        "grown": changes.grown,
        "topics": [_plain(row) for row in changes.topics],
    }
    if show_data(plain):
        return
    verb = "would create" if dry_run else "created"
    console.out().print(f"{verb}: {', '.join(changes.created) or 'nothing'}", soft_wrap=True)
    if changes.grown:
        more = "would add" if dry_run else "added"
        console.out().print(f"{more} partitions to: {', '.join(changes.grown)}", soft_wrap=True)


@console.printed
def show_topic(row: TopicStatus) -> None:
    """Show one topic with its partitions and settings."""
    if show_data(_described(row)):
        return
    out = console.out()
    about = f": {row.wanted.about}" if row.wanted else ""
    out.print(f"{row.name}{about}", style="bold")
    out.print(f"state: {_STATE_TEXTS[row.state]}{'; ' + row.advice if row.advice else ''}", soft_wrap=True)
    if row.found:
        table = console.table("PARTITION", "LEADER", "REPLICAS", "IN SYNC")
        for partition in row.found.partitions:
            replicas, in_sync = (" ".join(map(str, ids)) for ids in (partition.replicas, partition.in_sync))
            table.add_row(str(partition.number), str(partition.leader), replicas, in_sync)
        out.print(table)
    settings = row.found.settings if row.found else (row.wanted.settings if row.wanted else {})
    for key, value in sorted(settings.items()):
        out.print(f"{key} = {value}", soft_wrap=True)


@console.printed
def show_lag(rows: Sequence[LagRow], *, lines: bool) -> None:
    """Show lag by job and topic; `lines` for repeated output: JSON lines, or tables below a time."""
    if console.output_format() == "json" and lines:
        for row in rows:
            print(json.dumps({"at": _now(), **_lag(row)}), flush=True)
        return
    if show_data([_lag(row) for row in rows]):
        return
    out = console.out()
    if lines:
        out.print(_now(), style="bold")
    if not rows:
        out.print("no running job reads a topic")
        return
    table = console.table()
    table.add_column("JOB", overflow="fold")
    # A truncated or folded name looks like that of another topic.
    table.add_column("TOPIC", no_wrap=True, overflow="fold", min_width=max(len(row.topic) for row in rows))
    for title in ("LAG", "SINCE\nCHECKPOINT", "BEHIND", "RECORDS/S", "CAUGHT\nUP IN"):
        table.add_column(title, justify="right", overflow="fold")
    for row in rows:
        rate = "-" if row.records_per_second is None else f"{row.records_per_second:.1f}"
        left = "-" if row.seconds is None or not row.lag else f"{row.seconds:.0f} s"
        saved = "-" if row.committed_lag is None else str(row.committed_lag)
        behind = f"{row.behind} of {row.partitions}"
        table.add_row(row.job, row.topic, str(row.lag), saved, behind, rate, left)
    out.print(table)


def _lag(row: LagRow) -> dict[str, object]:
    return {**asdict(row), "seconds": row.seconds}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _plain(row: TopicStatus) -> dict[str, object]:
    return {
        "name": row.name,
        "state": row.state,
        "partitions": len(row.found.partitions) if row.found else None,
        "partitions_wanted": row.wanted.partitions if row.wanted else None,
        "replication": row.found.replication if row.found else None,
        "replication_wanted": row.wanted.replication if row.wanted else None,
        "advice": row.advice or None,
    }


def _described(row: TopicStatus) -> dict[str, object]:
    return {
        **_plain(row),
        "about": row.wanted.about if row.wanted else None,
        "settings": dict(row.found.settings) if row.found else None,
        "settings_wanted": dict(row.wanted.settings) if row.wanted else None,
        "leaders": {p.number: p.leader for p in row.found.partitions} if row.found else None,
    }
