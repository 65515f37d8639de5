"""The findings of doctor, and its output where nothing runs."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest
from support.command_runner import Runner

from tdaflink.domain.environments.health_checks import clock_fix, clock_off, connector_of, java_major
from tdaflink.domain.units import megabytes


def test_the_connector_is_travelled_settings_its_file() -> None:
    assert connector_of(["/opt/flink/lib/flink-sql-connector-kafka-4.0.1-2.0.jar"]) == ("4.0.1-2.0", "2.0")
    assert connector_of(["/lib/flink-connector-kafka-3.4.0-1.20.jar"]) == ("3.4.0-1.20", "1.20")
    assert connector_of(["/lib/flink-connector-files-2.2.1.jar", "/lib/flink-dist-2.2.1.jar"]) is None


def test_java_is_travelled_settings_what_flink_says_of_it() -> None:
    assert java_major("OpenJDK 64-Bit Server VM - Eclipse Adoptium - 21/21.0.8+9-LTS") == "21"
    assert java_major("OpenJDK 64-Bit Server VM - Eclipse Adoptium - 17/17.0.9+9") == "17"
    assert java_major("OpenJDK 64-Bit Server VM - Debian - 11/11.0.2+9") == "11"
    assert java_major("something else") is None


@pytest.mark.parametrize(
    ("ours", "theirs", "off"),
    [
        ((100, 101), (100.5, 100.5), 0),
        ((100, 101), (90, 103), 0),
        ((100, 101), (160, 161), 59),
        ((100, 101), (40, 50), -50),
    ],
)
def test_clocks_agree_unless_no_common_moment_is_possible(
    ours: tuple[float, float], theirs: tuple[float, float], off: float
) -> None:
    assert clock_off(ours, theirs) == off


def test_a_wrong_clock_is_set_by_what_there_is() -> None:
    assert clock_fix(["timedatectl", "chronyc"], root=False) == "sudo timedatectl set-ntp true"
    assert clock_fix(["chronyc"], root=True) == "chronyc makestep"
    assert clock_fix([], root=False) == "install chrony, then: sudo chronyc makestep"
    assert clock_fix(None, root=True).startswith("on the machine that runs this container")


def test_sizes_are_read_as_flink_writes_them() -> None:
    assert [megabytes(size) for size in ("2560m", "1g", "1280 mb", "1073741824", None, "much")] == [
        2560, 1024, 1280, 1024, 0, 0,
    ]  # fmt: skip


@pytest.mark.group("breaking")  # takes a port that a cluster of that group may need for a repair
def test_before_a_setup_a_taken_port_is_named_with_the_way_around_it(run_tdaflink: Runner) -> None:
    with socket.socket() as holder:
        # If another program already has the port, it is taken as well.
        with suppress(OSError):
            holder.bind(("127.0.0.1", 8082))
            holder.listen()
        ran = run_tdaflink("doctor", "--env", "local", "-o", "json")
        assert ran.code == 10
        problems = {r["check"]: r for r in json.loads(ran.stdout)["results"] if r["state"] == "problem"}
        fix = problems["preflight"]["fix"]
        assert "held by" in problems["preflight"]["text"]
        assert fix.startswith("tdaflink setup --env local --port-offset auto")
        typed = fix.split(";")[0].split()[1:]
        planned = run_tdaflink(*typed, "--dry-run", "-o", "json").json()
        assert planned["ports"]["rest"] != 8082
    assert "components" in problems


def test_a_cluster_that_does_not_answer_is_one_problem_and_not_ten(run_tdaflink: Runner) -> None:
    dead = {"FLINK_REST_URL": "http://127.0.0.1:9", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    ran = run_tdaflink("doctor", "-o", "json", environ=dead)
    assert ran.code == 10
    results = json.loads(ran.stdout)["results"]
    assert {r["check"] for r in results if r["state"] == "problem"} == {"flink", "kafka"}
    assert all(r["why"] and r["fix"] for r in results if r["state"] == "problem")
    assert {r["check"] for r in results if r["state"] == "unknown"} >= {"python", "clocks", "topics"}
