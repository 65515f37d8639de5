"""One example of each message; the request and its result are both about the corners of the unit square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Example = dict[str, Any]

REQUEST: Example = {
    "job_id": "square",
    "timestamp": "2024-01-01T12:00:00Z",
    "algorithm": "vietoris_rips",
    "point_cloud": {"points": [[0, 0], [1, 0], [1, 1], [0, 1]], "dimension": 2},
    "parameters": {"max_dimension": 1, "betti_at": 1.2},
}
REQUEST_WITH_DISTANCES: Example = {
    "job_id": "three-sites",
    "point_cloud": {"distances": [[0, 3, 4], [3, 0, 5], [4, 5, 0]]},
}
UPLOAD: Example = {
    "job_id": "scan-17",
    "uri": "s3://scans/2024/01/17.npy",
    "format": "npy",
    "parameters": {"max_dimension": 1, "max_persistence": 0.5},
}
STREAM: Example = {
    "stream_id": "sensor-7",
    "timestamp": "2024-01-01T12:00:00Z",
    "points": [[0, 0], [1, 0], [1, 1], [0, 1]],
    "timestamps": [1704110400000, 1704110400250, 1704110400500, 1704110400750],
    "message_id": "sensor-7/1042",
}

_INFO: Mapping[str, Any] = {
    "num_points": 4,
    "computation_time": 0.000623,
    "success": True,
    "memory_usage": 75362304,
    "max_dimension": 1,
    "max_persistence": None,
    "homology_coeff_field": 2,
    "engine": "gudhi:ripser",
    "error_bound": 0.0,
}
_DIAGRAM: Mapping[str, Any] = {
    "betti_numbers": {"0": [1], "1": [0]},
    "persistence_pairs": [
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": "inf"},
        {"dimension": 1, "birth": 1.0, "death": 1.4142135623730951},
    ],
    "homology_groups": [
        {
            "dimension": 0,
            "num_features": 4,
            "num_essential": 1,
            "mean_persistence": 1.0,
            "max_persistence": 1.0,
            "entropy": 1.0986122886681096,
        },
        {
            "dimension": 1,
            "num_features": 1,
            "num_essential": 0,
            "mean_persistence": 0.41421356237309515,
            "max_persistence": 0.41421356237309515,
            "entropy": 0.0,
        },
    ],
    "pairs_truncated": False,
}

RESULT: Example = {
    "id": "5ac4aad5e93933b220d8bce471b4c0e55f4ae1284009bfb5c7ec89da3466bdf9",
    "job_id": "square",
    "stream_id": None,
    "timestamp": "2024-01-01T12:00:01.250Z",
    "algorithm": "vietoris_rips",
    "input": {"timestamp": "2024-01-01T12:00:00.000Z", "timestamp_source": "message"},
    "window": None,
    "computation_info": _INFO,
    "tda_results": {**_DIAGRAM, "betti_at": {"t": 1.2, "betti_numbers": {"0": [1], "1": [1]}}},
    "version": 1,
}
_WINDOW: Mapping[str, Any] = {
    "kind": "tumbling",
    "start": "2024-01-01T12:00:00.000Z",
    "end": "2024-01-01T12:01:00.000Z",
    "first_event": "2024-01-01T12:00:00.000Z",
    "last_event": "2024-01-01T12:00:00.750Z",
    "num_points": 4,
    "late": 0,
    "revision": 0,
    "partial": False,
    "closed_by": "clock",
}
_DISTANCE: Mapping[str, Any] = {
    "metric": "bottleneck",
    "order": None,
    "distance": 0.2071067811865476,
    "by_dimension": {"0": 0.0, "1": 0.2071067811865476},
    "threshold": 0.2,
    "alert": True,
    "error_bound": 0.0,
    "bars_left_out": 0,
    "previous_id": "a8d0b7a1c65cf0ba51b5b2e1a6a3c9b5c3c86f2a3a2b8f3de5a4f6fb2d0a9e11",
}

STREAM_RESULT: Example = {
    "id": "c2f7c1a0b3bb52cc3a20d5d5a6cb0f9d2f7b0c8a46d9f4d65b1f2e0a9d837c15",
    "job_id": None,
    "stream_id": "sensor-7",
    "timestamp": "2024-01-01T12:01:05.031Z",
    "algorithm": "vietoris_rips",
    "input": None,
    "window": _WINDOW,
    "computation_info": _INFO,
    "tda_results": {**_DIAGRAM, "distance_to_previous": _DISTANCE},
    "version": 1,
}
EVENT: Example = {
    "id": "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73",
    "kind": "alert",
    "stream_id": "sensor-7",
    "timestamp": "2024-01-01T12:01:05.031Z",
    "result_id": STREAM_RESULT["id"],
    "window": _WINDOW,
    "distance_to_previous": _DISTANCE,
    "version": 1,
}
CONTROL_EVENT: Example = {
    "id": "0c3c9a8f6ef4a0f1f6b3f7a7d6c0b6a5e4d3c2b1a09f8e7d6c5b4a3928170605",
    "kind": "control",
    "timestamp": "2024-01-01T12:05:31.207Z",
    "action": "upgrade",
    "outcome": "done",
    "environment": "prod",
    "job": {"id": "9d0f6c2e5b1a4c7f8e3d2b1a0c9f8e7d", "name": "tda-streaming"},
    "submitter": "operator@control",
    "detail": {"downtime_seconds": 6.4, "savepoint": "s3://state/savepoints/savepoint-7c1f2a-0d9e8c7b6a5f"},
    "version": 1,
}
ERROR: Example = {
    "id": "099e375372735157b55b407437c02ac775d8fc38e067b18c9686b4e0d3246f9f",
    "job_id": "scan-18",
    "stream_id": None,
    "timestamp": "2024-01-01T12:00:01.250Z",
    "code": "empty_cloud",
    "reason": "point_cloud.points: holds no point",
    "route": "requests",
    "source": {
        "topic": "tda_jobs",
        "partition": 3,
        "offset": 17,
        "timestamp": "2024-01-01T12:00:01.000Z",
    },
    "original": {
        "bytes_base64": "eyJqb2JfaWQiOiAic2Nhbi0xOCIsICJwb2ludF9jbG91ZCI6IHsicG9pbnRzIjogW119fQ==",
        "length": 52,
        "sha256": "e60158b7848a3513f5922fb25816518a364e2aeeff29dac7c368d48589192fec",
        "truncated": False,
    },
    "version": 1,
}
