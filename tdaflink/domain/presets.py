"""Named checkpoint settings: a name in a job config stands for them; what is said beside it comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Preset = Literal["high-throughput", "low-latency"]

_UNALIGNED = "execution.checkpointing.unaligned.enabled"
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Few checkpoints, which overtake what waits in the buffers once it has held them up for half a minute.
    "high-throughput": {
        "checkpoint_interval": 60_000,
        "flink": {_UNALIGNED: True, "execution.checkpointing.aligned-checkpoint-timeout": "30s"},
    },
    # Many small checkpoints without a buffer in them: soon taken, soon restored.
    "low-latency": {"checkpoint_interval": 10_000, "flink": {_UNALIGNED: False}},
}


def spelled_out(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of one place with those that its `checkpoint_preset` stands for below them."""
    name = values.get("checkpoint_preset")
    preset = _PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        return values
    merged = {**preset, **values}
    if isinstance(own := values.get("flink"), Mapping):
        merged["flink"] = {**preset["flink"], **own}
    return merged
