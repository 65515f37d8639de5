"""Sending of point clouds, from generated shapes or files, at a rate and with confirmation of each."""

from __future__ import annotations

import csv
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count as counter
from itertools import cycle, islice
from pathlib import Path, PurePosixPath
from typing import Any

from tdaflink.adapters.kafka.client import KafkaClient, TopicWriter
from tdaflink.adapters.kafka.errors import MAX_MESSAGE_BYTES, TICK_SECONDS
from tdaflink.adapters.storage import point_files
from tdaflink.adapters.storage.point_files import PointFile, ReadOptions
from tdaflink.domain.errors import Interrupted, NotFound, TdaflinkError, UsageError
from tdaflink.domain.messages import shapes
from tdaflink.domain.messages.records import (
    REQUESTS_TOPIC,
    STREAMS_TOPIC,
    UPLOADS_TOPIC,
    Request,
    Upload,
    encode,
)
from tdaflink.domain.progress import ProgressStep, Reporter
from tdaflink.domain.timestamps import timestamp_now
from tdaflink.services.data.table_streams import streams_of, timed_points
from tdaformats import messages as contract
from tdaformats import strict_json, tables
from tdaformats.errors import MessageError

_SHOW_EVERY_SECONDS = 0.1
_STEM = 200  # characters of a file's name in the ids of its requests
_TOPICS = {"requests": REQUESTS_TOPIC, "uploads": UPLOADS_TOPIC, "streams": STREAMS_TOPIC}
_MAX_NUMBER_BYTES = 28  # bytes of a float64 in JSON, with its separators
# Fields of a request that a stream does not have.
_REQUEST_FIELDS = ("job_id", "timestamp", "algorithm", "parameters", "timestamps", "message_id")


@dataclass(frozen=True)
class SendRequest:
    """Options of the messages to send; None if not given."""

    points: int | None = None
    noise: float = 0.0
    seed: int = 0
    count: int | None = None
    job_id: str | None = None
    algorithm: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    form: str | None = None
    delimiter: str | None = None
    stream: str | None = None
    batch: int = 10
    columns: tuple[str, ...] | None = None
    key: str | None = None
    header: bool | None = None
    time: str | None = None
    time_unit: str = "ms"
    by: str | None = None
    own_algorithm: bool = False

    def reading(self) -> ReadOptions:
        """Return the options for reading a file."""
        further = tuple(dict.fromkeys(name for name in (self.time, self.by) if name is not None))
        return ReadOptions(self.form, self.delimiter, self.columns, self.key, self.header, further)


@dataclass(frozen=True)
class Outgoing:
    """Messages for `topic`, created lazily, each with the time of its creation."""

    title: str
    total: int
    messages: Iterator[Mapping[str, Any]]
    shape: shapes.Shape | None = None
    topic: str = REQUESTS_TOPIC
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """Messages that the brokers have confirmed, in the order of sending."""

    job_ids: Sequence[str]
    asked: int
    seconds: float

    def raise_if_interrupted(self) -> None:
        """Raise `Interrupted` if Ctrl-C came before the last message."""
        if len(self.job_ids) < self.asked:
            raise Interrupted(
                f"interrupted: {len(self.job_ids)} of {self.asked} messages were sent, all of them confirmed"
            )


def parse_parameters(assignments: Sequence[str]) -> dict[str, Any]:
    """Parse assignments such as `max_persistence=0.6`; a value that is not JSON is text."""
    parameters: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not (key and equals):
            raise UsageError(f"--set {assignment}: is not key=value", hint="--set max_persistence=0.6")
        if key in parameters:
            raise UsageError(f"--set {key}: is given twice: keep one")
        try:
            parameters[key] = strict_json.loads(text)
        except strict_json.JsonError as error:
            if error.code != "bad_json":
                raise UsageError(f"--set {assignment[:80]}: {error.reason}") from error
            parameters[key] = text
    return parameters


def parse_columns(text: str | None) -> tuple[str, ...] | None:
    """Parse `--columns x,y`; a name that contains a comma is written in double quotes."""
    if text is None:
        return None
    names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    try:
        contract.check_columns(names)
    except MessageError as error:
        raise UsageError(f"--{error.reason}", hint="--columns x,y") from error
    return tuple(names)


