"""Plain tables without Rich, whose import takes a fifth of the time of `list`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tdaflink.display import console

_STYLED_BY = ("FORCE_COLOR", "TTY_COMPATIBLE")  # variables by which Rich treats a pipe as a terminal


def print_columns(rows: Sequence[Sequence[str]], right: frozenset[int]) -> bool:
    """Print the rows if the output is a pipe and they are plain text that fits; return whether it did.

    The columns whose indices are in `right` are aligned to the right.
    """
    if sys.stdout.isatty() or any(name in os.environ for name in _STYLED_BY):
        return False
    # Only Rich measures wide characters; text in brackets is left to it, too.
    if not all(cell.isascii() and cell.isprintable() and "[" not in cell for row in rows for cell in row):
        return False
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) > console.columns_of(sys.stdout):
        return False
    for row in rows:
        cells = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        sys.stdout.write("  ".join(cells) + "\n")
    return True
