"""A supervised local cluster, for tests of the supervisor's repairs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.command_runner import Cluster, runner

NAME = "watched"


@contextmanager
def supervised_cluster(
    state: Path, *words: str, environ: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Set up a supervised cluster with further options and variables; tear it down at the end."""
    run = runner(state)
    setup = ("setup", "--env", NAME, "--profile", "local", "--port-offset", "auto", "--supervise")
    try:
        up = run(*setup, *words, "-o", "json", timeout=200, environ=dict(environ or {})).json()
        yield Cluster(NAME, up["rest_url"], up["kafka"], state, run)
    finally:
        down = run("teardown", "--env", NAME, "--purge", "--yes", timeout=120)
        assert down.code == 0, down.stderr


def supervision(cluster: Cluster) -> dict[str, object]:
    """Return the supervision that `status` reports; empty while the JobManager is down."""
    seen = cluster.run("status", "-o", "json")
    return dict(json.loads(seen.stdout)["supervision"]) if seen.code == 0 else {}
