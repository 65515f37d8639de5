"""What the doctor looks at and finds; judgements that need nothing but what was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "problem", "unknown"]

_CONNECTOR = re.compile(r"flink-(?:sql-)?connector-kafka-(?P<version>\d[\w.]*-(?P<flink>\d+\.\d+))\.jar")
_JAVA = re.compile(r"(?:^|[/ ])(?P<major>\d+)(?:\.\d+)*\+")
SKEW_SECONDS = 5.0
# Classes of the Kafka connector and of Flink 2 load in it; the own clusters run on a newer one.
OLDEST_JAVA = 11
_CLOCK_COMMANDS = {
    "timedatectl": "timedatectl set-ntp true",
    "chronyc": "chronyc makestep",
    "ntpdate": "ntpdate -u pool.ntp.org",
    "busybox": "busybox ntpd -nqp pool.ntp.org",
}


@dataclass(frozen=True)
class CheckResult:
    """One thing that was looked at: what was seen, why it matters, and the command that mends it."""

    check: str
    state: State
    text: str
    why: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Report:
    """All that was found in one environment."""

    environment: str
    healthy: bool
    results: tuple[CheckResult, ...]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if result.state == "problem")


@dataclass(frozen=True)
class PythonAnswer:
    """What the cluster's own Python said of itself where one component runs, or why it could not."""

    component: str
    error: str = ""
    version: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Name -> version, of those that can be imported."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Name -> why it cannot be imported."""
    clock: tuple[float, float, float] | None = None
    """Epoch seconds: its own clock, and ours before and after it was read."""
    unreachable: Mapping[str, str] = field(default_factory=dict)
    """host:port -> why nothing answers there."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Folder -> why nothing can be written there; empty where something can."""


def connector_of(classpath: Sequence[str]) -> tuple[str, str] | None:
    """Version of the Kafka connector on a classpath, and the Flink that it is made for (as "2.2")."""
    for entry in classpath:
        if found := _CONNECTOR.search(entry):
            return found["version"], found["flink"]
    return None


def java_major(jvm: str) -> str | None:
    """The major version in what Flink says of its JVM."""
    found = _JAVA.search(jvm)
    return found["major"] if found else None


def minor(version: str) -> str:
    """The first two numbers of a version."""
    return ".".join(version.split(".")[:2])


def clock_off(ours: tuple[float, float], theirs: tuple[float, float]) -> float:
    """By how many seconds another clock is at least ahead (or, below 0, behind); 0 where the two may agree.

    Each is the earliest and the latest that the clock may have shown at one and the same moment.
    """
    if theirs[0] > ours[1]:
        return theirs[0] - ours[1]
    if theirs[1] < ours[0]:
        return theirs[1] - ours[0]
    return 0.0


def clock_fix(setters: Sequence[str] | None, *, root: bool) -> str:
    """The command that sets the clock here, by the best of the programs that can; None in a container."""
    if setters is None:
        return "on the machine that runs this container, whose clock it has: sudo timedatectl set-ntp true"
    command = _CLOCK_COMMANDS[setters[0] if setters else "chronyc"]
    typed = command if root else f"sudo {command}"
    return typed if setters else f"install chrony, then: {typed}"


def python_answer(component: str, document: Mapping[str, Any], asked: float, answered: float) -> PythonAnswer:
    """What the probe printed, as an answer."""
    now = float(document["now"])
    return PythonAnswer(
        component,
        version=str(document["python"]),
        modules=document["modules"],
        broken=document["broken"],
        clock=(now, asked, answered),
        unreachable=document["unreachable"],
        folders=document["folders"],
    )
