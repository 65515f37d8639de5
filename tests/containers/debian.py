"""Debian packages for the tests: installed, or unpacked into a folder if a newer release is needed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

NEWER_SUITE = "trixie"
# The release after trixie, for packages that are too old in trixie.
NEWEST_SUITE = "forky"
_APT_SECONDS = 600


class Unavailable(Exception):
    """The error if this machine cannot provide what the tests need; the message has the reason."""


def run(words: Sequence[str], *, seconds: float = _APT_SECONDS, cwd: Path | None = None) -> str:
    """Run a command and return its output.

    Raises:
        Unavailable: the command is missing, fails or times out; the message has the end of its output.
    """
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=seconds, cwd=cwd, env=environ, check=False
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(words)} took more than {seconds:.0f} s") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise Unavailable(f"{' '.join(words)} ended with {done.returncode}:\n{said}")
    return done.stdout


def require_root(purpose: str) -> None:
    if os.geteuid() != 0:
        raise Unavailable(f"{purpose} needs root")


def install(packages: Sequence[str]) -> None:
    """Install packages of the machine's Debian release."""
    require_root(f"installing {' '.join(packages)}")
    run(["apt-get", "update", "-qq"])
    # No installed service may start automatically.
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])


def unpack_newer(packages: Sequence[str], folder: Path, suite: str = NEWER_SUITE) -> None:
    """Unpack packages of a newer release into a folder, without installing anything.

    They must run with the machine's libraries, as static Go programs do.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        options = _options(work, suite)
        run(["apt-get", *options, "update", "-qq"])
        _unpack(packages, folder, work, options)


def unpack(packages: Sequence[str], folder: Path) -> None:
    """Unpack packages of the machine's Debian release into a folder, without installing anything."""
    if os.geteuid() == 0:
        run(["apt-get", "update", "-qq"])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        work.chmod(0o755)
        _unpack(packages, folder, work, ["-o", "APT::Sandbox::User=root"])


def _unpack(packages: Sequence[str], folder: Path, work: Path, options: Sequence[str]) -> None:
    run(["apt-get", *options, "download", "-qq", *packages], cwd=work)
    archives = sorted(work.glob("*.deb"))
    if len(archives) != len(packages):
        raise Unavailable(f"apt did not bring all of {' '.join(packages)}")
    for archive in archives:
        run(["dpkg", "-x", str(archive), str(folder)])


def mirror() -> str:
    """Return the address of Debian's main archive in the machine's apt sources."""
    wanted = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ARCHITECTURE)", "Created-By: Packages"]
    for line in run(wanted).splitlines():
        address = line.split()[0].rstrip("/")
        if address.endswith("/debian"):
            return address
    raise Unavailable("this machine's apt sources name no Debian archive")


def _options(work: Path, suite: str) -> list[str]:
    """Return options for apt with its own lists and source, so that the machine's remain unchanged."""
    sources = work / "sources.list"
    sources.write_text(f"deb {mirror()} {suite} main\n")
    # apt drops its privileges for a download, and needs access to the folder without them.
    work.chmod(0o755)
    for part in ("lists/partial", "archives/partial"):
        (work / part).mkdir(parents=True)
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
