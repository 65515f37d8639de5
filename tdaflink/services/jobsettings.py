"""From a validated config to the settings that travel with the job: one JSON object without defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tdaflink.domain.config import JobConfig
from tdaflink.domain.environment import Environment
from tdaflink.domain.security import NO_KAFKA_SECURITY, KafkaSecurity
from tdaflink.domain.uploads import Uploads
from tdaflink.services.streamsettings import stream_settings
from tdaflink.services.windowsettings import window_bounds, window_settings

SCHEMA = 1


def job_settings(
    config: JobConfig, env: Environment, partitions: Mapping[str, int], plugins: Sequence[str] = ()
) -> dict[str, Any]:
    """The resolved settings; `partitions` has the partition count of every input topic.

    `plugins` are modules of the bundle that register algorithms.
    """
    return {
        "schema": SCHEMA,
        "job_name": config.job_name,
        "environment": env.name,
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
        "kafka": _kafka(config, env),
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


def _kafka(config: JobConfig, env: Environment) -> dict[str, Any]:
    identity = f"tdaflink-{env.name}-{config.job_name}"
    return {
        "bootstrap_servers": config.kafka_bootstrap_servers or env.endpoints.kafka_cluster,
        "group_id": identity,
        "start_from": config.start_from,
        "properties": {**security_properties(_security(config, env)), **config.kafka_properties},
        "delivery": config.delivery,
        "transactional_id_prefix": config.transactional_id_prefix or identity,
        "transaction_timeout_ms": round(config.transaction_timeout * 1000),
    }


def _security(config: JobConfig, env: Environment) -> KafkaSecurity:
    """That of the environment, for its own brokers alone."""
    own = config.kafka_bootstrap_servers in (None, env.endpoints.kafka_cluster)
    return env.security.kafka if own else NO_KAFKA_SECURITY


def security_properties(security: KafkaSecurity) -> dict[str, Any]:
    """Properties of Kafka's Java client, secrets as references that the cluster follows.

    `{"$login": …}` becomes there the text of `sasl.jaas.config`, which has the password within it.
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
