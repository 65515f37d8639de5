"""Refusals of `setup --application` before it starts anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_runner import Runner

from tdaflink.domain.environments.application_cluster import Application, mode_of


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"execution_mode": "thread"}))
    return str(file)


def test_there_must_be_a_kafka_to_use(run_tdaflink: Runner, config: str, tmp_path: Path) -> None:
    refused = run_tdaflink("setup", "--env", "one", "--application", config, "--kafka-env", "nowhere")
    assert refused.code == 4
    assert "--kafka-env: 'nowhere'" in refused.stderr
    assert not (tmp_path / "environments" / "one" / "environment.json").exists()


@pytest.mark.parametrize(
    "words",
    [("--kafka-env", "other"), ("--beside", "other"), ("--set", "max_dimension=0"), ("--include", "mine.py")],
    ids=" ".join,
)
def test_what_is_about_the_one_job_means_nothing_without_it(
    run_tdaflink: Runner, words: tuple[str, ...]
) -> None:
    refused = run_tdaflink("setup", "--env", "local", *words)
    assert refused.code == 2
    option = words[0].replace("beside", "kafka-env")
    assert f"{option} goes with --application CONFIG" in refused.stderr


def test_a_saved_job_comes_back_as_it_was() -> None:
    job = Application("0" * 32, "Driver", ("-pym", "main"), {"python.execution-mode": "thread"}, "file:///s")
    again = Application(
        job_id=job.job_id,
        entry_class=job.entry_class,
        arguments=["-pym", "main"],  # type: ignore[arg-type]  # a list, as in JSON
        flink_config=dict(job.flink_config),
        savepoint=job.savepoint,
    )
    assert again == job
    assert job.mode == "thread"
    assert mode_of({}) == "process"
