"""Messages that come in: requests, files to read, points of streams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tdaflink.domain.message_models import examples
from tdaflink.domain.message_models.parts import (
    LEFT_OUT,
    Coordinates,
    Identifier,
    Length,
    Moment,
    Open,
)

Algorithm = Annotated[str, Field(min_length=1)]
Columns = Annotated[list[str], Field(min_length=1, json_schema_extra={"uniqueItems": True})]
Prime = Annotated[int, Field(ge=2, le=46337)]


class TimedPoint(Open):
    """A point with a time of its own."""

    coordinates: Coordinates = Field(description="Its coordinates.")
    timestamp: Moment | None = Field(
        default=None, description="When it was measured; on windowed routes it decides the point's windows."
    )


Points = Annotated[list[Coordinates | TimedPoint], Field(min_length=1)]


class PointCloud(Open):
    """Points in Euclidean space, all with the same number of coordinates."""

    points: Points = Field(description="The points, each a list of coordinates or an object.")
    distances: None = Field(default=None, description="Not beside points.")
    dimension: int | None = Field(
        default=None, ge=1, description="How many coordinates each point has; it is checked."
    )


class DistanceMatrix(Open):
    """Distances between points, instead of the points: square, symmetric, zero on the diagonal."""

    distances: Annotated[list[Annotated[list[Length], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="Row i has the distances of point i to each point, in the order of the rows."
    )
    points: None = Field(default=None, description="Not beside distances.")
    dimension: None = Field(default=None, description="Not beside distances.")


class Parameters(Open):
    """What is computed, and what of it is published. Further keys are parameters of the algorithm."""

    max_dimension: int = Field(LEFT_OUT, ge=0, le=10, description="Highest homology dimension.")
    max_persistence: Length | None = Field(
        None, description="T: where the filtration is cut, in the algorithm's unit; null for no cut."
    )
    min_persistence: Length = Field(LEFT_OUT, description="Shorter bars are left out.")
    betti_at: Length | None = Field(None, description="Also report the ranks at this value.")
    homology_coeff_field: Prime = Field(LEFT_OUT, description="The field of coefficients, a prime.")
    engine: str = Field(LEFT_OUT, min_length=1, description="auto, or an engine by its name.")
    pairs: str = Field(
        LEFT_OUT,
        pattern=r"^(all|none|top:[0-9]{1,9})$",
        description="Which bars the result lists: all, none or top:K, the K longest.",
    )


_SAID_BY_CONFIG = "What is left out, the job's config decides."


class JobEvent(Open):
    """A request: a whole point cloud, and what is asked of it. It gets one result or one error record."""

    job_id: Identifier = Field(description="Names the request; the key of its answer.")
    timestamp: Moment | None = Field(
        None, description="When it was made; without one Kafka's time of the message stands in."
    )
    algorithm: Algorithm | None = Field(
        None, description="vietoris_rips, alpha, witness, or another one that the job knows."
    )
    point_cloud: PointCloud | DistanceMatrix = Field(description="What is analysed.")
    parameters: Parameters | None = Field(None, description=_SAID_BY_CONFIG)

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
    """A request whose points lie in a file. It gets one result or one error record."""

    job_id: Identifier | None = Field(None, description="Names the request; the key of its answer.")
    file_id: Any = Field(
        None,
        title="text, 1 to 1024 characters",
        description="Stands in where there is no job_id; beside one it is ignored.",
    )
    timestamp: Moment | None = Field(
        None, description="When it was made; without one Kafka's time of the message stands in."
    )
    uri: str = Field(
        max_length=2048,
        pattern=r"^([Ff][Ii][Ll][Ee]|[Ss]3)://",
        description="Where the file lies, as the job sees it: file:///… or s3://bucket/….",
    )
    format: Literal["csv", "npy", "npz", "parquet"] | None = Field(
        None, description="How to read it; without one the ending of its name decides."
    )
    columns: Columns | None = Field(
        None,
        description="csv and parquet: the columns that are coordinates, by name; of csv without a header by"
        " number, from 1. Without it all, if each is of numbers and none an index.",
    )
    key: str | None = Field(None, min_length=1, description="npz: the array's name.")
    header: bool | None = Field(
        None, description="csv: whether the first line is a header; without it, if it holds no number."
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        pattern=r"^[\x00-\x09\x0b\x0c\x0e-\x21\x23-\x7f]$",
        description="csv: the sign between two cells, one of ASCII, no quote and no newline.",
    )
    algorithm: Algorithm | None = Field(
        None, description="vietoris_rips, alpha, witness, or another one that the job knows."
    )
    parameters: Parameters | None = Field(None, description=_SAID_BY_CONFIG)

    model_config = ConfigDict(json_schema_extra={"anyOf": _EITHER_ID, "examples": [examples.UPLOAD]})


class StreamEvent(Open):
    """Points of a stream, which are windowed per stream. Each window that fires gets a result."""

    stream_id: Identifier = Field(description="Names the stream; the key of the message and of its results.")
    timestamp: Moment | None = Field(
        None, description="The time of those points that have none of their own; else Kafka's stands in."
    )
    points: Points = Field(description="The points, each a list of coordinates or an object.")
    timestamps: list[Moment] | None = Field(
        None, description="One time for each point, in their order; a point's own goes before it."
    )
    dimension: int | None = Field(
        default=None, ge=1, description="How many coordinates each point has; it is checked."
    )
    message_id: str | None = Field(
        None, min_length=1, max_length=4096, description="Tells a message that comes twice, if the job asks."
    )
    algorithm: None = Field(None, description="Not here: the job's config decides for a stream.")
    parameters: None = Field(None, description="Not here: the job's config decides for a stream.")

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STREAM]})
