"""State of the dashboard: snapshots reduced to rates, series and findings. Pure, so it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.observability.cluster_snapshot import (
    ClusterSnapshot,
    ClusterState,
    FiringAlert,
    JobLoad,
    JobSeen,
    LatestResult,
    LogTail,
    RateHistory,
    Source,
    TopicLag,
)
from tdaflink.domain.observability.findings import Finding, findings

# Flink updates its metrics every 10 s by default, so rates are computed over at least that.
RATE_SECONDS = 10.0
POINTS = 120


@dataclass(frozen=True)
class Rates:
    """Rates of a job per second, over the last ten seconds; None until two samples exist."""

    records: float | None = None
    windows: float | None = None
    pairs: float | None = None
    errors: float | None = None


@dataclass(frozen=True)
class JobRow:
    """A job with all values derived from its samples; the series are the last rates, oldest first."""

    job: Job
    load: JobLoad | None = None
    lag: Mapping[str, TopicLag] | None = None
    rates: Rates = Rates()
    records: tuple[float, ...] = ()
    windows: tuple[float, ...] = ()
    samples: tuple[JobLoad, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def total_lag(self) -> int | None:
        return None if self.lag is None else sum(topic.lag for topic in self.lag.values())

    @property
    def cause(self) -> str | None:
        """Return the cause of the newest exception, if there is one."""
        failures = self.load.failures if self.load is not None else None
        return failures[0].cause if failures else None


@dataclass(frozen=True)
class Stale:
    """A source that does not respond, `since` its last response (epoch seconds; None: it has given none)."""

    source: Source
    since: float | None
    reason: str


@dataclass(frozen=True)
class DashboardState:
    """The state that the screen shows: the newest values, and their age."""

    env: str
    rest_url: str
    taken_at: float
    cluster: ClusterState | None = None
    jobs: tuple[JobRow, ...] = ()
    alerts: Sequence[FiringAlert] | None = None
    newest: LatestResult | None = None
    streams: Sequence[str] = ()
    log: LogTail | None = None
    stale: tuple[Stale, ...] = ()
    answered: Mapping[Source, float] = field(default_factory=dict)
    one_job: bool = False

    @property
    def commands(self) -> Commands:
        """Return the command lines that change the jobs."""
        return Commands(self.env, self.one_job)

    def find(self, job_id: str | None) -> JobRow | None:
        """Return the job of that id; None if it is not listed."""
        return next((line for line in self.jobs if line.job.id == job_id), None)


def reduce_snapshot(board: DashboardState | None, snapshot: ClusterSnapshot) -> DashboardState:
    """Return the board after one more snapshot; sources that did not respond keep their last values."""
    before = board or DashboardState(snapshot.env, snapshot.rest_url, snapshot.taken_at)
    answered = dict(before.answered)
    sources: tuple[Source, ...] = ("flink", "kafka", "prometheus", "logs")
    answered |= {source: snapshot.taken_at for source in sources if source not in snapshot.problems}
    cluster = snapshot.cluster or before.cluster
    jobs = before.jobs
    if snapshot.jobs is not None:
        jobs = tuple(
            _line(before.find(seen.job.id), seen, cluster, one_job=snapshot.one_job) for seen in snapshot.jobs
        )
    return DashboardState(
        env=snapshot.env,
        rest_url=snapshot.rest_url,
        taken_at=snapshot.taken_at,
        cluster=cluster,
        jobs=jobs,
        alerts=before.alerts if snapshot.alerts is None else snapshot.alerts,
        newest=snapshot.newest if "kafka" not in snapshot.problems else before.newest,
        streams=snapshot.streams or before.streams,
        log=snapshot.log or before.log,
        stale=tuple(
            Stale(source, before.answered.get(source), reason) for source, reason in snapshot.problems.items()
        ),
        answered=answered,
        one_job=snapshot.one_job,
    )


def _line(before: JobRow | None, seen: JobSeen, cluster: ClusterState | None, *, one_job: bool) -> JobRow:
    line = before or _new_line(seen)
    load = seen.load
    lag = seen.lag if seen.lag is not None else line.lag
    line = replace(line, job=seen.job, lag=lag)
    if load is not None and (line.load is None or load.taken_at > line.load.taken_at):
        line = _with_sample(line, load)
    if line.load is None:
        return line
    problems = findings(seen.job, line.load, lag, line.rates.records, cluster, one_job=one_job)
    return replace(line, findings=tuple(problems))


def _new_line(seen: JobSeen) -> JobRow:
    """Return the line of a new job; its series continue the history that Prometheus has."""
    past = seen.history or RateHistory()
    return JobRow(seen.job, records=tuple(past.records[-POINTS:]), windows=tuple(past.windows[-POINTS:]))


def _with_sample(line: JobRow, load: JobLoad) -> JobRow:
    samples = _recent((*line.samples, load))
    rates = Rates(load.records_per_second if _averages(load) else None)
    if len(samples) > 1:
        rates = _rates(samples[0], load)
    if line.job.state != "RUNNING":
        rates = Rates()  # Flink keeps reporting the last values of tasks that have ended
    return replace(
        line,
        load=_completed(load, line.load),
        samples=samples,
        rates=rates,
        records=_append(line.records, rates.records),
        windows=_append(line.windows, rates.windows),
    )


def _completed(load: JobLoad, before: JobLoad | None) -> JobLoad:
    """Fill the fields that a summary omits from the last full reading."""
    if load.failures is not None or before is None:
        return load
    return replace(
        load,
        checkpoint_interval_ms=before.checkpoint_interval_ms,
        failures=before.failures,
        parameters=before.parameters,
    )


def _recent(samples: tuple[JobLoad, ...]) -> tuple[JobLoad, ...]:
    """Return the samples of the last ten seconds and one before; none from before a restart.

    A restart resets the counters.
    """
    newest = samples[-1]
    current = [s for s in samples if not _went_back(s, newest) and s.restarts == newest.restarts]
    old = [s for s in current if newest.taken_at - s.taken_at >= RATE_SECONDS]
    return (*old[-1:], *(s for s in current if newest.taken_at - s.taken_at < RATE_SECONDS))


def _went_back(sample: JobLoad, newest: JobLoad) -> bool:
    return (sample.records_in or 0) > (newest.records_in or 0)


def _averages(load: JobLoad) -> bool:
    """Return whether Flink's average of the last minute is valid; after a restart it mixes both runs."""
    return load.records_per_second is not None and load.restarts == 0


def _rates(first: JobLoad, last: JobLoad) -> Rates:
    seconds = last.taken_at - first.taken_at
    a, b = first.computation, last.computation

    def rate(before: int | None, after: int | None) -> float | None:
        if before is None or after is None or seconds <= 0:
            return None
        return max(0.0, (after - before) / seconds)

    records = rate(first.records_in, last.records_in)
    if seconds < RATE_SECONDS and _averages(last):
        records = last.records_per_second
    if b is None:
        return Rates(records=records)
    # Before the first computation an operator has no counts: they begin at 0.
    return Rates(
        records=records,
        windows=rate((a.windows or 0) if a else 0, b.windows),
        pairs=rate(a.pairs if a else 0, b.pairs),
        errors=rate(a.errors if a else 0, b.errors),
    )


def _append(series: tuple[float, ...], value: float | None) -> tuple[float, ...]:
    return series if value is None else (*series, value)[-POINTS:]
