"""Generated secrets and secrets by reference: their permissions, and their display."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tdaflink.adapters.security.credential_store import (
    GRAFANA,
    KEY,
    SECRET,
    Credentials,
    keep_variables,
    stack_secrets,
)
from tdaflink.adapters.security.references import secret
from tdaflink.adapters.storage.shipped_profiles import load_profile
from tdaflink.domain.errors import ConfigError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (GRAFANA, KEY, SECRET):
        monkeypatch.delenv(name, raising=False)


def test_secrets_are_made_kept_for_their_owner_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "compose" / ".env"
    made = stack_secrets(load_profile("staging"), file)
    assert set(made) == {GRAFANA, KEY, SECRET}
    assert len(set(made.values())) == 3
    assert all(len(value) >= 32 for value in made.values())
    keep_variables(made, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stack_secrets(load_profile("staging"), file) == made
    monkeypatch.setenv(KEY, "of-another-service")
    assert stack_secrets(load_profile("staging"), file)[KEY] == made[KEY]
    assert stack_secrets(load_profile("dev"), file) == {}


def test_keys_of_another_service_come_from_its_user_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not set") as missing:
        stack_secrets(load_profile("prod"), file)
    assert "--scale" in str(missing.value.hint)
    assert "--s3-role" in str(missing.value.hint)
    assert set(stack_secrets(load_profile("prod"), file, role=True)) == {GRAFANA}
    assert set(stack_secrets(load_profile("staging"), file, role=True)) == {GRAFANA, KEY, SECRET}
    monkeypatch.setenv(KEY, "test")
    monkeypatch.setenv(SECRET, "test")
    given = stack_secrets(load_profile("prod"), file)
    assert (given[KEY], given[SECRET]) == ("test", "test")
    keep_variables(given, file)
    monkeypatch.delenv(SECRET)
    assert stack_secrets(load_profile("prod"), file) == given


def test_each_size_of_prod_has_the_keys_of_its_own_s3_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, small = tmp_path / ".env", load_profile("prod", scaled=True)
    monkeypatch.setenv(KEY, "theirs")
    monkeypatch.setenv(SECRET, "their-secret")
    keep_variables(stack_secrets(load_profile("prod"), file), file)
    own = stack_secrets(small, file)
    assert {"theirs", "their-secret"}.isdisjoint(own.values())
    keep_variables(own, file)
    monkeypatch.delenv(KEY)
    monkeypatch.delenv(SECRET)
    assert stack_secrets(small, file) == own
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not set"):
        stack_secrets(load_profile("prod"), file)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("Admin", "default password"), ("hunter2", "too short"), ("  ", "is empty"), ("it's-secret", "a quote")],
)
def test_weak_passwords_are_refused_by_their_variable(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GRAFANA, value)
    with pytest.raises(ConfigError, match=f"{GRAFANA}.*{reason}") as caught:
        stack_secrets(load_profile("staging"), tmp_path / ".env")
    assert value not in f"{caught.value.message} {caught.value.hint}" or not value.strip()


def test_kept_variables_that_others_may_open_are_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    keep_variables(stack_secrets(load_profile("staging"), file), file)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="is open to others"):
        stack_secrets(load_profile("staging"), file)


def test_what_was_typed_in_is_kept_for_its_owner_until_it_is_forgotten(tmp_path: Path) -> None:
    typed = Credentials(tmp_path)
    typed.keep("rest_token", "planted-4711")
    assert secret({"$file": str(typed.path("rest_token"))}, "--rest-token") == "planted-4711"
    assert stat.S_IMODE(typed.path("rest_token").parent.stat().st_mode) == 0o700
    typed.forget()
    assert not typed.path("rest_token").exists()


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
