"""What the public images are known to be: their users, and which tools a health check may count on."""

from __future__ import annotations

from dataclasses import dataclass

TOOLS = frozenset({"bash", "curl", "nc", "perl", "python3", "wget"})


@dataclass(frozen=True)
class Contract:
    """One public image: the user that it starts as, the ports that it names, those of `TOOLS` that it has.

    `also` is what the stand-in has and the public image may lack, so that nobody may use it.
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


# By the names of profiles/versions.yaml, from the Dockerfiles that the images are built by.
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
