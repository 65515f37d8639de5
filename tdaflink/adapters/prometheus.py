"""Prometheus' HTTP interface, as far as the dashboard asks it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tdaflink.domain.errors import Refused, Unreachable
from tdaflink.domain.snapshot import Alert, History

if TYPE_CHECKING:
    import httpx

_SECONDS = 3.0
_RECORDS = (
    "sum by (job_id) (rate(flink_taskmanager_job_task_operator_numRecordsOut"
    '{operator_name=~"Source.*",operator_name!~".*heartbeat.*"}[1m]))'
)
_WINDOWS = "sum by (job_id) (rate(flink_taskmanager_job_task_operator_tda_windows[1m]))"
_URGENT = {"critical": 0, "page": 0, "error": 1, "warning": 2}


class Prometheus:
    """One Prometheus. Raises `Unreachable` where it does not answer, and `Refused` where it says no."""

    def __init__(self, url: str) -> None:
        import httpx

        self.url = url.rstrip("/")
        verify = self.url.startswith("https:")
        self._client = httpx.Client(base_url=self.url, timeout=_SECONDS, verify=verify, trust_env=verify)

    def close(self) -> None:
        self._client.close()

    def firing(self) -> list[Alert]:
        """The alerts that fire now, the most urgent first."""
        alerts = [_alert(raw) for raw in self._get("/api/v1/alerts")["alerts"] if raw["state"] == "firing"]
        return sorted(alerts, key=lambda alert: (_URGENT.get(alert.severity, 3), alert.since))

    def history(self, seconds: float, step: float) -> dict[str, History]:
        """What each job has read and answered each second, every `step` seconds, by its id."""
        end = time.time()
        times = {"start": f"{end - seconds:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        records, windows = (self._range(query, times) for query in (_RECORDS, _WINDOWS))
        return {name: History(records.get(name, ()), windows.get(name, ())) for name in {*records, *windows}}

    def _range(self, query: str, times: Mapping[str, str]) -> dict[str, list[float]]:
        result: Sequence[Any] = self._get("/api/v1/query_range", {"query": query, **times})["result"]
        return {
            str(series["metric"].get("job_id", "")): [float(value) for _, value in series["values"]]
            for series in result
        }

    def targets(self) -> list[tuple[str, str, str]]:
        """Address, health ("up", "down", "unknown") and last error of everything that it scrapes."""
        found = self._get("/api/v1/targets", {"state": "active"})["activeTargets"]
        return [(str(t["scrapeUrl"]), str(t["health"]), str(t["lastError"])) for t in found]

    def has_series(self, expression: str) -> bool:
        """Whether the expression has any value now."""
        return bool(self._get("/api/v1/query", {"query": expression})["result"])

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        import httpx

        try:
            response: httpx.Response = self._client.get(path, params=params)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            words = str(error) or type(error).__name__
            raise Unreachable(f"no Prometheus answers at {self.url} ({words})") from error
        try:
            reply = response.json()
            return reply["data"]
        except (ValueError, KeyError, TypeError) as error:
            words = f"status {response.status_code}"
            raise Refused(f"{self.url}{path} is no answer of Prometheus: {words}", reason=words) from error


def _alert(raw: Mapping[str, Any]) -> Alert:
    labels, annotations = raw.get("labels", {}), raw.get("annotations", {})
    return Alert(
        name=str(labels.get("alertname", "?")),
        severity=str(labels.get("severity", "")),
        since=str(raw.get("activeAt", "")),
        summary=str(annotations.get("summary") or annotations.get("description") or ""),
    )
