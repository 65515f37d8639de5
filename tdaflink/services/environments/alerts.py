"""Alerts of a local environment's supervisor, posted to the URL of `setup --webhook`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from tdaflink.adapters.clients import flink_of
from tdaflink.adapters.security.alert_webhook import alert_webhook, post_alerts
from tdaflink.domain.environments.alerts import WEBHOOK, Alert, lost_component, webhook_document
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.timestamps import timestamp_now

_EVERY_SECONDS = 10.0
RESTARTS = 3  # within RESTART_SECONDS, as in the rule JobRestarts
RESTART_SECONDS = 600.0
STOPPED_SECONDS = 60.0  # as in the rule JobNotRunning


@dataclass
class _Watched:
    """Observations of one job: restarts as (time, count), and since when it does not run."""

    restarts: list[tuple[float, int]] = field(default_factory=list)
    down_since: float | None = None
    alive: bool = False


class JobAlerts:
    """Alerts of failing jobs, computed from observations without I/O."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}

    def seen(self, job: Job, restarts: int, now: float) -> dict[str, str]:
        """Return the alerts of a job now: name -> description."""
        watched = self._watched.setdefault(job.id, _Watched())
        if job.state == "FAILED":
            # A failure from before the supervisor started is not reported.
            return {"JobNotRunning": "the job has failed and will not restart"} if watched.alive else {}
        if job.ended:
            return {}
        watched.alive, alerts = True, dict[str, str]()
        recent = [(moment, count) for moment, count in watched.restarts if now - moment <= RESTART_SECONDS]
        watched.restarts = [*recent, (now, restarts)]
        more = restarts - watched.restarts[0][1]
        if more >= RESTARTS:
            alerts["JobRestarts"] = f"{more} restarts in the last {RESTART_SECONDS / 60:.0f} minutes"
        if job.state == "RUNNING":
            watched.down_since = None
        elif watched.down_since is None:
            watched.down_since = now
        elif now - watched.down_since >= STOPPED_SECONDS:
            alerts["JobNotRunning"] = f"the job has been {job.state} for over {STOPPED_SECONDS:.0f} s"
        return alerts


class LocalAlerts:
    """Sender of firing and resolved alerts; a failing webhook is logged and does not stop repairs."""

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._log = log
        self._firing: dict[tuple[str, str], Alert] = {}
        self._jobs = JobAlerts()
        self._looked_at = -_EVERY_SECONDS
        self._parallelism: dict[str, int] = {}  # of known jobs, so that it is requested once

    def lost(self, environment: Environment, components: tuple[str, ...]) -> None:
        """Fire an alert for each component that has exited."""
        for name in components:
            alert = lost_component(name, timestamp_now())
            if (alert.name, name) not in self._firing:
                self._fire(environment, (alert.name, name), alert)

    def repaired(self, environment: Environment) -> None:
        """Resolve the alerts of components, which run again."""
        for key in [key for key, alert in self._firing.items() if "component" in alert.labels]:
            self._resolve(environment, key)

    def look_at_jobs(self, environment: Environment) -> None:
        """Check the jobs every ten seconds, if there is a webhook."""
        if WEBHOOK not in environment.details or time.monotonic() - self._looked_at < _EVERY_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            with closing(flink_of(environment)) as cluster:
                jobs = cluster.jobs(environment.name, ended=True, known=self._parallelism)
                alive = [job.id for job in jobs if not job.ended]
                restarts = {job_id: int(cluster.job_metric(job_id, "numRestarts") or 0) for job_id in alive}
        except TdaflinkError:
            return  # a missing JobManager has its own alert
        self._parallelism = {job.id: job.parallelism for job in jobs}
        firing = set()
        for job in jobs:
            for name, description in self._jobs.seen(job, restarts.get(job.id, 0), time.monotonic()).items():
                firing.add((name, job.id))
                if (name, job.id) not in self._firing:
                    self._fire(environment, (name, job.id), _of_job(job, name, description))
        for key in [key for key, alert in self._firing.items() if "job_id" in alert.labels]:
            if key not in firing:
                self._resolve(environment, key)

    def _fire(self, environment: Environment, key: tuple[str, str], alert: Alert) -> None:
        self._firing[key] = alert
        self._post(environment, alert)

    def _resolve(self, environment: Environment, key: tuple[str, str]) -> None:
        self._post(environment, replace(self._firing.pop(key), ended_at=timestamp_now()))

    def _post(self, environment: Environment, alert: Alert) -> None:
        try:
            address = alert_webhook(environment.details, self._folder)
            if address is not None:
                url = environment.endpoints.rest_url
                post_alerts(address, webhook_document(environment.name, [alert], url))
        except TdaflinkError as error:
            self._log(f"warning: {error.message}")


def _of_job(job: Job, name: str, description: str) -> Alert:
    return Alert(
        name,
        "critical" if name == "JobNotRunning" else "warning",
        {"job_id": job.id, "job_name": job.name},
        f"the job {job.name} {'does not run' if name == 'JobNotRunning' else 'restarts repeatedly'}",
        f"{description}; tdaflink status {job.id[:8]} --env {job.env} shows why",
        timestamp_now(),
    )