def prepare(source: str, wanted: SendRequest) -> Outgoing:
    """Return the messages of a shape, a file, `-` (stdin) or the URI of a file that the job reads.

    Every message is validated by the rules of the job before the first is created.
    """
    _check_flags(wanted)
    if "://" in source:
        return _from_uri(source, wanted)
    if _is_shape(source):
        return _from_shape(source, wanted) if wanted.stream is None else _shape_as_stream(source, wanted)
    if wanted.points is not None or wanted.noise:
        raise UsageError("--points and --noise are for shapes: a file is sent unchanged")
    file = point_files.read(source, wanted.reading())
    title = "stdin" if source == "-" else source
    outgoing = _from_file(file, title, wanted)
    return replace(outgoing, columns=file.columns, notes=tuple(f"{title}: {note}" for note in file.notes))


def _check_flags(wanted: SendRequest) -> None:
    if wanted.count is not None and wanted.count < 1:
        raise UsageError(f"--count {wanted.count}: at least one message", hint="--count 1")
    if wanted.batch < 1:
        raise UsageError(f"--batch {wanted.batch}: at least one point a message", hint="--batch 10")
    streamed = wanted.stream is not None or wanted.by is not None
    if wanted.time is not None and not streamed:
        raise UsageError(
            "--time is for streams: a request has no event times", hint="--stream ID or --by COLUMN"
        )
    if wanted.stream is not None and wanted.by is not None:
        raise UsageError("--stream and --by both name the stream: keep one")
    if wanted.time is not None and wanted.time == wanted.by:
        raise UsageError(f"--time and --by both name {wanted.time}: they are two columns")
    if streamed and (wanted.algorithm is not None or wanted.parameters or wanted.job_id is not None):
        raise UsageError(
            "--algorithm, --set and --job-id are for requests: the job's config determines the computation of"
            " streams",
            hint="tdaflink submit --set algorithm=alpha",
        )
    if wanted.stream is not None:
        if not wanted.stream.strip():
            raise UsageError("--stream: the stream's id is blank", hint="--stream sensor-1")
        _as_usage_error(lambda: contract.check_id(wanted.stream, "stream_id"), "--stream")
    elif wanted.by is None:
        fields = {
            "job_id": _longest_id(wanted.job_id, wanted.count or 1),
            "algorithm": wanted.algorithm,
            "parameters": dict(wanted.parameters),
        }
        _check("requests", fields, wanted, "")


def _is_shape(source: str) -> bool:
    if source == "-":
        return False
    try:
        return source in shapes.SHAPES or not Path(source).exists()
    except (OSError, ValueError):
        return True  # not a valid file name


def _as_usage_error(check: Callable[[], None], where: str) -> None:
    """Run a check of the message format; raise its error as `UsageError`, prefixed with the location."""
    try:
        check()
    except MessageError as error:
        hint = None
        if error.code == "unknown_algorithm":
            hint = "--own-algorithm, for an algorithm of a plug-in of the job"
        elif error.code == "unknown_field":
            hint = "docs/messages.md has every field"
        raise UsageError(f"{where}: {error.reason}" if where else error.reason, hint=hint) from error


def _check(route: str, message: Mapping[str, Any], wanted: SendRequest, where: str) -> None:
    _as_usage_error(lambda: contract.check_fields(route, message, own_algorithm=wanted.own_algorithm), where)


def _shape(name: str) -> shapes.Shape:
    try:
        return shapes.find(name)
    except NotFound as error:
        raise NotFound(f"{name} is neither a file nor a shape", hint=error.hint) from None


def _from_shape(name: str, wanted: SendRequest) -> Outgoing:
    shape = _shape(name)
    total = wanted.count or 1
    first = shapes.sample(shape, wanted.points, noise=wanted.noise, seed=wanted.seed)

    def requests() -> Iterator[Mapping[str, Any]]:
        for index, job_id in zip(range(total), _job_ids(wanted.job_id, total, shape.name), strict=False):
            cloud = first
            if index:
                cloud = shapes.sample(shape, len(first), noise=wanted.noise, seed=wanted.seed + index)
            yield Request(job_id, cloud, wanted.algorithm, wanted.parameters).message()

    return Outgoing(f"{shape.title}, {len(first)} points", total, requests(), shape)


