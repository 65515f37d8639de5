"""Messages that go out: results, windowed or not, and error records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tdaflink.domain.message_models import examples
from tdaflink.domain.message_models.parts import (
    LEFT_OUT,
    Closed,
    Count,
    Identifier,
    Length,
    Sha256,
    UtcMilliseconds,
)

KEPT_BYTES = 64 * 1024
_BASE64_OF_KEPT = -(-KEPT_BYTES // 3) * 4
_ID = "The same whenever and wherever this answer is made: a second one is a repetition."

Dimension = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$")]
Ranks = Annotated[
    dict[Dimension, Annotated[list[Count], Field(min_length=1, max_length=1)]],
    Field(title="dimension: [rank]", json_schema_extra={"additionalProperties": False}),
]


class Input(Closed):
    """What is told of the message that is answered."""

    timestamp: UtcMilliseconds = Field(description="The message's time.")
    timestamp_source: Literal["message", "kafka"] = Field(
        description="kafka: the message had none, and Kafka's stands in."
    )
    uri: str = Field(LEFT_OUT, description="Uploads: the file that was read.")
    format: str = Field(LEFT_OUT, description="Uploads: as what it was read.")
    bytes: Count = Field(LEFT_OUT, description="Uploads: how large it is.")
    columns: list[str] = Field(
        LEFT_OUT,
        description="Uploads of csv and parquet: the columns that are the coordinates, by name; of csv"
        " without a header by number, from 1. Of more than 100 the first.",
    )


class Window(Closed):
    """Which points of a stream a result is about."""

    kind: Literal["count", "tumbling", "sliding", "session", "none"] = Field(description="Its form.")
    start: UtcMilliseconds | None = Field(description="Its first moment; null where time plays no part.")
    end: UtcMilliseconds | None = Field(description="The first moment after it; null likewise.")
    first_event: UtcMilliseconds | None = Field(description="The least time of its points.")
    last_event: UtcMilliseconds | None = Field(description="The greatest time of its points.")
    num_points: Count = Field(description="How many points it had.")
    late: Count = Field(description="Those of them that came after its end, while it was kept.")
    revision: Count = Field(description="How often it has fired before.")
    partial: bool = Field(description="Whether it is a count window with fewer points than its size.")
    closed_by: Literal[
        "count", "clock", "message", "timeout", "max_duration", "max_points", "state_ttl", "changed"
    ] = Field(description="What made it fire; changed: the job came back with other windows.")
    first_seq: Count = Field(LEFT_OUT, description="Count windows: the running number of its first point.")
    last_seq: Count = Field(LEFT_OUT, description="Count windows: that of its last one.")
    supersedes: list[Sha256] = Field(
        LEFT_OUT, description="Sessions: the ids of the results that this one takes the place of."
    )


class ComputationInfo(Closed):
    """How the result was computed."""

    num_points: Count = Field(description="How many points the message or the window had.")
    computation_time: Length = Field(description="Seconds.")
    success: Literal[True] = Field(description="A computation that fails gives an error record instead.")
    memory_usage: Count = Field(description="Bytes of the process after the computation.")
    max_dimension: int = Field(ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Length | None = Field(description="Where the filtration was cut; null for nowhere.")
    homology_coeff_field: int = Field(ge=2, description="The field of coefficients, a prime.")
    engine: str = Field(min_length=1, description="What has computed it.")
    error_bound: Length = Field(
        description="Bounds the bottleneck distance to the exact diagram; 0 where it is exact."
    )


class PersistencePair(Closed):
    """One bar of the persistence diagram."""

    dimension: Count = Field(description="Of the homology class.")
    birth: float = Field(description="Where it is born, in the algorithm's unit.")
    death: float | Literal["inf"] = Field(description="Where it dies; inf for never.")


class HomologyGroup(Closed):
    """The bars of one dimension in numbers; 0.0 where no bar is finite."""

    dimension: Count = Field(description="0 to max_dimension, each of them once.")
    num_features: Count = Field(description="How many bars, the infinite ones included.")
    num_essential: Count = Field(description="How many infinite ones.")
    mean_persistence: Length = Field(description="Mean length of the finite ones.")
    max_persistence: Length = Field(description="Length of the longest finite one.")
    entropy: Length = Field(description="-Σ p ln p over the finite ones, p the length over the sum.")


class BettiAt(Closed):
    """The ranks at the value that the request asked for."""

    t: Length = Field(description="The value.")
    betti_numbers: Ranks = Field(description="Per dimension, in a list of one, how many bars hold t.")


class Feature(Closed):
    """A vector of the bars, as the config asks for it."""

    kind: Literal["landscape", "silhouette", "betti_curve", "entropy", "persistence_image"] = Field(
        description="Which one."
    )
    dimension: Count = Field(description="Of the bars.")
    shape: list[Count] | None = Field(description="Null where the diagram has no such dimension.")
    values: list[float] | None = Field(description="In row-major order; null likewise.")


class Distance(Closed):
    """How far a window's diagram lies from the one before, by the finite bars."""

    metric: Literal["bottleneck", "wasserstein"] = Field(description="By which metric.")
    order: float | None = Field(ge=1, description="Of the Wasserstein distance.")
    distance: Length = Field(description="The largest of by_dimension.")
    by_dimension: Annotated[
        dict[Dimension, Length],
        Field(title="dimension: distance", json_schema_extra={"additionalProperties": False}),
    ] = Field(description="One for each dimension that is compared.")
    threshold: Length | None = Field(description="Above it the distance is an alert.")
    alert: bool = Field(description="Whether it is one; then there is a record in the events topic, too.")
    error_bound: Length = Field(description="How far off the distance may be.")
    bars_left_out: Count = Field(description="The shortest ones, where there are too many to compare all.")
    previous_id: Sha256 = Field(description="The result that this one is compared with.")


