"""Stand-in images with the names of the public ones, for machines without access to an image registry.

The build context of each is a folder below images/ with the files that this module adds: programs from
wheels, Maven JARs and Debian packages. They fulfil the contracts of the public images: user, entry point,
settings, the tools that exist and those that do not. An image is built once for each content; an existing
image that was not built here is the public one and is used unchanged. `python -m containers.standins`, in
tests/, prepares engine and images; with `--lock` it resolves the JARs again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containers import engine
from containers.debian import Unavailable, install, mirror, require_root, run
from containers.portable_python import portable_python
from filelock import FileLock
from support.interpreters import local_packages
from support.servers.prometheus_process import prometheus_programs
from support.servers.registry_process import APICURIO
from support.servers.s3_service import S3PROXY

from tdaflink.adapters.jars.cache import JarCache, repository_address
from tdaflink.adapters.storage.paths import cache_folder, ensure_dir
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_versions
from tdaflink.display.progress import ConsoleReporter
from tdaflink.domain.artifacts.jars import JarLock, LockedJar, sorted_lock
from tdaflink.services.artifacts.jars import lock_jars

HERE = Path(__file__).parent
LOCK = HERE / "jars.lock.json"
LABEL = "dev.tdaflink.stand-in"
BASE = "tdaflink-stand-in/base"
ZOOKEEPER = load_versions().images.zookeeper.split(":")[1]
# Contents of the public images in addition to the JARs that environments need.
ROOTS = {
    "kafka": (f"org.apache.kafka:kafka-tools:{load_versions().kafka}",),
    "zookeeper": (
        f"org.apache.zookeeper:zookeeper:{ZOOKEEPER}",
        "org.eclipse.jetty:jetty-servlet:9.4.58.v20250814",
        "com.fasterxml.jackson.core:jackson-databind:2.15.2",
        "org.xerial.snappy:snappy-java:1.1.10.5",
        "io.dropwizard.metrics:metrics-core:4.1.12.1",
        "ch.qos.logback:logback-classic:1.3.15",
    ),
}
_BUILD_SECONDS = 900
# As in Debian's and Ubuntu's public images: apt keeps neither packages nor caches.
_APT = (
    'Acquire::Languages "none"',
    'Dir::Cache::pkgcache ""',
    'Dir::Cache::srcpkgcache ""',
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; }',
)
_CERTIFICATES = Path("/usr/local/share/ca-certificates")

Source = Path | LockedJar


def _nothing() -> dict[str, Sequence[Source]]:
    return {}


@dataclass(frozen=True)
class StandIn:
    """A stand-in image: its folder below images/, its parent image, and the inputs of its build context."""

    folder: str
    tag: str
    parent: str = f"{BASE[:-5]}/java"
    inputs: Callable[[], dict[str, Sequence[Source]]] = field(default=_nothing)


def stand_ins() -> dict[str, StandIn]:
    """Return the images by tag, each after its parents."""
    images = load_versions().images
    prefix = BASE.removesuffix("base")
    tools, busybox = f"{prefix}tools", f"{prefix}busybox"
    listed = [
        StandIn("java", f"{prefix}java", BASE, _java),
        StandIn("tools", tools),
        StandIn("busybox", busybox, tools),
        StandIn("flink", images.flink, inputs=_flink),
        StandIn("kafka", images.kafka, busybox, _kafka),
        StandIn("zookeeper", images.zookeeper, inputs=lambda: {"libs": _locked().in_place("zookeeper")}),
        StandIn("s3", images.s3, inputs=lambda: {"libs": [S3PROXY]}),
        StandIn("schema_registry", images.schema_registry, inputs=lambda: {"distribution": [APICURIO]}),
        StandIn("prometheus", images.prometheus, busybox, lambda: _programs("prometheus", "promtool")),
        StandIn("alertmanager", images.alertmanager, busybox, _alertmanager),
        StandIn("grafana", images.grafana, busybox),
    ]
    return {image.tag: image for image in listed}


def ensure(say: Callable[[str], None] = lambda _line: None) -> list[str]:
    """Provide every public image or its stand-in; return the tags that were built or rebuilt.

    Raises:
        Unavailable: this machine cannot build them; the message has the reason.
    """
    with FileLock(ensure_dir(cache_folder() / "tests") / "stand-ins.lock", timeout=_BUILD_SECONDS):
        images = stand_ins()
        needed = _needed(images)
        built: list[str] = []
        hashes: dict[str, str] = {}
        if needed:
            hashes[BASE] = _base_hash()
            if _stale(BASE, hashes[BASE]):
                say(f"building {BASE}")
                _import_base(hashes[BASE])
                built.append(BASE)
        waiting = {tag: image for tag, image in images.items() if tag in needed}
        with ThreadPoolExecutor(3) as pool:
            while waiting:
                ready = [image for image in waiting.values() if image.parent not in waiting]
                for image in ready:
                    del waiting[image.tag]
                    hashes[image.tag] = _hash(image, hashes[image.parent])
                stale = [image for image in ready if _stale(image.tag, hashes[image.tag])]
                for image in stale:
                    say(f"building {image.tag}")
                list(pool.map(lambda image: _build(image, hashes[image.tag]), stale))
                built += [image.tag for image in stale]
        if built:
            # Remove the replaced images, except those that a container uses.
            run(["docker", "image", "prune", "--force", "--filter", f"label={LABEL}"])
        return built


def _needed(images: Mapping[str, StandIn]) -> set[str]:
    """Return the tags without a public image, and those of their parents."""
    public = load_versions().images.model_dump().values()
    waiting = [tag for tag in public if not _is_public(tag)]
    needed: set[str] = set()
    while waiting:
        tag = waiting.pop()
        needed.add(tag)
        if tag in images:
            waiting.append(images[tag].parent)
    return needed


def inspect(tag: str, template: str) -> str | None:
    """Return the engine's value of a template for an image; None if there is no such image."""
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", template, tag],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else None


