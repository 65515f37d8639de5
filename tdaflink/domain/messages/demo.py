"""Point clouds of the demo, and their expected results."""

from __future__ import annotations

from dataclasses import dataclass

from tdaflink.domain.messages.records import REQUESTS_TOPIC, RESULTS_TOPIC, Result
from tdaflink.domain.messages.shapes import SHAPES, Shape


@dataclass(frozen=True)
class DemoCloud:
    """A cloud of known topology and its analysis; the Betti numbers are those at `cut`."""

    shape: Shape
    noise: float
    algorithm: str
    cut: float

    @property
    def max_dimension(self) -> int:
        return len(self.shape.betti) - 1


@dataclass(frozen=True)
class DemoAnswer:
    """A cloud and its result, as read from Kafka."""

    cloud: DemoCloud
    result: Result

    @property
    def as_expected(self) -> bool:
        return self.result.betti == self.cloud.shape.betti


@dataclass(frozen=True)
class DemoTopics:
    """The topics of the demo's requests and results."""

    requests: str
    results: str


# No other job reads these topics, so each request of the demo has exactly one result.
OWN_TOPICS = DemoTopics("tda_demo_jobs", "tda_demo_results")
# The topics of a demo job that is kept, so that it computes further requests.
USUAL_TOPICS = DemoTopics(REQUESTS_TOPIC, RESULTS_TOPIC)
SEED = 1
CLOUDS = tuple(
    DemoCloud(SHAPES[name], noise, algorithm, cut)
    for algorithm, cuts in (("vietoris_rips", (0.6, 0.8, 1.2)), ("alpha", (0.4, 0.5, 0.75)))
    for (name, noise), cut in zip((("circle", 0.05), ("sphere", 0.0), ("torus", 0.0)), cuts, strict=True)
)
