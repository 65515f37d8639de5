"""Snapshots folded into rates, series and findings. Pure, so that they can be replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tdaflink.domain.commands import Commands
from tdaflink.domain.findings import Finding, findings
from tdaflink.domain.jobs import Job
from tdaflink.domain.snapshot import (
    Alert,
    ClusterState,
    History,
    JobLoad,
    JobSeen,
    LogTail,
    Newest,
    Snapshot,
    Source,
    TopicLag,
)

# Flink renews its metrics every 10 s where nobody asks for more, so rates are taken over no less.
RATE_SECONDS = 10.0
POINTS = 120


@dataclass(frozen=True)
class Rates:
    """What a job did each second, over the last ten; None where two looks at it are still missing."""

    records: float | None = None
    windows: float | None = None
    pairs: float | None = None
    errors: float | None = None


@dataclass(frozen=True)
class JobLine:
    """A job with everything that has been made of it; the series are the last rates, oldest first."""

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
        """The newest exception's cause, of a job that has met one."""
        failures = self.load.failures if self.load is not None else None
        return failures[0].cause if failures else None


@dataclass(frozen=True)
class Stale:
    """A source that does not answer, `since` its last answer (epoch seconds; None: it has given none)."""

    source: Source
    since: float | None
    reason: str


@dataclass(frozen=True)
class Board:
    """What the screen shows: the newest of everything, and how old that is."""

    env: str
    rest_url: str
    taken_at: float
    cluster: ClusterState | None = None
    jobs: tuple[JobLine, ...] = ()
    alerts: Sequence[Alert] | None = None
    newest: Newest | None = None
    streams: Sequence[str] = ()
    log: LogTail | None = None
    stale: tuple[Stale, ...] = ()
    answered: Mapping[Source, float] = field(default_factory=dict)
    one_job: bool = False

    @property
    def commands(self) -> Commands:
        """What to type to change the jobs."""
        return Commands(self.env, self.one_job)

    def find(self, job_id: str | None) -> JobLine | None:
        """The job of that id, if it is there."""
        return next((line for line in self.jobs if line.job.id == job_id), None)


def updated(board: Board | None, snapshot: Snapshot) -> Board:
    """The board after one more snapshot; what did not answer keeps its last values."""
    before = board or Board(snapshot.env, snapshot.rest_url, snapshot.taken_at)
    answered = dict(before.answered)
    sources: tuple[Source, ...] = ("flink", "kafka", "prometheus", "logs")
    answered |= {source: snapshot.taken_at for source in sources if source not in snapshot.problems}
    cluster = snapshot.cluster or before.cluster
    jobs = before.jobs
    if snapshot.jobs is not None:
        jobs = tuple(
            _line(before.find(seen.job.id), seen, cluster, one_job=snapshot.one_job) for seen in snapshot.jobs
        )
    return Board(
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


def _line(before: JobLine | None, seen: JobSeen, cluster: ClusterState | None, *, one_job: bool) -> JobLine:
    line = before or _begun(seen)
    load = seen.load
    lag = seen.lag if seen.lag is not None else line.lag
    line = replace(line, job=seen.job, lag=lag)
    if load is not None and (line.load is None or load.taken_at > line.load.taken_at):
        line = _taken(line, load)
    if line.load is None:
        return line
    found = findings(seen.job, line.load, lag, line.rates.records, cluster, one_job=one_job)
    return replace(line, findings=tuple(found))


def _begun(seen: JobSeen) -> JobLine:
    """A job that is seen for the first time: its series go on from what Prometheus remembers."""
    past = seen.history or History()
    return JobLine(seen.job, records=tuple(past.records[-POINTS:]), windows=tuple(past.windows[-POINTS:]))


def _taken(line: JobLine, load: JobLoad) -> JobLine:
    samples = _kept((*line.samples, load))
    rates = Rates(load.records_per_second if _averages(load) else None)
    if len(samples) > 1:
        rates = _rates(samples[0], load)
    if line.job.state != "RUNNING":
        rates = Rates()  # Flink goes on telling the last values of tasks that are gone
    return replace(
        line,
        load=_filled(load, line.load),
        samples=samples,
        rates=rates,
        records=_grown(line.records, rates.records),
        windows=_grown(line.windows, rates.windows),
    )


def _filled(load: JobLoad, before: JobLoad | None) -> JobLoad:
    """What a mere glance leaves out is as it was at the last look."""
    if load.failures is not None or before is None:
        return load
    return replace(
        load,
        checkpoint_interval_ms=before.checkpoint_interval_ms,
        failures=before.failures,
        parameters=before.parameters,
    )


def _kept(samples: tuple[JobLoad, ...]) -> tuple[JobLoad, ...]:
    """Those of the last ten seconds and the one before; none from before a restart, which counts anew."""
    newest = samples[-1]
    alive = [s for s in samples if not _went_back(s, newest) and s.restarts == newest.restarts]
    old = [s for s in alive if newest.taken_at - s.taken_at >= RATE_SECONDS]
    return (*old[-1:], *(s for s in alive if newest.taken_at - s.taken_at < RATE_SECONDS))


def _went_back(sample: JobLoad, newest: JobLoad) -> bool:
    return (sample.records_in or 0) > (newest.records_in or 0)


def _averages(load: JobLoad) -> bool:
    """Whether Flink's average of the last minute holds; after a restart it is of both lives of the job."""
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


def _grown(series: tuple[float, ...], value: float | None) -> tuple[float, ...]:
    return series if value is None else (*series, value)[-POINTS:]
