"""The page of `tdaflink --help`, printed from a file without Typer and the modules of the commands.

`tools/reference.py` writes the file from Typer's output at full width. On a narrower terminal, Typer formats
the page.
"""

from __future__ import annotations

import os
import sys

PAGE = os.path.join(os.path.dirname(__file__), "help.txt")
FULL_WIDTH = 80  # no page is wider, however wide the terminal is


def print_help_page() -> bool:
    """Print the page; return False if Typer must format it."""
    if _columns() < FULL_WIDTH:
        return False
    try:
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
    except OSError:
        return False
    try:
        sys.stdout.write(page)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (
        Exception
    ) as error:  # an error of the stream; a `TdaflinkError` would import the module of all errors
        sys.exit(f"Error: {error}")
    return True


def _columns() -> int:
    """Return the width as `shutil.get_terminal_size` does; importing shutil takes longer than the rest."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or FULL_WIDTH  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return FULL_WIDTH
