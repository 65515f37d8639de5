"""What the demo sends, and what must come back."""

from __future__ import annotations

from dataclasses import dataclass

from tdaflink.domain.messages import REQUESTS_TOPIC, RESULTS_TOPIC, Result
from tdaflink.domain.shapes import SHAPES, Shape


@dataclass(frozen=True)
class DemoCloud:
    """A cloud of known topology and how it is analysed; the Betti numbers are those at `cut`."""

    shape: Shape
    noise: float
    algorithm: str
    cut: float

    @property
    def max_dimension(self) -> int:
        return len(self.shape.betti) - 1


@dataclass(frozen=True)
class DemoAnswer:
    """A cloud and the result that came out of Kafka for it."""

    cloud: DemoCloud
    result: Result

    @property
    def as_expected(self) -> bool:
        return self.result.betti == self.cloud.shape.betti


@dataclass(frozen=True)
class DemoTopics:
    """Where the demo sends its clouds, and where it reads what comes of them."""

    requests: str
    results: str


# No other job reads them: what the demo asks is answered by its own job alone, once.
OWN_TOPICS = DemoTopics("tda_demo_jobs", "tda_demo_results")
# What a demo that is kept reads, so that it answers what is sent next.
USUAL_TOPICS = DemoTopics(REQUESTS_TOPIC, RESULTS_TOPIC)
SEED = 1
CLOUDS = tuple(
    DemoCloud(SHAPES[name], noise, algorithm, cut)
    for algorithm, cuts in (("vietoris_rips", (0.6, 0.8, 1.2)), ("alpha", (0.4, 0.5, 0.75)))
    for (name, noise), cut in zip((("circle", 0.05), ("sphere", 0.0), ("torus", 0.0)), cuts, strict=True)
)
