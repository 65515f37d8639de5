"""Where the archive of a diagnosis lies, and what is not in it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.diagnosis import Manifest


@console.printed
def show_manifest(manifest: Manifest, path: Path) -> None:
    """The archive's place, its size, and what could not be had."""
    if show_data({"path": str(path), **asdict(manifest)}):
        return
    out = console.out()
    size = path.stat().st_size // 1024
    taken = f"; {manifest.redacted} secrets taken out" if manifest.redacted else ""
    out.print(f"{path}: {len(manifest.files)} files, {size} KB{taken}", soft_wrap=True)
    for lacking in manifest.lacking:
        out.print(f"  without {lacking.what}: {lacking.reason}", soft_wrap=True)
    out.print("Look through it before you pass it on: logs may hold data of your own.")
