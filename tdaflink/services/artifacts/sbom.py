"""Software bills of materials of environments and of the image of JobManagers and TaskManagers."""

from __future__ import annotations

from typing import Any

from tdaflink import __version__
from tdaflink.adapters.compose_runtime.image import IMAGE_PLACES, image_tag
from tdaflink.adapters.python.locks import load_python_lock
from tdaflink.adapters.runtimes import traits_named
from tdaflink.adapters.storage.shipped_profiles import (
    load_lock,
    load_profile,
    load_versions,
    profile_names,
    profile_of,
)
from tdaflink.domain.artifacts.sbom import bill, of_images, of_jars, of_packages
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import UsageError


def image_bill() -> dict[str, Any]:
    """List the image's Python packages, its JARs, and its public base image."""
    jars = load_lock().only(IMAGE_PLACES).jars
    name, _, tag = image_tag().rpartition(":")
    parts = [*of_packages(load_python_lock("image").packages), *of_jars(jars)]
    return bill(name, tag, [*parts, *of_images([load_versions().images.flink])])


def environment_bill(name: str, environment: Environment | None) -> dict[str, Any]:
    """List the parts of an environment; None for one that is not set up yet.

    Raises:
        UsageError: it is an external cluster.
        NotFound: it is neither an environment nor a profile.
    """
    if environment is not None and environment.profile not in profile_names():
        raise UsageError(
            f"{name} is an external cluster: its parts are not known",
            hint="tdaflink sbom --image; or --env with an environment that setup creates",
        )
    profile = profile_of(environment) if environment else load_profile(name)
    jars = of_jars(load_lock().only(profile.jars).jars)
    traits = traits_named(profile.runtime)
    packages = of_packages(load_python_lock(traits.python_lock).packages) if traits.python_lock else ()
    images = of_images(load_versions().images.model_dump().values()) if traits.runs_images else ()
    return bill(f"tdaflink-{profile.name}", __version__, [*packages, *jars, *images])
