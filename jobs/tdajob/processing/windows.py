"""Processing of fired windows: a result or an error record for each, and an event if it is an alert."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from tdajob.errors import KEPT_PLACES, NOTHING_MORE, MessageError, window_error_record
from tdajob.processing.alert_record import alert_record
from tdajob.processing.comparison import Comparer, Comparison
from tdajob.processing.features import feature_documents
from tdajob.processing.guard import CODE, internal_error, log_failure
from tdajob.processing.preprocess import Preprocessor, landmark_bound
from tdajob.processing.requests import (
    ComputationStats,
    OutputRecord,
    engine_limits,
    memory_meter,
    validate_default_query,
)
from tdajob.processing.result_record import ComputationCost, ResultSubject, result_record
from tdajob.settings.job import Input, Settings
from tdajob.state_version import StateError
from tdajob.timestamps import EARLIEST_MS, LATEST_MS, format_timestamp
from tdajob.topology.engine import Engine
from tdajob.topology.incremental.caches import MIN_POINTS, IncrementalCaches, applicable
from tdajob.topology.incremental.nets import KeptNets
from tdajob.topology.kernels.loader import warm_up
from tdajob.topology.values import ComputationError, Diagram, FloatArray
from tdajob.windows.values import Firing, IntArray, WindowInfo, identity

_log = logging.getLogger(__name__)

_SHARE_OF_NETS = 8
"""The reciprocal of the share of the caches' memory for nets, which are smaller than a window's caches."""

Answers = tuple[Sequence[OutputRecord], bytes | None]
"""The output records, and the diagram with which the next is compared (None: the same as for this window)."""


class WindowProcessor:
    """Computes windows with the parameters of the config. Holds engines: close it."""

    def __init__(self, settings: Settings) -> None:
        self._question = validate_default_query(settings)
        query = self._question.query
        self._errors_topic = settings.errors_topic
        self._stream = settings.stream
        self._max_points = settings.limits.max_points
        self._max_bytes = settings.limits.max_message_bytes
        self._preprocessor = Preprocessor(settings.stream.preprocess, query)
        compared = settings.stream.comparison
        self._comparer = None if compared is None else Comparer(compared, query, settings.stream.preprocess)
        self._engine = Engine(engine_limits(settings.limits))
        limits = engine_limits(settings.limits)
        of_nets = settings.incremental_bytes // _SHARE_OF_NETS if self._preprocessor.makes_nets else 0
        self._nets = KeptNets(of_nets)
        windows = settings.incremental_bytes - of_nets
        self._caches = IncrementalCaches(windows, limits, self._engine.compute)
        self._memory = memory_meter()
        self._landmarks = 0
        if applicable(query, MIN_POINTS, 1):
            # Otherwise the first window would wait for the compiler.
            warm_up()

    def close(self) -> None:
        self._engine.close()

    def check_coordinates(self, points: FloatArray) -> None:
        """Raise MessageError `wrong_dimension` for points that the config's scale does not fit."""
        self._preprocessor.check_coordinates(points)

    def forget(self, key: str) -> None:
        """Remove the caches of a stream."""
        self._caches.forget(key)
        self._nets.forget(key)

    def stats(self) -> dict[str, int]:
        """Return the number of landmarks, and counts and sizes of the incremental computation."""
        counts = {**asdict(self._caches.stats), "unchanged": self._nets.unchanged}
        incremental = {f"incremental_{name}": value for name, value in counts.items()}
        return {"landmarks": self._landmarks, **incremental}

    def answers(self, key: str, name: str, source: Input, firing: Firing, previous: bytes | None) -> Answers:
        """Return the output records of a window of the stream `name`. Does not raise."""
        window = window_document(firing.window, source.route, name)
        result_id = identity(source.route, name, firing.window.identity)
        fields: Mapping[str, object] = NOTHING_MORE
        try:
            return self._process(key, name, source, firing, window, result_id, previous)
        except (MessageError, ComputationError) as error:
            code, reason = error.code, error.reason
        except Exception as error:
            log_failure(_log, error, "cannot process the window %s of %s", result_id, name)
            self.forget(key)  # the caches may be partly updated
            code, (reason, fields) = CODE, internal_error(error)
        if len(window.get("supersedes", ())) > KEPT_PLACES:
            window["supersedes"] = window["supersedes"][:KEPT_PLACES]
        record = window_error_record(source.route, name, window, result_id, code, reason, fields)
        return [OutputRecord(self._errors_topic, *record, None, code)], None

    def _process(
        self,
        key: str,
        name: str,
        source: Input,
        firing: Firing,
        window: Mapping[str, Any],
        result_id: str,
        previous: bytes | None,
    ) -> Answers:
        self._check_size(firing.window)
        begin = time.perf_counter()
        diagram = self._diagram(key, firing)
        comparison, state = self._compare(diagram, result_id, previous)
        more = self._further_fields(diagram, comparison)
        effort = ComputationCost(time.perf_counter() - begin, self._memory())
        subject = ResultSubject(
            result_id, name, source.route == "streams", firing.window.num_points, None, window
        )
        record = result_record(subject, self._question, diagram, effort, self._max_bytes, more)
        pairs = sum(len(bars) for bars in diagram.bars)
        done = ComputationStats(firing.window.num_points, pairs, effort)
        answers = [OutputRecord(source.output_topic, *record, done, None)]
        if comparison is not None and comparison.alert:
            event = alert_record(name, result_id, window, comparison)
            answers.append(OutputRecord(self._stream.events_topic, *event, None, None))
        # A later revision is compared with the diagram before the window, not with its own first revision.
        return answers, state if firing.window.revision == 0 else None

    def _check_size(self, window: WindowInfo) -> None:
        if window.too_large:
            raise MessageError(
                "window_too_large",
                f"the window has {window.num_points} points, more than max_points {self._max_points}: make"
                ' the windows smaller, raise max_points, or set overflow to "landmarks"',
            )

    def _diagram(self, key: str, firing: Firing) -> Diagram:
        prepared = self._preprocessor.prepare(firing.coordinates)
        if len(prepared.points) < firing.window.num_points:
            self._landmarks += len(prepared.points)
        left_out = firing.window.covering_radius
        if self._preprocessor.makes_nets:
            compute = functools.partial(self._compute_incrementally, key)
            diagram = self._nets.diagram(key, prepared.points, compute)
        elif self._preprocessor.per_window or left_out > 0:
            diagram = self._engine.compute(prepared.points, self._question.query)
        else:
            diagram = self._compute_incrementally(key, firing.sequences, prepared.points)
        bound = landmark_bound(self._question.query, prepared.points.shape[1], left_out)
        bound += prepared.error_bound + diagram.error_bound
        return replace(diagram, error_bound=bound)

    def _compute_incrementally(self, key: str, sequences: IntArray, points: FloatArray) -> Diagram:
        """Compute a diagram with the caches of the key where that is supported, else from the points only."""
        query = self._question.query
        if applicable(query, *points.shape):
            return self._caches.diagram(key, sequences, points, query)
        return self._engine.compute(points, query)

    def _compare(
        self, diagram: Diagram, result_id: str, previous: bytes | None
    ) -> tuple[Comparison | None, bytes | None]:
        if self._comparer is None:
            return None, None
        try:
            return self._comparer.compare(diagram, result_id, previous)
        except StateError as error:
            log_failure(_log, error, "cannot read the previous diagram, so the distance is left out")
            return self._comparer.compare(diagram, result_id, None)

    def _further_fields(self, diagram: Diagram, comparison: Comparison | None) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if self._comparer is not None:
            more["distance_to_previous"] = None if comparison is None else comparison.document()
        if self._stream.features:
            more["features"] = feature_documents(self._stream.features, diagram)
        return more


def window_document(window: WindowInfo, route: str, name: str) -> dict[str, Any]:
    """Return the `window` object of a result, an error record or an alert."""
    document: dict[str, Any] = {
        "kind": window.kind,
        "start": _moment(window.start),
        "end": _moment(window.end),
        "first_event": _moment(window.first_event),
        "last_event": _moment(window.last_event),
        "num_points": window.num_points,
        "late": window.late,
        "revision": window.revision,
        "partial": window.partial,
        "closed_by": window.closed_by,
    }
    if window.kind == "count":
        document |= {"first_seq": window.first_seq, "last_seq": window.last_seq}
    if window.kind == "session":
        document["supersedes"] = [identity(route, name, firing) for firing in window.supersedes]
    return document


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None or not EARLIEST_MS <= milliseconds <= LATEST_MS:
        return None
    return format_timestamp(milliseconds)
