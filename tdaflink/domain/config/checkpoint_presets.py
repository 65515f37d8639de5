"""Checkpoint presets: named groups of settings; explicit settings take precedence over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Preset = Literal["high-throughput", "low-latency"]

_UNALIGNED = "execution.checkpointing.unaligned.enabled"
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Few checkpoints; barriers overtake buffered records after 30 s of waiting.
    "high-throughput": {
        "checkpoint_interval": 60_000,
        "flink": {_UNALIGNED: True, "execution.checkpointing.aligned-checkpoint-timeout": "30s"},
    },
    # Many small checkpoints without buffered records: fast to take and to restore.
    "low-latency": {"checkpoint_interval": 10_000, "flink": {_UNALIGNED: False}},
}


def spelled_out(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings with those of their `checkpoint_preset` added at a lower precedence."""
    name = values.get("checkpoint_preset")
    preset = _PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        return values
    merged = {**preset, **values}
    if isinstance(own := values.get("flink"), Mapping):
        merged["flink"] = {**preset["flink"], **own}
    return merged
