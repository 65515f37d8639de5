"""Output messages: results, windowed or not, error records and events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tdaflink.domain.job_contract import KEPT_BYTES
from tdaflink.domain.messages.models import examples
from tdaflink.domain.messages.models.parts import (
    LEFT_OUT,
    Closed,
    Count,
    Identifier,
    Length,
    Sha256,
    UtcMilliseconds,
)

_BASE64_OF_KEPT = -(-KEPT_BYTES // 3) * 4
_ID = "Deterministic: a second record with the same id is a duplicate."

Dimension = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$")]
Ranks = Annotated[
    dict[Dimension, Annotated[list[Count], Field(min_length=1, max_length=1)]],
    Field(title="dimension: [rank]", json_schema_extra={"additionalProperties": False}),
]


class Input(Closed):
    """Metadata of the message that the result belongs to."""

    timestamp: UtcMilliseconds = Field(description="Time of the message.")
    timestamp_source: Literal["message", "kafka"] = Field(
        description="kafka: the message had no timestamp, so Kafka's was used."
    )
    uri: str = Field(LEFT_OUT, description="Uploads: the file that was read.")
    format: str = Field(LEFT_OUT, description="Uploads: format of the file.")
    bytes: Count = Field(LEFT_OUT, description="Uploads: size of the file.")
    columns: list[str] = Field(
        LEFT_OUT,
        description="Uploads of csv and parquet: names of the coordinate columns; csv without a header:"
        " their numbers, from 1. At most the first 100.",
    )


class Window(Closed):
    """The window of a stream that a result belongs to."""

    kind: Literal["count", "tumbling", "sliding", "session", "none"] = Field(
        description="Kind of the window."
    )
    start: UtcMilliseconds | None = Field(
        description="Start of the window, inclusive; null for windows without times."
    )
    end: UtcMilliseconds | None = Field(
        description="End of the window, exclusive; null for windows without times."
    )
    first_event: UtcMilliseconds | None = Field(description="Earliest time of its points.")
    last_event: UtcMilliseconds | None = Field(description="Latest time of its points.")
    num_points: Count = Field(description="Points in the window.")
    late: Count = Field(description="Points that arrived after its end, within allowed_lateness.")
    revision: Count = Field(description="Number of earlier firings of the window.")
    partial: bool = Field(description="Whether it is a count window with fewer points than its size.")
    closed_by: Literal[
        "count", "clock", "message", "timeout", "max_duration", "max_points", "state_ttl", "changed"
    ] = Field(description="Reason for firing; changed: the job was restarted with other windows.")
    first_seq: Count = Field(LEFT_OUT, description="Count windows: sequence number of its first point.")
    last_seq: Count = Field(LEFT_OUT, description="Count windows: sequence number of its last point.")
    supersedes: list[Sha256] = Field(
        LEFT_OUT, description="Sessions: ids of the results that this result replaces."
    )


class ComputationInfo(Closed):
    """Statistics and settings of the computation."""

    num_points: Count = Field(description="Points in the message or the window.")
    computation_time: Length = Field(description="Duration in seconds.")
    success: Literal[True] = Field(
        description="Always true: a failed computation gives an error record instead."
    )
    memory_usage: Count = Field(description="Memory of the process after the computation, in bytes.")
    max_dimension: int = Field(ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Length | None = Field(
        description="Value at which the filtration was cut; null for no cut."
    )
    homology_coeff_field: int = Field(ge=2, description="Coefficient field Z/p, given by the prime p.")
    engine: str = Field(min_length=1, description="Engine that computed the diagram.")
    error_bound: Length = Field(
        description="Bound of the bottleneck distance to the exact diagram; 0 for an exact result."
    )


class PersistencePair(Closed):
    """One bar of the persistence diagram."""

    dimension: Count = Field(description="Dimension of the homology class.")
    birth: float = Field(description="Birth, in the algorithm's unit.")
    death: float | Literal["inf"] = Field(
        description="Death, in the algorithm's unit; inf for an essential class."
    )


class HomologyGroup(Closed):
    """Statistics of the bars of one dimension; 0.0 if no bar is finite."""

    dimension: Count = Field(description="Homology dimension; each from 0 to max_dimension once.")
    num_features: Count = Field(description="Number of bars, infinite ones included.")
    num_essential: Count = Field(description="Number of infinite bars.")
    mean_persistence: Length = Field(description="Mean length of the finite bars.")
    max_persistence: Length = Field(description="Length of the longest finite bar.")
    entropy: Length = Field(
        description="Persistent entropy -Σ p ln p of the finite bars, p = length / sum of lengths."
    )


class BettiAt(Closed):
    """Betti numbers at the requested value."""

    t: Length = Field(description="The requested value.")
    betti_numbers: Ranks = Field(description="Per dimension, in a list of one number: bars that contain t.")


class Feature(Closed):
    """A feature vector of the bars, as configured."""

    kind: Literal["landscape", "silhouette", "betti_curve", "entropy", "persistence_image"] = Field(
        description="Kind of the vector."
    )
    dimension: Count = Field(description="Homology dimension of the bars.")
    shape: list[Count] | None = Field(
        description="Shape of the vector; null if the diagram does not have the dimension."
    )
    values: list[float] | None = Field(
        description="Values in row-major order; null if the diagram does not have the dimension."
    )


class Distance(Closed):
    """Distance of a window's diagram to the diagram of the window before it, by the finite bars."""

    metric: Literal["bottleneck", "wasserstein"] = Field(description="Metric of the distance.")
    order: float | None = Field(ge=1, description="Order of the Wasserstein distance.")
    distance: Length = Field(description="Largest value of by_dimension.")
    by_dimension: Annotated[
        dict[Dimension, Length],
        Field(title="dimension: distance", json_schema_extra={"additionalProperties": False}),
    ] = Field(description="Distance per compared dimension.")
    threshold: Length | None = Field(description="A distance above this is an alert.")
    alert: bool = Field(
        description="Whether the distance is an alert; if so, the events topic has a record, too."
    )
    error_bound: Length = Field(description="Bound of the error of the distance.")
    bars_left_out: Count = Field(
        description="Shortest bars that were not compared because there were too many."
    )
    previous_id: Sha256 = Field(description="Id of the result that this result is compared with.")