def _from_file(file: PointFile, title: str, wanted: SendRequest) -> Outgoing:
    if wanted.by is not None or (wanted.time is not None and wanted.stream is not None):
        return _table_as_streams(file, title, wanted)
    routes = {point_files.route_of(payload) for payload in file.payloads}
    if wanted.stream is not None:
        return _as_stream(file, title, wanted)
    named = routes - {None}
    if len(named) > 1 or (None in routes and named - {"requests"}):
        kinds = ", ".join(sorted(str(route or "points") for route in routes))
        raise UsageError(
            f"{title} has messages of several kinds ({kinds}): each kind has its own topic",
            hint="send each kind from a separate file",
        )
    route = str(next(iter(named), "requests"))
    return _messages_of(file, title, route, wanted)


def _messages_of(file: PointFile, title: str, route: str, wanted: SendRequest) -> Outgoing:
    """Return the messages of a file, completed: a cloud becomes a request."""
    total = wanted.count or len(file.payloads)
    stem = "stdin" if title == "stdin" else Path(title).stem
    if route == "streams" and (
        wanted.algorithm is not None or wanted.parameters or wanted.job_id is not None
    ):
        raise UsageError(
            "--algorithm, --set and --job-id are for requests, and the file has messages of streams"
        )
    for index, payload in enumerate(islice(file.payloads, total), 1):
        sample_id = _longest_id(wanted.job_id, total)
        message = payload if isinstance(payload, dict) else {"point_cloud": {}}
        if route == "streams" and "stream_id" not in message:
            raise UsageError(
                f"{title}, message {index}: has timestamps of a stream, but no stream_id", hint="--stream ID"
            )
        where = f"{title}, message {index}"
        _check(route, _completed(message, sample_id, wanted, route), wanted, where)
        _check_size(payload, where)

    def completed() -> Iterator[Mapping[str, Any]]:
        ids = _job_ids(wanted.job_id, total, stem)
        for payload, job_id in zip(islice(cycle(file.payloads), total), ids, strict=False):
            if isinstance(payload, list):
                yield Request(job_id, payload, wanted.algorithm, wanted.parameters).message()
            else:
                yield _completed(payload, job_id, wanted, route)

    return Outgoing(title, total, completed(), topic=_TOPICS[route])


def _check_size(payload: point_files.Payload, where: str) -> None:
    """Refuse a message that exceeds the size limit; short ones are not measured."""
    cloud = payload if isinstance(payload, list) else (payload.get("point_cloud") or payload)
    rows = cloud if isinstance(cloud, list) else (cloud.get("points") or cloud.get("distances") or ())
    width = len(rows[0]) if rows else 0
    if len(rows) * max(width, 4) < MAX_MESSAGE_BYTES // _MAX_NUMBER_BYTES:
        return
    size = len(encode({"cloud": payload}))
    if size > MAX_MESSAGE_BYTES:
        raise UsageError(
            f"{where}: has {size} bytes as a message, more than {MAX_MESSAGE_BYTES}",
            hint="send fewer points, or the file's URI, file:///… or s3://…, which the job reads",
        )


def _as_stream(file: PointFile, title: str, wanted: SendRequest) -> Outgoing:
    """Return clouds as messages of one stream, `batch` points each; messages of a stream unchanged."""
    parts: list[dict[str, Any]] = []
    for index, payload in enumerate(file.payloads, 1):
        where = f"{title}, message {index}"
        if isinstance(payload, dict) and point_files.route_of(payload) == "streams":
            message = {"stream_id": wanted.stream, **payload}
            if message["stream_id"] != wanted.stream:
                raise UsageError(
                    f"{where}: its stream_id is {message['stream_id']!r:.60}, but --stream is"
                    f" {wanted.stream!r:.60}",
                    hint="leave --stream out, and each message keeps its own",
                )
            _check("streams", message, wanted, where)
            parts.append(message)
        else:
            parts += _batches(_points_of(payload, where), wanted)
    return _streamed(title, parts, wanted)


