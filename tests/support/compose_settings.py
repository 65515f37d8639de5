"""Settings for the compose files of a profile, without an environment."""

from __future__ import annotations

from tdaflink.adapters.compose_runtime.renderer import ComposeSettings
from tdaflink.adapters.storage.shipped_profiles import load_profile


def settings(
    name: str, *, scaled: bool = False, offset: int = 0, project: str | None = None
) -> ComposeSettings:
    profile = load_profile(name, scaled=scaled)
    return ComposeSettings(
        project=project or f"tdaflink-{name}",
        environment=name,
        profile=profile,
        ports=profile.ports_at(offset),
        image="tdaflink/flink:test",
        forking_python="/opt/tdaflink/venv/bin/python",
        storage="s3://mine/tda",
        s3_endpoint="https://s3.example.org",
    )
