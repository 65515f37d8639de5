"""diagnose on a real cluster, with and without its JobManager, and with secrets in the usual places."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Cluster

pytestmark = pytest.mark.cluster

IN_VARIABLE, IN_FILE, IN_REFERENCE, IN_LOG = (f"planted-{n}-q7Rz" for n in ("env", "file", "ref", "log"))


def unpacked(path: Path) -> dict[str, str]:
    """Return the archive's texts by path below its only folder."""
    with zipfile.ZipFile(path) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {path.stem}
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


def plant(cluster: Cluster, folder: Path) -> dict[str, str]:
    """Plant secrets in a settings file, a referenced file, a log and a job's config; return variables."""
    referred = folder / "registry-password"
    referred.write_text(IN_REFERENCE)
    referred.chmod(0o600)
    settings = cluster.folder / "flink" / "conf" / "planted.yaml"
    settings.write_text(f"s3.secret-key: {IN_FILE}\nparallelism.default: 1\n")
    with (cluster.folder / "logs" / "kafka" / "kafka.log").open("a") as log:
        log.write(f"2026-01-01 00:00:00,000 INFO login as app with password={IN_LOG} and {IN_VARIABLE}\n")
    config = folder / "job.json"
    auth = {"bearer": {"$file": str(referred)}}
    config.write_text(
        json.dumps({"job_name": "diagnosed", "schema_registry_auth": auth, "flink": {"note": IN_REFERENCE}})
    )
    submitted = cluster.run("submit", "--config", str(config), "--from", "none", timeout=120)
    assert submitted.code == 0, submitted.stderr
    return {"PLANTED_PASSWORD": IN_VARIABLE}


def secrets_in(files: dict[str, str]) -> list[tuple[str, str]]:
    """Return path and secret of each planted secret that a file contains."""
    planted = (IN_VARIABLE, IN_FILE, IN_REFERENCE, IN_LOG)
    return [(path, secret) for path, text in files.items() for secret in planted if secret in text]


def test_the_archive_holds_what_a_bug_report_needs_and_no_secret(cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "report.zip"
    try:
        ran = cluster.run("diagnose", "--out", str(out), "-o", "json", environ=plant(cluster, tmp_path))
        manifest: dict[str, Any] = ran.json()
    finally:
        cluster.run("cancel", "diagnosed")
        (cluster.folder / "flink" / "conf" / "planted.yaml").unlink()
    files = unpacked(out)
    assert out.stat().st_mode & 0o077 == 0
    assert {one["path"] for one in manifest["files"]} | {"manifest.json"} == set(files)
    assert manifest["lacking"] == []
    assert not secrets_in(files)
    assert "s3.secret-key: [redacted]\nparallelism.default: 1" in files["settings/flink/conf/planted.yaml"]
    job = next(job for job in json.loads(files["rest/jobs.json"])["jobs"] if job["name"] == "diagnosed")
    assert json.loads(files[f"rest/jobs/{job['jid']}/job.json"])["vertices"]
    assert "flink-pekko" in files["threads/jobmanager.txt"]
    assert any(path.startswith("threads/taskmanager-1") for path in files)
    assert json.loads(files["kafka/topics.json"])["tda_jobs"]["partitions"]
    assert "tda_jobs/0" in json.loads(files["kafka/offsets.json"])
    assert {"logs/jobmanager.log", "logs/taskmanager-1.log", "logs/kafka.log"} <= set(files)
    assert json.loads(files["versions.json"])["packages"]["apache-flink"] == "2.2.1"
    assert "diagnosed" in files["history/versions.json"]


@pytest.mark.breaks_cluster
def test_with_a_dead_jobmanager_it_holds_the_rest_and_says_what_is_lacking(
    cluster: Cluster, tmp_path: Path
) -> None:
    out = tmp_path / "dead.zip"
    try:
        environ = plant(cluster, tmp_path)
        cluster.processes()["jobmanager"].kill()
        manifest = cluster.run("diagnose", "--out", str(out), "-o", "json", environ=environ).json()
    finally:
        (cluster.folder / "flink" / "conf" / "planted.yaml").unlink()
        assert cluster.run("setup", timeout=200).code == 0
    files = unpacked(out)
    assert not secrets_in(files)
    assert "diagnosed" in files["history/versions.json"]
    lacking = {one["what"]: one["reason"] for one in manifest["lacking"]}
    assert "no Flink REST interface answers" in lacking["Flink's REST interface"]
    assert "Started" in files["logs/jobmanager.log"] or "Starting" in files["logs/jobmanager.log"]
    assert "tda_jobs" in files["kafka/topics.json"]
    assert "jobmanager is dead" in files["doctor.json"]
