"""The command tree and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from tdaflink.cli.plainvalues import read_plainly
from tdaflink.domain.errors import Interrupted, OutputFailed, TdaflinkError, UsageError

# Which module registers which commands, in the order that help shows them: as a newcomer meets them.
HOMES = {
    "demo": "demo",
    "setup": "environments",
    "teardown": "environments",
    "submit": "jobs",
    "resume": "jobs",
    "list": "jobs",
    "status": "jobs",
    "cancel": "jobs",
    "stop": "lifecycle",
    "savepoint": "lifecycle",
    "savepoints": "lifecycle",
    "upgrade": "upgrades",
    "rescale": "upgrades",
    "rollback": "upgrades",
    "history": "lifecycle",
    "plan": "plans",
    "apply": "plans",
    "watch": "watch",
    "logs": "logs",
    "doctor": "doctor",
    "diagnose": "diagnose",
    "advise": "advise",
    "send": "data",
    "results": "data",
    "events": "events",
    "config": "config",
    "env": "env",
    "jars": "jars",
    "python": "python",
    "sbom": "sbom",
    "topics": "topics",
    "compose": "compose",
    "schemas": "schemas",
}
COMPLETION = "_TDAFLINK_COMPLETE"  # set by the shell that asks how a line could go on


class EdgeGroup(TyperGroup):
    """Renders every error once, here, whether the command runs as a program or under a test runner."""

    def get_params(self, ctx: Any) -> list[Any]:
        return read_plainly(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=list(HOMES).index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TdaflinkError as error:
            _report(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _report(Interrupted("interrupted"))
            raise typer.Exit(Interrupted.exit_code) from None
        except BrokenPipeError:
            # The reader of our output went away (`tdaflink results | head`): that is its right.
            _discard_output()
            raise typer.Exit(0) from None

    def main(self, args: Sequence[str] | None = None, *more: Any, **settings: Any) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        return guarded(words, lambda: super(EdgeGroup, self).main(args, *more, **settings))


def guarded(words: Sequence[str], call: Callable[[], Any]) -> Any:
    """Make a call of the command; whatever it raises ends in a short error and an exit code.

    What is written to stdout has arrived there in the end, or the call has failed.
    """
    if os.environ.get(COMPLETION):
        try:
            return call()
        except Exception:
            sys.exit(1)  # a shell that completes a line is shown nothing
    try:
        _require_text(words)
        result = call()
    except SystemExit:
        _flush_output(words)
        raise
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except (Exception, KeyboardInterrupt) as error:
        code = _report(error, words)
        try:
            sys.stdout.flush()
        except (OSError, ValueError, OutputFailed):
            _discard_output()
        sys.exit(code)
    _flush_output(words)
    return result


def _require_text(words: Sequence[str]) -> None:
    for number, word in enumerate(words, 1):
        if not word.isascii() and any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(
                f"argument {number} is not UTF-8: {os.fsencode(word)!r}",
                hint="give a file another name; - names standard input",
            )


def _flush_output(words: Sequence[str]) -> None:
    """Write out what stdout holds back, while a failure can still be reported."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except (OSError, OutputFailed) as error:
        _discard_output()
        sys.exit(_report(error, words))


def _discard_output() -> None:
    """Let what is still held back for stdout go nowhere, or it would fail again at the end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _report(error: BaseException, words: Sequence[str] = ()) -> int:
    """Show what went wrong on stderr; returns the exit code."""
    from tdaflink.display.errors import as_reported, show_error

    reported = as_reported(error, verbose="-v" in words or "--verbose" in words)
    with suppress(OSError, ValueError):  # stderr is closed: the exit code says it
        show_error(reported)
    return reported.exit_code


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


def load(words: Sequence[str]) -> None:
    """Import what registers the command that `words` begin with, or all where that is not plain.

    A module that is not needed costs 3 ms at every start, and its commands' options as much again.
    """
    home = HOMES.get(words[0]) if words and not os.environ.get(COMPLETION) else None
    for name in dict.fromkeys([home] if home else HOMES.values()):
        import_module(f"tdaflink.cli.{name}")
