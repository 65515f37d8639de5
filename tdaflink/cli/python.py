"""The commands python list, prune, lock and platforms."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext

python_app = typer.Typer(help="Manage Python environments and lock files of clusters.", no_args_is_help=True)
app.add_typer(python_app, name="python")


@command(python_app, "list")
def python_list(context: CommandContext) -> None:
    """List the virtual environments of local clusters.

    Shows which environments and processes use each.
    """
    from tdaflink.display.artifacts.python_environments import show_pythons
    from tdaflink.services.artifacts.python_environments import list_pythons

    show_pythons(list_pythons(context.store))


@command(python_app, "prune")
def python_prune(
    context: CommandContext,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; change nothing.")
    ] = False,
) -> None:
    """Remove unused virtual environments of local clusters.

    A virtual environment is unused if no saved environment and no process uses it.
    """
    from tdaflink.display.artifacts.python_environments import show_prune
    from tdaflink.services.artifacts.python_environments import prune_pythons

    show_prune(prune_pythons(context.store, context.reporter, dry_run=dry_run))


@command(python_app, "lock")
def python_lock(
    context: CommandContext,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if a lock file is out of date; write nothing.")
    ] = False,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Upgrade locked packages to the newest compatible versions.")
    ] = False,
) -> None:
    """Write the lock files of the Python dependencies.

    Resolves the package's extras to exact versions with hashes.
    """
    from tdaflink.display.artifacts.python_locks import show_python_locks
    from tdaflink.domain.errors import Unhealthy
    from tdaflink.services.artifacts.python_locks import lock_python

    result = lock_python(context.reporter, upgrade=upgrade, write=not check)
    show_python_locks(result, check=check)
    if check and not result.fits:
        raise Unhealthy("the lock files are out of date", hint="tdaflink python lock")


@command(python_app, "platforms")
def python_platforms(
    context: CommandContext,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Query the package index (default: show the locked table).")
    ] = False,
) -> None:
    """Show the supported platforms.

    For each: local clusters, persistence diagrams without Flink, containers, and control of other clusters.
    """
    from tdaflink.adapters.python.locks import load_platforms
    from tdaflink.display.artifacts.python_locks import show_platforms
    from tdaflink.services.artifacts.python_locks import platform_table

    show_platforms(platform_table(context.reporter) if resolve else load_platforms())