class Topology(Closed):
    """A persistence diagram and its numbers."""

    betti_numbers: Ranks = Field(
        description="Per dimension, in a list of one, how many bars never die: the ranks at the end."
    )
    persistence_pairs: list[PersistencePair] = Field(
        description="The bars by dimension, birth and death, as far as they are published."
    )
    homology_groups: list[HomologyGroup] = Field(description="Counts and statistics of all bars.")
    pairs_truncated: bool = Field(
        description="Whether the shortest bars were left out because Kafka would not take them all."
    )
    betti_at: BettiAt = Field(LEFT_OUT, description="Only where it was asked for.")
    features: list[Feature] = Field(LEFT_OUT, description="Windows, where the config has features.")
    distance_to_previous: Distance | None = Field(
        LEFT_OUT, description="Windows, where the config has it; null for the first of a stream."
    )


class _Result(Closed):
    id: Sha256 = Field(description=_ID)
    job_id: Identifier | None = Field(description="The request's; the key of this message.")
    stream_id: Identifier | None = Field(description="The stream's; the key of this message.")
    timestamp: UtcMilliseconds = Field(description="When it was computed.")
    algorithm: str = Field(min_length=1, description="What turned the points into a filtration.")
    input: Input | None = Field(description="The message that is answered; null for a window.")
    window: Window | None = Field(description="The window; null for a request that is not windowed.")
    computation_info: ComputationInfo = Field(description="How it was computed.")
    tda_results: Topology = Field(description="What was found.")
    version: Literal[1] = Field(description="Of the form of this message.")


