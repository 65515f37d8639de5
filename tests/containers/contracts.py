"""Contracts of the public images: users, ports, and the tools that health checks may use."""

from __future__ import annotations

from dataclasses import dataclass

TOOLS = frozenset({"bash", "curl", "nc", "perl", "python3", "wget"})


@dataclass(frozen=True)
class Contract:
    """The contract of a public image: its user, the ports that it exposes, and its tools out of `TOOLS`.

    `also` are tools of the stand-in that the public image may not have: health checks must not use them.
    """

    user: str
    ports: frozenset[str]
    tools: frozenset[str]
    also: frozenset[str] = frozenset()


def _contract(user: str, ports: str, tools: str, also: str = "") -> Contract:
    return Contract(
        user,
        frozenset(f"{port}/tcp" for port in ports.split()),
        frozenset(tools.split()),
        frozenset(also.split()),
    )


# The names are those of profiles/versions.yaml; the values are from the Dockerfiles of the public images.
CONTRACTS = {
    "flink": _contract("flink", "6123 8081", "bash curl wget perl"),
    "kafka": _contract("appuser", "9092", "bash nc wget"),
    "zookeeper": _contract("", "2181 2888 3888 8080", "bash nc perl wget"),
    "s3": _contract("", "80 443", "bash perl"),
    "schema_registry": _contract("1001", "8080", "bash curl", also="perl"),
    "prometheus": _contract("nobody", "9090", "nc wget"),
    "alertmanager": _contract("nobody", "9093", "nc wget"),
    "grafana": _contract("472", "3000", "bash curl nc wget"),
}
