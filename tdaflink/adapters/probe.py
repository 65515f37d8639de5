"""Asks the Python that a cluster runs jobs with what it has and what it reaches."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

from tdaflink.domain.cluster_python import ENGINES
from tdaflink.domain.doctor import PythonAnswer, python_answer
from tdaflink.domain.errors import TdaflinkError

# Module -> package, of all that the shipped job needs to import.
IMPORTED = {**ENGINES, "pyflink": "apache-flink"}


@runtime_checkable
class RunsPython(Protocol):
    """A runtime that can run a program in the cluster's own Python."""

    def python_places(self) -> Sequence[str]:
        """The components that run jobs' Python."""

    def run_python(self, component: str, program: str, *arguments: str) -> str:
        """What the program prints there. Raises `Unhealthy` where it cannot run or fails."""


def ask_python(
    runtime: RunsPython, component: str, places: Sequence[str], folders: Sequence[str]
) -> PythonAnswer:
    """One component's answer."""
    program = (Path(__file__).parent / "probe_program.py").read_text(encoding="utf-8")
    asked = {"modules": IMPORTED, "places": list(places), "folders": list(folders)}
    began = time.time()
    try:
        printed = runtime.run_python(component, program, json.dumps(asked))
        return python_answer(component, json.loads(printed.splitlines()[-1]), began, time.time())
    except TdaflinkError as error:
        return PythonAnswer(component, error=f"{error.message}: {error.detail or ''}".rstrip(": "))
    except (ValueError, KeyError, IndexError) as error:
        return PythonAnswer(component, error=f"it gave no answer that can be read ({error})")


def requirement(package: str) -> str:
    """The package as tdaflink's own requirements name it, with the versions that it needs."""
    found: Mapping[str, str] = {}
    try:
        wanted = metadata.requires("tdaflink") or []
    except metadata.PackageNotFoundError:
        wanted = []
    found = {_name(text): text.partition(";")[0].strip() for text in wanted}
    return found.get(package, package)


def _name(text: str) -> str:
    return text.partition(";")[0].split("[")[0].rstrip("0123456789.*<>=!~, ").strip()
