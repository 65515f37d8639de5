"""The commands plan and apply."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext

PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="Plan file written by plan --out.")]
# Everything after FILE belongs to the planned command.
_TO_THE_END = {"allow_interspersed_args": False, "ignore_unknown_options": True}


@command(app, "plan", context_settings=_TO_THE_END)
def plan(
    context: CommandContext,
    words: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="setup, submit, upgrade or rollback, with its arguments."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File to save the plan to (default: only show it)."),
    ] = None,
) -> None:
    """Show what a command would do; --out saves it for apply.

    Options of plan go before COMMAND. Instead of --out FILE, FILE may be given before COMMAND.
    """
    from tdaflink.adapters.host.self_invocation import run_in
    from tdaflink.display.jobs.saved_plans import show_plan
    from tdaflink.services.upgrades.saved_plans import file_and_words, make_plan, read_plan

    file, words = file_and_words(out, words)
    if file is None:
        if code := run_in([*words, "--dry-run", "-o", context.output.value], Path.cwd()):
            raise typer.Exit(code)
        saved = shlex.join(["tdaflink", "plan", "--out", "FILE", *words])
        context.reporter.note(f"Not saved. {saved} saves it for apply.")
        return
    code = make_plan(words, Path.cwd(), file)
    if code:
        raise typer.Exit(code)
    show_plan(read_plan(file), file)


@command(app, "apply")
def apply(context: CommandContext, file: PlanFile) -> None:
    """Run a saved plan, if nothing has changed since it was made.

    Compares a new dry run, the running jobs and the installed version with the plan. On any difference,
    nothing is done.
    """
    from tdaflink.adapters.host.self_invocation import run_in
    from tdaflink.services.upgrades.saved_plans import check_unchanged, read_plan

    saved = read_plan(file)
    code = check_unchanged(saved, file) or run_in(
        [*saved.words, "-o", context.output.value], Path(saved.folder)
    )
    if code:
        raise typer.Exit(code)
