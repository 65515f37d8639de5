"""Write Grafana's dashboards, profiles/monitoring/grafana/dashboards/*.json, from tools/dashboards.yaml.

python tools/dashboards.py            writes the files
python tools/dashboards.py --check    writes nothing; fails if a file would change
"""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh
from made import ROOT, write_or_compare

PAGES = Path(__file__).with_suffix(".yaml")
FOLDER = ROOT / "profiles" / "monitoring" / "grafana" / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
COLUMNS = 24


def main() -> int:
    pages = yaml.safe_load(PAGES.read_text(encoding="utf-8"))
    generated = {FOLDER / f"{uid}.json": document(uid, page) for uid, page in pages.items()}
    return write_or_compare(generated, FOLDER.glob("*.json"), by="tools/dashboards.yaml defines")


def document(uid: str, page: Mapping[str, Any]) -> str:
    """Return a dashboard as Grafana's JSON."""
    built = (
        dashboard.Dashboard(page["title"])
        .uid(uid)
        .tags(["tdaflink"])
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .with_variable(_job_choice())
    )
    number = 0
    for title, panels in page["rows"].items():
        number += 1
        built = built.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            built = built.with_panel(_panel(panel).id(number))
    model = json.loads(JSONEncoder().encode(built.build()))
    return json.dumps(_without_null(model), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _job_choice() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("job")
        .label("Job")
        .datasource(SOURCE)
        .query("label_values(flink_jobmanager_job_uptime, job_name)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _panel(entry: Mapping[str, Any]) -> stat.Panel | timeseries.Panel:
    panel = _number() if entry.get("number") else _lines()
    panel = panel.title(entry["title"]).datasource(SOURCE).unit(entry["unit"])
    if "about" in entry:
        panel = panel.description(entry["about"])
    for letter, (legend, query) in zip(string.ascii_uppercase, entry["show"].items(), strict=False):
        panel = panel.with_target(prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend))
    return panel


def _number() -> stat.Panel:
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().height(4).span(COLUMNS // 4).reduce_options(newest)


def _lines() -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend = legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().height(8).span(COLUMNS // 2).legend(legend)


def _without_null(value: Any) -> Any:
    """Remove null values: Grafana applies its defaults to omitted fields, but not to null."""
    if isinstance(value, dict):
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
