"""Output streams and their styles: data on stdout, everything else on stderr.

Much of the output comes from producers and clusters. Therefore markup and emoji codes are disabled, styles
are given by `rich.text.Text`, and the consoles escape characters that would control the terminal.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

from tdaflink.domain.environments.command_hints import named_environment
from tdaflink.domain.printable import printable_lines, printable_value

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, OverflowMethod, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

P = ParamSpec("P")
R = TypeVar("R")

PIPED_COLUMNS = 120  # a pipe has no width, and wrapped lines would break the input of the next program
NARROWEST = 40  # a smaller value of COLUMNS is treated as a mistake
WIDEST = 10_000
_PLAIN = re.compile(r"[\x20-\x7e\n\t]*")


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
    """Set the style of all output, once per call of the command.

    `environment` returns the environment that commands in hints must name; None if it is the default one.
    """
    _style.environment = environment
    _style.output = output
    _style.verbose = verbose
    _style.no_color = no_color or bool(os.environ.get("NO_COLOR"))
    _console.cache_clear()


def output_format() -> str:
    """Return `table`, `json` or `yaml`."""
    return _style.output


def hint(text: str) -> str:
    """Add the environment of this call to the commands in a text, unless it is the default one."""
    if _style.environment is None or "tdaflink " not in text:
        return text
    return named_environment(text, _style.environment())


def verbose() -> bool:
    """Return whether -v was given."""
    return _style.verbose


def colourless() -> bool:
    """Return whether colours are switched off."""
    return _style.no_color


def printed(show: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that shows its arguments: each text in them becomes one printable line.

    For JSON and YAML the arguments are passed unchanged, because that output is exact.
    """

    @functools.wraps(show)
    def show_printable(*args: P.args, **kwargs: P.kwargs) -> R:
        if _style.output != "table":
            return show(*args, **kwargs)
        shown: Any = [printable_value(value) for value in args]
        named: Any = {name: printable_value(value) for name, value in kwargs.items()}
        return show(*shown, **named)

    return show_printable


@cache
def _console(stderr: bool) -> Console:
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # Rich would exit with 1; a closed pipe (`| head`) is handled by the error boundary of the CLI.
            self._buffer.clear()
            raise BrokenPipeError

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(_for(self.file, text), **options)

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            if isinstance(renderable, Text):
                renderable = _printable_text(renderable, self.file)
            return super().render(renderable, options)

    stream = sys.stderr if stderr else sys.stdout
    environ = _environ()
    width = None if stream.isatty() or "COLUMNS" in environ else PIPED_COLUMNS
    return Plain(
        stderr=stderr,
        no_color=_style.no_color,
        highlight=False,
        markup=False,
        emoji=False,
        width=width,
        soft_wrap=False,
        _environ=environ,
    )


def _environ() -> dict[str, str]:
    """Return the environment variables for Rich, with a valid size of the terminal or none."""
    environ = dict(os.environ)
    for name, least in (("COLUMNS", NARROWEST), ("LINES", 1)):
        value = environ.pop(name, "")
        if _is_size(value):
            environ[name] = str(min(WIDEST, max(least, int(value))))
    return environ


def _is_size(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 10 and int(value) > 0


def fitting(text: str) -> str:
    """Return the text as it is shown on stdout."""
    return _for(sys.stdout, text)


def _for(stream: Any, text: str) -> str:
    """Return the text as the stream can encode it; done before the layout, to keep columns aligned."""
    text = printable_lines(text)
    if text.isascii():
        return text
    encoding = getattr(stream, "encoding", None) or "utf-8"
    errors = getattr(stream, "errors", None) or "backslashreplace"
    try:
        return text.encode(encoding, errors).decode(encoding)
    except (UnicodeError, LookupError):
        return text.encode("ascii", "backslashreplace").decode("ascii")


def _printable_text(text: Text, stream: Any) -> Text:
    """Return the text with its styles, and with unprintable characters replaced."""
    plain = text.plain
    if _PLAIN.fullmatch(plain) or (plain.isprintable() and _for(stream, plain) == plain):
        return text
    replaced = [
        index
        for index, character in enumerate(plain)
        if character not in "\n\t" and _for(stream, character) != character
    ]
    if not replaced:
        return text
    printable = text.blank_copy()
    bounds = {bound for index in replaced for bound in (index, index + 1)}
    for piece in text.divide(sorted(bounds - {0, len(plain)})):
        if len(piece) == 1 and piece.plain not in "\n\t":
            piece.plain = _for(stream, piece.plain)
        printable.append_text(piece)
    return printable


def say(text: str) -> None:
    """Print an unstyled line on stderr, without importing Rich if it needs no wrapping."""
    text = hint(text)
    if text.isascii() and text.isprintable() and len(text) < columns_of(sys.stderr):
        sys.stderr.write(text + "\n")
    else:
        err().print(text)


def write(text: str) -> None:
    """Write data unchanged to stdout as a complete line, and flush it."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def columns_of(stream: TextIO) -> int:
    """Return the number of columns: that of COLUMNS, of the terminal, or of a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if _is_size(columns):
        return min(WIDEST, max(NARROWEST, int(columns)))
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else PIPED_COLUMNS
    except (OSError, ValueError):
        return 80


def table(*headings: str, **options: Any) -> Table:
    """Return a table without lines. A cell that is too long for its column is folded, not truncated."""
    from rich.table import Table
    from rich.text import Text

    class Folding(Table):
        def add_column(self, *args: Any, overflow: OverflowMethod = "fold", **options: Any) -> None:
            super().add_column(*args, overflow=overflow, **options)

        def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
            # Unprintable characters are replaced before the columns are measured.
            super().add_row(
                *(_printable_text(cell, sys.stdout) if isinstance(cell, Text) else cell for cell in cells),
                **options,
            )

    return Folding(*headings, box=None, pad_edge=False, **options)


def out() -> Console:
    """Return the console for data."""
    return _console(False)


def err() -> Console:
    """Return the console for progress, warnings and errors."""
    return _console(True)
