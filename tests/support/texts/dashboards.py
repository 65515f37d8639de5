"""The panels of the shipped dashboards, queried at a real Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from support.servers.prometheus_process import Prometheus
from tdaflink.domain.polling import poll

ROOT = Path(__file__).resolve().parents[3]
DASHBOARDS = sorted((ROOT / "profiles" / "monitoring" / "grafana" / "dashboards").glob("*.json"))


class Panel(NamedTuple):
    """A query of a dashboard, and the title of its panel."""

    title: str
    query: str


def panels() -> set[Panel]:
    """Return all panels of the dashboards."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    shown = [panel for document in documents for panel in document["panels"] if panel["type"] != "row"]
    return {Panel(panel["title"], target["expr"]) for panel in shown for target in panel["targets"]}


def wait_for_data(prometheus: Prometheus, wanted: Iterable[Panel], job: str, seconds: float = 90) -> None:
    """Wait until each panel has had data of the job."""
    missing = set(wanted)
    for _ in poll(seconds, every=1.0):
        missing = {panel for panel in missing if not has_data(prometheus, panel.query, job)}
        if not missing:
            return
    raise AssertionError(f"panels without data: {sorted(missing)}")


def has_data(prometheus: Prometheus, query: str, job: str) -> bool:
    return bool(prometheus.query(query.replace("$job", job).replace("$__rate_interval", "1m")))
