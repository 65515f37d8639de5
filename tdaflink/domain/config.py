"""The job config: what a user may say about a TDA job, validated.

Every key of the seed's sample config is accepted as it stands, together with the keys of the streaming
and request routes. Unknown keys are refused with the nearest known name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tdaflink.domain.advice import HEAVY_SECONDS
from tdaflink.domain.features import Feature, bytes_of
from tdaflink.domain.fields import (
    Bytes,
    Finite,
    JobName,
    Model,
    Reference,
    Seconds,
    Secret,
    Topic,
    secrets_by_reference,
)
from tdaflink.domain.job_contract import MAX_PARALLELISM
from tdaflink.domain.presets import Preset
from tdaflink.domain.streams import TIMEOUT, CountWindow, DistanceToPrevious, Preprocess, Timeout, Window
from tdaflink.domain.units import milliseconds
from tdaflink.domain.uploads import Uploads
from tdaformats.algorithms import ALGORITHMS, check_parameters
from tdaformats.errors import MessageError

Z2 = 2
COUNT_SIZE, COUNT_SLIDE = 100, 10  # the window of a stream that names none
REQUESTS_TTL = 3600.0  # seconds; a job_id is needed for less long than a stream
OF_STREAMS = "of streams"  # in the annotation of a key that concerns the stream route alone
LARGEST_FIELD = 46337  # the largest prime whose square fits the engines' 32-bit coefficients


Route = Literal["requests", "uploads", "streams"]


class Input(Model):
    """One topic that the job reads, how it reads it, and where its answers go."""

    route: Route
    topic: Topic
    output_topic: Topic
    window: Window | None = None


SkippedRecord = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,18}$")]


class RegistryAuth(Model):
    """How the command proves to a schema registry who it is; the secrets themselves stand elsewhere."""

    basic: Secret | None = Field(
        default=None, description='Where "user:password" is: {"$env": NAME} or {"$file": PATH}.'
    )
    bearer: Secret | None = Field(
        default=None, description='Where the token is: {"$env": NAME} or {"$file": PATH}.'
    )

    @model_validator(mode="after")
    def _one_way(self) -> RegistryAuth:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("give either basic or bearer")
        return self


class JobConfig(Model):
    """Everything that can be said about a TDA job. The defaults here are the built-in ones."""

    job_name: JobName = Field(default="tda-streaming", description="Name of the job on the cluster.")
    parallelism: int = Field(
        default=1,
        ge=1,
        le=MAX_PARALLELISM,
        description="Parallel subtasks. Not given, submit takes a quarter of the free slots, at most the"
        " partitions of the largest input, at least 1.",
    )
    checkpoint_interval: Annotated[int, BeforeValidator(milliseconds)] = Field(
        default=30_000, ge=100, description="Between checkpoints: milliseconds, or a text such as 30s."
    )
    checkpoint_preset: Preset | None = Field(
        default=None,
        description="high-throughput: every 60 s, unaligned after 30 s; low-latency: every 10 s, aligned.",
    )
    execution_mode: Literal["process", "thread"] = Field(
        default="process",
        description="Where Python runs: beside the TaskManager, or (in an application cluster alone) in it.",
    )
    flink: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Further Flink settings of the job, key by key."
    )

    input_topic: Topic = Field(
        default="tda_jobs", description="Read this topic alone, as requests; without it all that are shipped."
    )
    output_topic: Topic = Field(default="tda_results", description="Where results of that topic go.")
    inputs: list[Input] | None = Field(default=None, min_length=1, description="Several inputs at once.")
    errors_topic: Topic = Field(default="tda_errors", description="Where unusable messages are kept.")
    kafka_bootstrap_servers: str | None = Field(
        default=None, min_length=1, description="Kafka as the job sees it; an environment knows its own."
    )
    kafka_properties: Annotated[dict[str, str | Reference], AfterValidator(secrets_by_reference)] = Field(
        default_factory=dict, description="Further Kafka client properties; secrets as references."
    )
    schema_registry_url: str | None = Field(default=None, description="A Confluent-compatible registry.")
    schema_registry_auth: RegistryAuth | None = Field(
        default=None, description="For that registry: basic or bearer, by reference."
    )
    start_from: Literal["committed", "earliest", "latest"] | Annotated[int, Field(ge=0)] = Field(
        default="committed", description="Where a new job starts to read; an integer is epoch milliseconds."
    )
    skip: list[SkippedRecord] = Field(
        default_factory=list,
        max_length=1000,
        description="Records that the job passes over, as TOPIC/PARTITION/OFFSET; upgrade --skip adds to it.",
    )
    delivery: Literal["at_least_once", "exactly_once"] = Field(
        default="at_least_once", description="exactly_once: results show once per checkpoint."
    )
    transactional_id_prefix: str | None = Field(
        default=None, min_length=1, description="Of exactly_once; one is made of environment and job."
    )
    transaction_timeout: Seconds = Field(
        default=3600.0, gt=0, description="Of exactly_once: how long Kafka keeps what is not committed."
    )
    max_message_bytes: Bytes = Field(
        default=16 * 2**20, ge=1024, le=2**30, description="Messages in and out."
    )

    algorithm: str = Field(default="vietoris_rips", min_length=1, description="A message may choose its own.")
    algorithm_params: dict[str, Any] = Field(default_factory=dict, description="The algorithm's own.")
    max_dimension: int = Field(default=1, ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Finite | None = Field(
        default=None, ge=0, description="T: where the filtration is cut, in the algorithm's unit."
    )
    min_persistence: Finite = Field(default=0.0, ge=0, description="Shorter bars are left out.")
    betti_at: Finite | None = Field(default=None, ge=0, description="Also report the ranks at this value.")
    homology_coeff_field: int = Field(default=Z2, ge=2, le=LARGEST_FIELD, description="A prime.")
    engine: Literal["auto", "gudhi"] = Field(
        default="auto", description="gudhi alone, or whichever is fastest for a cloud."
    )
    pairs: str = Field(default="all", pattern=r"^(all|none|top:[1-9]\d*)$", description="all, none or top:K.")

    max_points: int = Field(default=5000, ge=1, description="A larger cloud is refused.")
    max_predicted_bytes: Bytes = Field(default=2**30, ge=2**20, description="A hungrier one too.")
    compute_timeout: Seconds = Field(default=60.0, gt=0, description="One computation, at the longest.")
    heavy_after: Seconds | None = Field(
        default=HEAVY_SECONDS,
        gt=0,
        description="Requests that are predicted to take longer, or do, hold up no others; null: they may.",
    )
    heavy_queue: int = Field(
        default=1000, ge=1, le=100_000, description="Heavy requests that may wait in one subtask."
    )
    max_ambient_dimension: int = Field(default=5, ge=1, description="Of clouds for the alpha complex.")
    max_future: Seconds = Field(default=300.0, ge=0, description="How far ahead a timestamp may be.")

    uploads: Uploads = Field(default_factory=Uploads, description="Files that messages may name.")

    window: Annotated[Window | None, OF_STREAMS] = Field(
        default=None, description="Of streams; see also the flat keys."
    )
    window_size: Annotated[int | None, OF_STREAMS] = Field(
        default=None, ge=1, description="Count window: points."
    )
    slide_interval: Annotated[int | None, OF_STREAMS] = Field(
        default=None, ge=1, description="Count window: points."
    )
    window_timeout: Annotated[Timeout, OF_STREAMS] = Field(
        default=None, description="Count window: seconds, 60 if not given; null for never."
    )
    window_requests: bool = Field(default=False, description="Window the points of one job_id, too.")
    out_of_orderness: Annotated[Seconds, OF_STREAMS] = Field(
        default=5.0, ge=0, description="How late a stream's points may be."
    )
    allowed_lateness: Annotated[Seconds, OF_STREAMS] = Field(
        default=0.0, ge=0, description="How long a fired window is kept."
    )
    max_windows_per_message: Annotated[int, OF_STREAMS] = Field(
        default=1000, ge=1, description="More refuse the message."
    )
    max_duration: Annotated[Seconds, OF_STREAMS] = Field(
        default=86_400.0, gt=0, description="A session closes at this length."
    )
    state_ttl: Annotated[Seconds, OF_STREAMS] = Field(
        default=86_400.0, gt=0, description="A silent stream is then forgotten; a job_id after 1 h."
    )
    dedup_ids: Annotated[int, OF_STREAMS] = Field(
        default=0, ge=0, description="Message ids of a stream that are remembered."
    )
    overflow: Annotated[Literal["error", "landmarks"], OF_STREAMS] = Field(
        default="error", description="Of a window above max_points."
    )
    preprocess: Annotated[Preprocess | None, OF_STREAMS] = Field(
        default=None, description="Before the computation."
    )
    distance_to_previous: Annotated[DistanceToPrevious | None, OF_STREAMS] = Field(
        default=None, description="After it."
    )
    events_topic: Annotated[Topic, OF_STREAMS] = Field(default="tda_events", description="Where alerts go.")
    features: list[Feature] = Field(
        default_factory=list, max_length=16, description="Vectors that each result carries."
    )
    incremental_memory: Annotated[Bytes, OF_STREAMS] = Field(
        default=256 * 2**20, ge=0, description="Caches of one worker."
    )

    @model_validator(mode="after")
    def _one_form_of_each(self) -> JobConfig:
        flat = [
            k for k in ("window_size", "slide_interval", "window_timeout") if getattr(self, k) is not None
        ]
        if flat and self.window is not None:
            raise ValueError(f"window and {', '.join(flat)} are two forms of one thing: keep one")
        if self.slide_interval is not None and self.slide_interval > (self.window_size or COUNT_SIZE):
            raise ValueError(
                f"slide_interval {self.slide_interval} is larger than"
                f" window_size {self.window_size or COUNT_SIZE}"
            )
        if self.inputs is not None and self.model_fields_set & {"input_topic", "output_topic"}:
            raise ValueError("inputs and input_topic/output_topic are two forms of one thing: keep one")
        return self

    @model_validator(mode="after")
    def _prime_field(self) -> JobConfig:
        p = self.homology_coeff_field
        if any(p % k == 0 for k in range(2, int(p**0.5) + 1)):
            raise ValueError(f"homology_coeff_field {p} is not a prime: use 2, 3, 5, 7, 11, …")
        return self

    @model_validator(mode="after")
    def _dimensions_are_computed(self) -> JobConfig:
        compared = (self.distance_to_previous and self.distance_to_previous.dimensions) or []
        asked = {
            "distance_to_previous.dimensions": compared,
            "features": [f.dimension for f in self.features],
        }
        for key, dimensions in asked.items():
            if max(dimensions, default=0) > self.max_dimension:
                raise ValueError(
                    f"{key} asks for dimension {max(dimensions)}, but max_dimension is {self.max_dimension}:"
                    " raise max_dimension, or ask for a lower one"
                )
        return self

    @model_validator(mode="after")
    def _features_fit_into_a_message(self) -> JobConfig:
        needed = bytes_of(self.features)
        if needed > self.max_message_bytes // 2:
            raise ValueError(
                f"features take up to {needed} bytes, more than half of max_message_bytes"
                f" {self.max_message_bytes}: lower resolution or layers, or raise max_message_bytes"
            )
        return self

    @model_validator(mode="after")
    def _parameters_are_the_algorithms(self) -> JobConfig:
        """Check those of an algorithm that the job ships; a plug-in's are known to the job alone."""
        if self.algorithm in ALGORITHMS:
            try:
                check_parameters(self.algorithm, self.algorithm_params, "algorithm_params.", common=False)
            except MessageError as error:
                raise ValueError(error.reason) from None
        return self

    @model_validator(mode="after")
    def _landmarks_have_a_bound(self) -> JobConfig:
        subsampled = self.preprocess is not None and self.preprocess.subsample is not None
        name = "preprocess.subsample" if subsampled else 'overflow = "landmarks"'
        if not subsampled and self.overflow != "landmarks":
            return self
        metric = self.algorithm_params.get("metric", "euclidean")
        if metric != "euclidean":
            raise ValueError(
                f"{name} with algorithm_params.metric {metric!r}: landmarks are chosen by Euclidean distance,"
                " so no bound of the error is known; use euclidean"
            )
        scale = self.preprocess.scale if self.preprocess is not None else "none"
        if self.overflow == "landmarks" and scale != "none":
            raise ValueError(
                f'overflow = "landmarks" with preprocess.scale {scale!r}: landmarks are chosen before it is'
                ' applied, so no bound of the error is known; use overflow = "error", or scale "none"'
            )
        return self

    @model_validator(mode="after")
    def _execution_mode_has_one_place(self) -> JobConfig:
        if "python.execution-mode" in self.flink:
            raise ValueError(
                "flink python.execution-mode: use execution_mode, which is checked against the cluster"
            )
        return self

    @model_validator(mode="after")
    def _windows_fit_the_limit(self) -> JobConfig:
        for source in self.all_inputs():
            window = self.window_of(source)
            if isinstance(window, CountWindow) and window.size > self.max_points and self.overflow == "error":
                raise ValueError(
                    f"windows of {source.topic} have {window.size} points, more than max_points ="
                    f' {self.max_points}: each would be refused; raise it, or set overflow to "landmarks"'
                )
        return self

    @model_validator(mode="after")
    def _algorithm_bears_the_preprocessing(self) -> JobConfig:
        asked = self.preprocess
        if asked is None:
            return self
        if asked.subsample is not None and self.algorithm == "witness":
            raise ValueError(
                "preprocess.subsample with algorithm witness: no bound of its error is known; use"
                " algorithm_params.landmarks, or vietoris_rips or alpha"
            )
        error = None if asked.subsample is None else asked.subsample.error
        if error is not None and error <= self.min_persistence / 2:
            raise ValueError(
                f"preprocess.subsample.error {error:g} is not more than half of min_persistence"
                f" {self.min_persistence:g}, which alone may make so much: raise the one or lower the other"
            )
        made = asked.embed.dimension if asked.embed is not None else 0
        if self.algorithm == "alpha" and made > self.max_ambient_dimension:
            raise ValueError(
                f"preprocess.embed.dimension {made} with algorithm alpha is more than max_ambient_dimension"
                f" {self.max_ambient_dimension}: use vietoris_rips, or lower the one or raise the other"
            )
        return self

    def window_of(self, source: Input) -> Window | None:
        """The window that an input's points go through; None where each message is answered by itself."""
        if source.route == "uploads" or (source.route == "requests" and not self.window_requests):
            return None
        return source.window or self.window or self._flat_window()

    def state_ttl_of(self, source: Input) -> float:
        """Seconds after which a silent stream, or a job_id, of an input is forgotten."""
        if source.route == "requests" and "state_ttl" not in self.model_fields_set:
            return REQUESTS_TTL
        return self.state_ttl

    def count_window(self) -> CountWindow | None:
        """The window of streams that have none of their own, where it is one by count."""
        window = self.window or self._flat_window()
        return window if isinstance(window, CountWindow) else None

    def _flat_window(self) -> CountWindow:
        """The window of the flat keys; without any of them the seed's numbers."""
        given = self.model_fields_set
        return CountWindow(
            kind="count",
            size=self.window_size or COUNT_SIZE,
            slide=self.slide_interval or (COUNT_SLIDE if self.window_size is None else None),
            timeout=self.window_timeout if "window_timeout" in given else TIMEOUT,
        )

    def stream_keys(self) -> list[str]:
        """The keys that were given and that concern the stream route alone."""
        return [
            key
            for key, field in type(self).model_fields.items()
            if OF_STREAMS in field.metadata
            and key in self.model_fields_set
            and getattr(self, key) is not None
        ]

    @property
    def names_inputs(self) -> bool:
        """Whether anything was said about inputs; else the job serves every route."""
        return self.inputs is not None or bool(self.model_fields_set & {"input_topic", "output_topic"})

    def all_inputs(self) -> list[Input]:
        """The inputs, whichever way they were given; without a word about them, one of each route."""
        if self.inputs is not None:
            return self.inputs
        if not self.names_inputs:
            return [_input_of(topic) for topic in DEFAULT_OUTPUTS]
        named = _input_of(self.input_topic)
        if "output_topic" not in self.model_fields_set:
            return [named]
        return [named.model_copy(update={"output_topic": self.output_topic})]


DEFAULT_OUTPUTS = {
    "tda_jobs": "tda_results",
    "tda_uploads": "tda_results",
    "tda_stream_input": "tda_stream_output",
}


def _input_of(topic: str) -> Input:
    """An input that is known by its topic alone; a topic of one's own is one of requests."""
    routes: dict[str, Route] = {"tda_uploads": "uploads", "tda_stream_input": "streams"}
    output = DEFAULT_OUTPUTS.get(topic, "tda_results")
    return Input(route=routes.get(topic, "requests"), topic=topic, output_topic=output)