def _points_of(payload: point_files.Payload, where: str) -> list[Any]:
    if isinstance(payload, list):
        return payload
    lost = [name for name in (*_REQUEST_FIELDS, "uri") if name in payload]
    cloud = payload.get("point_cloud") or {}
    if lost or "points" not in cloud:
        name = lost[0] if lost else "point_cloud.distances"
        raise UsageError(
            f"{where}: has {name}, which a stream cannot have",
            hint="send it without --stream, or only its points",
        )
    points: list[Any] = cloud["points"]
    return points


def _batches(points: list[Any], wanted: SendRequest) -> list[dict[str, Any]]:
    starts = range(0, len(points), wanted.batch)
    return [{"stream_id": wanted.stream, "points": points[start : start + wanted.batch]} for start in starts]


def _streamed(title: str, parts: Sequence[Mapping[str, Any]], wanted: SendRequest) -> Outgoing:
    total = wanted.count or len(parts)

    def timed() -> Iterator[Mapping[str, Any]]:
        for part in islice(cycle(parts), total):
            own = "timestamp" in part or "timestamps" in part
            yield part if own else {"stream_id": part["stream_id"], "timestamp": timestamp_now(), **part}

    named = f"{title} as the stream {wanted.stream}" if wanted.stream is not None else title
    return Outgoing(named, total, timed(), topic=STREAMS_TOPIC)


def _shape_as_stream(name: str, wanted: SendRequest) -> Outgoing:
    shape = _shape(name)
    needed = wanted.count * wanted.batch if wanted.count and wanted.points is None else wanted.points
    points = shapes.sample(shape, needed, noise=wanted.noise, seed=wanted.seed)
    return _streamed(shape.title, _batches(points, wanted), wanted)


def _table_as_streams(file: PointFile, title: str, wanted: SendRequest) -> Outgoing:
    """Return the rows of a table as messages of streams, each point with the time of its row."""
    rows = _points_of(file.payloads[0], title)
    times = (
        None if wanted.time is None else timed_points(file.beside[wanted.time], wanted.time, wanted.time_unit)
    )
    keys = [wanted.stream] * len(rows) if wanted.by is None else streams_of(file.beside[wanted.by], wanted.by)
    return _streamed(title, _grouped(rows, times, keys, wanted.batch), wanted)


def _grouped(
    rows: Sequence[Any], times: Sequence[Any] | None, keys: Sequence[str | None], batch: int
) -> list[dict[str, Any]]:
    """Return messages of at most `batch` rows of one stream each; the rows of a stream keep their order."""
    full: list[dict[str, Any]] = []
    open_messages: dict[str | None, dict[str, Any]] = {}
    for index, (row, key) in enumerate(zip(rows, keys, strict=True)):
        message = open_messages.setdefault(key, {"stream_id": key, "points": [], "timestamps": []})
        message["points"].append(row)
        if times is not None:
            message["timestamps"].append(times[index])
        if len(message["points"]) == batch:
            full.append(open_messages.pop(key))
    messages = [*full, *open_messages.values()]
    return messages if times is not None else [_without(message, "timestamps") for message in messages]


def _without(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != name}


def _from_uri(uri: str, wanted: SendRequest) -> Outgoing:
    if wanted.points is not None or wanted.noise:
        raise UsageError("--points and --noise are for shapes: a file is analysed unchanged")
    if wanted.stream is not None or wanted.by is not None or wanted.time is not None:
        raise UsageError(
            "--stream, --by and --time are for files that this command reads", hint="send the file"
        )
    if uri.partition("://")[0].lower() not in ("file", "s3"):
        raise UsageError(f"{uri}: the job reads file:///… and s3://bucket/…", hint="or send a local file")
    if wanted.form is not None and wanted.form not in tables.FORMATS:
        raise UsageError(
            f"--format {wanted.form}: the job does not read it", hint=f"one of {', '.join(tables.FORMATS)}"
        )
    total = wanted.count or 1
    delimiter = "\t" if wanted.delimiter == "\\t" else wanted.delimiter

    def upload(job_id: str) -> Mapping[str, Any]:
        columns = None if wanted.columns is None else list(wanted.columns)
        return Upload(
            job_id,
            uri,
            wanted.form,
            delimiter,
            wanted.algorithm,
            wanted.parameters,
            columns,
            wanted.key,
            wanted.header,
        ).message()

    _check("uploads", upload(_longest_id(wanted.job_id, total)), wanted, "")

    def uploads() -> Iterator[Mapping[str, Any]]:
        ids = _job_ids(wanted.job_id, total, PurePosixPath(uri).stem)
        for job_id in islice(ids, total):
            yield upload(job_id)

    return Outgoing(uri, total, uploads(), topic=UPLOADS_TOPIC)


