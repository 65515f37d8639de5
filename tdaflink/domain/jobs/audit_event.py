"""Records of control actions on the events topic."""

from __future__ import annotations

import hashlib
import json

from tdaflink.domain.jobs.history import AuditEntry
from tdaflink.domain.timestamps import format_timestamp

EVENTS_TOPIC = "tda_events"
_VERSION = 1


def control_event(action: AuditEntry, env: str) -> tuple[str, bytes]:
    """Return key (the job's name) and value of the event."""
    identity = json.dumps([action.action, env, action.job_id, action.at])
    record = {
        "id": hashlib.sha256(identity.encode()).hexdigest(),
        "kind": "control",
        "timestamp": format_timestamp(action.at),
        "action": action.action,
        "outcome": action.outcome,
        "environment": env,
        "job": {"id": action.job_id, "name": action.name},
        "submitter": action.submitter,
        "detail": dict(action.detail),
        "version": _VERSION,
    }
    return action.name, json.dumps(record, ensure_ascii=False).encode()
