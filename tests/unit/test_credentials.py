"""Generated and referred-to secrets: who may read them, and what is said of them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tdaflink.adapters.credentials import Credentials
from tdaflink.adapters.secrets import secret
from tdaflink.domain.errors import ConfigError

VARIABLE = "TDAFLINK_TEST_PASSWORD"


def test_a_generated_password_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    first = Credentials(tmp_path).password("grafana", VARIABLE)
    kept = Credentials(tmp_path).path("grafana")
    assert Credentials(tmp_path).password("grafana", VARIABLE) == first
    assert Credentials(tmp_path).password("s3", VARIABLE) != first
    assert len(first) >= 32
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_variable_decides_and_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of-my-own-choice")
    assert Credentials(tmp_path).password("grafana", VARIABLE) == "of-my-own-choice"
    assert not Credentials(tmp_path).path("grafana").exists()


@pytest.mark.parametrize(
    ("value", "reason"), [("Admin", "default password"), ("hunter2", "too short"), ("  ", "is empty")]
)
def test_weak_passwords_are_refused_by_their_variable(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ConfigError, match=f"{VARIABLE}.*{reason}") as caught:
        Credentials(tmp_path).password("grafana", VARIABLE)
    assert value not in f"{caught.value.message} {caught.value.hint}" or not value.strip()


def test_forgotten_credentials_are_made_anew(tmp_path: Path) -> None:
    first = Credentials(tmp_path).password("grafana", VARIABLE)
    Credentials(tmp_path).forget()
    assert Credentials(tmp_path).password("grafana", VARIABLE) != first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_may_open_is_refused(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("planted-4711\n")
    file.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        secret({"$file": str(file)}, "rest.bearer")
    assert f"rest.bearer: {file} is open to others" in caught.value.message
    assert caught.value.hint == f"chmod 600 '{file}'"
    assert "planted-4711" not in caught.value.message
    file.chmod(0o600)
    assert secret({"$file": str(file)}, "rest.bearer") == "planted-4711"
