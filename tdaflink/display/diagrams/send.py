"""Results of `send`, and its messages for --dry-run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import as_json, show_data

_IDS_SHOWN = 10


@console.printed
def show_messages(messages: Iterable[Mapping[str, Any]]) -> None:
    """Write the messages of --dry-run, one per line."""
    for message in messages:
        console.write(as_json(message))


@console.printed
def show_sent(
    env: str, topic: str, job_ids: Sequence[str], asked: int, seconds: float, stream: str | None = None
) -> None:
    """Show the confirmed messages: all request ids as data, the first of them as text."""
    data = {"env": env, "topic": topic, "sent": len(job_ids), "asked": asked, "seconds": seconds}
    if stream is not None:
        if not show_data({**data, "stream_id": stream}):
            console.out().print(f"{len(job_ids)} messages to the stream {stream}")
            windows = console.hint(f"Its windows: tdaflink results --stream {quote(stream)}")
            console.err().print(windows, soft_wrap=True)
        return
    if show_data({**data, "job_ids": job_ids}):
        return
    out, err = console.out(), console.err()
    for job_id in job_ids[:_IDS_SHOWN]:
        out.print(job_id, soft_wrap=True)
    if len(job_ids) > _IDS_SHOWN:
        err.print(f"… and {len(job_ids) - _IDS_SHOWN} more; -o json lists all.")
    if len(job_ids) == 1:
        result = console.hint(f"Its result: tdaflink results --job-id {quote(job_ids[0])} --barcode")
        err.print(result, soft_wrap=True)
    elif job_ids:
        err.print(console.hint("Their results: tdaflink results"))
