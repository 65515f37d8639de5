"""The config of uploads: accepted values, messages for refused values, and the settings of the job."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.samples import LOCAL
from tdajob.errors import Origin
from tdajob.messages.requests import Rules
from tdajob.settings import job
from tdajob.uploads.fetcher import UploadAccess
from tdajob.uploads.message import parse_upload

from tdaflink.domain.config.job_config import JobConfig
from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.domain.errors import ConfigError
from tdaflink.services.jobs.config_resolution import ConfigOverrides, configure
from tdaflink.services.jobs.preparation import SubmitRequest, shipped_job
from tdaflink.services.jobs.settings_writer import job_settings
from tdaformats.upload_uris import check_root, parse_root

INPUT = {"route": "uploads", "topic": "tda_uploads", "output_topic": "tda_results"}


def config(**uploads: Any) -> JobConfig:
    return resolve([Layer("file x.json", {"inputs": [INPUT], "uploads": uploads})]).config


def at_the_job(chosen: JobConfig) -> job.Settings:
    """Return the job's settings, loaded from the settings that the command writes."""
    return job.load(
        json.dumps(job_settings(chosen, LOCAL, {"tda_uploads": 6, "tda_jobs": 6, "tda_stream_input": 6}))
    )


def test_what_the_command_ships_is_what_the_job_reads() -> None:
    keys = {"access_key": {"$env": "KEY"}, "secret_key": {"$file": "/run/secrets/s3"}}
    chosen = config(
        roots=["file:///data/clouds", "s3://clouds", "s3://scans/2024/"],
        max_bytes="8mb",
        timeout="5s",
        s3={"endpoint": "https://storage:9000", "region": "eu-west-1", **keys},
    )
    found = at_the_job(chosen)
    assert found.inputs == (job.Input("uploads", "tda_uploads", "tda_results", 1, None),)
    s3 = job.S3Settings("https://storage:9000", "eu-west-1", **keys)
    roots = ("file:///data/clouds", "s3://clouds", "s3://scans/2024/")
    assert found.uploads == job.UploadSettings(roots, 8 * 2**20, 5.0, s3)


def test_by_default_no_root_is_open() -> None:
    assert at_the_job(JobConfig()).uploads.roots == ()


@pytest.mark.parametrize(
    "root",
    ["file:///data", "file:///a/b c/%C3%A4/", "s3://clouds", "s3://clouds/", "s3://Old_Bucket.1/a/b%3F/"],
)
def test_a_root_that_the_config_takes_is_one_that_the_job_takes(root: str) -> None:
    access = UploadAccess(at_the_job(config(roots=[root])).uploads, 10)
    assert len(access.roots) == 1
    access.close()


@pytest.mark.parametrize(
    ("uploads", "words"),
    [
        *(
            ({"roots": [root]}, "such as file:///data/")
            for root in (
                "/data", "data", "file:///", "file://", "file://host/a", "file:///a/../b", "file:///a?b",
                "file:///a%zz", "s3://", "s3://b/../c", "s3://bucket//a", "s3://k:s@bucket/", "http://host/",
            )
        ),
        ({"root": ["file:///a"]}, "uploads.root: unknown key; did you mean roots?"),
        ({"max_bytes": 0}, "uploads.max_bytes = 0"),
        ({"max_bytes": "2gb"}, "uploads.max_bytes"),
        ({"timeout": "soon"}, "uploads.timeout = 'soon': a duration is"),
        ({"s3": {"endpoint": "storage:9000"}}, "uploads.s3.endpoint = 'storage:9000': an endpoint is http://"),
        ({"s3": {"endpoint": "http://me:pw@storage"}}, "an endpoint is http://"),
        ({"s3": {"access_key": "a"}}, "access_key and secret_key must be given together"),
    ],
)  # fmt: skip
def test_refusals(uploads: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**uploads)
    assert words in caught.value.message


def test_a_secret_in_plain_text_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        config(s3={"access_key": "a", "secret_key": "hunter2"})
    assert 'uploads.s3.secret_key = …: a secret is given by reference: {"$env": NAME}' in caught.value.message
    assert "hunter2" not in caught.value.message


def test_flags_reach_below_a_file_s_keys() -> None:
    file = {
        "uploads": {
            "roots": ["file:///data"],
            "s3": {"endpoint": "http://a:1", "access_key": "k", "secret_key": {"$env": "A"}},
        }
    }
    flags = ConfigOverrides(settings=("uploads.s3.endpoint=http://b:2", "uploads.s3.secret_key={$file: /b}"))
    found = configure(flags, LOCAL, file, pytest.fail).config.uploads
    assert (found.roots, found.s3.endpoint, found.s3.access_key) == (["file:///data"], "http://b:2", "k")
    assert found.s3.secret_key == {"$file": "/b"}, "a reference is one value"


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ({"inputs": [INPUT]}, True),
        ({"input_topic": "tda_uploads"}, True),
        ({"inputs": [INPUT], "uploads": {"roots": ["file:///data"]}}, False),
        ({}, False),  # a config without inputs need not mention uploads
    ],
)
def test_submitting_uploads_without_a_root_warns(said: dict[str, object], warned: bool) -> None:
    warnings: list[str] = []
    resolved = resolve([Layer("file", said)])
    partitions = dict.fromkeys(
        ["tda_jobs", "tda_uploads", "tda_stream_input", "tda_results", "tda_stream_output", "tda_errors"], 6
    )
    shipped_job(resolved, LOCAL, SubmitRequest(), lambda _: partitions, warnings.append)
    assert any("uploads.roots is empty" in warning for warning in warnings) == warned


def test_the_examples_of_the_page_about_uploads_hold() -> None:
    page = (Path(__file__).parents[3] / "docs" / "uploads.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    chosen = resolve([Layer("docs", yaml.safe_load(example))]).config
    found = at_the_job(chosen)
    (message,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    algorithms: dict[str, list[str]] = {"vietoris_rips": [], "alpha": []}
    origin = Origin("uploads", "tda_uploads", 0, 0, 0)
    upload = parse_upload(message.encode(), origin, Rules(found.query, found.limits, algorithms))
    check_root(upload.place, [parse_root(root) for root in found.uploads.roots])
    assert (upload.format, upload.options.columns) == ("parquet", ("x", "y", "z"))
