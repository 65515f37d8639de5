"""The whole story: bring a cluster up, submit the job, send known shapes, read what comes back, clean up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from tdaflink.adapters.clients import flink_of, kafka_admin_of, kafka_of
from tdaflink.adapters.kafka.client import KafkaClient
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.config.layers import Layer
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.setup import SetupRequest
from tdaflink.domain.errors import TdaflinkError, UnexpectedResult
from tdaflink.domain.messages.demo import (
    CLOUDS,
    OWN_TOPICS,
    SEED,
    USUAL_TOPICS,
    DemoAnswer,
    DemoCloud,
    DemoTopics,
)
from tdaflink.domain.messages.records import Request, Result
from tdaflink.domain.messages.shapes import sample
from tdaflink.domain.messages.topics import TopicSpec
from tdaflink.domain.progress import Reporter
from tdaflink.services.control import JobControlContext, open_control
from tdaflink.services.data.results import Sought, arrivals, open_results
from tdaflink.services.data.send import Outgoing, send
from tdaflink.services.environments.setup import plan_setup, set_up
from tdaflink.services.environments.teardown import tear_down
from tdaflink.services.jobs import listing, submission
from tdaflink.services.jobs.builder import JobBuilder
from tdaflink.services.jobs.config_resolution import ConfigOverrides
from tdaflink.services.jobs.preparation import SubmitRequest
from tdaflink.services.jobs.topic_readers import read_by
from tdaflink.services.timeouts import RUNNING_SECONDS

JOB_NAME = "tda-demo"
PARALLELISM = 2
RESULTS_SECONDS = 180.0

Show = Callable[[DemoAnswer], None]


def run(
    request: SetupRequest, store: EnvironmentStore, reporter: Reporter, show: Show, *, keep: bool
) -> Sequence[DemoAnswer]:
    """Run the demo; `show` gets each answer as it comes.

    What was started for it is stopped at the end, also after an error, unless `keep`. Raises
    `UnexpectedResult` where Betti numbers are not those of the shapes.
    """
    with (
        _cluster(request, store, reporter, keep=keep) as env,
        # Also where its cluster ends, too: else the next setup would miss it.
        _job(env, store, reporter, keep=keep) as topics,
    ):
        answers = list(_answers(kafka_of(env), topics, reporter, show))
    answers.sort(key=lambda answer: CLOUDS.index(answer.cloud))
    wrong = [answer for answer in answers if not answer.as_expected]
    if wrong:
        first = wrong[0]
        raise UnexpectedResult(
            f"{len(wrong)} of {len(answers)} results differ from the known topology: {first.cloud.shape.name}"
            f" by {first.cloud.algorithm} gave {first.result.betti}, expected {first.cloud.shape.betti}",
            hint="tdaflink demo --keep, then tdaflink results --barcode",
        )
    return answers


@contextmanager
def _cluster(
    request: SetupRequest, store: EnvironmentStore, reporter: Reporter, *, keep: bool
) -> Iterator[Environment]:
    """Yield a running environment; it is stopped at the end if nothing of it ran before."""
    passing = not keep and not plan_setup(request, store).unchanged

    def clean() -> None:
        started = store.find(store.chosen_name(request.env))
        if passing and started is not None:
            tear_down(started, store, reporter, purge=False)

    with _afterwards(clean, reporter):
        set_up(request, store, reporter)
        yield store.resolve(request.env)


@contextmanager
def _job(
    environment: Environment, store: EnvironmentStore, reporter: Reporter, *, keep: bool
) -> Iterator[DemoTopics]:
    """Run the shipped job and yield its topics; the job of a kept demo is reused."""
    cluster = flink_of(environment)
    with closing(cluster):
        control = open_control(environment, cluster, store, reporter, kafka_of(environment))
        alive = cluster.jobs(environment.name, ended=False)
        running = next((job for job in alive if (job.name, job.state) == (JOB_NAME, "RUNNING")), None)
        if running is not None:
            reporter.note(f"{JOB_NAME} is running already")
            own = OWN_TOPICS.requests in read_by(running, control)
            yield OWN_TOPICS if own else USUAL_TOPICS
            return
        others = {topic for job in alive for topic in read_by(job, control)}
        topics = USUAL_TOPICS if keep and USUAL_TOPICS.requests not in others else OWN_TOPICS

        def clean() -> None:
            if keep:
                return
            # By name: a job that does not start has no submission with its id.
            left = [job.id for job in cluster.jobs(environment.name, ended=False) if job.name == JOB_NAME]
            if left:
                listing.cancel(control, left)
            kafka_admin_of(environment).delete((OWN_TOPICS.requests, OWN_TOPICS.results))

        with _afterwards(clean, reporter):
            _submit(control, topics)
            yield topics


def _submit(control: JobControlContext, topics: DemoTopics) -> None:
    env, reporter = control.env, control.reporter
    values: dict[str, Any] = {
        "job_name": JOB_NAME,
        "parallelism": PARALLELISM,
        # Skip the earlier requests of others.
        "start_from": int(time.time() * 1000),
    }
    if topics == OWN_TOPICS:
        kafka_admin_of(env).create(
            TopicSpec(name, PARALLELISM, None, {}) for name in (topics.requests, topics.results)
        )
        source = {"route": "requests", "topic": topics.requests, "output_topic": topics.results}
        values["inputs"] = [source]
    builder = JobBuilder(env, reporter.warn, kafka_of(env).partition_counts)
    job = builder.build(ConfigOverrides(), SubmitRequest(), below=Layer("the demo", values))
    submission.submit(job, control, RUNNING_SECONDS)


@contextmanager
def _afterwards(clean: Callable[[], object], reporter: Reporter) -> Iterator[None]:
    """Clean up at the end, also after an error; if both fail, the first error is raised."""
    try:
        yield
    except BaseException:
        try:
            clean()
        except TdaflinkError as error:
            reporter.warn(error.message)
        raise
    clean()


def _answers(kafka: KafkaClient, topics: DemoTopics, reporter: Reporter, show: Show) -> Iterator[DemoAnswer]:
    run_id = uuid.uuid4().hex[:6]
    clouds = {f"demo-{run_id}-{c.shape.name}-{c.algorithm}": c for c in CLOUDS}
    sought = Sought(job_ids=tuple(clouds), start="now", timeout=RESULTS_SECONDS, topic=topics.results)
    with open_results(kafka, sought) as tail:
        messages = (_request(job_id, cloud).message() for job_id, cloud in clouds.items())
        send(kafka, topics.requests, Outgoing("demo", len(clouds), messages), None, reporter)
        for arrival in arrivals(tail, sought, reporter):
            if isinstance(arrival.says, Result) and arrival.says.job_id in clouds:
                answer = DemoAnswer(clouds.pop(arrival.says.job_id), arrival.says)
                show(answer)
                yield answer


def _request(job_id: str, cloud: DemoCloud) -> Request:
    parameters = {
        "max_dimension": cloud.max_dimension,
        "max_persistence": cloud.cut,
        "homology_coeff_field": 2,
    }
    return Request(job_id, sample(cloud.shape, noise=cloud.noise, seed=SEED), cloud.algorithm, parameters)
