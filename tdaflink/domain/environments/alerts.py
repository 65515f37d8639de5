"""Alerts of a local environment, which has no Alertmanager, in Alertmanager's form, names and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from tdaflink.domain.addresses import web_problem
from tdaflink.domain.errors import ConfigError

NO_WEBHOOK = "none"
WEBHOOK = "alerts"
"""Detail of an environment: the address that receives its alerts; its secret parts are stored separately."""

_LOST = {"jobmanager": "JobManagerLost", "taskmanager": "TaskManagerLost", "kafka": "KafkaBrokerLost"}


@dataclass(frozen=True)
class Alert:
    """A condition that an operator should know of; `ended_at` is null while it lasts. Times: ISO-8601 UTC."""

    name: str
    severity: Literal["critical", "warning"]
    labels: Mapping[str, str]
    summary: str
    description: str
    started_at: str
    ended_at: str | None = None


def checked_webhook(text: str, source: str) -> str:
    """Return the address without surrounding spaces. Raises `ConfigError`, which does not show it."""
    address = text.strip()
    problem = web_problem(address, query=True)
    if problem is not None:
        raise ConfigError(
            f"{source} is not a valid address: it must begin with http:// or https:// and name a host",
            hint="https://alerts.example/hook, or none to send no alerts",
        )
    return address


def shown_webhook(address: str) -> str:
    """Return the address without user, password, path and query, any of which may be a secret."""
    parts = urlsplit(address)
    rest = "/…" if parts.path.strip("/") or parts.query or parts.fragment else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{rest}"


def lost_component(name: str, now: str) -> Alert:
    """Return the alert for a process that ended without being stopped."""
    alert = _LOST.get(name.partition("-")[0], "ComponentLost")
    return Alert(
        alert,
        "critical",
        {"component": name},
        f"{name} has ended",
        "the supervisor restarts it, with the jobs that it ran",
        now,
    )


def webhook_document(environment: str, alerts: Sequence[Alert], url: str) -> dict[str, Any]:
    """Return the document that Alertmanager posts to a webhook (version 4), for alerts of one name."""
    group = {"alertname": alerts[0].name, "environment": environment}
    return {
        "version": "4",
        "groupKey": f"{{}}:{{alertname={alerts[0].name!r}, environment={environment!r}}}",
        "truncatedAlerts": 0,
        "status": "firing" if any(alert.ended_at is None for alert in alerts) else "resolved",
        "receiver": "webhook",
        "groupLabels": group,
        "commonLabels": {**group, "severity": alerts[0].severity},
        "commonAnnotations": {},
        "externalURL": url,
        "alerts": [_entry(environment, alert, url) for alert in alerts],
    }


def _entry(environment: str, alert: Alert, url: str) -> dict[str, Any]:
    labels = {
        "alertname": alert.name,
        "environment": environment,
        "severity": alert.severity,
        **alert.labels,
    }
    return {
        "status": "firing" if alert.ended_at is None else "resolved",
        "labels": labels,
        "annotations": {"summary": alert.summary, "description": alert.description},
        "startsAt": alert.started_at,
        "endsAt": alert.ended_at or "0001-01-01T00:00:00Z",
        "generatorURL": url,
        "fingerprint": hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16],
    }
