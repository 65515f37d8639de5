"""Shell completion of jobs, environments, topics and components; empty if the cluster is unreachable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tdaflink.domain.environments.environment import Environment


def complete_job(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Complete names and ids of the jobs that have not ended, with their state."""
    import os

    from tdaflink.adapters.storage.environment_store import EnvironmentStore
    from tdaflink.domain.errors import TdaflinkError

    try:
        env = EnvironmentStore().resolve(ctx.params.get("env") or os.environ.get("TDA_ENVIRONMENT"))
        jobs = _jobs(env)
    except TdaflinkError:
        return []
    # Some shells evaluate completions, so names with special characters are not offered.
    words = [(name, state) for name, _, state in jobs if is_plain_word(name)]
    if incomplete:
        words += [
            (job_id, f"{name}, {state}" if is_plain_word(name) else state) for name, job_id, state in jobs
        ]
    return [(word, about) for word, about in words if word.startswith(incomplete)]


def complete_environment(incomplete: str) -> list[tuple[str, str]]:
    """Complete saved environments, and the profiles that could be set up."""
    from tdaflink.adapters.storage.environment_store import EnvironmentStore
    from tdaflink.adapters.storage.shipped_profiles import profile_names
    from tdaflink.domain.errors import TdaflinkError

    try:
        saved = EnvironmentStore().names()
    except TdaflinkError:
        saved = []
    words = [(name, "saved") for name in saved]
    words += [(name, "a profile") for name in profile_names() if name not in saved]
    return [(word, about) for word, about in words if word.startswith(incomplete)]


def complete_topic(incomplete: str) -> list[tuple[str, str]]:
    """Complete topics of the catalogue, with their descriptions."""
    from tdaflink.adapters.storage.shipped_profiles import load_catalogue

    topics = load_catalogue().topics
    return [(name, entry.about) for name, entry in topics.items() if name.startswith(incomplete)]


def complete_component(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Complete components of the environment, with their health."""
    import os

    from tdaflink.adapters.runtimes import runtime_for
    from tdaflink.adapters.storage.environment_store import EnvironmentStore
    from tdaflink.domain.errors import TdaflinkError

    store = EnvironmentStore()
    try:
        env = store.resolve(ctx.params.get("env") or os.environ.get("TDA_ENVIRONMENT"))
        components = runtime_for(env, store).components()
    except TdaflinkError:
        return []
    return [
        (component.name, component.health)
        for component in components
        if component.name.startswith(incomplete)
    ]


def _jobs(environment: Environment) -> list[tuple[str, str, str]]:
    from contextlib import closing

    from tdaflink.adapters.clients import flink_of

    with closing(flink_of(environment)) as cluster:
        return [(job.name, job.id, job.state) for job in cluster.jobs("", ended=False)]


def is_plain_word(text: str) -> bool:
    """Return whether a shell reads the text as one word without expansions."""
    return bool(text) and all(sign in "._-+@%:," or (sign.isascii() and sign.isalnum()) for sign in text)