def _completed(message: Mapping[str, Any], job_id: str, wanted: SendRequest, route: str) -> Mapping[str, Any]:
    """Return a message of a file, completed: its fields are kept, unless an option overrides them."""
    if route == "streams":
        return message
    # A file_id of the file identifies the request as a job_id does.
    named = {} if route == "uploads" and "file_id" in message else {"job_id": job_id}
    whole = {**named, "timestamp": timestamp_now(), **message}
    if wanted.job_id is not None:
        whole["job_id"] = job_id
    if wanted.algorithm is not None:
        whole["algorithm"] = wanted.algorithm
    if wanted.parameters:
        given = message.get("parameters")
        whole["parameters"] = {**(given if isinstance(given, dict) else {}), **wanted.parameters}
    return whole


def _longest_id(given: str | None, total: int) -> str:
    if given is None:
        return "x"
    return given if total == 1 else f"{given}-{total}"


def _job_ids(given: str | None, total: int, stem: str) -> Iterator[str]:
    """Return the given id, numbered for several messages, or generated ids that begin with `stem`."""
    if given is None:
        # The name of a file may contain bytes that are not UTF-8.
        shown = stem.encode("utf-8", "replace").decode()[:_STEM]
        return (f"{shown}-{uuid.uuid4().hex[:12]}" for _ in counter())
    return iter([given]) if total == 1 else (f"{given}-{number}" for number in counter(1))


def send(client: KafkaClient, topic: str, outgoing: Outgoing, rate: float | None, reporter: Reporter) -> Sent:
    """Send the messages keyed by request or stream, at most `rate` per second; wait until all are confirmed.

    Ctrl-C stops the sending, not the confirmation: messages already handed over are awaited and counted.
    """
    if rate is not None and rate <= 0:
        raise UsageError(f"--rate {rate:g}: messages per second, above 0", hint="--rate 10")
    started = time.monotonic()
    writer = client.writer(topic)
    noun = "message" if outgoing.total == 1 else "messages"
    try:
        with (
            _ctrl_c() as pressed,
            reporter.step(f"Send {outgoing.total} {noun} to {topic}{_columns(outgoing)}") as step,
        ):
            job_ids = _write_all(writer, outgoing, rate, pressed, step)
            writer.flush()
    except TdaflinkError:
        reporter.warn(f"{writer.confirmed} of {outgoing.total} {noun} were sent and confirmed")
        raise
    return Sent(job_ids, outgoing.total, round(time.monotonic() - started, 3))


def _columns(outgoing: Outgoing) -> str:
    """Return the coordinate columns of a table as text for the progress line."""
    if outgoing.columns is None:
        return ""
    shown = ", ".join(name[:40] for name in outgoing.columns[:10])
    return f" (columns {shown}{', …' if len(outgoing.columns) > 10 else ''})"


def _write_all(
    writer: TopicWriter, outgoing: Outgoing, rate: float | None, pressed: threading.Event, step: ProgressStep
) -> list[str]:
    keys: list[str] = []
    started = shown = time.monotonic()
    for message in outgoing.messages:
        due = started + len(keys) / rate if rate else started
        while not pressed.is_set() and (wait := due - time.monotonic()) > 0:
            writer.serve(min(wait, TICK_SECONDS))
        if pressed.is_set():
            break
        key = str(message.get("job_id") or message.get("file_id") or message["stream_id"])
        writer.write(key, encode(message))
        keys.append(key)
        if time.monotonic() - shown > _SHOW_EVERY_SECONDS:
            shown = time.monotonic()
            step.advance(writer.confirmed, outgoing.total)
    return keys


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn Ctrl-C into a flag, so that a message sent is always counted; a second Ctrl-C interrupts."""
    pressed = threading.Event()

    def note(_number: int, _frame: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
