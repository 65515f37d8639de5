"""The image of JobManagers and TaskManagers: its build context, and its tag, a hash of the content."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.python.fork_server import SCRIPT, fork_server_files
from tdaflink.adapters.python.locks import load_python_lock
from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_versions, profile_folder
from tdaflink.domain.artifacts.jars import LockedJar
from tdaflink.resources import beam_guard, jobs_folder

IMAGE_PYTHON = "/opt/tdaflink/venv/bin/python"
_IMAGE_CACHE = "/opt/tdaflink/cache"  # TDAFLINK_CACHE_DIR in the Dockerfile
IMAGE_WORKERS = "/opt/tdaflink/workers"
IMAGE_FORKING_PYTHON = f"{IMAGE_WORKERS}/{SCRIPT}"
IMAGE_PLACES = {"flink/lib": "lib", "flink/plugins/s3-fs-hadoop": "plugins/s3-fs-hadoop"}
_KERNELS = "tdajob/topology/kernels"
# The lock of the image's packages, and of the build tools for the few packages without a wheel.
_PYTHON_LOCKS = ("image", "build")


def image_tag() -> str:
    """Return name:tag, which changes with Dockerfile, versions, locked packages, JARs and kernels."""
    digest = hashlib.sha256()
    for path, content in sorted(context_texts()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    for folder, jar in _jars():
        digest.update(f"{folder}\0{jar.sha256}\0".encode())
    return f"tdaflink/flink:{load_versions().flink}-{digest.hexdigest()[:12]}"


def build_arguments() -> dict[str, str]:
    """Return the build arguments of the Dockerfile."""
    versions = load_versions()
    return {"FLINK_IMAGE": versions.images.flink, "PYTHON_VERSION": versions.python.image}


def build_context(folder: Path) -> None:
    """Write the build context of the image; the JARs must be in the cache."""
    cache = JarCache()
    for path, content in context_texts():
        file = folder / path
        ensure_dir(file.parent)
        with map_write_errors(file):
            file.write_bytes(content)
    for place, jar in _jars():
        target = ensure_dir(folder / place) / jar.coordinates.filename
        with map_write_errors(target):
            if not target.exists():
                shutil.copyfile(cache.path(jar), target)


def context_texts() -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file of the build context but the JARs."""
    yield "Dockerfile", (profile_folder("image") / "Dockerfile").read_bytes()
    for name in _PYTHON_LOCKS:
        yield f"{name}.lock.txt", load_python_lock(name).to_text().encode()
    yield "arguments", repr(sorted(build_arguments().items())).encode()
    yield f"lib/{beam_guard().name}", beam_guard().read_bytes()
    for name, text in fork_server_files(IMAGE_WORKERS, IMAGE_PYTHON, _IMAGE_CACHE).items():
        yield f"workers/{name}", text.encode()
    jobs = jobs_folder()
    for path in sorted((jobs / "tdajob").rglob("*.py")):
        if path.parent == jobs / "tdajob" or _KERNELS in path.as_posix():
            yield f"jobs/{path.relative_to(jobs).as_posix()}", path.read_bytes()


def _jars() -> Iterator[tuple[str, LockedJar]]:
    lock = load_lock()
    for place, folder in IMAGE_PLACES.items():
        for jar in lock.in_place(place):
            yield folder, jar
