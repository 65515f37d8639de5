"""The command tree and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from tdaflink.domain.errors import Interrupted, TdaflinkError

# As a newcomer meets them; what is not named here follows.
_ORDER = ("demo", "setup", "teardown", "submit", "list", "status", "cancel", "send", "results", "config")


class EdgeGroup(TyperGroup):
    """Renders every error once, here, whether the command runs as a program or under a test runner."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(
            super().list_commands(ctx),
            key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER),
        )

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TdaflinkError as error:
            _report_and_exit(error)
        except KeyboardInterrupt:
            _report_and_exit(Interrupted("interrupted"))
        except BrokenPipeError:
            # The reader of our output went away (`tdaflink results | head`): that is its right.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None


def _report_and_exit(error: TdaflinkError) -> None:
    from tdaflink.display.errors import show_error

    show_error(error)
    raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="tdaflink",
    cls=EdgeGroup,
    help="Topological data analysis on live streams, on Apache Flink.",
    no_args_is_help=True,
    add_completion=True,
    # Rich's traceback and help cost 0.15 s at every start, and the edge prints errors itself.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from tdaflink import __version__

        typer.echo(f"tdaflink {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    """Topological data analysis on live streams, on Apache Flink."""


# Each module registers its commands on `app`; what they import at their top is paid at every start.
from tdaflink.cli import config, data, demo, environments, jars, jobs, topics  # noqa: E402, F401