class ResultEvent(_Result):
    """The answer to a request or an upload."""

    job_id: Identifier = Field(description="The request's; the key of this message.")
    stream_id: None = Field(description="Of results of streams only.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RESULT]})


class StreamResultEvent(_Result):
    """What a window of a stream gave when it fired."""

    job_id: None = Field(description="Of results of requests only.")
    stream_id: Identifier = Field(description="The stream's; the key of this message.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STREAM_RESULT]})


class Source(Closed):
    """Where the message lies in Kafka."""

    topic: str = Field(min_length=1, description="Its topic.")
    partition: Count = Field(description="Its partition.")
    offset: Count = Field(description="Its offset.")
    timestamp: UtcMilliseconds | None = Field(
        description="Kafka's time of it; null where a producer set one that is no date."
    )


class Original(Closed):
    """The bytes of the message."""

    bytes_base64: str = Field(
        max_length=_BASE64_OF_KEPT,
        description="The first 64 KiB of them.",
        json_schema_extra={"contentEncoding": "base64"},
    )
    length: Count = Field(description="How many there were.")
    sha256: Sha256 = Field(description="Of all of them.")
    truncated: bool = Field(description="Whether there were more than are kept here.")


class Late(Closed):
    """Which points of a message no window took."""

    count: int = Field(ge=1, description="How many.")
    points: list[Count] = Field(description="Their places in the message, from 0; the first 10,000 of them.")


class ExceptionInfo(Closed):
    """The exception that no check of the job has foreseen."""

    type: str = Field(
        min_length=1, description="Its class, with the module unless it is one of Python's own."
    )
    place: str = Field(min_length=1, description="module:line of the job's code in which it arose.")


class ErrorEvent(Closed):
    """Why a message could not be used, or a window not be computed."""

    id: Sha256 = Field(description=_ID)
    job_id: Identifier | None = Field(description="The request's, if it could be read; then the key.")
    stream_id: Identifier | None = Field(description="The stream's, if it could be read; then the key.")
    timestamp: UtcMilliseconds = Field(description="When it was refused.")
    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="A stable word for programs.")
    reason: str = Field(max_length=2000, description="For people: field, value and what to change.")
    route: Literal["requests", "uploads", "streams"] = Field(description="How the topic is read.")
    source: Source | None = Field(description="Where the message lies; null for a window or a timer.")
    original: Original | None = Field(
        description="What the message was; null for a window or a timer, and for a record without a value."
    )
    window: Window = Field(LEFT_OUT, description="Windows only: which one has no result.")
    late: Late = Field(LEFT_OUT, description="With the code late only; the other points were used.")
    exception: ExceptionInfo = Field(
        LEFT_OUT, description="With the code internal_error only: what to report, beside the message."
    )
    version: Literal[1] = Field(description="Of the form of this message.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ERROR]})


class EventJob(Closed):
    """The job that somebody did something to."""

    id: str = Field(pattern=r"^[0-9a-f]{32}$", description="Flink's id of it.")
    name: str = Field(min_length=1, description="Its name.")


_ALERT = ["stream_id", "result_id", "window", "distance_to_previous"]
_CONTROL = ["action", "outcome", "environment", "job", "submitter", "detail"]


def _needs(kind: str, fields: list[str]) -> dict[str, Any]:
    """That an event of the kind has these fields."""
    condition = {"properties": {"kind": {"const": kind}}}
    return {"if": condition, "then": {"required": fields}}


class Event(Closed):
    """What a person or a program may want to act on."""

    id: Sha256 = Field(description=_ID)
    kind: Literal["alert", "control"] = Field(
        description="alert: the diagram of a window lies far from the one before;"
        " control: somebody did something to a job."
    )
    timestamp: UtcMilliseconds = Field(description="When it was computed, or done.")
    stream_id: Identifier = Field(LEFT_OUT, description="Alerts: the stream's; the key of this message.")
    result_id: Sha256 = Field(LEFT_OUT, description="Alerts: the id of the window's result.")
    window: Window = Field(LEFT_OUT, description="Alerts: the window.")
    distance_to_previous: Distance = Field(LEFT_OUT, description="Alerts: as in the result.")
    action: Literal["submit", "cancel", "stop", "savepoint", "upgrade", "rescale", "rollback", "resume"] = (
        Field(LEFT_OUT, description="Control: what was done.")
    )
    outcome: Literal["done", "submitted", "failed", "rolled_back", "superseded"] = Field(
        LEFT_OUT,
        description="Control: how it ended; submitted: nobody waited for it to run;"
        " rolled_back: the version before it runs again.",
    )
    environment: str = Field(LEFT_OUT, min_length=1, description="Control: where.")
    job: EventJob = Field(LEFT_OUT, description="Control: its job, whose name is the key of this message.")
    submitter: str = Field(LEFT_OUT, description="Control: who did it, and on which machine.")
    detail: dict[str, Any] = Field(
        LEFT_OUT, title="object", description="Control: savepoint, reason, downtime_seconds and the like."
    )
    version: Literal[1] = Field(description="Of the form of this message.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [examples.EVENT, examples.CONTROL_EVENT],
            "allOf": [_needs("alert", _ALERT), _needs("control", _CONTROL)],
        }
    )