class Topology(Closed):
    """A persistence diagram and its statistics."""

    betti_numbers: Ranks = Field(
        description="Per dimension, in a list of one number: infinite bars, the Betti number at the end."
    )
    persistence_pairs: list[PersistencePair] = Field(
        description="The published bars, sorted by dimension, birth and death."
    )
    homology_groups: list[HomologyGroup] = Field(description="Counts and statistics of all bars.")
    pairs_truncated: bool = Field(
        description="Whether the shortest bars were omitted to respect Kafka's maximum message size."
    )
    betti_at: BettiAt = Field(LEFT_OUT, description="If it was requested.")
    features: list[Feature] = Field(LEFT_OUT, description="Windows: the configured features.")
    distance_to_previous: Distance | None = Field(
        LEFT_OUT, description="Windows, if configured; null for the first window of a stream."
    )


class _Result(Closed):
    id: Sha256 = Field(description=_ID)
    job_id: Identifier | None = Field(description="Request id; the Kafka key of this message.")
    stream_id: Identifier | None = Field(description="Stream id; the Kafka key of this message.")
    timestamp: UtcMilliseconds = Field(description="Time of the computation.")
    algorithm: str = Field(min_length=1, description="Algorithm that built the filtration.")
    input: Input | None = Field(description="Metadata of the request's message; null for a window.")
    window: Window | None = Field(description="The window; null for a request that is not windowed.")
    computation_info: ComputationInfo = Field(description="How the result was computed.")
    tda_results: Topology = Field(description="The persistence diagram.")
    version: Literal[1] = Field(description="Version of the message format.")


