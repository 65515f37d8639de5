"""The part of Prometheus' HTTP interface that the dashboard uses."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tdaflink.adapters.web.authentication import tls_problem, web_client
from tdaflink.adapters.web.calls import BadAnswer, Limits, WebError, words_of
from tdaflink.adapters.web.json_fields import JsonObject, WrongForm, finite, json_object, read_json
from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.credentials import hide_credentials
from tdaflink.domain.environments.security import NO_WEB_SECURITY
from tdaflink.domain.errors import Refused, UnexpectedAnswer, Unreachable
from tdaflink.domain.observability.cluster_snapshot import FiringAlert, RateHistory

_SECONDS = 3.0
_WHOLE_SECONDS = 9.0
_RECORDS = (
    "sum by (job_id) (rate(flink_taskmanager_job_task_operator_numRecordsOut"
    '{operator_name=~"Source.*",operator_name!~".*heartbeat.*"}[1m]))'
)
_WINDOWS = "sum by (job_id) (rate(flink_taskmanager_job_task_operator_tda_windows[1m]))"
_URGENT = {"critical": 0, "page": 0, "error": 1, "warning": 2}


class Prometheus:
    """The client of one Prometheus.

    Raises `Unreachable` if it does not respond, `UnexpectedAnswer` for a response of another service, and
    `Refused` for an error that Prometheus reports.
    """

    def __init__(self, url: str) -> None:
        self.url = web_address(url, "the address of Prometheus", "http://host:9090")
        limits = Limits(_SECONDS, _SECONDS, _WHOLE_SECONDS)
        self._client = web_client([self.url], NO_WEB_SECURITY, "prometheus", limits=limits)

    def close(self) -> None:
        self._client.close()

    def firing(self) -> list[FiringAlert]:
        """Return the firing alerts, the most urgent first."""
        alerts = [
            raw for raw in self._get("/api/v1/alerts").children("alerts") if raw.text("state") == "firing"
        ]
        return sorted(map(_alert, alerts), key=lambda alert: (_URGENT.get(alert.severity, 3), alert.since))

    def history(self, seconds: float, step: float) -> dict[str, RateHistory]:
        """Return the rates of records and windows of each job, every `step` seconds, by job id."""
        end = time.time()
        times = {"start": f"{end - seconds:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        records, windows = (self._range(query, times) for query in (_RECORDS, _WINDOWS))
        return {
            name: RateHistory(records.get(name, ()), windows.get(name, ())) for name in {*records, *windows}
        }

    def _range(self, query: str, times: Mapping[str, str]) -> dict[str, list[float]]:
        path = "/api/v1/query_range"
        result = self._get(path, {"query": query, **times}).children("result")
        return {series.child("metric").text("job_id", ""): self._values(path, series) for series in result}

    def _values(self, path: str, series: JsonObject) -> list[float]:
        """Return the finite values of a series."""
        pairs = series.raw.get("values")
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in pairs
        ):
            raise self._unexpected(path, "values must be a list of pairs")
        return [number for _, value in pairs if (number := finite(value)) is not None]

    def targets(self) -> list[tuple[str, str, str]]:
        """Return address, health ("up", "down", "unknown") and last error of each scrape target."""
        targets = self._get("/api/v1/targets", {"state": "active"}).children("activeTargets")
        return [
            (hide_credentials(t.text("scrapeUrl")), t.text("health"), t.text("lastError", ""))
            for t in targets
        ]

    def has_series(self, expression: str) -> bool:
        """Return whether the expression has any value now."""
        return bool(self._get("/api/v1/query", {"query": expression}).children("result"))

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> JsonObject:
        try:
            response = self._client.request("GET", self.url + path, params=params)
            reply = json_object(read_json(response.body), lambda why: self._unexpected(path, why))
        except (BadAnswer, WrongForm) as error:
            raise self._unexpected(path, str(error)) from None
        except WebError as error:
            if (problem := tls_problem(f"Prometheus at {self.url}", error, "prometheus")) is not None:
                raise problem from None
            raise Unreachable(f"no Prometheus answers at {self.url} ({words_of(error)})") from error
        if reply.text("status", "") == "error":
            reason = reply.text("error", f"status {response.status}")
            raise Refused(f"Prometheus at {self.url} refused {path}: {reason}", reason=reason)
        if not response.ok:
            raise self._unexpected(path, f"status {response.status}")
        return reply.required("data")

    def _unexpected(self, path: str, why: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"the service at {self.url} is not Prometheus: GET {path}: {why}",
            hint="name another address by --prometheus URL",
        )


def _alert(raw: JsonObject) -> FiringAlert:
    labels, annotations = raw.child("labels"), raw.child("annotations")
    return FiringAlert(
        name=labels.text("alertname", "?"),
        severity=labels.text("severity", ""),
        since=raw.text("activeAt", ""),
        summary=annotations.text("summary", "") or annotations.text("description", ""),
    )
