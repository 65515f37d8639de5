"""Send point clouds as requests: known shapes, own files, at a rate, each one confirmed."""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count as counter
from itertools import cycle, islice
from pathlib import Path, PurePosixPath
from typing import Any

from tdaflink.adapters import pointfiles
from tdaflink.adapters.kafka import KafkaClient, TopicWriter
from tdaflink.adapters.kafka_common import TICK_SECONDS
from tdaflink.domain import shapes
from tdaflink.domain.errors import Interrupted, NotFound, TdaflinkError, UsageError
from tdaflink.domain.messages import (
    REQUESTS_TOPIC,
    STREAMS_TOPIC,
    UPLOADS_TOPIC,
    Request,
    Upload,
    encode,
    stamp,
)
from tdaflink.domain.progress import Reporter, Step

_SHOW_EVERY_SECONDS = 0.1
_UPLOAD_FORMATS = ("csv", "npy", "npz", "parquet")


@dataclass(frozen=True)
class Wanted:
    """What a user said about the messages; None is: not said."""

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


@dataclass(frozen=True)
class Outgoing:
    """Messages that are ready to go to `topic`, made one by one, each with the time of its making."""

    title: str
    total: int
    messages: Iterator[Mapping[str, Any]]
    shape: shapes.Shape | None = None
    topic: str = REQUESTS_TOPIC


@dataclass(frozen=True)
class Sent:
    """What the brokers have confirmed, in the order of sending."""

    job_ids: Sequence[str]
    asked: int
    seconds: float

    def raise_if_interrupted(self) -> None:
        """Raise `Interrupted` where Ctrl-C came before the last message."""
        if len(self.job_ids) < self.asked:
            raise Interrupted(
                f"interrupted: {len(self.job_ids)} of {self.asked} messages were sent, all of them confirmed"
            )


