"""Refusals of `env add`, the environment that it saves, and the absence of secrets in it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from support.command_runner import Ran, Runner
from tdajob.settings.json_object import SettingsError
from tdajob.settings.secrets import check_login, login_text

from tdaflink.domain.environments.external import external_environment, options_of
from tdaflink.domain.environments.security import KafkaSecrets, KafkaSecurity
from tdaflink.services.jobs.settings_writer import security_properties

SECRET = secrets.token_hex(8)
ADDRESSES = {"rest_url": "https://flink.example:8081", "kafka": "a.example:9093,[::1]:9093"}


def add(run: Runner, options: dict[str, str], *words: str) -> Ran:
    given = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    return run("env", "add", "theirs", *given, *words, "--no-check", "-o", "json")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kafka": "a:1"}, ["--rest-url is missing", "--rest-url https://"]),
        ({"rest_url": "http://f:1"}, ["--kafka is missing"]),
        ({"rest_url": "flink:8081"}, ["--rest-url 'flink:8081' is not a valid address"]),
        ({"rest_url": "http://f:port"}, ["--rest-url 'http://f:port' is not a valid address"]),
        ({"rest_url": f"http://me:{SECRET}@f:1"}, ["must be an address without credentials", "--rest-basic"]),
        ({"kafka": "a.example"}, ["--kafka 'a.example'", "is not host:port"]),
        ({"kafka_cluster": "a:99999"}, ["--kafka-cluster"]),
        ({"rest_token": SECRET}, ["--rest-token: a secret must not be given in plain text", "env:NAME"]),
        ({"kafka_password": SECRET}, ["--kafka-password: a secret"]),
        ({"rest_token": "env:A", "rest_basic": "env:B"}, ["exclude each other"]),
        ({"rest_cert": "/c.pem"}, ["--rest-key is missing"]),
        ({"registry_token": "env:A"}, ["--schema-registry URL"]),
        ({"kafka_protocol": "TLS"}, ["--kafka-protocol 'TLS'", "SASL_SSL"]),
        ({"kafka_protocol": "SASL_SSL"}, ["--kafka-password is missing"]),
        ({"kafka_protocol": "SASL_SSL", "kafka_password": "env:A"}, ["--kafka-mechanism (none)", "PLAIN"]),
        (
            {"kafka_protocol": "SASL_SSL", "kafka_password": "env:A", "kafka_mechanism": "OAUTHBEARER"},
            ["--kafka-mechanism OAUTHBEARER is not supported"],
        ),
        ({"kafka_protocol": "SASL_SSL", "kafka_password": "ask"}, ["--kafka-password-cluster env:NAME"]),
        ({"kafka_user": "me"}, ["do not apply to --kafka-protocol PLAINTEXT"]),
        ({"kafka_ca": "/ca.pem"}, ["--kafka-ca", "do not apply"]),
        (
            {"kafka_protocol": "SSL", "kafka_ca_cluster": "ca.pem"},
            ["--kafka-ca-cluster", "absolute"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_option(
    run_tdaflink: Runner, tmp_path: Path, options: dict[str, str], words: list[str]
) -> None:
    base = (
        {} if " is missing" in words[0] and len(options) == 1 and set(options) < set(ADDRESSES) else ADDRESSES
    )
    ran = add(run_tdaflink, {**base, **options})
    assert ran.code == 2, ran.stderr
    assert all(word in ran.stderr.replace("\\'", "'") for word in words), ran.stderr
    assert SECRET not in ran.stdout + ran.stderr
    assert not list(tmp_path.glob("environments/*/*.json"))
    assert not list(tmp_path.glob("environments/*/credentials"))


def test_it_is_shown_as_the_options_that_make_it_again(run_tdaflink: Runner, tmp_path: Path) -> None:
    options = {
        **ADDRESSES,
        "kafka_cluster": "inner:9093",
        "schema_registry": "https://schemas.example",
        "python": "/opt/python",
        "rest_basic": "env:REST",
        "kafka_protocol": "SASL_SSL",
        "kafka_mechanism": "PLAIN",
        "kafka_user": "me",
        "kafka_password": "env:HERE",
        "kafka_ca": "/etc/ca.pem",
        "kafka_password_cluster": "file:/run/secrets/kafka",
        "registry_token": "env:REGISTRY",
    }
    added = add(run_tdaflink, options).json()
    assert added["options"] == options
    shown = run_tdaflink("env", "show", "theirs", "-o", "json").json()
    assert shown["options"] == options
    (tmp_path / "again.json").write_text(json.dumps(shown["options"]), encoding="utf-8")
    words = ("--config", str(tmp_path / "again.json"), "--kafka-user", "you", "--no-check", "-o", "json")
    again = run_tdaflink("env", "add", "again", *words).json()
    assert again["options"] == {**options, "kafka_user": "you"}
    twice = add(run_tdaflink, options)
    assert (twice.code, "tdaflink env remove theirs" in twice.stderr) == (2, True)
    (tmp_path / "typo.yaml").write_text("rest_urll: x\n", encoding="utf-8")
    typo = run_tdaflink("env", "add", "typo", "--config", str(tmp_path / "typo.yaml"))
    assert (typo.code, "did you mean rest_url?" in typo.stderr) == (2, True)


def test_it_is_removed_after_a_question_and_not_by_teardown(run_tdaflink: Runner, tmp_path: Path) -> None:
    words = ("--registry-token", "ask", "--schema-registry", "http://r:1")
    given = ("--rest-url", "http://f:1", "--kafka", "k:1", *words, "--no-check")
    assert run_tdaflink("env", "add", "theirs", *given).code == 2  # stdin has no line
    assert run_tdaflink("env", "add", "theirs", *given, stdin=SECRET + "\n").code == 0
    saved = (tmp_path / "environments" / "theirs" / "environment.json").read_text("utf-8")
    assert SECRET not in saved
    assert run_tdaflink("env", "remove", "theirs").code == 2
    for words in (("teardown",), ("setup",)):
        ran = run_tdaflink(*words, "--env", "theirs")
        assert (ran.code, "do not apply to it" in ran.stderr) == (2, True), ran.stderr
    assert run_tdaflink("env", "remove", "theirs", "--yes").code == 0
    assert not (tmp_path / "environments" / "theirs").exists()


def test_a_secret_among_kafka_properties_is_refused_and_not_repeated(run_tdaflink: Runner) -> None:
    environ = {"FLINK_REST_URL": "http://f:1"}
    for name in ("sasl.jaas.config", "ssl.key.password", "ssl.keystore.key"):
        words = ("config", "explain", "--set", f"kafka_properties.{name}={SECRET}")
        ran = run_tdaflink(*words, environ=environ)
        assert (ran.code, name in ran.stderr, SECRET in ran.stderr) == (2, True, False)


def test_the_cluster_is_told_references_of_its_own(tmp_path: Path) -> None:
    options = {
        **ADDRESSES,
        "kafka_protocol": "SASL_SSL",
        "kafka_mechanism": "SCRAM-SHA-256",
        "kafka_user": 'a "b" \\c',
        "kafka_password": "env:HERE",
        "kafka_password_cluster": f"file:{tmp_path / 'there'}",
        "kafka_ca": "/here/ca.pem",
        "kafka_ca_cluster": "/there/ca.pem",
    }
    env = external_environment("theirs", options)
    assert options_of(env) == {**options, "python": "python3"}
    properties = security_properties(env.security.kafka)
    login = properties.pop("sasl.jaas.config")["$login"]
    assert properties == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/there/ca.pem",
    }
    check_login(login, "login")
    (tmp_path / "there").write_text('p"w\\\n', encoding="utf-8")
    text = login_text(login, "login", "moved.")
    assert text == (
        "moved.org.apache.kafka.common.security.scram.ScramLoginModule required"
        ' username="a \\"b\\" \\\\c" password="p\\"w\\\\";'
    )
    (tmp_path / "there").write_text("two\nlines\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"login\.password: has a line break"):
        login_text(login, "login", "")
    with pytest.raises(SettingsError, match=r"login\.mechanism"):
        check_login({**login, "mechanism": "GSSAPI"}, "login")


def test_client_certificates_are_read_where_the_job_runs() -> None:
    side = KafkaSecrets(certificate="/c.pem", key="/k.pem")
    assert security_properties(KafkaSecurity("SSL", client=side, cluster=side)) == {
        "security.protocol": "SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": {"$file": "/c.pem"},
        "ssl.keystore.key": {"$file": "/k.pem"},
    }


@pytest.mark.parametrize("command", [("send", "circle"), ("schemas", "register"), ("topics", "create")])
def test_nothing_is_sent_to_prod_without_its_name_or_yes(
    command: tuple[str, ...], run_tdaflink: Runner
) -> None:
    addresses = ("--rest-url", "http://127.0.0.1:1", "--kafka", "127.0.0.1:1")
    added = run_tdaflink(
        "env", "add", "prod", *addresses, "--schema-registry", "http://127.0.0.1:1", "--no-check"
    )
    assert added.code == 0, added.stderr
    refused = run_tdaflink(*command, "--env", "prod")
    assert (refused.code, "prod is a production environment" in refused.stderr) == (2, True)
    assert "--yes" in refused.stderr
    assert run_tdaflink(*command, "--env", "prod", "--yes").code == 3
