"""Which kind of picture a file's name asks for."""

from __future__ import annotations

from pathlib import Path

from tdaflink.adapters.user_files import output_file
from tdaflink.display.results import Picture
from tdaflink.domain.errors import UsageError

_PAGES = (".html", ".htm")
_FORMATS = (".png", ".svg", ".pdf", ".html")


def picture_for(path: Path) -> Picture:
    """A picture of the newest result, or a page with all of them.

    Refuses a name that nothing can be written to before anything is waited for.
    """
    ending = path.suffix.lower()
    if ending not in _FORMATS and ending not in _PAGES:
        raise UsageError(
            f"--plot {path}: the ending {path.suffix!r} is no picture's", hint=f"one of {', '.join(_FORMATS)}"
        )
    output_file(path, "--plot")
    if ending in _PAGES:
        from tdaflink.display.page import Page

        return Page(path)
    from tdaflink.display.plot import Newest

    return Newest(path)
