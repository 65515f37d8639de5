"""Complete resolved settings, in the form that the command submits."""

from __future__ import annotations

import json
from typing import Any


def settings_document(**changes: Any) -> dict[str, Any]:
    """Return the resolved settings of a local job; `changes` replace values, such as limits__max_points=3."""
    document: dict[str, Any] = {
        "schema": 1,
        "job_name": "tda-streaming",
        "environment": "local",
        "parallelism": 2,
        "inputs": [
            {
                "route": "requests",
                "topic": "tda_jobs",
                "output_topic": "tda_results",
                "source_parallelism": 2,
                "window": None,
            }
        ],
        "errors_topic": "tda_errors",
        "kafka": {
            "bootstrap_servers": "127.0.0.1:9092",
            "group_id": "tdaflink-local-tda-streaming",
            "start_from": "committed",
            "properties": {},
            "delivery": "at_least_once",
            "transactional_id_prefix": "tdaflink-local-tda-streaming",
            "transaction_timeout_ms": 3600000,
        },
        "query": {
            "algorithm": "vietoris_rips",
            "max_dimension": 1,
            "max_persistence": None,
            "min_persistence": 0.0,
            "betti_at": None,
            "homology_coeff_field": 2,
            "engine": "auto",
            "algorithm_params": {},
            "pairs": "all",
        },
        "limits": {
            "max_points": 5000,
            "max_predicted_bytes": 1073741824,
            "compute_timeout_s": 60.0,
            "max_ambient_dimension": 5,
            "max_message_bytes": 16777216,
            "max_future_s": 300.0,
        },
        "uploads": {
            "roots": [],
            "max_bytes": 67108864,
            "timeout_s": 30.0,
            "s3": {"endpoint": None, "region": "us-east-1", "access_key": None, "secret_key": None},
        },
        "windows": {
            "out_of_orderness_ms": 5000,
            "allowed_lateness_ms": 0,
            "max_windows_per_message": 1000,
            "max_duration_ms": 86_400_000,
            "state_ttl_ms": 86_400_000,
            "dedup_ids": 0,
            "overflow": "error",
        },
        "heavy": {"after_s": 1.0, "queue": 1000},
        "plugins": [],
        "incremental_bytes": 256 * 2**20,
        "preprocess": {
            "embed": None,
            "scale": {"kind": "none", "offset": [], "factor": []},
            "landmarks": None,
            "error": None,
        },
        "distance_to_previous": None,
        "features": [],
        "events_topic": "tda_events",
    }
    for path, value in changes.items():
        *above, last = path.split("__")
        node = document
        for key in above:
            node = node[key]
        node[last] = value
    return document


def settings_text(**changes: Any) -> str:
    return json.dumps(settings_document(**changes))
