"""Settings of the shipped job from a validated config: one JSON object with every key explicit.

The job reads them in `tdajob/settings/job.py`, `streamsettings.py` and `windowsettings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tdaflink.domain.config.job_config import InputRoute, JobConfig
from tdaflink.domain.config.streams import (
    CountWindow,
    Embedding,
    NoWindow,
    Preprocess,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    Window,
)
from tdaflink.domain.config.uploads import Uploads
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.security import NO_KAFKA_SECURITY, KafkaSecurity
from tdaflink.domain.job_contract import SETTINGS_VERSION


def job_settings(
    config: JobConfig, environment: Environment, partitions: Mapping[str, int], plugins: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the resolved settings; `partitions` has the partition count of every input topic.

    `plugins` are modules of the bundle that register algorithms.
    """
    return {
        "schema": SETTINGS_VERSION,
        "job_name": config.job_name,
        "environment": environment.name,
        "parallelism": config.parallelism,
        "inputs": [
            {
                "route": source.route,
                "topic": source.topic,
                "output_topic": source.output_topic,
                "source_parallelism": min(partitions[source.topic], config.parallelism),
                "window": window_settings(config, source),
            }
            for source in config.all_inputs()
        ],
        "errors_topic": config.errors_topic,
        "kafka": _kafka(config, environment),
        "query": _query(config),
        "limits": {
            "max_points": config.max_points,
            "max_predicted_bytes": config.max_predicted_bytes,
            "compute_timeout_s": config.compute_timeout,
            "max_ambient_dimension": config.max_ambient_dimension,
            "max_message_bytes": config.max_message_bytes,
            "max_future_s": config.max_future,
        },
        "heavy": {"after_s": config.heavy_after, "queue": config.heavy_queue},
        "uploads": _uploads(config.uploads),
        "windows": window_bounds(config),
        "plugins": list(plugins),
        "incremental_bytes": config.incremental_memory,
        **stream_settings(config),
        **({"skip": list(config.skip)} if config.skip else {}),
    }


def _kafka(config: JobConfig, environment: Environment) -> dict[str, Any]:
    identity = f"tdaflink-{environment.name}-{config.job_name}"
    return {
        "bootstrap_servers": config.kafka_bootstrap_servers or environment.endpoints.kafka_cluster,
        "group_id": identity,
        "start_from": config.start_from,
        "properties": {**security_properties(_security(config, environment)), **config.kafka_properties},
        "delivery": config.delivery,
        "transactional_id_prefix": config.transactional_id_prefix or identity,
        "transaction_timeout_ms": round(config.transaction_timeout * 1000),
    }


def _security(config: JobConfig, environment: Environment) -> KafkaSecurity:
    """Return the security settings of the environment, which apply only to its own brokers."""
    own = config.kafka_bootstrap_servers in (None, environment.endpoints.kafka_cluster)
    return environment.security.kafka if own else NO_KAFKA_SECURITY


def security_properties(security: KafkaSecurity) -> dict[str, Any]:
    """Return properties of Kafka's Java client, with secrets as references that the cluster resolves.

    The cluster replaces `{"$login": …}` with the text of `sasl.jaas.config`, which contains the password.
    """
    if security.protocol == "PLAINTEXT":
        return {}
    side, found = security.cluster, dict[str, Any]({"security.protocol": security.protocol})
    if security.sasl:
        login = {
            "mechanism": security.mechanism,
            "user": security.user,
            "password": dict(side.password or {}),
        }
        found |= {"sasl.mechanism": security.mechanism, "sasl.jaas.config": {"$login": login}}
    if side.ca:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": side.ca}
    if side.certificate and side.key:
        found |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": {"$file": side.certificate},
            "ssl.keystore.key": {"$file": side.key},
        }
    return found


