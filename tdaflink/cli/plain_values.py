"""Parser of plain option values that avoids Typer's validators.

Typer imports pydantic for the first value that is not a flag, and builds a validator for each option: more
than the rest of a `list` takes. Plain values are parsed here; all others, and all errors, are left to Typer,
and so is every value if a later Typer describes its parameters in another way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperCommand

_REFINEMENTS = ("parser", "min", "max", "formats", "exists", "allow_dash", "path_type", "resolve_path")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_LEFT_TO_TYPER = object()


class PlainCommand(TyperCommand):
    """A command that parses plain values without Typer's validators."""

    def get_params(self, ctx: Any) -> list[Any]:
        return read_plainly(super().get_params(ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples after the options."""
        from tdaflink.cli.examples import EXAMPLES

        with formatter.section("Examples"):
            for line in EXAMPLES.get(ctx.command_path.partition(" ")[2], ()):
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


def read_plainly(parameters: Sequence[Any]) -> list[Any]:
    """Make each parameter parse plain values without a validator; return the parameters."""
    for parameter in parameters:
        if "process_value" not in vars(parameter):
            parameter.process_value = _reader_of(parameter)
    return list(parameters)


def _reader_of(parameter: Any) -> Any:
    read_by_typer = parameter.process_value
    several = parameter.multiple or parameter.nargs == -1

    def process_value(ctx: Any, value: Any) -> Any:
        read = _plain_value(parameter, value, several)
        if read is _LEFT_TO_TYPER or (parameter.required and read in (None, ())):
            return read_by_typer(ctx, value)
        return parameter.callback(ctx, parameter, read) if parameter.callback else read

    return process_value


def _plain_value(parameter: Any, value: Any, several: bool) -> Any:
    if value is None:
        return () if several else None
    descriptor = getattr(parameter, "type_descriptor", None)
    kind = getattr(descriptor, "annotation", None)
    if not several:
        return _plain(kind, value, getattr(descriptor, "parameter_info", None))
    if get_origin(kind) is not list or not isinstance(value, list | tuple):
        return _LEFT_TO_TYPER
    read = [_plain(get_args(kind)[0], item, getattr(descriptor, "parameter_info", None)) for item in value]
    return _LEFT_TO_TYPER if _LEFT_TO_TYPER in read else read


def _plain(kind: Any, value: Any, about: Any) -> Any:
    """Return the value of `kind` for a text if it is unambiguous, else `_LEFT_TO_TYPER`."""
    if not isinstance(kind, type) or _is_refined(about):
        return _LEFT_TO_TYPER
    if type(value) is kind:
        return value
    if not isinstance(value, str):
        return _LEFT_TO_TYPER
    if kind is int and _INTEGER.fullmatch(value):
        return int(value)
    if kind is float and _NUMBER.fullmatch(value):
        return float(value)
    if kind is Path and os.access(value, os.R_OK):
        return Path(value)
    if issubclass(kind, Enum):
        return next((member for member in kind if member.value == value), _LEFT_TO_TYPER)
    return _LEFT_TO_TYPER


def _is_refined(about: Any) -> bool:
    """Return whether the declaration has further constraints; a bound of zero is one."""
    given = [getattr(about, name, None) for name in _REFINEMENTS]
    return any(value is not None and value is not False for value in given)
