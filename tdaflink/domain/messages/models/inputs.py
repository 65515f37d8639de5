"""Input messages: requests, uploads and points of streams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tdaflink.domain.messages.models import examples
from tdaflink.domain.messages.models.parts import LEFT_OUT, Coordinates, Identifier, Length, Moment, Open

Algorithm = Annotated[str, Field(min_length=1)]
Columns = Annotated[list[str], Field(min_length=1, json_schema_extra={"uniqueItems": True})]
Prime = Annotated[int, Field(ge=2, le=46337)]


class TimedPoint(Open):
    """A point with its own timestamp."""

    coordinates: Coordinates = Field(description="Coordinates of the point.")
    timestamp: Moment | None = Field(
        default=None,
        description="Time of the measurement; on windowed routes it determines the point's windows.",
    )


Points = Annotated[list[Coordinates | TimedPoint], Field(min_length=1)]


class PointCloud(Open):
    """Points in Euclidean space, all with the same number of coordinates."""

    points: Points = Field(description="The points, each a list of coordinates or an object.")
    distances: None = Field(default=None, description="Not allowed together with points.")
    dimension: int | None = Field(default=None, ge=1, description="Coordinates per point; the job checks it.")


class DistanceMatrix(Open):
    """Distances between points, instead of the points: square, symmetric, zero on the diagonal."""

    distances: Annotated[list[Annotated[list[Length], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="Row i has the distances of point i to each point, in the order of the rows."
    )
    points: None = Field(default=None, description="Not allowed together with distances.")
    dimension: None = Field(default=None, description="Not allowed together with distances.")


class Parameters(Open):
    """Parameters of the computation and of the published result. Further keys are passed to the algorithm."""

    max_dimension: int = Field(LEFT_OUT, ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Length | None = Field(
        None, description="Value at which the filtration is cut, in the algorithm's unit; null for no cut."
    )
    min_persistence: Length = Field(LEFT_OUT, description="Bars shorter than this are omitted.")
    betti_at: Length | None = Field(None, description="Also report the ranks at this value.")
    homology_coeff_field: Prime = Field(LEFT_OUT, description="Coefficient field Z/p, given by the prime p.")
    engine: str = Field(LEFT_OUT, min_length=1, description="auto, or the name of an engine.")
    pairs: str = Field(
        LEFT_OUT,
        pattern=r"^(all|none|top:[0-9]{1,9})$",
        description="Bars that the result lists: all, none or top:K, the K longest.",
    )


_CONFIG_DEFAULTS = "The job's config has the defaults of omitted values."


class JobEvent(Open):
    """A request: a whole point cloud and its computation. It gets one result or one error record."""

    job_id: Identifier = Field(description="Request id; the Kafka key of the result or error record.")
    timestamp: Moment | None = Field(
        None, description="Time of the request; without it, Kafka's timestamp of the message is used."
    )
    algorithm: Algorithm | None = Field(
        None, description="vietoris_rips, alpha, witness, or another algorithm that the job has."
    )
    point_cloud: PointCloud | DistanceMatrix = Field(description="The points, or their distances.")
    parameters: Parameters | None = Field(None, description=_CONFIG_DEFAULTS)

    model_config = ConfigDict(
        json_schema_extra={"examples": [examples.REQUEST, examples.REQUEST_WITH_DISTANCES]}
    )


_EITHER_ID: list[Any] = [
    {"required": ["job_id"], "properties": {"job_id": {"type": "string"}}},
    {
        "required": ["file_id"],
        "properties": {"file_id": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "\\S"}},
    },
]


class UploadEvent(Open):
    """A request whose points are in a file. It gets one result or one error record."""

    job_id: Identifier | None = Field(None, description="Request id; the Kafka key of the result.")
    file_id: Any = Field(
        None,
        title="text, 1 to 1024 characters",
        description="Used as the request id if job_id is missing; otherwise ignored.",
    )
    timestamp: Moment | None = Field(
        None, description="Time of the request; without it, Kafka's timestamp of the message is used."
    )
    uri: str = Field(
        max_length=2048,
        pattern=r"^([Ff][Ii][Ll][Ee]|[Ss]3)://",
        description="Location of the file, as the job accesses it: file:///… or s3://bucket/….",
    )
    format: Literal["csv", "npy", "npz", "parquet"] | None = Field(
        None, description="Format of the file (default: by the extension of its name)."
    )
    columns: Columns | None = Field(
        None,
        description="csv and parquet: names of the coordinate columns; csv without a header: their numbers,"
        " from 1 (default: all, if all are numeric and none is an index).",
    )
    key: str | None = Field(None, min_length=1, description="npz: name of the array.")
    header: bool | None = Field(
        None, description="csv: whether the first line is a header (default: if it contains no number)."
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        pattern=r"^[\x00-\x09\x0b\x0c\x0e-\x21\x23-\x7f]$",
        description="csv: delimiter of cells, one ASCII character, no quote and no newline.",
    )
    algorithm: Algorithm | None = Field(
        None, description="vietoris_rips, alpha, witness, or another algorithm that the job has."
    )
    parameters: Parameters | None = Field(None, description=_CONFIG_DEFAULTS)

    model_config = ConfigDict(json_schema_extra={"anyOf": _EITHER_ID, "examples": [examples.UPLOAD]})


class StreamEvent(Open):
    """Points of a stream, which are windowed per stream. Each window that fires gives a result."""

    stream_id: Identifier = Field(description="Stream id; the Kafka key of the message and of its results.")
    timestamp: Moment | None = Field(
        None, description="Time of points without their own; without it, Kafka's timestamp is used."
    )
    points: Points = Field(description="The points, each a list of coordinates or an object.")
    timestamps: list[Moment] | None = Field(
        None, description="One time per point, in their order; a point's own timestamp has precedence."
    )
    dimension: int | None = Field(default=None, ge=1, description="Coordinates per point; the job checks it.")
    message_id: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        description="Identifies duplicates of the message, if the job's config enables deduplication.",
    )
    algorithm: None = Field(None, description="Not allowed: set in the job's config for streams.")
    parameters: None = Field(None, description="Not allowed: set in the job's config for streams.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STREAM]})