def _query(config: JobConfig) -> dict[str, Any]:
    return {
        "algorithm": config.algorithm,
        "max_dimension": config.max_dimension,
        "max_persistence": config.max_persistence,
        "min_persistence": config.min_persistence,
        "betti_at": config.betti_at,
        "homology_coeff_field": config.homology_coeff_field,
        "engine": config.engine,
        "algorithm_params": dict(config.algorithm_params),
        "pairs": config.pairs,
    }


def _uploads(uploads: Uploads) -> dict[str, Any]:
    return {
        "roots": list(uploads.roots),
        "max_bytes": uploads.max_bytes,
        "timeout_s": uploads.timeout,
        "s3": uploads.s3.model_dump(mode="json"),
    }


# -- windows


def window_bounds(config: JobConfig) -> dict[str, Any]:
    """Return the settings that all windows of the job share."""
    return {
        "out_of_orderness_ms": _ms(config.out_of_orderness),
        "allowed_lateness_ms": _ms(config.allowed_lateness),
        "max_windows_per_message": config.max_windows_per_message,
        "max_duration_ms": _ms(config.max_duration),
        "state_ttl_ms": _ms(config.state_ttl),
        "dedup_ids": config.dedup_ids,
        "overflow": config.overflow,
    }


def window_settings(config: JobConfig, source: InputRoute) -> dict[str, Any] | None:
    """Return the windows of one input; None if each of its messages is computed alone."""
    window = config.window_of(source)
    if window is None:
        return None
    return {"kind": window.kind, **_shape(window), "state_ttl_ms": _ms(config.state_ttl_of(source))}


def _shape(window: Window) -> dict[str, Any]:
    match window:
        case CountWindow():
            slide = window.size if window.slide is None else window.slide
            return {"size": window.size, "slide": slide, "timeout_ms": _ms_or_none(window.timeout)}
        case TumblingWindow():
            shape = {"size_ms": _ms(window.size), "offset_ms": _ms(window.offset) % _ms(window.size)}
            return {**shape, "timeout_ms": _ms_or_none(window.timeout)}
        case SlidingWindow():
            shape = {"size_ms": _ms(window.size), "slide_ms": _ms(window.slide)}
            offset = _ms(window.offset) % _ms(window.slide)
            return {**shape, "offset_ms": offset, "timeout_ms": _ms_or_none(window.timeout)}
        case SessionWindow():
            return {"gap_ms": _ms(window.gap), "timeout_ms": _ms_or_none(window.timeout)}
        case NoWindow():
            return {}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _ms_or_none(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, _ms(seconds))


# -- before and after a window's computation


def stream_settings(config: JobConfig) -> dict[str, Any]:
    """Return the settings preprocess, distance_to_previous, features and events_topic."""
    return {
        "preprocess": _preprocess(config.preprocess or Preprocess()),
        "distance_to_previous": _comparison(config),
        "features": [feature.model_dump() for feature in config.features],
        "events_topic": config.events_topic,
    }


def _preprocess(asked: Preprocess) -> dict[str, Any]:
    return {
        "embed": None if asked.embed is None else _embed(asked.embed),
        "scale": {"kind": asked.scale, "offset": asked.offset or [], "factor": asked.factor or []},
        "landmarks": None if asked.subsample is None else asked.subsample.landmarks,
        "error": None if asked.subsample is None else asked.subsample.error,
    }


def _embed(asked: Embedding) -> dict[str, Any]:
    return {
        "delay": asked.delay,
        "dimension": asked.dimension,
        "stride": asked.stride,
        "max_gap_ms": None if asked.max_gap is None else round(asked.max_gap * 1000),
    }


def _comparison(config: JobConfig) -> dict[str, Any] | None:
    asked = config.distance_to_previous
    if asked is None:
        return None
    return {
        "metric": asked.metric,
        "order": asked.order if asked.metric == "wasserstein" else None,
        "dimensions": asked.dimensions or list(range(config.max_dimension + 1)),
        "threshold": asked.threshold,
        "max_bars": asked.max_bars,
    }
