"""Prints the page of `tdaflink --help` from a file, without Typer and without the modules of the commands.

`tools/reference.py` writes the file from what Typer shows at its full width. Where the terminal is narrower,
Typer makes the page.
"""

from __future__ import annotations

import os
import sys

PAGE = os.path.join(os.path.dirname(__file__), "help.txt")
FULL_WIDTH = 80  # no page is wider, however wide the terminal is


def print_help_page() -> bool:
    """Whether the page was printed; False leaves it to Typer."""
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
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # what the stream says; its class would cost the import of all errors
        sys.exit(f"Error: {error}")
    return True


def _columns() -> int:
    """The width as `shutil.get_terminal_size` finds it; importing that takes longer than all the rest."""
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