def _label(tag: str) -> str | None:
    """Return the hash of a stand-in's content; empty for a public image, None if there is no image."""
    label = inspect(tag, f'{{{{index .Config.Labels "{LABEL}"}}}}')
    return "" if label == "<no value>" else label


def _is_public(tag: str) -> bool:
    return _label(tag) == ""


def _stale(tag: str, digest: str) -> bool:
    return _label(tag) != digest


def _hash(image: StandIn, parent: str) -> str:
    digest = hashlib.sha256(f"{parent} {image.tag}".encode())
    for path in _files(HERE / "images" / image.folder):
        digest.update(f"{path.name} {path.stat().st_mode & 0o111}".encode() + path.read_bytes())
    for place, sources in image.inputs().items():
        names = [s.sha256 if isinstance(s, LockedJar) else f"{s.name} {_sizes(s)}" for s in sources]
        digest.update(f"{place} {names}".encode())
    return digest.hexdigest()


def _sizes(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path)) if path.is_dir() else path.stat().st_size


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _build(image: StandIn, digest: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        context = Path(name)
        shutil.copytree(HERE / "images" / image.folder, context, dirs_exist_ok=True)
        for place, sources in image.inputs().items():
            _lay(sources, context / place)
        words = ["docker", "build", "-q", "--label", f"{LABEL}={digest}", "-t", image.tag, str(context)]
        run(words, seconds=_BUILD_SECONDS)


def _lay(sources: Sequence[Source], folder: Path) -> None:
    """Copy programs and JARs into the build context, and unpack archives there."""
    folder.mkdir(parents=True)
    cache = JarCache()
    cache.fetch([jar for jar in sources if isinstance(jar, LockedJar)], repository_address())
    for source in sources:
        path = cache.path(source) if isinstance(source, LockedJar) else source
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                # The archive's hash is verified: Python versions without the filter can extract it, too.
                safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                archive.extractall(folder, **safely)  # noqa: S202
        elif path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copy2(path, folder / path.name)


def _java() -> dict[str, Sequence[Source]]:
    home = local_packages().java_home
    return {"runtime": [home / part for part in ("bin", "conf", "legal", "lib", "release")]}


def _flink() -> dict[str, Sequence[Source]]:
    home = local_packages().flink_home
    distribution = [home / part for part in ("bin", "conf", "lib", "opt", "plugins")]
    python = portable_python(load_versions().python.image)
    return {"distribution": distribution, "python": [python / "bin", python / "lib"]}


def _kafka() -> dict[str, Sequence[Source]]:
    return {"libs": [*load_lock().in_place("kafka/libs"), *_locked().in_place("kafka")]}


def _alertmanager() -> dict[str, Sequence[Source]]:
    # Debian's program reads its templates from this folder; the public one contains them.
    share = prometheus_programs().folder.parent / "share" / "prometheus" / "alertmanager"
    return {**_programs("prometheus-alertmanager", "amtool"), "share": sorted(share.glob("*.tmpl"))}


def _programs(*names: str) -> dict[str, Sequence[Source]]:
    return {"bin": [prometheus_programs().folder / name for name in names]}


def _locked() -> JarLock:
    return JarLock.from_json(LOCK.read_text(encoding="utf-8"), source=str(LOCK))


def _lock() -> None:
    found = lock_jars(ROOTS, JarCache(), ConsoleReporter())
    # The tools use the broker's libraries; Connect and its libraries are not needed.
    kept = [jar for jar in found.jars if jar.place != "kafka" or str(jar.coordinates) in ROOTS["kafka"]]
    LOCK.write_text(sorted_lock(kept).to_json(), encoding="utf-8")


def _base_hash() -> str:
    digest = hashlib.sha256(f"bookworm 4 {mirror()} {_APT}".encode())
    for path in sorted(_CERTIFICATES.glob("*.crt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _import_base(digest: str) -> None:
    """Create the base image: a minimal Debian with this machine's certificate authorities."""
    require_root("building the stand-in images")
    if not shutil.which("mmdebstrap"):
        install(["mmdebstrap"])
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "base.tar"
        os.chmod(name, 0o755)  # noqa: S103 - mmdebstrap drops its privileges for some steps
        trust = ["--customize-hook=chroot $1 update-ca-certificates"]
        if any(_CERTIFICATES.glob("*.crt")):
            trust.insert(0, f"--customize-hook=copy-in {_CERTIFICATES} /usr/local/share")
        pip = "[global]\\ncert = /etc/ssl/certs/ca-certificates.crt\\n"
        trust.append(f"--customize-hook=printf '{pip}' > $1/etc/pip.conf")
        quiet = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
        packages = ["--variant=minbase", "--include=ca-certificates"]
        words = [
            "mmdebstrap",
            "-q",
            *packages,
            *(f"--aptopt={line}" for line in _APT),
            *quiet,
            *trust,
            "bookworm",
            str(archive),
            mirror(),
        ]
        run(words, seconds=_BUILD_SECONDS)
        run(["docker", "import", "--change", f"LABEL {LABEL}={digest}", str(archive), BASE])


def main() -> int:
    if "--lock" in sys.argv:
        _lock()
        return 0
    try:
        for line in engine.ensure():
            print(f"docker: {line}")
        built = ensure(print)
    except Unavailable as error:
        print(f"no Docker engine with images for the tests: {error}", file=sys.stderr)
        return 1
    print(f"docker: {len(built)} images built, the others were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
