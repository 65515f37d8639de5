"""Calls of uv: interpreters, virtual environments and locked packages."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tdaflink.domain.errors import DeadlinePassed, MissingExtra, Refused, Unreachable

# A download of 1 GB over a slow line; uv itself closes a silent connection after 30 s.
INSTALL_SECONDS = 7200.0
ASK_SECONDS = 60.0
_KILL_SECONDS = 5.0
_SHOWN_CHARACTERS = 1500  # characters of the beginning, and of the end, of uv's output after a failure
# Variables that would make uv use the user's own project or environment.
_NOT_INHERITED = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT", "UV_PYTHON"}
# pip's settings of mirrors and certificates -> uv's, for users who have configured pip alone.
_PIP_VARIABLES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}
_PIP_KEYS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
_OLDER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_NO_NETWORK = re.compile(
    r"dns error|error sending request|connection (refused|reset|closed|error)|timed out|Failed to fetch"
    r"|network connectivity is disabled|network was disabled",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://[^/\s:@]+:)[^@\s/]+@")


def find_uv() -> Path | None:
    """Return the uv in tdaflink's own environment, else the uv on the PATH, else None."""
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        path = shutil.which("uv")
        return Path(path) if path else None


def run_uv(
    words: Sequence[str],
    *,
    seconds: float = ASK_SECONDS,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> str:
    """Run uv and return its stdout; `progress` receives each line of its stderr.

    Raises:
        MissingExtra: uv is not installed.
        Unreachable: a download failed for lack of a network or a server.
        Refused: it failed for another reason; `detail` is the end of its stderr.
        DeadlinePassed: it did not end within `seconds`.
    """
    uv = find_uv()
    if uv is None:
        raise MissingExtra("uv is not installed", hint=f"{sys.executable} -m pip install uv")
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(
        [str(uv), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=cwd,
        env={**uv_environ(), **(environ or {})},
    )
    errors: list[str] = []
    printed: list[str] = []
    readers = [
        threading.Thread(target=_collect, args=(process.stdout, printed, lambda _line: None), daemon=True),
        threading.Thread(target=_collect, args=(process.stderr, errors, progress), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise DeadlinePassed(
            f"uv {words[0]} did not end within {seconds:g} s", detail=_end_of(errors), hint="try again"
        ) from None
    finally:
        _terminate(process)
        for reader in readers:
            reader.join(_KILL_SECONDS)
    if process.returncode:
        raise _failure(words, errors)
    return "".join(printed)


def uv_environ() -> dict[str, str]:
    """Return the caller's environment, with pip's mirrors and certificates if uv has none of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    for name, value in _pip_settings():
        if not (kept.get(name) or kept.get(_OLDER_NAMES.get(name, name))):
            kept[name] = value
    return {**kept, "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


def _pip_settings() -> Iterator[tuple[str, str]]:
    """Yield uv's variable and value for each setting of pip's variables and files, the strongest first."""
    for variable, name in _PIP_VARIABLES.items():
        if value := os.environ.get(variable):
            yield name, " ".join(value.split())
    for file in _pip_files():
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section in ("install", "global"):
            for key, name in _PIP_KEYS.items():
                if value := parser.get(section, key, fallback=""):
                    yield name, " ".join(value.split())


def _pip_files() -> list[Path]:
    """Return pip's configuration files, the strongest first, in the order of pip's documentation."""
    if named := os.environ.get("PIP_CONFIG_FILE"):
        return [] if named == os.devnull else [Path(named)]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    support = Path.home() / "Library" / "Application Support"
    return [
        Path(sys.prefix) / "pip.conf",
        config / "pip" / "pip.conf",
        support / "pip" / "pip.conf",
        Path.home() / ".pip" / "pip.conf",
        Path("/etc/pip.conf"),
    ]


def _collect(stream: IO[str] | None, lines: list[str], show: Callable[[str], None]) -> None:
    assert stream is not None  # noqa: S101 - both are pipes
    with stream:
        for line in stream:
            lines.append(line)
            if text := line.strip():
                show(_PASSWORD.sub(r"\1***@", text))


def _terminate(process: subprocess.Popen[str]) -> None:
    """Terminate a running uv: it must not write into files that the next setup repairs."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(words: Sequence[str], errors: Sequence[str]) -> Refused | Unreachable:
    detail = _end_of(errors)
    first = next((line.strip() for line in errors if line.strip().startswith("error:")), detail)
    message = (
        f"uv {words[0]} failed: {_PASSWORD.sub(chr(92) + '1***@', first.removeprefix('error:').strip())}"
    )
    kind = Unreachable if _NO_NETWORK.search(detail) else Refused
    # If uv prints one line only, the message contains it already.
    return kind(message, detail=None if message.endswith(detail.removeprefix("error:").strip()) else detail)


def _end_of(errors: Sequence[str]) -> str:
    text = _PASSWORD.sub(r"\1***@", "".join(errors).strip())
    return (
        text
        if len(text) <= 2 * _SHOWN_CHARACTERS
        else f"{text[:_SHOWN_CHARACTERS]}\n[...]\n{text[-_SHOWN_CHARACTERS:]}"
    )
