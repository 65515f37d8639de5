"""Redaction of secrets by their form and by their name; the rest remains readable."""

from __future__ import annotations

import base64

import pytest

from tdaflink.domain.redaction import REDACTED, Redactor, is_secret_name

PLANTED = 'pl"nted/secret'


@pytest.mark.parametrize(
    "form",
    [PLANTED, "pl%22nted%2Fsecret", base64.b64encode(PLANTED.encode()).decode(), 'pl\\"nted/secret'],
)
def test_a_known_secret_goes_in_every_usual_form(form: str) -> None:
    redactor = Redactor([PLANTED])
    assert redactor.text(f"before {form} after") == f"before {REDACTED} after"
    assert redactor.count == 1


def test_of_user_and_password_the_password_goes_alone_too() -> None:
    assert Redactor(["us:wordpass"]).text("us logs in with wordpass") == f"us logs in with {REDACTED}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("s3://key:sesame@bucket/x", f"s3://key:{REDACTED}@bucket/x"),
        ("http://:sesame@host/", f"http://:{REDACTED}@host/"),
        ("Authorization: Bearer abcdefgh.ijk", f"Authorization: Bearer {REDACTED}"),
        ("ssl.key.password=sesame", f"ssl.key.password={REDACTED}"),
        ('{"sasl_password": "open sesame", "x": 1}', f'{{"sasl_password": {REDACTED}, "x": 1}}'),
        ("s3.secret-key: sesame", f"s3.secret-key: {REDACTED}"),
        ("id AKIAABCDEFGHIJKLMNOP", f"id {REDACTED}"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nx", f"{REDACTED}\nx"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, left: str) -> None:
    assert Redactor([]).text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8082/jobs/overview",
        "Partition tda_jobs-0: keyed by stream_id, topic=tda_jobs",
        "2026-11-24 22:55:12,513 INFO  restarted 3 tasks",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert Redactor(["false", "us"]).text(text) == text


def test_settings_go_by_their_names_and_references_stay() -> None:
    settings = [{"key": "s3.access-key", "value": "sesame"}, {"key": "parallelism.default", "value": "2"}]
    config = {"password": "sesame", "auth": {"basic": {"$env": "REGISTRY_USER_INFO"}}, "flink": settings}
    left = Redactor([]).value(config)
    assert left["password"] == REDACTED
    assert left["auth"] == {"basic": {"$env": "REGISTRY_USER_INFO"}}
    assert [item["value"] for item in left["flink"]] == [REDACTED, "2"]


def test_names_of_secrets() -> None:
    names = [
        "GRAFANA_PASSWORD",
        "DB_PWD",
        "sasl.jaas.config",
        "API_KEY",
        "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO",
    ]
    assert all(is_secret_name(name) for name in names)
    assert not any(
        is_secret_name(name) for name in ("PWD", "OLDPWD", "HOME", "KAFKA_BOOTSTRAP_SERVERS", "key")
    )
