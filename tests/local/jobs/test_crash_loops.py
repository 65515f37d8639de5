"""A job that fails repeatedly, next to a healthy job on the same TaskManager.

The environment variable TDAFLINK_CRASHES sets the number of crashes; 100 take more time than a test run has.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from support.command_runner import Cluster

from tdaflink.domain.polling import poll

CRASHES = int(os.environ.get("TDAFLINK_CRASHES", "4"))
SECONDS = 60 + 60 * CRASHES
SCRIPT = Path(__file__).parent / "scripts" / "crashing.py"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(SECONDS + 240)]


def test_a_crash_loop_leaves_its_taskmanager_and_the_job_beside_it_alone(cluster: Cluster) -> None:
    healthy = cluster.run(
        "submit", "--job-name", "beside", "--from", "none", "-o", "json", timeout=200
    ).json()
    crashing = cluster.run(
        "submit", "--job", str(SCRIPT), "--from", "none", "--no-wait", "-o", "json", timeout=200
    )
    taskmanager = cluster.processes()["taskmanager-1"]
    try:
        restarts = 0
        for _ in poll(SECONDS, every=1.0):
            restarts = cluster.run("status", crashing.json()["id"], "-o", "json", timeout=90).json()[
                "restarts"
            ]
            if restarts >= CRASHES:
                break
        assert restarts >= CRASHES
        assert cluster.processes()["taskmanager-1"] == taskmanager
        beside = cluster.run("status", healthy["id"], "-o", "json").json()
        assert (beside["state"], beside["restarts"]) == ("RUNNING", 0)
        cluster.run("send", "circle", "--count", "3", "--job-id", "beside", "-o", "json").json()
        words = ("results", "--job-id", "beside-3", "--timeout", "90", "-o", "json")
        assert cluster.run(*words, timeout=120).code == 0
    finally:
        cluster.run("cancel", crashing.json()["id"], healthy["id"], timeout=120)
    assert taskmanager.is_running()


def test_the_servers_of_python_workers_listen_on_loopback_alone(cluster: Cluster) -> None:
    job = cluster.run("submit", "--job-name", "ports", "--from", "none", "-o", "json", timeout=200).json()
    try:
        cluster.run("send", "circle", "--job-id", "ports", "-o", "json").json()
        answered = cluster.run("results", "--job-id", "ports", "--timeout", "90", "-o", "json", timeout=120)
        assert answered.code == 0, answered.stderr
        listening = [
            connection.laddr
            for connection in cluster.processes()["taskmanager-1"].net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
    finally:
        cluster.run("cancel", job["id"], timeout=120)
    metrics = {port for ip, port in listening if "127.0.0.1" not in ip and ip != "::1"}
    # RPC, data and six ports of Beam. The shared cluster has --metrics, whose port listens on all interfaces.
    assert len(listening) >= 8
    assert len(metrics) <= 1, listening
