"""Which versions of Flink, its connector, Kafka and Java belong together."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Images(BaseModel):
    """name:tag of the public image of each service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flink: str
    kafka: str
    zookeeper: str
    s3: str
    schema_registry: str
    prometheus: str
    alertmanager: str
    grafana: str


class Pythons(BaseModel):
    """Versions of Python: the cluster's (the preferred first), its image's, PyFlink's, the command's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: tuple[str, ...]
    image: str
    pyflink: tuple[str, ...]
    command: tuple[str, ...]


class Versions(BaseModel):
    """profiles/versions.yaml, the one place that names them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flink: str
    flink_kafka_connector: str
    flink_s3: str
    kafka: str
    scala: str
    log4j: str
    zstd: str
    lz4: str
    snappy: str
    jmx_exporter: str
    java: str
    python: Pythons
    images: Images

    @property
    def jar_roots(self) -> dict[str, tuple[str, ...]]:
        """Place -> the Maven coordinates whose runtime dependencies go there."""
        return {
            # The connector comes without the codecs: a compressed topic would fail its source for ever.
            "flink/lib": (
                f"org.apache.flink:flink-sql-connector-kafka:{self.flink_kafka_connector}",
                f"com.github.luben:zstd-jni:{self.zstd}",
                f"at.yawk.lz4:lz4-java:{self.lz4}",
                f"org.xerial.snappy:snappy-java:{self.snappy}",
            ),
            "flink/plugins/s3-fs-hadoop": (f"org.apache.flink:flink-s3-fs-hadoop:{self.flink_s3}",),
            "kafka/libs": (
                f"org.apache.kafka:kafka_{self.scala}:{self.kafka}",
                f"org.apache.logging.log4j:log4j-slf4j-impl:{self.log4j}",
            ),
            "kafka/agent": (f"io.prometheus.jmx:jmx_prometheus_javaagent:{self.jmx_exporter}",),
        }
