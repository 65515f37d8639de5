"""What `send` did, or would do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import show_data

_IDS_SHOWN = 10


def show_messages(messages: Iterable[Mapping[str, Any]]) -> None:
    """The messages of --dry-run, one a line."""
    for message in messages:
        sys.stdout.buffer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def show_sent(
    env: str, topic: str, job_ids: Sequence[str], asked: int, seconds: float, stream: str | None = None
) -> None:
    """What was confirmed: all job ids as data, some of them for the eye."""
    data = {"env": env, "topic": topic, "sent": len(job_ids), "asked": asked, "seconds": seconds}
    if stream is not None:
        if not show_data({**data, "stream_id": stream}):
            console.out().print(f"{len(job_ids)} messages to the stream {stream}", markup=False)
            windows = console.hint(f"Its windows: tdaflink results --stream {quote(stream)}")
            console.err().print(windows, markup=False, soft_wrap=True)
        return
    if show_data({**data, "job_ids": job_ids}):
        return
    out, err = console.out(), console.err()
    for job_id in job_ids[:_IDS_SHOWN]:
        out.print(job_id, markup=False, soft_wrap=True)
    if len(job_ids) > _IDS_SHOWN:
        err.print(f"… and {len(job_ids) - _IDS_SHOWN} more; -o json lists all.")
    if len(job_ids) == 1:
        err.print(
            console.hint(f"Its result: tdaflink results --job-id {quote(job_ids[0])} --barcode"),
            markup=False,
            soft_wrap=True,
        )
    elif job_ids:
        err.print(console.hint("Their results: tdaflink results"))