class ResultEvent(_Result):
    """The result of a request or an upload."""

    job_id: Identifier = Field(description="Request id; the Kafka key of this message.")
    stream_id: None = Field(description="Set in results of streams only.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESULT]})


class StreamResultEvent(_Result):
    """The result of a window of a stream that fired."""

    job_id: None = Field(description="Set in results of requests only.")
    stream_id: Identifier = Field(description="Stream id; the Kafka key of this message.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STREAM_RESULT]})


class Source(Closed):
    """Location of the message in Kafka."""

    topic: str = Field(min_length=1, description="Topic of the message.")
    partition: Count = Field(description="Partition of the message.")
    offset: Count = Field(description="Offset of the message.")
    timestamp: UtcMilliseconds | None = Field(
        description="Kafka's timestamp; null if the producer set one that is not a valid date."
    )


class Original(Closed):
    """The bytes of the message."""

    bytes_base64: str = Field(
        max_length=_BASE64_OF_KEPT,
        description="The first 64 KiB.",
        json_schema_extra={"contentEncoding": "base64"},
    )
    length: Count = Field(description="Length of the message in bytes.")
    sha256: Sha256 = Field(description="SHA-256 of the whole message.")
    truncated: bool = Field(description="Whether bytes_base64 does not have the whole message.")


class Late(Closed):
    """Points of a message that were too late for all windows."""

    count: int = Field(ge=1, description="Number of late points.")
    points: list[Count] = Field(description="Their indices in the message, from 0; at most the first 10,000.")


class ExceptionInfo(Closed):
    """An unexpected exception in the job's code."""

    type: str = Field(
        min_length=1, description="Class of the exception, with the module unless it is built in."
    )
    place: str = Field(min_length=1, description="module:line of the job's code that raised it.")


class ErrorEvent(Closed):
    """A message that could not be processed, or a window that could not be computed."""

    id: Sha256 = Field(description=_ID)
    job_id: Identifier | None = Field(description="Request id, if it could be read; then the Kafka key.")
    stream_id: Identifier | None = Field(description="Stream id, if it could be read; then the Kafka key.")
    timestamp: UtcMilliseconds = Field(description="Time of the error.")
    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Stable error code for programs.")
    reason: str = Field(max_length=2000, description="Description for people: field, value and fix.")
    route: Literal["requests", "uploads", "streams"] = Field(description="Route of the message.")
    source: Source | None = Field(description="Location of the message; null for a window or a timer.")
    original: Original | None = Field(
        description="Bytes of the message; null for a window or a timer, and for a record without a value."
    )
    window: Window = Field(LEFT_OUT, description="Windows: the window that has no result.")
    late: Late = Field(LEFT_OUT, description="Code late: the points that were not used; the others were.")
    exception: ExceptionInfo = Field(
        LEFT_OUT, description="Code internal_error: include it in a bug report, with the message."
    )
    version: Literal[1] = Field(description="Version of the message format.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ERROR]})


class EventJob(Closed):
    """The Flink job that a control action was applied to."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$", description="Flink's job id.")
    name: str = Field(min_length=1, description="Name of the job.")


_ALERT = ["stream_id", "result_id", "window", "distance_to_previous"]
_CONTROL = ["action", "outcome", "environment", "job", "submitter", "detail"]


def _needs(kind: str, fields: list[str]) -> dict[str, Any]:
    """Return the schema rule that an event of the kind has these fields."""
    condition = {"properties": {"kind": {"const": kind}}}
    return {"if": condition, "then": {"required": fields}}


class Event(Closed):
    """An alert, or a control action on a job."""

    id: Sha256 = Field(description=_ID)
    kind: Literal["alert", "control"] = Field(
        description="alert: the diagram of a window is farther from the one before than the threshold;"
        " control: an action was applied to a job."
    )
    timestamp: UtcMilliseconds = Field(description="Time of the computation or the action.")
    stream_id: Identifier = Field(LEFT_OUT, description="Alerts: stream id; the Kafka key of this message.")
    result_id: Sha256 = Field(LEFT_OUT, description="Alerts: id of the window's result.")
    window: Window = Field(LEFT_OUT, description="Alerts: the window of the result.")
    distance_to_previous: Distance = Field(LEFT_OUT, description="Alerts: as in the result.")
    action: Literal["submit", "cancel", "stop", "savepoint", "upgrade", "rescale", "rollback", "resume"] = (
        Field(LEFT_OUT, description="Control: the action.")
    )
    outcome: Literal["done", "submitted", "failed", "rolled_back", "superseded"] = Field(
        LEFT_OUT,
        description="Control: outcome of the action; submitted: the command did not wait until the job ran;"
        " rolled_back: the previous version runs again.",
    )
    environment: str = Field(LEFT_OUT, min_length=1, description="Control: name of the environment.")
    job: EventJob = Field(
        LEFT_OUT, description="Control: the job, whose name is the Kafka key of this message."
    )
    submitter: str = Field(LEFT_OUT, description="Control: user and machine that started the action.")
    detail: dict[str, Any] = Field(
        LEFT_OUT,
        title="object",
        description="Control: details such as savepoint, reason or downtime_seconds.",
    )
    version: Literal[1] = Field(description="Version of the message format.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [examples.EVENT, examples.CONTROL_EVENT],
            "allOf": [_needs("alert", _ALERT), _needs("control", _CONTROL)],
        }
    )
