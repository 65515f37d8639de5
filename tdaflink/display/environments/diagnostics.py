"""Summary of an archive of diagnostics."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.observability.diagnostics import Manifest


@console.printed
def show_manifest(manifest: Manifest, path: Path) -> None:
    """Show the archive's path and size, and the items that are missing."""
    if show_data({"path": str(path), **asdict(manifest)}):
        return
    out = console.out()
    size = path.stat().st_size // 1024
    redacted = f"; {manifest.redacted} secrets redacted" if manifest.redacted else ""
    out.print(f"{path}: {len(manifest.files)} files, {size} KB{redacted}", soft_wrap=True)
    for missing in manifest.lacking:
        out.print(f"  without {missing.what}: {missing.reason}", soft_wrap=True)
    out.print("Check its contents before you share it: logs may contain your data.")
