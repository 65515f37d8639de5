"""A probe of the Python that runs a cluster's jobs: packages, reachable endpoints, writable folders."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

from tdaflink.domain.artifacts.cluster_python import ENGINES
from tdaflink.domain.environments.health_checks import PythonAnswer, python_answer
from tdaflink.domain.errors import TdaflinkError

# Module -> package, for all that the shipped job imports.
IMPORTED = {**ENGINES, "pyflink": "apache-flink"}


@runtime_checkable
class RunsPython(Protocol):
    """A runtime that can run a program in the cluster's own Python."""

    def python_places(self) -> Sequence[str]:
        """Return the components that run jobs' Python."""

    def run_python(self, component: str, program: str, *arguments: str) -> str:
        """Run a program there and return its output. Raises `Unhealthy` if it cannot run or fails."""


def ask_python(
    runtime: RunsPython, component: str, places: Sequence[str], folders: Sequence[str]
) -> PythonAnswer:
    """Run the probe in one component and return its result."""
    program = (Path(__file__).parent / "probe_program.py").read_text(encoding="utf-8")
    request = {"modules": IMPORTED, "places": list(places), "folders": list(folders)}
    began = time.time()
    try:
        output = runtime.run_python(component, program, json.dumps(request))
        return python_answer(component, json.loads(output.splitlines()[-1]), began, time.time())
    except TdaflinkError as error:
        return PythonAnswer(component, error=f"{error.message}: {error.detail or ''}".rstrip(": "))
    except (ValueError, KeyError, IndexError) as error:
        return PythonAnswer(component, error=f"the output of its Python is not valid ({error})")


def requirement(package: str) -> str:
    """Return the package with the versions of tdaflink's own requirements."""
    try:
        requirements = metadata.requires("tdaflink") or []
    except metadata.PackageNotFoundError:
        requirements = []
    by_name = {_name(text): text.partition(";")[0].strip() for text in requirements}
    return by_name.get(package, package)


def _name(text: str) -> str:
    return text.partition(";")[0].split("[")[0].rstrip("0123456789.*<>=!~, ").strip()
