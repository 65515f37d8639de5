"""The job config: all settings of a TDA job, validated.

Every key of the original specification's sample config is accepted unchanged, together with the keys of the
streaming and request routes. Unknown keys are refused with the nearest known name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tdaflink.domain.config.checkpoint_presets import Preset
from tdaflink.domain.config.features import Feature, bytes_of
from tdaflink.domain.config.fields import (
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
from tdaflink.domain.config.streams import (
    TIMEOUT,
    CountWindow,
    DistanceToPrevious,
    Preprocess,
    Timeout,
    Window,
)
from tdaflink.domain.config.uploads import Uploads
from tdaflink.domain.job_contract import MAX_PARALLELISM
from tdaflink.domain.observability.sizing import HEAVY_SECONDS
from tdaflink.domain.units import milliseconds
from tdaformats.algorithms import ALGORITHMS, check_parameters
from tdaformats.errors import MessageError

Z2 = 2
COUNT_SIZE, COUNT_SLIDE = 100, 10  # the default window of a stream
REQUESTS_TTL = 3600.0  # seconds; a request's job_id is needed for a shorter time than a stream
OF_STREAMS = "of streams"  # in the annotation of a key that applies to the stream route only
LARGEST_FIELD = 46337  # the largest prime whose square fits the engines' 32-bit coefficients


Route = Literal["requests", "uploads", "streams"]


class InputRoute(Model):
    """One topic that the job reads, its route, and the topic of its results."""

    route: Route
    topic: Topic
    output_topic: Topic
    window: Window | None = None


SkippedRecord = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,18}$")]


class RegistryAuth(Model):
    """Authentication of the command at a schema registry; secrets are given by reference only."""

    basic: Secret | None = Field(
        default=None, description='Reference to "user:password": {"$env": NAME} or {"$file": PATH}.'
    )
    bearer: Secret | None = Field(
        default=None, description='Reference to the token: {"$env": NAME} or {"$file": PATH}.'
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> RegistryAuth:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError("give either basic or bearer")
        return self


class JobConfig(Model):
    """All settings of a TDA job. The defaults here are the built-in ones."""

    job_name: JobName = Field(default="tda-streaming", description="Name of the job on the cluster.")
    parallelism: int = Field(
        default=1,
        ge=1,
        le=MAX_PARALLELISM,
        description="Number of parallel subtasks. Default of submit: a quarter of the free slots, at most the"
        " number of partitions of the largest input, at least 1.",
    )
    checkpoint_interval: Annotated[int, BeforeValidator(milliseconds)] = Field(
        default=30_000,
        ge=100,
        description="Interval between checkpoints: milliseconds, or a text such as 30s.",
    )
    checkpoint_preset: Preset | None = Field(
        default=None,
        description="high-throughput: every 60 s, unaligned after 30 s; low-latency: every 10 s, aligned.",
    )
    execution_mode: Literal["process", "thread"] = Field(
        default="process",
        description="Where Python runs: process, in processes of its own; thread, in the TaskManager's"
        " process (application clusters only).",
    )
    flink: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Further Flink settings of the job: key to value."
    )

    input_topic: Topic = Field(
        default="tda_jobs",
        description="The only topic to read, as requests. Default: the topics of all three routes.",
    )
    output_topic: Topic = Field(default="tda_results", description="Topic for the results of input_topic.")
    inputs: list[InputRoute] | None = Field(
        default=None, min_length=1, description="Several inputs, instead of input_topic."
    )
    errors_topic: Topic = Field(
        default="tda_errors", description="Topic for error records of unusable messages."
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None,
        min_length=1,
        description="Broker list as the job sees it. Default: that of the environment.",
    )
    kafka_properties: Annotated[dict[str, str | Reference], AfterValidator(secrets_by_reference)] = Field(
        default_factory=dict, description="Further Kafka client properties; secrets by reference."
    )
    schema_registry_url: str | None = Field(
        default=None, description="URL of a Confluent-compatible schema registry."
    )
    schema_registry_auth: RegistryAuth | None = Field(
        default=None, description="Credentials for that registry: basic or bearer, by reference."
    )
    start_from: Literal["committed", "earliest", "latest"] | Annotated[int, Field(ge=0)] = Field(
        default="committed",
        description="Position at which a new job starts to read; an integer is epoch milliseconds.",
    )
    skip: list[SkippedRecord] = Field(
        default_factory=list,
        max_length=1000,
        description="Records that the job skips, as TOPIC/PARTITION/OFFSET; upgrade --skip adds to it.",
    )
    delivery: Literal["at_least_once", "exactly_once"] = Field(
        default="at_least_once", description="exactly_once: results become visible with each checkpoint."
    )
    transactional_id_prefix: str | None = Field(
        default=None, min_length=1, description="For exactly_once. Default: made of environment and job name."
    )
    transaction_timeout: Seconds = Field(
        default=3600.0, gt=0, description="For exactly_once: how long Kafka keeps an open transaction."
    )
    max_message_bytes: Bytes = Field(
        default=16 * 2**20, ge=1024, le=2**30, description="Largest message that is read or written."
    )

    algorithm: str = Field(
        default="vietoris_rips", min_length=1, description="Default algorithm; a message may choose another."
    )
    algorithm_params: dict[str, Any] = Field(default_factory=dict, description="Parameters of the algorithm.")
    max_dimension: int = Field(default=1, ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Finite | None = Field(
        default=None, ge=0, description="T: the filtration is cut at this value, in the algorithm's unit."
    )
    min_persistence: Finite = Field(default=0.0, ge=0, description="Shorter bars are omitted.")
    betti_at: Finite | None = Field(
        default=None, ge=0, description="Also report the Betti numbers at this value."
    )
    homology_coeff_field: int = Field(
        default=Z2, ge=2, le=LARGEST_FIELD, description="Coefficient field: a prime."
    )
    engine: Literal["auto", "gudhi"] = Field(
        default="auto", description="gudhi: GUDHI only; auto: the fastest engine for each cloud."
    )
    pairs: str = Field(
        default="all",
        pattern=r"^(all|none|top:[1-9]\d*)$",
        description="Persistence pairs in results: all, none or top:K.",
    )

    max_points: int = Field(default=5000, ge=1, description="Largest point cloud; a larger one is refused.")
    max_predicted_bytes: Bytes = Field(
        default=2**30,
        ge=2**20,
        description="Largest predicted memory; a computation that needs more is refused.",
    )
    compute_timeout: Seconds = Field(default=60.0, gt=0, description="Limit for one computation.")
    heavy_after: Seconds | None = Field(
        default=HEAVY_SECONDS,
        gt=0,
        description="Requests that are predicted to take longer, or do, run in a second process and do not"
        " delay others; null: they run with the others.",
    )
    heavy_queue: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Largest number of heavy requests that wait in one subtask.",
    )
    max_ambient_dimension: int = Field(
        default=5, ge=1, description="Largest number of coordinates for the alpha complex."
    )
    max_future: Seconds = Field(default=300.0, ge=0, description="How far in the future a timestamp may be.")

    uploads: Uploads = Field(default_factory=Uploads, description="Files that messages may refer to.")

    window: Annotated[Window | None, OF_STREAMS] = Field(
        default=None, description="Window of streams; or use the window_… keys below."
    )
    window_size: Annotated[int | None, OF_STREAMS] = Field(
        default=None, ge=1, description="Count window: size in points."
    )
    slide_interval: Annotated[int | None, OF_STREAMS] = Field(
        default=None, ge=1, description="Count window: slide in points."
    )
    window_timeout: Annotated[Timeout, OF_STREAMS] = Field(
        default=None,
        description="Count window: a partial window fires after this time; 60 s if not given, null: never.",
    )
    window_requests: bool = Field(
        default=False, description="Also apply the window to the points of each job_id."
    )
    out_of_orderness: Annotated[Seconds, OF_STREAMS] = Field(
        default=5.0, ge=0, description="How far a stream's points may be out of order."
    )
    allowed_lateness: Annotated[Seconds, OF_STREAMS] = Field(
        default=0.0, ge=0, description="How long a fired window is kept for late points."
    )
    max_windows_per_message: Annotated[int, OF_STREAMS] = Field(
        default=1000, ge=1, description="A message that fires more windows is refused."
    )
    max_duration: Annotated[Seconds, OF_STREAMS] = Field(
        default=86_400.0, gt=0, description="Longest session; a longer one is closed at this length."
    )
    state_ttl: Annotated[Seconds, OF_STREAMS] = Field(
        default=86_400.0,
        gt=0,
        description="State of an idle stream is removed after this time; that of a job_id after 1 h.",
    )
    dedup_ids: Annotated[int, OF_STREAMS] = Field(
        default=0, ge=0, description="Number of message ids per stream that are kept to detect duplicates."
    )
    overflow: Annotated[Literal["error", "landmarks"], OF_STREAMS] = Field(
        default="error", description="For a window above max_points: an error record, or landmarks."
    )
    preprocess: Annotated[Preprocess | None, OF_STREAMS] = Field(
        default=None, description="Steps before the computation."
    )
    distance_to_previous: Annotated[DistanceToPrevious | None, OF_STREAMS] = Field(
        default=None, description="Compare each diagram with the one before."
    )
    events_topic: Annotated[Topic, OF_STREAMS] = Field(default="tda_events", description="Topic for alerts.")
    features: list[Feature] = Field(
        default_factory=list, max_length=16, description="Feature vectors in each result."
    )
    incremental_memory: Annotated[Bytes, OF_STREAMS] = Field(
        default=256 * 2**20, ge=0, description="Cache size of one worker."
    )

    @model_validator(mode="after")
    def _no_key_in_two_forms(self) -> JobConfig:
        flat = [
            k for k in ("window_size", "slide_interval", "window_timeout") if getattr(self, k) is not None
        ]
        if flat and self.window is not None:
            raise ValueError(f"window and {', '.join(flat)} set the same thing: keep one")
        if self.slide_interval is not None and self.slide_interval > (self.window_size or COUNT_SIZE):
            raise ValueError(
                f"slide_interval {self.slide_interval} is larger than"
                f" window_size {self.window_size or COUNT_SIZE}"
            )
        if self.inputs is not None and self.model_fields_set & {"input_topic", "output_topic"}:
            raise ValueError("inputs and input_topic/output_topic set the same thing: keep one")
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
        requested = {
            "distance_to_previous.dimensions": compared,
            "features": [f.dimension for f in self.features],
        }
        for key, dimensions in requested.items():
            if max(dimensions, default=0) > self.max_dimension:
                raise ValueError(
                    f"{key} needs dimension {max(dimensions)}, but max_dimension is {self.max_dimension}:"
                    " raise max_dimension, or use a lower dimension"
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
        """Check the parameters of a shipped algorithm; only the job has those of a plug-in."""
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
                " so the error has no known bound; use euclidean"
            )
        scale = self.preprocess.scale if self.preprocess is not None else "none"
        if self.overflow == "landmarks" and scale != "none":
            raise ValueError(
                f'overflow = "landmarks" with preprocess.scale {scale!r}: landmarks are chosen before'
                ' scaling, so the error has no known bound; use overflow = "error", or scale "none"'
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
                    f"windows of {source.topic} have {window.size} points, more than max_points"
                    f" {self.max_points}, so each would be refused: raise max_points, or set overflow to"
                    ' "landmarks"'
                )
        return self

    @model_validator(mode="after")
    def _algorithm_allows_the_preprocessing(self) -> JobConfig:
        steps = self.preprocess
        if steps is None:
            return self
        if steps.subsample is not None and self.algorithm == "witness":
            raise ValueError(
                "preprocess.subsample with algorithm witness: the error has no known bound; use"
                " algorithm_params.landmarks, or vietoris_rips or alpha"
            )
        error = None if steps.subsample is None else steps.subsample.error
        if error is not None and error <= self.min_persistence / 2:
            raise ValueError(
                f"preprocess.subsample.error {error:g} is not more than half of min_persistence"
                f" {self.min_persistence:g}, which causes an error of that size itself: raise error, or lower"
                " min_persistence"
            )
        dimension = steps.embed.dimension if steps.embed is not None else 0
        if self.algorithm == "alpha" and dimension > self.max_ambient_dimension:
            raise ValueError(
                f"preprocess.embed.dimension {dimension} with algorithm alpha is more than"
                f" max_ambient_dimension {self.max_ambient_dimension}: use vietoris_rips, lower"
                " embed.dimension, or raise max_ambient_dimension"
            )
        return self

    def window_of(self, source: InputRoute) -> Window | None:
        """Return the window of an input's points; None where each message is computed on its own."""
        if source.route == "uploads" or (source.route == "requests" and not self.window_requests):
            return None
        return source.window or self.window or self._flat_window()

    def state_ttl_of(self, source: InputRoute) -> float:
        """Return the seconds after which the state of an idle stream, or of a job_id, is removed."""
        if source.route == "requests" and "state_ttl" not in self.model_fields_set:
            return REQUESTS_TTL
        return self.state_ttl

    def count_window(self) -> CountWindow | None:
        """Return the default window of streams if it is a count window."""
        window = self.window or self._flat_window()
        return window if isinstance(window, CountWindow) else None

    def _flat_window(self) -> CountWindow:
        """Return the window of the flat keys; without any of them that of the original specification."""
        given = self.model_fields_set
        return CountWindow(
            kind="count",
            size=self.window_size or COUNT_SIZE,
            slide=self.slide_interval or (COUNT_SLIDE if self.window_size is None else None),
            timeout=self.window_timeout if "window_timeout" in given else TIMEOUT,
        )

    def stream_keys(self) -> list[str]:
        """Return the given keys that apply to the stream route only."""
        return [
            key
            for key, field in type(self).model_fields.items()
            if OF_STREAMS in field.metadata
            and key in self.model_fields_set
            and getattr(self, key) is not None
        ]

    @property
    def names_inputs(self) -> bool:
        """Return whether any input is configured; if not, the job serves every route."""
        return self.inputs is not None or bool(self.model_fields_set & {"input_topic", "output_topic"})

    def all_inputs(self) -> list[InputRoute]:
        """Return the configured inputs, in whichever form they are given; by default one of each route."""
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


def _input_of(topic: str) -> InputRoute:
    """Return the input for a topic; a topic that is not shipped is one of requests."""
    routes: dict[str, Route] = {"tda_uploads": "uploads", "tda_stream_input": "streams"}
    output = DEFAULT_OUTPUTS.get(topic, "tda_results")
    return InputRoute(route=routes.get(topic, "requests"), topic=topic, output_topic=output)
