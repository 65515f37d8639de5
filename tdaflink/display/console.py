"""The two streams and how they are styled: data on stdout, everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TextIO

from tdaflink.domain.commands import named_environment

if TYPE_CHECKING:
    from rich.console import Console

PIPED_COLUMNS = (
    120  # without a terminal there is no width to obey: wrapping would break what is piped onwards
)


@dataclass
class _Style:
    output: str = "table"
    verbose: bool = False
    no_color: bool = False
    environment: Callable[[], str | None] | None = None


_style = _Style()


def configure(
    *,
    output: str,
    verbose: bool,
    no_color: bool,
    environment: Callable[[], str | None] | None = None,
) -> None:
    """Fix, once per call of the command, how everything is shown.

    `environment` names the one that calls in hints must name, or None where they mean it anyway.
    """
    _style.environment = environment
    _style.output = output
    _style.verbose = verbose
    _style.no_color = no_color or bool(os.environ.get("NO_COLOR"))
    _console.cache_clear()


def output_format() -> str:
    """`table`, `json` or `yaml`."""
    return _style.output


def hint(text: str) -> str:
    """A text whose calls of tdaflink name the environment that this call acts on, where it is no default."""
    if _style.environment is None or "tdaflink " not in text:
        return text
    return named_environment(text, _style.environment())


def verbose() -> bool:
    """Whether -v was given."""
    return _style.verbose


def colourless() -> bool:
    """Whether nothing is to be coloured."""
    return _style.no_color


@cache
def _console(stderr: bool) -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # Rich would exit with 1; a reader that has seen enough (`| head`) is dealt with at the edge.
            self._buffer.clear()
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_COLUMNS
    return Plain(stderr=stderr, no_color=_style.no_color, highlight=False, width=width, soft_wrap=False)


def say(text: str) -> None:
    """Print an unstyled line on stderr, without Rich's import where nothing has to be wrapped."""
    text = hint(text)
    if text.isascii() and text.isprintable() and len(text) < columns_of(sys.stderr):
        sys.stderr.write(text + "\n")
    else:
        err().print(text, markup=False)


def columns_of(stream: TextIO) -> int:
    """How many columns may be used: those of COLUMNS, of the terminal, or of a pipe."""
    if (columns := os.environ.get("COLUMNS", "")).isdecimal():
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else PIPED_COLUMNS
    except (OSError, ValueError):
        return 80


def out() -> Console:
    """Data."""
    return _console(False)


def err() -> Console:
    """Progress, warnings, errors."""
    return _console(True)