def parse_parameters(assignments: Sequence[str]) -> dict[str, Any]:
    """`max_persistence=0.6` and the like; a value is JSON where it reads as such, else text."""
    parameters: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key.strip() and equals):
            raise UsageError(
                f"--set {assignment}: not of the form key=value", hint="--set max_persistence=0.6"
            )
        try:
            parameters[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            parameters[key.strip()] = text
    return parameters


def prepare(source: str, wanted: Wanted) -> Outgoing:
    """Turn a shape's name, a file's name, `-` (stdin) or the URI of a file for the job into messages."""
    if wanted.count is not None and wanted.count < 1:
        raise UsageError(f"--count {wanted.count}: at least one message", hint="--count 1")
    if "://" in source:
        return _from_uri(source, wanted)
    if wanted.stream is not None:
        return _as_stream(source, wanted)
    if source != "-" and not Path(source).exists():
        return _from_shape(source, wanted)
    if source in shapes.SHAPES:
        return _from_shape(source, wanted)
    return _from_file(source, wanted)


def _shape(name: str) -> shapes.Shape:
    try:
        return shapes.find(name)
    except NotFound as error:
        raise NotFound(f"{name} is neither a file nor a shape", hint=error.hint) from None


def _from_shape(name: str, wanted: Wanted) -> Outgoing:
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


def _from_file(source: str, wanted: Wanted) -> Outgoing:
    payloads = _payloads(source, wanted)
    total = wanted.count or len(payloads)
    stem = "stdin" if source == "-" else Path(source).stem

    def requests() -> Iterator[Mapping[str, Any]]:
        ids = _job_ids(wanted.job_id, total, stem)
        for payload, job_id in zip(islice(cycle(payloads), total), ids, strict=False):
            if isinstance(payload, list):
                yield Request(job_id, payload, wanted.algorithm, wanted.parameters).message()
            else:
                yield _completed(payload, job_id, wanted)

    return Outgoing("stdin" if source == "-" else source, total, requests())


def _payloads(source: str, wanted: Wanted) -> list[pointfiles.Payload]:
    if wanted.points is not None or wanted.noise:
        raise UsageError("--points and --noise are for shapes: a file is sent as it is")
    return pointfiles.read(source, form=wanted.form, delimiter=wanted.delimiter)


def _as_stream(source: str, wanted: Wanted) -> Outgoing:
    """The points of a shape or of a file as messages of one stream, `batch` points each."""
    if wanted.algorithm is not None or wanted.parameters or wanted.job_id is not None:
        raise UsageError(
            "--algorithm, --set and --job-id are for requests: a stream is computed as its job's config says",
            hint="tdaflink submit --set algorithm=alpha",
        )
    if wanted.batch < 1:
        raise UsageError(f"--batch {wanted.batch}: at least one point a message", hint="--batch 10")
    stream = wanted.stream or ""
    if not stream.strip():
        raise UsageError("--stream: the stream's id is blank", hint="--stream sensor-1")
    points, title = _stream_points(source, wanted)
    total = wanted.count or -(-len(points) // wanted.batch)
    parts = [points[start : start + wanted.batch] for start in range(0, len(points), wanted.batch)]

    def messages() -> Iterator[Mapping[str, Any]]:
        for part in islice(cycle(parts), total):
            yield {"stream_id": stream, "timestamp": stamp(), "points": part}

    return Outgoing(f"{title} as the stream {stream}", total, messages(), topic=STREAMS_TOPIC)


def _stream_points(source: str, wanted: Wanted) -> tuple[list[list[float]], str]:
    if source != "-" and (source in shapes.SHAPES or not Path(source).exists()):
        shape = _shape(source)
        needed = wanted.count * wanted.batch if wanted.count and wanted.points is None else wanted.points
        return shapes.sample(shape, needed, noise=wanted.noise, seed=wanted.seed), shape.title
    payloads = _payloads(source, wanted)
    clouds = [
        payload["point_cloud"]["points"] if isinstance(payload, dict) else payload for payload in payloads
    ]
    return [point for cloud in clouds for point in cloud], "stdin" if source == "-" else source


def _from_uri(uri: str, wanted: Wanted) -> Outgoing:
    if wanted.points is not None or wanted.noise:
        raise UsageError("--points and --noise are for shapes: a file is analysed as it is")
    if uri.partition("://")[0].lower() not in ("file", "s3"):
        raise UsageError(f"{uri}: the job reads file:///… and s3://bucket/…", hint="or send a file of yours")
    if wanted.form is not None and wanted.form not in _UPLOAD_FORMATS:
        raise UsageError(
            f"--format {wanted.form}: the job does not read it", hint=f"one of {', '.join(_UPLOAD_FORMATS)}"
        )
    total = wanted.count or 1
    delimiter = "\t" if wanted.delimiter == "\\t" else wanted.delimiter

    def uploads() -> Iterator[Mapping[str, Any]]:
        ids = _job_ids(wanted.job_id, total, PurePosixPath(uri).stem)
        for job_id in islice(ids, total):
            upload = Upload(job_id, uri, wanted.form, delimiter, wanted.algorithm, wanted.parameters)
            yield upload.message()

    return Outgoing(uri, total, uploads(), topic=UPLOADS_TOPIC)


def _completed(message: Mapping[str, Any], job_id: str, wanted: Wanted) -> Mapping[str, Any]:
    """A whole message from a file: what it says stays, unless a flag says otherwise."""
    whole = {"job_id": job_id, "timestamp": stamp(), **message}
    if wanted.job_id is not None:
        whole["job_id"] = job_id
    if wanted.algorithm is not None:
        whole["algorithm"] = wanted.algorithm
    if wanted.parameters:
        whole["parameters"] = {**(message.get("parameters") or {}), **wanted.parameters}
    return whole


def _job_ids(given: str | None, total: int, stem: str) -> Iterator[str]:
    """The given id, numbered where there are several messages, or fresh ids that begin with `stem`."""
    if given is None:
        return (f"{stem}-{uuid.uuid4().hex[:12]}" for _ in counter())
    return iter([given]) if total == 1 else (f"{given}-{number}" for number in counter(1))


def send(client: KafkaClient, topic: str, outgoing: Outgoing, rate: float | None, reporter: Reporter) -> Sent:
    """Send the messages keyed by job or stream, at most `rate` a second, and wait until each is confirmed.

    Ctrl-C stops the sending, not the confirming: what was handed over is waited for and counted.
    """
    if rate is not None and rate <= 0:
        raise UsageError(f"--rate {rate:g}: messages per second, above 0", hint="--rate 10")
    started = time.monotonic()
    writer = client.writer(topic)
    noun = "message" if outgoing.total == 1 else "messages"
    try:
        with _ctrl_c() as pressed, reporter.step(f"Send {outgoing.total} {noun} to {topic}") as step:
            job_ids = _write_all(writer, outgoing, rate, pressed, step)
            writer.flush()
    except TdaflinkError:
        reporter.warn(f"{writer.confirmed} of {outgoing.total} {noun} were sent and confirmed")
        raise
    return Sent(job_ids, outgoing.total, round(time.monotonic() - started, 3))


def _write_all(
    writer: TopicWriter, outgoing: Outgoing, rate: float | None, pressed: threading.Event, step: Step
) -> list[str]:
    keys: list[str] = []
    started = shown = time.monotonic()
    for message in outgoing.messages:
        due = started + len(keys) / rate if rate else started
        while not pressed.is_set() and (wait := due - time.monotonic()) > 0:
            writer.serve(min(wait, TICK_SECONDS))
        if pressed.is_set():
            break
        key = str(message.get("job_id") or message["stream_id"])
        writer.write(key, encode(message))
        keys.append(key)
        if time.monotonic() - shown > _SHOW_EVERY_SECONDS:
            shown = time.monotonic()
            step.advance(writer.confirmed, outgoing.total)
    return keys


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C as a flag: it never comes between sending a message and counting it. Twice breaks off."""
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
