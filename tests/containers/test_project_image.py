"""The project's image, built by the shipped Dockerfile: all that the job needs, on the public Flink."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from containers.standins import inspect
from packaging.requirements import Requirement

from tdaflink.adapters.image import IMAGE_PYTHON, build_arguments, build_context, image_tag, requirements
from tdaflink.adapters.maven import JarCache, repository_address
from tdaflink.adapters.profiles import load_lock, load_versions

ROOT = Path(__file__).parents[2]
BUILD_SECONDS = 900

pytestmark = [pytest.mark.docker, pytest.mark.timeout(BUILD_SECONDS + 60)]


@pytest.fixture(scope="module")
def image(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """Its tag; an image of that content that is there is not built again."""
    tag = image_tag()
    if inspect(tag, "{{.Id}}") is None:
        context = tmp_path_factory.mktemp("image")
        JarCache().fetch(load_lock().jars, repository_address())
        build_context(context)
        arguments = [f"--build-arg={name}={value}" for name, value in build_arguments().items()]
        command = ["docker", "build", "--quiet", "--tag", tag, *arguments, str(context)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    return tag


def inside(image: str, *words: str, mounts: tuple[str, ...] = ()) -> str:
    volumes = [f"--volume={ROOT / path}:/{path}:ro" for path in mounts]
    start = ["docker", "run", "--rm", "--network", "none", *volumes, "--entrypoint", words[0]]
    command = [*start, image, *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_runs_as_flink_starts_like_flinks_image_and_may_write_its_storage_alone(image: str) -> None:
    script = "id -u; for f in /var/lib/flink /opt/tdaflink /usr/lib; do test -w $f && echo $f; done; true"
    assert inside(image, "sh", "-c", script).split() == ["9999", "/var/lib/flink"]
    base = load_versions().images.flink
    assert inspect(image, "{{json .Config.Entrypoint}}") == inspect(base, "{{json .Config.Entrypoint}}")


def test_it_has_what_the_job_needs_in_the_versions_that_the_package_asks_for(image: str) -> None:
    listing = "{d.name: d.version for d in m.distributions()}"
    script = f"import json, importlib.metadata as m; print(json.dumps({listing}))"
    found = {
        name.lower(): version
        for name, version in json.loads(inside(image, IMAGE_PYTHON, "-c", script)).items()
    }
    assert found["apache-flink"] == load_versions().flink
    wanted = [*requirements(), *(requires("apache-flink") or [])]
    for requirement in map(Requirement, wanted):
        # Flink itself is the public image's.
        if requirement.name != "apache-flink-libraries":
            assert requirement.specifier.contains(found[requirement.name.lower()]), requirement
    assert "apache-flink-libraries" not in found


def test_flink_has_the_connector_the_codecs_python_and_s3(image: str) -> None:
    library = inside(image, "ls", "/opt/flink/lib").split()
    lock = load_lock()
    assert {jar.coordinates.filename for jar in lock.in_place("flink/lib")} <= set(library)
    assert f"flink-dist-{load_versions().flink}.jar" in library
    assert f"flink-python-{load_versions().flink}.jar" in library
    plugin = inside(image, "ls", "/opt/flink/plugins/s3-fs-hadoop").split()
    assert plugin == [jar.coordinates.filename for jar in lock.in_place("flink/plugins/s3-fs-hadoop")]


def test_a_worker_finds_its_machine_code_and_computes_exactly(image: str) -> None:
    script = "tests/topology/incremental_worker.py"
    mounts = ("tests/topology", "jobs")
    worker = json.loads(inside(image, IMAGE_PYTHON, f"/{script}", "/jobs", mounts=mounts))
    assert worker["warm"]
    assert worker["compiled"] == 0 < worker["read"]
    # The ordinary algorithm, here: the same bars, bit for bit.
    here = [sys.executable, str(ROOT / script), str(ROOT / "jobs"), "--without-numba"]
    done = subprocess.run(here, capture_output=True, text=True, timeout=120, check=True)
    assert worker["engine"] != json.loads(done.stdout)["engine"]
    assert worker["bars"] == json.loads(done.stdout)["bars"]


def test_the_dockerfile_builds_with_an_engine_that_has_no_front_ends() -> None:
    text = (ROOT / "profiles" / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert "syntax=" not in text
    assert "<<" not in text
    assert "--mount" not in text
