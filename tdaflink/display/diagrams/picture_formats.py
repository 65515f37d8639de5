"""Selection of the kind of picture by the extension of a file."""

from __future__ import annotations

from pathlib import Path

from tdaflink.adapters.storage.user_files import output_file
from tdaflink.display.diagrams.results import Picture
from tdaflink.domain.errors import UsageError

_PAGES = (".html", ".htm")
_FORMATS = (".png", ".svg", ".pdf", ".html")


def picture_for(path: Path) -> Picture:
    """Return a picture of the newest result, or a page of all results.

    Raises `UsageError` for another extension, and checks at once that the file can be written.
    """
    ending = path.suffix.lower()
    if ending not in _FORMATS and ending not in _PAGES:
        raise UsageError(
            f"--plot {path}: the extension {path.suffix!r} is not supported",
            hint=f"one of {', '.join(_FORMATS)}",
        )
    output_file(path, "--plot")
    if ending in _PAGES:
        from tdaflink.display.diagrams.page import Page

        return Page(path)
    from tdaflink.display.diagrams.plot import LivePlot

    return LivePlot(path)
