"""Metrics for alert rules: the expected latencies of the job, and the memory limit of its container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.job.settings_json import settings_document
from tdajob.flink.cgroup_memory import ContainerMemory, container_memory
from tdajob.flink.expected_latency import expectations
from tdajob.settings import job

STREAM = {"route": "streams", "topic": "s", "output_topic": "o", "source_parallelism": 1}


def promised(*windows: dict[str, Any], interval: int = 10_000) -> dict[str, int]:
    routes = ("streams", "requests")
    inputs = [
        {**STREAM, "route": route, "topic": f"t-{route}", "window": {**window, "state_ttl_ms": 86_400_000}}
        for route, window in zip(routes, windows, strict=False)
    ]
    document = settings_document(inputs=inputs or settings_document()["inputs"])
    return dict(expectations(job.load(json.dumps(document)), interval))


TUMBLING = {"kind": "tumbling", "size_ms": 60_000, "offset_ms": 0, "timeout_ms": 60_000}
SLIDING = {"kind": "sliding", "size_ms": 60_000, "slide_ms": 10_000, "offset_ms": 0, "timeout_ms": None}
COUNT = {"kind": "count", "size": 100, "slide": 10, "timeout_ms": 90_000}
ENDLESS = {**COUNT, "timeout_ms": None}
SESSION = {"kind": "session", "gap_ms": 5_000, "timeout_ms": None}


@pytest.mark.parametrize(
    ("windows", "slide", "due"),
    [
        ((TUMBLING,), 60_000, 65_000),
        ((SLIDING,), 10_000, 15_000),
        ((COUNT,), None, 90_000),
        ((COUNT, SLIDING), 10_000, 90_000),
        ((SLIDING, ENDLESS), 10_000, None),
        ((SESSION,), None, None),
        ((), None, None),
    ],
)
def test_slide_and_longest_wait(
    windows: tuple[dict[str, Any], ...], slide: int | None, due: int | None
) -> None:
    found = promised(*windows)
    assert (found.get("window_slide_ms"), found.get("window_due_ms")) == (slide, due)
    assert found["checkpoint_interval_ms"] == 10_000


def test_a_job_without_checkpoints_promises_none() -> None:
    assert "checkpoint_interval_ms" not in promised(interval=-1)


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_memory_of_a_container_without_what_the_kernel_would_drop(tmp_path: Path) -> None:
    stat = "anon 600\ninactive_file 300\nfile 400\n"
    root = written(tmp_path, memory__max="2000\n", memory__current="1000\n", memory__stat=stat)
    assert container_memory(root) == ContainerMemory(used=700, limit=2000)


def test_memory_by_the_first_version_of_control_groups(tmp_path: Path) -> None:
    stat = "inactive_file 1\ntotal_inactive_file 250\n"
    written(
        tmp_path / "memory",
        memory__limit_in_bytes="2000\n",
        memory__usage_in_bytes="1000\n",
        memory__stat=stat,
    )
    assert container_memory(tmp_path) == ContainerMemory(used=750, limit=2000)


def test_without_a_limit_there_is_nothing_to_be_close_to(tmp_path: Path) -> None:
    assert container_memory(written(tmp_path / "none")) is None
    second = written(tmp_path / "second", memory__max="max\n", memory__current="1000\n", memory__stat="")
    assert container_memory(second) is None
    first = tmp_path / "first"
    written(first / "memory", memory__limit_in_bytes="9223372036854771712\n", memory__usage_in_bytes="1\n")
    assert container_memory(first) is None
