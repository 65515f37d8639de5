"""Which versions of Flink, its connector, Kafka and Java belong together."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Versions(BaseModel):
    """profiles/versions.yaml, the one place that names them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flink: str
    flink_kafka_connector: str
    kafka: str
    scala: str
    log4j: str
    java: str
    python: tuple[str, ...]

    @property
    def jar_roots(self) -> dict[str, tuple[str, ...]]:
        """Place -> the Maven coordinates whose runtime dependencies go there."""
        return {
            "flink/lib": (f"org.apache.flink:flink-sql-connector-kafka:{self.flink_kafka_connector}",),
            "kafka/libs": (
                f"org.apache.kafka:kafka_{self.scala}:{self.kafka}",
                f"org.apache.logging.log4j:log4j-slf4j-impl:{self.log4j}",
            ),
        }
