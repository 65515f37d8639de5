"""Delivery of alerts: their receivers, the display of the address, and the alerts of a local environment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Runner
from support.servers.alert_receiver import Posted, alert_receiver
from support.watch_cases import job

from tdaflink.adapters.security.alert_webhook import alert_webhook, keep_webhook, post_alerts, require_webhook
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.alerts import (
    WEBHOOK,
    checked_webhook,
    lost_component,
    shown_webhook,
    webhook_document,
)
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.environments.setup import SetupRequest
from tdaflink.domain.errors import ConfigError, Unreachable, UsageError
from tdaflink.services.environments.alerts import (
    RESTART_SECONDS,
    RESTARTS,
    STOPPED_SECONDS,
    JobAlerts,
    LocalAlerts,
)
from tdaflink.services.environments.draft import resolve_environment

SECRET = "https://user:pw@hooks.example:8443/T00/geheim?token=geheim"  # noqa: S105 - an example
NOW = "2027-01-15T08:00:00.000Z"


@pytest.fixture
def receiver() -> Iterator[tuple[str, Posted]]:
    """Start a webhook that accepts alerts only below /alerts."""
    with alert_receiver() as receiving:
        yield receiving


def local(details: dict[str, str]) -> Environment:
    return Environment(
        "local", "local", "process", Endpoints("http://127.0.0.1:1", "k:1", "k:1"), "", 0, details
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (SECRET, "https://hooks.example:8443/…"),
        ("http://hooks.example/", "http://hooks.example"),
        ("http://hooks.example", "http://hooks.example"),
        ("http://[::1]:9/x", "http://[::1]:9/…"),
    ],
)
def test_what_may_be_a_secret_in_the_address_is_not_shown(address: str, shown: str) -> None:
    assert checked_webhook(f" {address}\n", "--webhook") == address
    assert shown_webhook(address) == shown


@pytest.mark.parametrize(
    "address",
    ["", "hooks.example/geheim", "ftp://x/geheim", "https://", "http://a b/geheim", "http://x:0/geheim"],
)
def test_what_is_no_address_is_refused_without_being_shown(address: str) -> None:
    with pytest.raises(ConfigError, match="--webhook is not a valid address") as caught:
        checked_webhook(address, "--webhook")
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


def test_the_address_is_kept_for_the_owner_alone_and_forgotten_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TDAFLINK_ALERT_WEBHOOK", raising=False)
    details = {WEBHOOK: shown_webhook(SECRET)}
    keep_webhook(tmp_path, SECRET)
    assert alert_webhook(details, tmp_path) == SECRET
    assert alert_webhook({}, tmp_path) is None
    (kept,) = (tmp_path / "credentials").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("TDAFLINK_ALERT_WEBHOOK", "http://variable.example/")
    assert alert_webhook(details, tmp_path) == SECRET
    assert alert_webhook({}, tmp_path) == "http://variable.example/"
    require_webhook(details, tmp_path)
    keep_webhook(tmp_path, None)
    keep_webhook(tmp_path, None)
    assert not kept.exists()
    assert alert_webhook(details, tmp_path) is None
    with pytest.raises(ConfigError, match=r"is missing: https://hooks\.example:8443/…"):
        require_webhook(details, tmp_path)
    require_webhook({}, tmp_path)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentStore:
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    return EnvironmentStore()


def drafted(store: EnvironmentStore, env: str, **words: Any) -> Environment:
    return resolve_environment(SetupRequest(env=env, **words), store)[0]


def test_setup_remembers_where_alerts_go_until_it_hears_none(store: EnvironmentStore) -> None:
    first = drafted(store, "local", webhook=SECRET)
    assert first.details[WEBHOOK] == "https://hooks.example:8443/…"
    store.save(first)
    assert "geheim" not in (store.folder("local") / "environment.json").read_text()
    assert drafted(store, "local").details[WEBHOOK] == "https://hooks.example:8443/…"
    assert WEBHOOK not in drafted(store, "local", webhook="none").details
    assert drafted(store, "staging", webhook=SECRET).details[WEBHOOK] == "https://hooks.example:8443/…"


def test_where_nothing_could_send_alerts_a_webhook_is_refused(store: EnvironmentStore) -> None:
    with pytest.raises(UsageError, match="dev has no Alertmanager"):
        drafted(store, "dev", webhook=SECRET)
    assert drafted(store, "dev", webhook="none").name == "dev"
    with pytest.raises(UsageError, match="--s3-role goes with environments in containers"):
        drafted(store, "local", s3_role=True)
    aws = drafted(store, "prod", storage="s3://mine/tda", s3_role=True)
    assert aws.details["s3_role"] == "on"
    assert "s3_role" not in drafted(store, "prod", storage="s3://mine/tda", s3_role=False).details
    with pytest.raises(UsageError, match="its supervisor, and that is switched off"):
        drafted(store, "local", webhook=SECRET, supervise=False)
    store.save(drafted(store, "local", webhook=SECRET))
    with pytest.raises(UsageError, match="switched off"):
        drafted(store, "local", supervise=False)
    prometheus = drafted(store, "local", supervise=False, metrics=True)  # has an Alertmanager of its own
    assert WEBHOOK in prometheus.details
    assert drafted(store, "local", supervise=False, webhook="none").details["supervise"] == "off"


def test_the_command_says_where_alerts_would_go_and_keeps_the_secret(run_tdaflink: Runner) -> None:
    done = run_tdaflink("setup", "--supervise", "--dry-run", "--webhook", SECRET, "-o", "json")
    assert done.json()["alerts"] == "https://hooks.example:8443/…"
    assert "geheim" not in done.stdout + done.stderr
    refused = run_tdaflink("setup", "--dry-run", "--webhook", "hooks.example/geheim")
    assert refused.code == 2
    assert "geheim" not in refused.stderr


def test_a_lost_process_is_posted_in_alertmanagers_form_and_again_when_it_is_back(
    tmp_path: Path, receiver: tuple[str, Posted]
) -> None:
    url, posted = receiver
    keep_webhook(tmp_path, f"{url}/alerts/geheim")
    environment, lines = local({WEBHOOK: shown_webhook(url)}), list[str]()
    alerts = LocalAlerts(tmp_path, lines.append)
    alerts.lost(environment, ("taskmanager-1",))
    alerts.lost(environment, ("taskmanager-1",))  # a second attempt: the alert is already active
    alerts.repaired(environment)
    alerts.repaired(environment)
    fired, resolved = posted.get(timeout=30), posted.get(timeout=30)
    assert posted.empty()
    assert (fired["status"], resolved["status"], fired["version"]) == ("firing", "resolved", "4")
    (one,), (two,) = fired["alerts"], resolved["alerts"]
    assert one["labels"] == {
        "alertname": "TaskManagerLost",
        "environment": "local",
        "severity": "critical",
        "component": "taskmanager-1",
    }
    assert one["fingerprint"] == two["fingerprint"]
    assert two["startsAt"] == one["startsAt"] <= two["endsAt"]
    assert not lines


def test_a_webhook_that_takes_no_alert_costs_a_line_without_its_secret(
    tmp_path: Path, receiver: tuple[str, Posted]
) -> None:
    url, _ = receiver
    document = webhook_document("local", [lost_component("kafka", NOW)], "http://127.0.0.1:8081")
    for address, words in ((f"{url}/geheim", "status 403"), ("http://127.0.0.1:1/geheim", "did not accept")):
        with pytest.raises(Unreachable, match=words) as caught:
            post_alerts(address, document)
        assert "geheim" not in str(caught.value)
    keep_webhook(tmp_path, "http://127.0.0.1:1/geheim")
    lines = list[str]()
    LocalAlerts(tmp_path, lines.append).lost(local({WEBHOOK: "x"}), ("kafka",))
    (line,) = lines
    assert "geheim" not in line


def test_a_job_that_restarts_or_stands_still_is_alerted_until_it_is_well() -> None:
    running, restarting = job(), job(state="RESTARTING")
    alerts = JobAlerts()
    assert alerts.seen(running, 5, 0.0) == {}  # earlier restarts do not count
    assert alerts.seen(restarting, 5 + RESTARTS - 1, 10.0) == {}
    assert set(alerts.seen(running, 5 + RESTARTS, 20.0)) == {"JobRestarts"}
    assert alerts.seen(running, 5 + RESTARTS, 21.0 + RESTART_SECONDS) == {}
    begin = 2 * RESTART_SECONDS
    assert alerts.seen(restarting, 8, begin) == {}
    assert set(alerts.seen(restarting, 8, begin + STOPPED_SECONDS)) == {"JobNotRunning"}
    assert alerts.seen(running, 8, begin + STOPPED_SECONDS + 1) == {}


def test_a_job_that_has_failed_is_alerted_and_one_that_was_stopped_is_not() -> None:
    alerts = JobAlerts()
    assert alerts.seen(job(state="FAILED"), 0, 0.0) == {}  # failed before the first observation
    other = replace(job(), id="f" * 32)
    assert alerts.seen(other, 0, 0.0) == {}
    assert set(alerts.seen(replace(other, state="FAILED"), 0, 10.0)) == {"JobNotRunning"}
    assert alerts.seen(replace(job(), id="e" * 32, state="CANCELED"), 0, 0.0) == {}
