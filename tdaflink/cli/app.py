"""The command tree, and the conversion of errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from tdaflink.cli.error_handling import COMPLETION, discard_output, guarded, report
from tdaflink.cli.plain_values import read_plainly
from tdaflink.domain.errors import Interrupted, TdaflinkError

# Heading of the help -> command -> module that registers it, in the order of the help.
HEADINGS = {
    "Environments": {
        "demo": "demo",
        "setup": "setup",
        "teardown": "setup",
        "env": "env",
        "compose": "compose",
    },
    "Jobs": {
        "submit": "jobs",
        "resume": "jobs",
        "list": "jobs",
        "status": "jobs",
        "cancel": "jobs",
        "stop": "savepoints",
        "savepoint": "savepoints",
        "savepoints": "savepoints",
        "upgrade": "upgrades",
        "rescale": "upgrades",
        "rollback": "upgrades",
        "history": "savepoints",
        "plan": "saved_plans",
        "apply": "saved_plans",
    },
    "Data": {
        "send": "send_results",
        "results": "send_results",
        "algorithms": "algorithms",
        "topics": "topics",
        "schemas": "schemas",
    },
    "Operations": {
        "watch": "watch",
        "events": "events",
        "logs": "logs",
        "doctor": "doctor",
        "diagnose": "diagnose",
        "advise": "advise",
    },
    "Configuration": {
        "config": "config",
        "jars": "jars",
        "python": "python",
        "sbom": "sbom",
    },
}
COMMAND_MODULES = {name: module for commands in HEADINGS.values() for name, module in commands.items()}


class ErrorHandlingGroup(TyperGroup):
    """Root group that renders every error, whether the command runs as a program or under a test runner."""

    def get_params(self, ctx: Any) -> list[Any]:
        return read_plainly(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=list(COMMAND_MODULES).index)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands below their headings, with their descriptions in one column."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        column = max(map(len, commands), default=0)
        width = formatter.width - column - 4
        for heading, names in HEADINGS.items():
            shown = [(name, command) for name in names if (command := commands.get(name))]
            if shown:
                rows = [(f"{name:{column}}", command.get_short_help_str(width)) for name, command in shown]
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TdaflinkError as error:
            report(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            report(Interrupted("interrupted"))
            raise typer.Exit(Interrupted.exit_code) from None
        except BrokenPipeError:
            # The reader of our output closed the pipe, as in `tdaflink results | head`: not an error.
            discard_output()
            raise typer.Exit(0) from None

    def main(self, args: Sequence[str] | None = None, *more: Any, **settings: Any) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        return guarded(words, lambda: super(ErrorHandlingGroup, self).main(args, *more, **settings))


app = typer.Typer(
    name="tdaflink",
    cls=ErrorHandlingGroup,
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
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    """Topological data analysis on live streams, on Apache Flink."""


def load(words: Sequence[str]) -> None:
    """Import the module of the command that `words` begin with, or all modules if that is unclear.

    An unneeded module costs 3 ms at every start, and the options of its commands as much again.
    """
    home = COMMAND_MODULES.get(words[0]) if words and not os.environ.get(COMPLETION) else None
    for name in dict.fromkeys([home] if home else COMMAND_MODULES.values()):
        import_module(f"tdaflink.cli.{name}")
