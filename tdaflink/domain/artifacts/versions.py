"""Compatible versions of Flink, its connector, Java, Kafka and the images."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class ClusterVersions(BaseModel):
    """Versions that change together when the cluster is upgraded to another Flink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flink: str
    kafka_connector: str
    s3: str
    image_scala: str
    java: str

    @property
    def image(self) -> str:
        """name:tag of Flink's public image."""
        return f"flink:{self.flink}-scala_{self.image_scala}-java{self.java}"


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
    """Python versions (X.Y) of the command, of clusters (preferred first), of PyFlink and of the image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tuple[str, ...]
    cluster: tuple[str, ...]
    pyflink: tuple[str, ...]
    image: str


class Versions(BaseModel):
    """profiles/versions.yaml, the only place with these versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: ClusterVersions
    next_flink: str
    kafka: str
    scala: str
    log4j: str
    zstd: str
    lz4: str
    snappy: str
    jmx_exporter: str
    python: Pythons
    images: Images

    @model_validator(mode="before")
    @classmethod
    def _add_flink_image(cls, values: dict[str, Any]) -> dict[str, Any]:
        cluster = ClusterVersions.model_validate(values.get("cluster"))
        return {**values, "images": {**(values.get("images") or {}), "flink": cluster.image}}

    @property
    def flink(self) -> str:
        """The cluster's Flink, which is also the version of `apache-flink`."""
        return self.cluster.flink

    @property
    def java(self) -> str:
        """The major version of the cluster's Java."""
        return self.cluster.java

    @property
    def jar_roots(self) -> dict[str, tuple[str, ...]]:
        """Place -> Maven coordinates whose runtime dependencies are installed there."""
        return {
            # The connector does not contain the codecs: its source would always fail on a compressed topic.
            "flink/lib": (
                f"org.apache.flink:flink-sql-connector-kafka:{self.cluster.kafka_connector}",
                f"com.github.luben:zstd-jni:{self.zstd}",
                f"at.yawk.lz4:lz4-java:{self.lz4}",
                f"org.xerial.snappy:snappy-java:{self.snappy}",
            ),
            "flink/plugins/s3-fs-hadoop": (f"org.apache.flink:flink-s3-fs-hadoop:{self.cluster.s3}",),
            "kafka/libs": (
                f"org.apache.kafka:kafka_{self.scala}:{self.kafka}",
                f"org.apache.logging.log4j:log4j-slf4j-impl:{self.log4j}",
            ),
            "kafka/agent": (f"io.prometheus.jmx:jmx_prometheus_javaagent:{self.jmx_exporter}",),
        }
