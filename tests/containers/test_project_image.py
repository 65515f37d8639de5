"""The project's image, built from the shipped Dockerfile: the job's requirements on the public Flink."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from containers.standins import inspect

from tdaflink.adapters.compose_runtime.image import IMAGE_PYTHON, build_arguments, build_context, image_tag
from tdaflink.adapters.jars.cache import JarCache, repository_address
from tdaflink.adapters.python.locks import load_python_lock
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_versions

ROOT = Path(__file__).parents[2]
BUILD_SECONDS = 900

pytestmark = [pytest.mark.docker, pytest.mark.timeout(BUILD_SECONDS + 60)]


@pytest.fixture(scope="module")
def image(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """Return the image's tag; build the image unless one with the same content exists."""
    tag = image_tag()
    if inspect(tag, "{{.Id}}") is None:
        build(tag, tmp_path_factory.mktemp("image"))
    return tag


def build(tag: str, context: Path, *options: str) -> None:
    JarCache().fetch(load_lock().jars, repository_address())
    build_context(context)
    arguments = [f"--build-arg={name}={value}" for name, value in build_arguments().items()]
    command = ["docker", "build", "--quiet", "--tag", tag, *options, *arguments, str(context)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


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


def packages(image: str) -> dict[str, str]:
    """Return the versions of all packages in the image's virtual environment, by name."""
    listing = "{re.sub(r'[-_.]+', '-', d.name).lower(): d.version for d in m.distributions()}"
    script = f"import json, re, importlib.metadata as m; print(json.dumps({listing}))"
    found: dict[str, str] = json.loads(inside(image, IMAGE_PYTHON, "-c", script))
    return found


def test_image_has_exactly_the_locked_packages_on_the_locked_python(image: str) -> None:
    found = packages(image)
    del found["pip"]
    assert found == {package.name: package.version for package in load_python_lock("image").packages}
    assert found["apache-flink"] == load_versions().flink
    python = inside(image, IMAGE_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    assert python.strip() == load_versions().python.image


def test_image_built_again_from_the_same_lock_has_equal_packages_file_by_file(
    image: str, tmp_path: Path
) -> None:
    again = "tdaflink/flink:built-again"
    build(again, tmp_path, "--no-cache")
    try:
        assert packages(again) == packages(image)
        script = "cd /opt/tdaflink/venv && sha256sum lib/python*/site-packages/*.dist-info/RECORD"
        records = inside(image, "sh", "-c", script).splitlines()
        assert inside(again, "sh", "-c", script).splitlines() == records
        assert len(records) == len(packages(image))
    finally:
        subprocess.run(["docker", "image", "rm", "--force", again], capture_output=True, check=False)


def test_image_python_has_its_standard_library_whole(image: str) -> None:
    assert inside(image, IMAGE_PYTHON, "-c", "import bz2, ctypes, lzma, sqlite3, ssl, uuid, zlib") == ""


def test_flink_has_the_connector_the_codecs_python_and_s3(image: str) -> None:
    library = inside(image, "ls", "/opt/flink/lib").split()
    lock = load_lock()
    assert {jar.coordinates.filename for jar in lock.in_place("flink/lib")} <= set(library)
    assert f"flink-dist-{load_versions().flink}.jar" in library
    assert f"flink-python-{load_versions().flink}.jar" in library
    plugin = inside(image, "ls", "/opt/flink/plugins/s3-fs-hadoop").split()
    assert plugin == [jar.coordinates.filename for jar in lock.in_place("flink/plugins/s3-fs-hadoop")]


def test_a_worker_finds_its_machine_code_and_computes_exactly(image: str) -> None:
    script = "tests/support/job/incremental_worker.py"
    mounts = ("tests/support", "jobs")
    worker = json.loads(inside(image, IMAGE_PYTHON, f"/{script}", "/jobs", mounts=mounts))
    assert worker["warm"]
    assert worker["compiled"] == 0 < worker["read"]
    # The engine without machine code, on this machine, has bitwise equal bars.
    here = [sys.executable, str(ROOT / script), str(ROOT / "jobs"), "--without-numba"]
    done = subprocess.run(here, capture_output=True, text=True, timeout=120, check=True)
    assert worker["engine"] != json.loads(done.stdout)["engine"]
    assert worker["bars"] == json.loads(done.stdout)["bars"]


def test_the_dockerfile_builds_with_an_engine_that_has_no_front_ends() -> None:
    text = (ROOT / "profiles" / "image" / "Dockerfile").read_text(encoding="utf-8")
    assert "syntax=" not in text
    assert "<<" not in text
    assert "--mount" not in text
