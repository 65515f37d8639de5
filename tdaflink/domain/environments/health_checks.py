"""Health checks of an environment: values, and pure evaluations of observed values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "problem", "unknown"]

_CONNECTOR = re.compile(r"flink-(?:sql-)?connector-kafka-(?P<version>\d[\w.]*-(?P<flink>\d+\.\d+))\.jar")
_JAVA = re.compile(r"(?:^|[/ ])(?P<major>\d+)(?:\.\d+)*\+")
SKEW_SECONDS = 5.0
# Loads the classes of the Kafka connector and of Flink 2; local clusters use a newer Java.
OLDEST_JAVA = 11
_CLOCK_COMMANDS = {
    "timedatectl": "timedatectl set-ntp true",
    "chronyc": "chronyc makestep",
    "ntpdate": "ntpdate -u pool.ntp.org",
    "busybox": "busybox ntpd -nqp pool.ntp.org",
}


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: the observation, why it matters, and the command that fixes it."""

    check: str
    state: State
    text: str
    why: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Report:
    """The results of all checks of one environment."""

    environment: str
    healthy: bool
    results: tuple[CheckResult, ...]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.state == "problem")


@dataclass(frozen=True)
class PythonAnswer:
    """Output of the probe in the cluster's Python where one component runs, or the reason of its failure."""

    component: str
    error: str = ""
    version: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Name -> version of each module that can be imported."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Name -> reason why it cannot be imported."""
    clock: tuple[float, float, float] | None = None
    """Epoch seconds: its clock, and the local clock before and after it was read."""
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """host:port -> reason why nothing responds there."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Folder -> reason why it is not writable; empty if it is."""


def connector_of(classpath: Sequence[str]) -> tuple[str, str] | None:
    """Return the version of the Kafka connector on a classpath, and its Flink version (such as "2.2")."""
    for entry in classpath:
        if match := _CONNECTOR.search(entry):
            return match["version"], match["flink"]
    return None


def java_major(jvm: str) -> str | None:
    """Return the major version in Flink's description of its JVM."""
    match = _JAVA.search(jvm)
    return match["major"] if match else None


def minor(version: str) -> str:
    """Return the first two numbers of a version."""
    return ".".join(version.split(".")[:2])


def clock_off(ours: tuple[float, float], theirs: tuple[float, float]) -> float:
    """Return the seconds that another clock is at least ahead (below 0: behind); 0 if the two may agree.

    Each argument is the earliest and the latest time that the clock may have shown at the same moment.
    """
    if theirs[0] > ours[1]:
        return theirs[0] - ours[1]
    if theirs[1] < ours[0]:
        return theirs[1] - ours[0]
    return 0.0


def clock_fix(setters: Sequence[str] | None, *, root: bool) -> str:
    """Return the command that sets this machine's clock; `setters` are the installed programs, best first.

    `setters` is None in a container, which has the clock of its host.
    """
    if setters is None:
        return "on the machine that runs this container, whose clock it has: sudo timedatectl set-ntp true"
    command = _CLOCK_COMMANDS[setters[0] if setters else "chronyc"]
    typed = command if root else f"sudo {command}"
    return typed if setters else f"install chrony, then: {typed}"


def python_answer(
    component: str, document: Mapping[str, Any], started: float, finished: float
) -> PythonAnswer:
    """Build the answer from the probe's output; `started` and `finished` are epoch seconds of the call."""
    now = float(document["now"])
    return PythonAnswer(
        component,
        version=str(document["python"]),
        modules=document["modules"],
        broken=document["broken"],
        clock=(now, started, finished),
        unreachable=document["unreachable"],
        folders=document["folders"],
    )
